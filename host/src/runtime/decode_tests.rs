use super::*;

fn option(plan: Plan) -> Plan {
    Plan::Option(Box::new(plan))
}

fn field(name: &str, plan: Plan) -> Field {
    Field { name: name.into(), plan }
}

fn status() -> Plan {
    let cases =
        vec![("scheduled".into(), None), ("no-show".into(), None), ("other".into(), Some(Plan::String))];
    Plan::Variant(Variant { cases, has_other: true })
}

fn s(text: &str) -> Val {
    Val::String(text.into())
}

#[test]
fn json_becomes_the_guests_value() {
    let list = |plan| Plan::List(Box::new(plan));
    let map = |plan| Plan::Map(Box::new(plan));
    let some = |val| Val::Option(Some(Box::new(val)));
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
        (Plan::Enum(vec!["in-person".into()]), r#""IN_PERSON""#, Val::Enum("in-person".into())),
        (Plan::Flags(vec!["a".into(), "b".into()]), r#"["B"]"#, Val::Flags(vec!["b".into()])),
    ] {
        assert_eq!(decode(&plan, json.as_bytes()), Ok(expected), "{json}");
    }
}

#[test]
fn a_record_takes_keys_by_name_in_any_order_and_ignores_the_rest() {
    let plan = Plan::Record(vec![
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
    assert_eq!(decode(&plan, json.as_bytes()), Ok(expected));
}

#[test]
fn what_does_not_fit_names_the_path_and_both_types() {
    let person = Plan::Record(vec![field("id", Plan::Int(Int::U8)), field("created-at", Plan::String)]);
    let plan = Plan::Record(vec![field("people", Plan::List(Box::new(person)))]);
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
        (r#"{"people":{}}"#, "payload.people: expected list<record>, found an object"),
        ("[]", "payload: expected record, found an array"),
    ] {
        assert_eq!(decode(&plan, json.as_bytes()).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_small_body_does_not_become_more_values_than_the_host_has_room_for() {
    let fields = (0..1000).map(|number| field(&format!("f{number}"), option(Plan::Bool)));
    let plan = Plan::List(Box::new(Plan::Record(fields.collect())));
    let records = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    assert!(decode(&plan, records(999).as_bytes()).is_ok());
    let misfit = decode(&plan, records(1001).as_bytes()).unwrap_err().to_string();
    assert_eq!(misfit, "payload[998]: expected at most 1000000 values in all, found more");
}
