//! The payload types of a revision's handlers, without the fields that the plugin never gets.
//!
//! Decoding skips such a field, so it is kept from the plugin however the sender spells its key, and as often as it is
//! repeated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::handlers::{Handler, HandlerInput, Handlers};
use super::plan::{Field, Fields, Plan, RedactedKeys};
use super::redaction::{RedactedField, Redaction};
use crate::event::{is_same_name, parse_index};

/// Plans of typed handlers by interface without version.
pub(super) type RedactedPlans = BTreeMap<String, Plan>;

/// The plans under the last redaction, or why there are none.
#[derive(Default)]
pub(super) struct RedactedPlanCache(Mutex<Option<CachedPlans>>);

struct CachedPlans {
    redaction: Arc<Redaction>,
    plans: Result<Arc<RedactedPlans>, String>,
}

impl RedactedPlanCache {
    /// The plans of these handlers without the fields. They are made once for each redaction.
    ///
    /// # Errors
    /// The message names a field that a plugin cannot do without, the operator's pointer to it, and what to do.
    pub(super) fn plans(
        &self,
        handlers: &Handlers,
        redaction: &Arc<Redaction>,
    ) -> Result<Arc<RedactedPlans>, String> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = cached.as_ref()
            && (Arc::ptr_eq(&last.redaction, redaction) || last.redaction == *redaction)
        {
            return last.plans.clone();
        }
        let made = handlers.typed.iter().filter_map(|(interface, handler)| {
            let plan = redact_handler(interface, handler, redaction)?;
            Some(plan.map(|plan| (interface.clone(), plan)))
        });
        let plans = made.collect::<Result<_, _>>().map(Arc::new);
        *cached = Some(CachedPlans { redaction: Arc::clone(redaction), plans: plans.clone() });
        plans
    }
}

/// The plan of a typed handler without the fields.
fn redact_handler(interface: &str, handler: &Handler, redaction: &Redaction) -> Option<Result<Plan, String>> {
    let HandlerInput::Typed(plan) = &handler.input else { return None };
    let package = interface.split('/').next().unwrap_or_default();
    let mut plan = plan.clone();
    for field in redaction.fields(package) {
        let RedactedField { names, pointer } = &field;
        plan = match redact(&plan, names, "payload") {
            Ok(plan) => plan,
            Err(Unredactable { field, found }) => {
                return Some(Err(format!(
                    "its export {} needs `{field}`, which `redact` keeps from it (`{pointer}`): only an optional field \
                     or a string can be left out, and this is {found}. Make it an option in the plugin's WIT package, or \
                     take the pointer out of `redact`",
                    handler.export
                )));
            }
        };
    }
    Some(Ok(plan))
}

/// A field whose type has no value without it.
struct Unredactable {
    /// Its place in the payload.
    field: String,
    /// Its type's name.
    found: String,
}

/// The plan without the field with these names from here on. `place` is that of the plan in the payload.
fn redact(plan: &Plan, names: &[String], place: &str) -> Result<Plan, Unredactable> {
    let Some((name, rest)) = names.split_first() else { return without(plan, place) };
    Ok(match plan {
        // Such a value has the JSON text of all of the field's parts.
        Plan::String => Plan::RedactedString,
        Plan::Option(inner) if is_opaque(inner) => Plan::RedactedOption,
        Plan::Option(inner) => Plan::Option(Box::new(redact(inner, names, place)?)),
        Plan::Variant(_) | Plan::Flags(_) => return without(plan, place),
        Plan::List(item) if is_index(name) => {
            Plan::List(Box::new(redact(item, rest, &format!("{place}[]"))?))
        }
        Plan::Map(item, keys) => Plan::Map(item.clone(), without_key(keys, name)),
        Plan::Tuple(parts) if is_index(name) => {
            let is_it = |at: usize| name == "*" || parse_index(name) == Some(at);
            let part = |(at, part): (usize, &Plan)| {
                if is_it(at) { redact(part, rest, &format!("{place}.{at}")) } else { Ok(part.clone()) }
            };
            Plan::Tuple(parts.iter().enumerate().map(part).collect::<Result<_, _>>()?)
        }
        Plan::Record(fields) => {
            let field = |field: &Field| {
                let is_it = name == "*" || is_same_name(name, &field.name);
                let place = format!("{place}.{}", field.name);
                let plan = if is_it { redact(&field.plan, rest, &place)? } else { field.plan.clone() };
                Ok(Field { name: field.name.clone(), plan })
            };
            Plan::Record(Fields::new(fields.all.iter().map(field).collect::<Result<_, _>>()?))
        }
        // Nothing is below it.
        _ => plan.clone(),
    })
}

/// The plan of a value that the plugin never gets.
fn without(plan: &Plan, place: &str) -> Result<Plan, Unredactable> {
    match plan {
        Plan::Option(_) | Plan::RedactedOption => Ok(Plan::RedactedOption),
        Plan::String | Plan::RedactedString => Ok(Plan::RedactedString),
        _ => Err(Unredactable { field: place.to_owned(), found: plan.type_name() }),
    }
}

