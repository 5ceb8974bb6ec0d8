//! Random payloads for random types: nothing panics, a value is of its type, and its memory is within the limit.
//! `HOOKYARD_FUZZ_CASES` sets the number of cases; a few by default.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::runtime::plan::REDACTED;

/// Small, so that payloads cross it.
const MEMORY_MAX_BYTES: usize = 16 * 1024;

const NAMES: [&str; 10] =
    ["id", "unit-price", "other", "created", "no-show", "a", "a-b", "exact-u64", "data", "c2"];

/// JSON that fits few types, or only after a correction.
const ODD: [&str; 22] = [
    "null",
    "\"\"",
    "\"true\"",
    "1",
    "-0",
    "1.0",
    "1e400",
    "1e-400",
    "-1E+18",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "\"-9223372036854775808\"",
    "[]",
    "{}",
    "[[[[[[[[]]]]]]]]",
    "{\"0\":1,\"1\":null}",
    "{\"id\":1,\"ID\":2,\"id\":3}",
    "\"\\ud800\"",
    "\"\\udbff\\udfff\"",
    "\"no_show\"",
    "{\"no-show\":{\"a\":[]}}",
];

fn names() -> impl Strategy<Value = Vec<String>> {
    let names = proptest::sample::subsequence(NAMES.to_vec(), 1..=NAMES.len());
    names.prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

fn scalar() -> impl Strategy<Value = Plan> {
    let ints = vec![Int::U8, Int::U16, Int::U32, Int::U64, Int::S8, Int::S16, Int::S32, Int::S64];
    prop_oneof![
        Just(Plan::Bool),
        proptest::sample::select(ints).prop_map(Plan::Int),
        proptest::sample::select(vec![Int::U64, Int::S64]).prop_map(Plan::Digits),
        Just(Plan::Float32),
        Just(Plan::Float64),
        Just(Plan::Char),
        Just(Plan::String),
        names().prop_map(|all| Plan::Enum(Names::new(all))),
        names().prop_map(|all| Plan::Flags(Names::new(all))),
        Just(Plan::RedactedString),
        Just(option(Plan::RedactedOption)),
    ]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    scalar().prop_recursive(4, 40, 5, |inner| {
        let redacted = prop_oneof![
            Just(RedactedKeys::None),
            Just(RedactedKeys::All),
            names().prop_map(RedactedKeys::Named),
        ];
        let parts = |inner: BoxedStrategy<Plan>| (names(), proptest::collection::vec(inner, NAMES.len()));
        let inner = inner.boxed();
        prop_oneof![
            inner.clone().prop_map(option),
            inner.clone().prop_map(list),
            (inner.clone(), redacted).prop_map(|(value, keys)| Plan::Map(Box::new(value), keys)),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Plan::Tuple),
            parts(inner.clone()).prop_map(|(names, plans)| {
                let fields = names.into_iter().zip(plans);
                record_of(fields.map(|(name, plan)| Field { name, plan }).collect())
            }),
            (parts(inner), any::<u16>()).prop_map(|((names, plans), bare)| {
                let plans =
                    plans.into_iter().enumerate().map(|(at, plan)| (bare >> at & 1 == 0).then_some(plan));
                Plan::Variant(Variant::new(names.into_iter().zip(plans).collect()))
            }),
        ]
    })
}

/// Writes JSON that mostly fits. Each choice takes a byte; without any left, the first choice is taken.
struct Json<'r> {
    random: std::slice::Iter<'r, u8>,
    text: String,
}

impl Json<'_> {
    fn byte(&mut self) -> usize {
        self.random.next().copied().map_or(0, usize::from)
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.byte() % of.len()]
    }

    fn push(&mut self, of: &[&str]) {
        let picked = self.pick(of);
        self.text.push_str(picked);
    }

    /// A name as it is, or spelled in another way.
    fn push_name(&mut self, name: &str) {
        let spelled = match self.byte() % 4 {
            0 => name.replace('-', "_"),
            1 => name.to_uppercase(),
            _ => name.to_owned(),
        };
        let _ = write!(self.text, "\"{spelled}\"");
    }

    fn separated<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            write(self, item);
        }
    }

    fn write(&mut self, plan: &Plan) {
        if self.byte() % 12 == 1 {
            return self.push(&ODD);
        }
        match plan {
            Plan::Bool => self.push(&["true", "false", "\"false\"", "0"]),
            Plan::Int(_) | Plan::Digits(_) => {
                self.push(&["1", "-1", "255", "\"256\"", "65535", "9223372036854775807"]);
            }
            Plan::Float32 | Plan::Float64 => {
                self.push(&["1.5", "-0.0", "1e38", "1e39", "\"2.5\"", "\"NaN\""]);
            }
            Plan::Char => self.push(&["\"a\"", "\"é\"", "\"\\u0000\"", "\"ab\"", "\"\\ud83d\\ude00\""]),
            Plan::String | Plan::RedactedString => {
                self.push(&["\"text\"", "\"\"", "1.10", "{\"a\": [1]}", "\"\\n\\u20ac\""]);
            }
            Plan::RedactedOption => self.push(&["\"secret\"", "{\"a\":1}"]),
            Plan::Option(inner) => self.write(inner),
            Plan::Enum(names) => {
                let at = self.byte() % names.all.len();
                self.push_name(&names.all[at]);
            }
            Plan::Flags(names) => {
                self.text.push('[');
                let count = self.byte() % 4;
                self.separated(0..count, |json, _| {
                    let at = json.byte() % names.all.len();
                    json.push_name(&names.all[at]);
                });
                self.text.push(']');
            }
            Plan::List(inner) => {
                self.text.push('[');
                let count = self.byte() % 5;
                self.separated(0..count, |json, _| json.write(inner));
                self.text.push(']');
            }
            Plan::Tuple(parts) => {
                self.text.push('[');
                self.separated(parts, Self::write);
                self.text.push(']');
            }
            Plan::Map(value, _) => {
                self.text.push('{');
                let count = self.byte() % 4;
                self.separated(0..count, |json, _| {
                    let name = json.pick(&NAMES);
                    json.push_name(name);
                    json.text.push(':');
                    json.write(value);
                });
                self.text.push('}');
            }
            Plan::Record(fields) => {
                self.text.push('{');
                self.separated(&fields.all, |json, field| {
                    json.push_name(&field.name);
                    json.text.push(':');
                    json.write(&field.plan);
                });
                self.text.push('}');
            }
            Plan::Variant(variant) => {
                let at = self.byte() % variant.cases.len();
                let (name, payload) = &variant.cases[at];
                let Some(payload) = payload else { return self.push_name(name) };
                self.text.push('{');
                self.push_name(name);
                self.text.push(':');
                self.write(payload);
                self.text.push('}');
            }
        }
    }
}

