mod fuzz;

use std::time::{Duration, Instant};

use super::budget::{FIELD_BYTES, STEPS, VALUE_BYTES};
use super::mismatch::NOTES_MAX;
use super::*;
use crate::runtime::plan::{Field, Fields, Int, Names, RedactedKeys, Variant};

const LIMITS_BYTES: usize = 64 * 1024 * 1024;

fn within(plan: &Plan, json: &str, memory_max_bytes: usize) -> Result<DecodedPayload, Mismatch> {
    super::decode(
        plan,
        json,
        DecodeLimits { memory_max_bytes, deadline: Instant::now() + Duration::from_hours(1) },
    )
}

fn decode(plan: &Plan, json: &str) -> Result<DecodedPayload, Mismatch> {
    within(plan, json, LIMITS_BYTES)
}

fn record_of(fields: Vec<Field>) -> Plan {
    Plan::Record(Fields::new(fields))
}

fn option(plan: Plan) -> Plan {
    Plan::Option(Box::new(plan))
}

fn field(name: &str, plan: Plan) -> Field {
    Field { name: name.into(), plan }
}

fn status() -> Plan {
    let cases =
        vec![("scheduled".into(), None), ("no-show".into(), None), ("other".into(), Some(Plan::String))];
    Plan::Variant(Variant::new(cases))
}

/// Decodes a JSON text without mismatches.
fn decode_clean(plan: &Plan, json: &str) -> Result<Val, Mismatch> {
    let DecodedPayload { value, notes, .. } = decode(plan, json)?;
    assert_eq!(notes, [""; 0], "{json}");
    Ok(value)
}

fn list(plan: Plan) -> Plan {
    Plan::List(Box::new(plan))
}

fn map(plan: Plan) -> Plan {
    Plan::Map(Box::new(plan), RedactedKeys::None)
}

fn some(val: Val) -> Val {
    Val::Option(Some(Box::new(val)))
}

fn pairs(pairs: &[(&str, Val)]) -> Val {
    Val::List(pairs.iter().map(|(key, value)| Val::Tuple(vec![s(key), value.clone()])).collect())
}

fn digits(field: &str, text: &str) -> Val {
    Val::Record(vec![(field.into(), s(text))])
}

fn s(text: &str) -> Val {
    Val::String(text.into())
}