/// Whether a value may hold any JSON below it.
fn is_opaque(plan: &Plan) -> bool {
    match plan {
        Plan::Option(inner) => is_opaque(inner),
        Plan::String | Plan::Variant(_) | Plan::Flags(_) | Plan::RedactedString | Plan::RedactedOption => {
            true
        }
        _ => false,
    }
}

/// Whether a name means items of a list. Senders write a list as an object with numbers as keys, too.
fn is_index(name: &str) -> bool {
    name == "*" || parse_index(name).is_some()
}

fn without_key(keys: &RedactedKeys, name: &str) -> RedactedKeys {
    match keys {
        RedactedKeys::All => RedactedKeys::All,
        _ if name == "*" => RedactedKeys::All,
        RedactedKeys::None => RedactedKeys::Named(vec![name.to_owned()]),
        RedactedKeys::Named(names) => {
            RedactedKeys::Named(names.iter().cloned().chain([name.to_owned()]).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::plan::{Int, Names, Variant};

    fn record(fields: Vec<(&str, Plan)>) -> Plan {
        let field = |(name, plan): (&str, Plan)| Field { name: name.to_owned(), plan };
        Plan::Record(Fields::new(fields.into_iter().map(field).collect()))
    }

    fn option(plan: Plan) -> Plan {
        Plan::Option(Box::new(plan))
    }

    fn list(plan: Plan) -> Plan {
        Plan::List(Box::new(plan))
    }

    fn without(plan: &Plan, path: &str) -> Result<Plan, String> {
        let names: Vec<_> = path.split('/').map(ToOwned::to_owned).collect();
        redact(plan, &names, "payload").map_err(|error| format!("{}: {}", error.field, error.found))
    }

    #[test]
    fn an_optional_field_is_absent_and_a_string_is_redacted() {
        for (plan, path, expected) in [
            (record(vec![("a", Plan::String)]), "a", record(vec![("a", Plan::RedactedString)])),
            (record(vec![("a-b", Plan::String)]), "aB", record(vec![("a-b", Plan::RedactedString)])),
            (record(vec![("a", option(Plan::Bool))]), "a", record(vec![("a", Plan::RedactedOption)])),
            (record(vec![("a", Plan::Bool)]), "b", record(vec![("a", Plan::Bool)])),
            (record(vec![("a", Plan::Bool)]), "a/b", record(vec![("a", Plan::Bool)])),
            (record(vec![("a", Plan::String)]), "a/b", record(vec![("a", Plan::RedactedString)])),
            (record(vec![("a", option(Plan::String))]), "a/b", record(vec![("a", Plan::RedactedOption)])),
            (
                option(record(vec![("a", Plan::String)])),
                "*",
                option(record(vec![("a", Plan::RedactedString)])),
            ),
            (list(Plan::String), "0", list(Plan::RedactedString)),
            (list(Plan::String), "x", list(Plan::String)),
            (list(record(vec![("a", Plan::String)])), "*/a", list(record(vec![("a", Plan::RedactedString)]))),
            (
                Plan::Tuple(vec![Plan::String, Plan::Bool]),
                "0",
                Plan::Tuple(vec![Plan::RedactedString, Plan::Bool]),
            ),
        ] {
            assert_eq!(without(&plan, path).as_ref(), Ok(&expected), "{plan:?} {path}");
            // A second pointer to the same field changes nothing.
            assert_eq!(without(&expected, path).as_ref(), Ok(&expected), "{plan:?} {path}");
        }
        let map = without(&Plan::Map(Box::new(Plan::Bool), RedactedKeys::None), "a/b").unwrap();
        assert_eq!(map, Plan::Map(Box::new(Plan::Bool), RedactedKeys::Named(vec!["a".into()])));
        let map = without(&map, "*").unwrap();
        assert_eq!(map, Plan::Map(Box::new(Plan::Bool), RedactedKeys::All));
    }

    #[test]
    fn a_field_of_another_type_is_named_with_its_type() {
        let flags = Plan::Flags(Names::new(vec!["x".into()]));
        let variant = Plan::Variant(Variant::new(vec![("other".into(), Some(Plan::String))]));
        for (plan, path, expected) in [
            (record(vec![("id", Plan::Int(Int::U64))]), "id", "payload.id: u64"),
            (record(vec![("a", list(record(vec![("n", Plan::Bool)])))]), "a/*/n", "payload.a[].n: bool"),
            (record(vec![("a", list(Plan::String))]), "a", "payload.a: list<string>"),
            (record(vec![("f", flags)]), "f/0", "payload.f: flags { x }"),
            (record(vec![("v", variant)]), "v/x", "payload.v: variant { other }"),
            (Plan::Tuple(vec![Plan::Bool]), "*", "payload.0: bool"),
        ] {
            assert_eq!(without(&plan, path), Err(expected.to_owned()), "{plan:?} {path}");
        }
    }
}