/// Whether a value is one of the type.
fn fits(plan: &Plan, value: &Val) -> bool {
    match (plan, value) {
        (Plan::Bool, Val::Bool(_))
        | (Plan::Int(Int::U8), Val::U8(_))
        | (Plan::Int(Int::U16), Val::U16(_))
        | (Plan::Int(Int::U32), Val::U32(_))
        | (Plan::Int(Int::U64), Val::U64(_))
        | (Plan::Int(Int::S8), Val::S8(_))
        | (Plan::Int(Int::S16), Val::S16(_))
        | (Plan::Int(Int::S32), Val::S32(_))
        | (Plan::Int(Int::S64), Val::S64(_))
        | (Plan::Float64, Val::Float64(_))
        | (Plan::Float32, Val::Float32(_))
        | (Plan::Char, Val::Char(_))
        | (Plan::String, Val::String(_))
        | (Plan::Option(_) | Plan::RedactedOption, Val::Option(None)) => true,
        (Plan::RedactedString, Val::String(text)) => text == REDACTED,
        (Plan::Digits(int), Val::Record(fields)) => match &**fields {
            [(name, Val::String(digits))] => {
                name == int.digits_field() && (digits.parse::<u64>().is_ok() || digits.parse::<i64>().is_ok())
            }
            _ => false,
        },
        (Plan::Option(inner), Val::Option(Some(value))) => fits(inner, value),
        (Plan::List(inner), Val::List(items)) => items.iter().all(|item| fits(inner, item)),
        (Plan::Map(inner, redacted), Val::List(items)) => items.iter().all(|item| match item {
            Val::Tuple(pair) => match &**pair {
                [Val::String(key), value] => !redacted.contains(key) && fits(inner, value),
                _ => false,
            },
            _ => false,
        }),
        (Plan::Tuple(parts), Val::Tuple(values)) => {
            parts.len() == values.len() && parts.iter().zip(values).all(|(part, value)| fits(part, value))
        }
        (Plan::Record(fields), Val::Record(values)) => {
            let is_field = |(field, (name, value)): (&Field, &(String, Val))| {
                field.name == *name && fits(&field.plan, value)
            };
            fields.all.len() == values.len() && fields.all.iter().zip(values).all(is_field)
        }
        (Plan::Variant(variant), Val::Variant(name, value)) => {
            variant.cases.iter().any(|(known, payload)| {
                known == name
                    && match (payload, value) {
                        (None, None) => true,
                        (Some(plan), Some(value)) => fits(plan, value),
                        _ => false,
                    }
            })
        }
        (Plan::Enum(names), Val::Enum(name)) => names.all.contains(name),
        // A flag may be named twice: it is set.
        (Plan::Flags(names), Val::Flags(set)) => set.iter().all(|name| names.all.contains(name)),
        _ => false,
    }
}

#[test]
fn random_payloads_become_values_of_their_type_or_a_mismatch() {
    let cases = std::env::var("HOOKYARD_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256);
    let cut = proptest::option::weighted(0.1, any::<prop::sample::Index>());
    let strategy = (any_plan(), proptest::collection::vec(any::<u8>(), 0..200), cut);
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let decoded = std::cell::Cell::new(0_u32);
    runner
        .run(&strategy, |(plan, random, cut)| {
            let mut json = Json { random: random.iter(), text: String::new() };
            json.write(&plan);
            let mut text: Vec<char> = json.text.chars().collect();
            if let Some(cut) = cut {
                text.remove(cut.index(text.len()));
            }
            let text: String = text.into_iter().collect();
            if let Ok(payload) = within(&plan, &text, MEMORY_MAX_BYTES) {
                prop_assert!(fits(&plan, &payload.value), "{text}: {:?} for {plan:?}", payload.value);
                prop_assert!(payload.memory_bytes <= MEMORY_MAX_BYTES, "{text}");
                prop_assert!(payload.notes.len() <= NOTES_MAX + 1, "{text}");
                decoded.set(decoded.get() + 1);
            }
            Ok(())
        })
        .unwrap();
    let decoded = decoded.get();
    assert!(decoded > cases / 4, "{decoded} of {cases} were values");
}