#[test]
fn decodes_each_kind_of_value() {
    for (plan, json, expected) in [
        (Plan::String, r#""Aïcha""#, s("Aïcha")),
        (Plan::String, r#""a\"b\u00e9""#, s("a\"bé")),
        (Plan::String, "12.50", s("12.50")),
        (Plan::String, r#"{"a": [1]}"#, s(r#"{"a": [1]}"#)),
        (Plan::String, "[1, 2]", s("[1, 2]")),
        (Plan::Bool, "true", Val::Bool(true)),
        (Plan::Int(Int::U64), "18446744073709551615", Val::U64(u64::MAX)),
        (Plan::Int(Int::U32), r#""12345""#, Val::U32(12345)),
        (Plan::Int(Int::S8), "-128", Val::S8(-128)),
        (Plan::Int(Int::U8), "30.0", Val::U8(30)),
        (Plan::Int(Int::U32), "1e3", Val::U32(1000)),
        (Plan::Digits(Int::U64), "18446744073709551615", digits("exact-u64", "18446744073709551615")),
        (Plan::Digits(Int::S64), r#"" -30.0 ""#, digits("exact-s64", "-30")),
        (Plan::Float64, "1.5", Val::Float64(1.5)),
        (Plan::Float64, r#""2""#, Val::Float64(2.0)),
        (Plan::Char, r#""é""#, Val::Char('é')),
        (option(Plan::String), "null", Val::Option(None)),
        (option(Plan::String), r#""x""#, some(s("x"))),
        (list(Plan::Int(Int::U8)), "[1,2]", Val::List(vec![Val::U8(1), Val::U8(2)])),
        (map(Plan::Bool), r#"{"k":true}"#, Val::List(vec![Val::Tuple(vec![s("k"), Val::Bool(true)])])),
        (
            Plan::Tuple(vec![Plan::String, Plan::Bool]),
            r#"["a",false]"#,
            Val::Tuple(vec![s("a"), Val::Bool(false)]),
        ),
        (status(), r#""SCHEDULED""#, Val::Variant("scheduled".into(), None)),
        (status(), r#""NO_SHOW""#, Val::Variant("no-show".into(), None)),
        (status(), r#""RESCHEDULED""#, Val::Variant("other".into(), Some(Box::new(s("RESCHEDULED"))))),
        (status(), r#"{"other":"x"}"#, Val::Variant("other".into(), Some(Box::new(s("x"))))),
        (Plan::Enum(Names::new(vec!["in-person".into()])), r#""IN_PERSON""#, Val::Enum("in-person".into())),
        (Plan::Flags(Names::new(vec!["a".into(), "b".into()])), r#"["B"]"#, Val::Flags(vec!["b".into()])),
    ] {
        assert_eq!(decode_clean(&plan, json), Ok(expected), "{json}");
    }
}

#[test]
fn a_record_takes_keys_by_name_in_any_order_and_ignores_others() {
    let plan = record_of(vec![
        field("department-id", Plan::Int(Int::U64)),
        field("name", Plan::String),
        field("email", option(Plan::String)),
    ]);
    let expected = Val::Record(vec![
        ("department-id".into(), Val::U64(5)),
        ("name".into(), s("last")),
        ("email".into(), Val::Option(None)),
    ]);
    let json = r#" {"name":"first","extra":{"deep":[1]},"departmentId":5,"name":"last"} "#;
    assert_eq!(decode_clean(&plan, json), Ok(expected));
}

#[test]
fn a_mismatch_names_the_path_and_both_types() {
    let person = record_of(vec![field("id", Plan::Int(Int::U8)), field("created-at", Plan::String)]);
    let plan = record_of(vec![field("people", Plan::List(Box::new(person)))]);
    for (json, message) in [
        (
            r#"{"people":[{"id":"x","createdAt":""}]}"#,
            r#"payload.people[0].id: expected u8, found string "x""#,
        ),
        (r#"{"people":[{"id":256,"createdAt":""}]}"#, "payload.people[0].id: expected u8, found number 256"),
        (r#"{"people":[{"id":1.5,"createdAt":""}]}"#, "payload.people[0].id: expected u8, found number 1.5"),
        (r#"{"people":[{"id":1}]}"#, "payload.people[0].createdAt: expected string, found nothing"),
        (
            r#"{"people":[{"id":1,"createdAt":null}]}"#,
            "payload.people[0].createdAt: expected string, found null",
        ),
        (r#"{"people":{"a":{}}}"#, "payload.people: expected list<record>, found an object"),
        ("[1]", "payload: expected record, found an array"),
        ("[]", "payload.people: expected list<record>, found nothing"),
        ("null", "payload: expected record, found null"),
    ] {
        assert_eq!(decode_clean(&plan, json).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_small_body_cannot_become_more_memory_than_the_limit() {
    let fields = (0..1000).map(|number| field(&format!("f{number}"), option(Plan::Bool)));
    let plan = list(record_of(fields.collect()));
    let records = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    let bytes = decode(&plan, &records(100)).unwrap().memory_bytes;
    // 1000 names and values of each record at least.
    assert!(bytes > 100 * 1000 * (FIELD_BYTES + 4), "{bytes}");
    assert!(within(&plan, &records(100), bytes + FIELD_BYTES * 3000).is_ok());
    let mismatch = within(&plan, &records(100), bytes / 2).unwrap_err().to_string();
    assert!(mismatch.ends_with("bytes in memory (host_memory_max_bytes), found more"), "{mismatch}");
    assert!(mismatch.starts_with("payload[4"), "{mismatch}");
}

#[test]
fn every_kind_of_value_is_charged_to_the_budget() {
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let cases = |name: &str| Plan::Variant(Variant::new(vec![(name.to_owned(), None)]));
    for (plan, json, at_least) in [
        (Plan::String, text(10_000), 10_000),
        (list(Plan::Bool), format!("[{}]", vec!["1"; 1000].join(",")), 1000 * VALUE_BYTES),
        (list(option(Plan::Bool)), format!("[{}]", vec!["1"; 1000].join(",")), 2000 * VALUE_BYTES),
        (map(Plan::Bool), format!("{{{}:1}}", text(10_000)), 10_000),
        (status(), text(10_000), 10_000),
        (
            list(cases("scheduled")),
            format!("[{}]", vec!["\"scheduled\""; 1000].join(",")),
            1000 * (VALUE_BYTES + 9),
        ),
        (Plan::Enum(Names::new(vec!["x".repeat(200)])), text(200), 200),
    ] {
        let read = decode(&plan, &json).unwrap();
        assert!(read.memory_bytes >= at_least, "{}: {} bytes", plan.type_name(), read.memory_bytes);
        assert!(within(&plan, &json, at_least / 2).is_err(), "{}", plan.type_name());
    }
}

#[test]
fn decoding_ends_at_the_deadline() {
    let plan = list(Plan::Bool);
    let json = format!("[{}]", vec!["1"; 10 * STEPS].join(","));
    let limits = DecodeLimits { memory_max_bytes: LIMITS_BYTES, deadline: Instant::now() };
    assert!(super::decode(&plan, &json, limits).unwrap_err().is_late());
}

#[test]
fn finds_keys_among_very_many_fields_without_comparing_each() {
    let fields = (0..10_000).map(|number| field(&format!("field-{number}"), option(Plan::Bool)));
    let plan = record_of(fields.collect());
    let members: Vec<String> = (0..100_000).map(|number| format!(r#""Field{}":1"#, number * 7)).collect();
    let started = Instant::now();
    let read = decode(&plan, &format!("{{{}}}", members.join(","))).unwrap();
    // 0.2 s without optimisation. Comparing each key to all fields takes many times as long.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let Val::Record(values) = read.value else { panic!("no record") };
    assert_eq!(values[7].1, some(Val::Bool(true)));
}

#[test]
fn a_number_with_a_point_is_an_integer_only_if_it_is_exact() {
    let plan = Plan::Int(Int::U64);
    assert_eq!(decode_clean(&plan, "9007199254740991.0"), Ok(Val::U64((1 << 53) - 1)));
    let plan = Plan::Digits(Int::U64);
    assert_eq!(decode_clean(&option(Plan::Digits(Int::U64)), r#""""#), Ok(Val::Option(None)));
    let rounded = decode(&plan, "9007199254740993.0").unwrap_err();
    assert_eq!(rounded.to_string(), "payload: expected u64, found number 9007199254740993.0");
}

#[test]
fn decodes_other_spellings_of_encoders_as_what_they_mean() {
    let person = || record_of(vec![field("id", option(Plan::Int(Int::U8)))]);
    let nobody = || Val::Record(vec![("id".into(), Val::Option(None))]);
    for (plan, json, expected) in [
        // Empty containers: PHP, Lua, Go.
        (person(), "[]", nobody()),
        (person(), "[ ]", nobody()),
        (map(Plan::Bool), "[]", Val::List(vec![])),
        (map(Plan::Bool), "null", Val::List(vec![])),
        (list(Plan::Bool), "{}", Val::List(vec![])),
        (list(Plan::Bool), "null", Val::List(vec![])),
        // Lists with gaps, and objects with numbers as keys: PHP.
        (list(Plan::String), r#"{"1":"a","5":"b"}"#, Val::List(vec![s("a"), s("b")])),
        (map(Plan::String), r#"["a","b"]"#, pairs(&[("0", s("a")), ("1", s("b"))])),
        // Truth.
        (Plan::Bool, "1", Val::Bool(true)),
        (Plan::Bool, "0", Val::Bool(false)),
        (Plan::Bool, r#""True""#, Val::Bool(true)),
        (Plan::Bool, r#""false""#, Val::Bool(false)),
        (Plan::Bool, r#""1""#, Val::Bool(true)),
        (Plan::String, "true", s("true")),
        // Numbers.
        (Plan::Int(Int::U32), r#"" 12 ""#, Val::U32(12)),
        (Plan::Int(Int::U32), r#""12.0""#, Val::U32(12)),
        (Plan::Int(Int::U32), r#""1e3""#, Val::U32(1000)),
        (Plan::Float64, r#"" 1.5""#, Val::Float64(1.5)),
        // Nothing.
        (option(Plan::Int(Int::U8)), r#""""#, Val::Option(None)),
        (option(Plan::Bool), r#""""#, Val::Option(None)),
        (option(person()), r#""""#, Val::Option(None)),
        (option(Plan::String), r#""""#, some(s(""))),
        (option(list(Plan::String)), "[]", some(Val::List(vec![]))),
        // Repeated keys.
        (map(Plan::Int(Int::U8)), r#"{"a":1,"b":2,"a":3}"#, pairs(&[("b", Val::U8(2)), ("a", Val::U8(3))])),
        (person(), r#"{"id":"x","id":7}"#, Val::Record(vec![("id".into(), some(Val::U8(7)))])),
    ] {
        let read = decode(&plan, json).unwrap_or_else(|mismatch| panic!("{json}: {mismatch}"));
        assert_eq!(read.value, expected, "{json}");
    }
    let plan = record_of(vec![field("department-id", Plan::Int(Int::U8))]);
    for json in [
        r#"{"departmentId":5,"department_id":6}"#,
        r#"{"department_id":"no number","departmentId":5}"#,
        r#"{"departmentId":5,"DEPARTMENT-ID":null}"#,
        r#"{"departmentId":4,"departmentId":5}"#,
        r#"{"department_id":4,"DepartmentID":5}"#,
    ] {
        let expected = Val::Record(vec![("department-id".into(), Val::U8(5))]);
        assert_eq!(decode_clean(&plan, json), Ok(expected), "{json}");
    }
}

#[test]
fn a_mismatch_in_an_optional_value_is_none_with_a_note() {
    let office = record_of(vec![field("id", Plan::Int(Int::U8)), field("floor", option(Plan::Int(Int::U8)))]);
    let plan = record_of(vec![
        field("office", option(office)),
        field("tags", option(list(Plan::Int(Int::U8)))),
        field("names", option(list(Plan::String))),
    ]);
    let none = || Val::Option(None);
    let record = |office: Val, tags: Val, names: Val| {
        Val::Record(vec![("office".into(), office), ("tags".into(), tags), ("names".into(), names)])
    };
    let office = |floor: Val| some(Val::Record(vec![("id".into(), Val::U8(1)), ("floor".into(), floor)]));
    for (json, expected, notes) in [
        (
            r#"{"office":{"id":1,"floor":"ground"}}"#,
            record(office(none()), none(), none()),
            &[r#"payload.office.floor: expected u8, found string "ground"; taken as none"#][..],
        ),
        (
            r#"{"office":{"id":"x","floor":"ground"},"tags":[1,"x"]}"#,
            record(none(), none(), none()),
            &[
                r#"payload.office.id: expected u8, found string "x"; taken as none"#,
                r#"payload.tags[1]: expected u8, found string "x"; taken as none"#,
            ],
        ),
        (
            r#"{"office":false,"names":["a",null,"b"]}"#,
            record(none(), none(), some(Val::List(vec![s("a"), s("b")]))),
            &[
                "payload.office: expected record, found bool false; taken as none",
                "payload.names[1]: expected string, found null; left out",
            ],
        ),
        (
            r#"{"office":[]}"#,
            record(none(), none(), none()),
            &["payload.office.id: expected u8, found nothing; taken as none"],
        ),
    ] {
        let read = decode(&plan, json).unwrap();
        assert_eq!(
            (read.value, read.notes),
            (expected, notes.iter().map(|&note| note.to_owned()).collect()),
            "{json}"
        );
    }
}

#[test]
fn limits_the_number_of_notes_and_the_length_of_keys_in_them() {
    let plan = map(option(Plan::Bool));
    let members: Vec<String> = (0..1000).map(|n| format!(r#""{n}{}":"x""#, "k".repeat(10_000))).collect();
    let notes = decode(&plan, &format!("{{{}}}", members.join(","))).unwrap().notes;
    assert_eq!(notes.len(), NOTES_MAX + 1);
    assert!(notes.iter().all(|note| note.len() < 200), "{notes:?}");
    assert_eq!(notes[NOTES_MAX], "990 more places of the payload did not fit");
}

#[test]
fn exceeding_the_memory_limit_fails_the_payload_even_in_an_optional_value() {
    let fields = (0..1000).map(|number| field(&format!("f{number}"), option(Plan::Bool)));
    let plan = option(list(record_of(fields.collect())));
    let json = format!("[{}]", vec!["{}"; 1001].join(","));
    assert!(within(&plan, &json, 1_000_000).is_err());
}

#[test]
fn decoding_continues_after_a_mismatch() {
    let pair = Plan::Tuple(vec![list(Plan::Bool), Plan::Int(Int::U8)]);
    let plan = record_of(vec![field("pair", option(pair)), field("id", Plan::Int(Int::U8))]);
    for (json, note) in [
        (r#"{"pair":[["x",[1]],2],"id":7}"#, r#"payload.pair[0][0]: expected bool, found string "x""#),
        (
            r#"{"pair":{"a":{"b":[]}},"id":7}"#,
            "payload.pair: expected tuple<list<bool>, u8>, found an object",
        ),
        (r#"{"pair":[[true],2,3],"id":7}"#, "payload.pair: expected tuple<list<bool>, u8>, found an array"),
        (r#"{"pair":[{"0":true,"x":1},2],"id":7}"#, "payload.pair[0]: expected list<bool>, found an object"),
    ] {
        let decoded = decode(&plan, json).unwrap();
        let expected = Val::Record(vec![("pair".into(), Val::Option(None)), ("id".into(), Val::U8(7))]);
        assert_eq!(decoded.value, expected, "{json}");
        assert_eq!(decoded.notes, [format!("{note}; taken as none")], "{json}");
    }
}

#[test]
fn a_name_with_digits_keeps_them() {
    for (json, expected) in [("12.50", "12.50"), ("1e400", "1e400"), (r#""1.0""#, "1.0")] {
        let other = Val::Variant("other".into(), Some(Box::new(s(expected))));
        assert_eq!(decode_clean(&status(), json), Ok(other), "{json}");
    }
}

#[test]
fn invalid_json_fails_the_payload() {
    let plan = record_of(vec![field("office", option(list(Plan::Bool)))]);
    for json in [r#"{"office":[true}"#, r#"{"office":[]} x"#, "", r#"{"office":1e400"#] {
        let mismatch = decode(&plan, json).unwrap_err().to_string();
        assert!(mismatch.starts_with("payload: expected JSON, found "), "{json}: {mismatch}");
    }
}

#[test]
fn a_value_takes_as_long_at_any_depth() {
    let items = vec!["12345"; 20_000].join(",");
    let fastest = |depth: usize| {
        let (mut plan, mut json) = (list(Plan::Int(Int::U32)), format!("[{items}]"));
        for _ in 0..depth {
            plan = record_of(vec![field("inner", option(plan))]);
            json = format!(r#"{{"inner":{json}}}"#);
        }
        let time = || {
            let started = Instant::now();
            assert!(decode(&plan, &json).unwrap().notes.is_empty());
            started.elapsed()
        };
        std::iter::repeat_with(time).take(5).min().unwrap()
    };
    let at_the_top = fastest(1);
    // A decoder that scans the text again at each depth takes 10 times as long at depth 64.
    for depth in [2, 4, 8, 16, 32, 64] {
        let time = fastest(depth);
        assert!(time < 4 * at_the_top, "depth {depth}: {time:?}, depth 1: {at_the_top:?}");
    }
}

#[test]
fn a_number_beyond_any_float_loses_only_its_optional_value() {
    let inner = Plan::Record(Fields::new(vec![field("a", Plan::Bool)]));
    let plan = Plan::Record(Fields::new(vec![
        field("odd", Plan::Option(Box::new(inner))),
        field("text", Plan::String),
        field("well", Plan::Bool),
    ]));
    let decoded = decode(&plan, r#"{"odd":1e400,"text":1e400,"well":true}"#).unwrap();
    let fields = vec![
        ("odd".into(), Val::Option(None)),
        ("text".into(), s("1e400")),
        ("well".into(), Val::Bool(true)),
    ];
    assert_eq!(decoded.value, Val::Record(fields));
    assert_eq!(decoded.notes.len(), 1, "{:?}", decoded.notes);
}
