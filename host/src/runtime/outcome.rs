//! Reads the result of a handler, by case and field names.

use wasmtime::component::{Type, Val};

use super::plan::type_name;
use super::text::{REASON_MAX_BYTES, truncate, truncate_name};
use crate::delivery::{Cause, Failure, Outcome};

/// Checks that the host can read a handler's result: `result<_, failure>`, where `failure` has no
/// cases but `retry` and `reject`, and nothing in it is a list.
///
/// # Errors
/// Names the actual and the expected type.
pub(super) fn check_type(ty: Option<&Type>) -> Result<(), String> {
    const EXPECTED: &str = "expected result<_, failure>";
    let Some(Type::Result(result)) = ty else {
        return Err(format!("it returns {}, {EXPECTED}", ty.map_or("nothing", type_name)));
    };
    let Some(Type::Variant(failure)) = result.err() else {
        let found = result.err();
        return Err(format!("its error is {}, {EXPECTED}", found.as_ref().map_or("nothing", type_name)));
    };
    for case in failure.cases() {
        if !matches!(case.name, "retry" | "reject") {
            return Err(format!(
                "its failure has the case `{}`; this host knows `retry` and `reject`",
                truncate_name(case.name)
            ));
        }
    }
    let mut parts = 0;
    match result.ok().iter().chain(&result.err()).find_map(|ty| find_unreadable(ty, &mut parts)) {
        Some(found) => Err(format!("its result has {found} in it, {EXPECTED}")),
        None => Ok(()),
    }
}

/// Most types in a result, nested ones included.
const TYPES_MAX: usize = 200;

/// Finds a part of a result that the host does not read: a list, or very many types. The host would hold many times
/// the memory that the guest does.
fn find_unreadable(ty: &Type, parts: &mut usize) -> Option<&'static str> {
    *parts += 1;
    if *parts > TYPES_MAX {
        return Some("too many parts");
    }
    let mut any =
        |mut types: Box<dyn Iterator<Item = Type> + '_>| types.find_map(|ty| find_unreadable(&ty, parts));
    match ty {
        Type::Record(record) => any(Box::new(record.fields().map(|field| field.ty))),
        Type::Tuple(tuple) => any(Box::new(tuple.types())),
        Type::Variant(variant) => any(Box::new(variant.cases().filter_map(|case| case.ty))),
        Type::Option(option) => any(Box::new(std::iter::once(option.ty()))),
        Type::Result(result) => any(Box::new(result.ok().into_iter().chain(result.err()))),
        Type::List(_) | Type::Map(_) | Type::FixedLengthList(_) | Type::Flags(_) => Some(type_name(ty)),
        _ => None,
    }
}

/// Reads the failure in a result whose type passed [`check_type`]. `None` = the delivery is done.
pub(super) fn read_failure(result: &Val) -> Option<Failure> {
    let Val::Result(Err(failure)) = result else { return None };
    let failed =
        |outcome, reason, after_ms| Some(Failure { outcome, cause: Cause::Handler, reason, after_ms });
    match failure.as_deref() {
        Some(Val::Variant(case, payload)) if case == "reject" => {
            failed(Outcome::Rejected, payload.as_deref().map_or_else(String::new, text), None)
        }
        Some(Val::Variant(_, Some(retry))) => match &**retry {
            Val::Record(fields) => {
                let field = |name| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
                let after_ms = field("after-ms").and_then(millis);
                failed(Outcome::Retry, field("reason").map_or_else(String::new, text), after_ms)
            }
            other => failed(Outcome::Retry, text(other), None),
        },
        _ => failed(Outcome::Retry, String::new(), None),
    }
}

/// Each attempt stores and logs the reason, so its length is limited.
fn text(value: &Val) -> String {
    let Val::String(text) = value else { return String::new() };
    truncate(text, REASON_MAX_BYTES).into_owned()
}

fn millis(value: &Val) -> Option<u64> {
    match value {
        Val::U64(ms) => Some(*ms),
        Val::U32(ms) => Some((*ms).into()),
        Val::Option(Some(inner)) => millis(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_failures_by_case_and_field_name() {
        let err = |case: &str, payload| Val::Result(Err(Some(Box::new(Val::Variant(case.into(), payload)))));
        let s = |text: &str| Val::String(text.into());
        let retry = |fields| err("retry", Some(Box::new(Val::Record(fields))));
        let after = |ms| ("after-ms".to_owned(), Val::Option(Some(Box::new(Val::U64(ms)))));
        let some = |outcome, reason: &str, after_ms| {
            Some(Failure { outcome, cause: Cause::Handler, reason: reason.into(), after_ms })
        };
        for (value, expected) in [
            (Val::Result(Ok(None)), None),
            (err("reject", Some(Box::new(s("no")))), some(Outcome::Rejected, "no", None)),
            (retry(vec![("reason".into(), s("busy")), after(5)]), some(Outcome::Retry, "busy", Some(5))),
            (retry(vec![after(5), ("reason".into(), s("busy"))]), some(Outcome::Retry, "busy", Some(5))),
            (retry(vec![("reason".into(), s("busy"))]), some(Outcome::Retry, "busy", None)),
            (
                err("reject", Some(Box::new(s(&"é".repeat(5000))))),
                some(Outcome::Rejected, &format!("{}… (cut at 4096 of 10000 bytes)", "é".repeat(2048)), None),
            ),
        ] {
            assert_eq!(read_failure(&value), expected, "{value:?}");
        }
    }
}
