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

/// Reads a JSON text in which all fits.
fn decode_clean(plan: &Plan, json: &str) -> Result<Val, Misfit> {
    let Decoded { value, notes } = decode(plan, json)?;
    assert_eq!(notes, [""; 0], "{json}");
    Ok(value)
}

fn list(plan: Plan) -> Plan {
    Plan::List(Box::new(plan))
}

fn map(plan: Plan) -> Plan {
    Plan::Map(Box::new(plan))
}

fn some(val: Val) -> Val {
    Val::Option(Some(Box::new(val)))
}

fn pairs(pairs: &[(&str, Val)]) -> Val {
    Val::List(pairs.iter().map(|(key, value)| Val::Tuple(vec![s(key), value.clone()])).collect())
}

fn s(text: &str) -> Val {
    Val::String(text.into())
}

#[test]
fn json_becomes_the_guests_value() {
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
        assert_eq!(decode_clean(&plan, json), Ok(expected), "{json}");
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
    assert_eq!(decode_clean(&plan, json), Ok(expected));
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
        (r#"{"people":{"a":{}}}"#, "payload.people: expected list<record>, found an object"),
        ("[1]", "payload: expected record, found an array"),
        ("[]", "payload.people: expected list<record>, found nothing"),
        ("null", "payload: expected record, found null"),
    ] {
        assert_eq!(decode_clean(&plan, json).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_small_body_does_not_become_more_values_than_the_host_has_room_for() {
    let fields = (0..1000).map(|number| field(&format!("f{number}"), option(Plan::Bool)));
    let plan = Plan::List(Box::new(Plan::Record(fields.collect())));
    let records = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    assert!(decode_clean(&plan, &records(999)).is_ok());
    let misfit = decode_clean(&plan, &records(1001)).unwrap_err().to_string();
    assert_eq!(misfit, "payload[999]: expected at most 1000000 values in all, found more");
}

#[test]
fn what_other_encoders_write_is_read_as_what_it_means() {
    let person = || Plan::Record(vec![field("id", option(Plan::Int(Int::U8)))]);
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
        let read = decode(&plan, json).unwrap_or_else(|misfit| panic!("{json}: {misfit}"));
        assert_eq!(read.value, expected, "{json}");
    }
    let plan = Plan::Record(vec![field("department-id", Plan::Int(Int::U8))]);
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
fn what_does_not_fit_an_optional_value_is_none_and_noted() {
    let office =
        Plan::Record(vec![field("id", Plan::Int(Int::U8)), field("floor", option(Plan::Int(Int::U8)))]);
    let plan = Plan::Record(vec![
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
fn notes_and_the_keys_in_them_are_bounded() {
    let plan = map(option(Plan::Bool));
    let members: Vec<String> = (0..1000).map(|n| format!(r#""{n}{}":"x""#, "k".repeat(10_000))).collect();
    let notes = decode(&plan, &format!("{{{}}}", members.join(","))).unwrap().notes;
    assert_eq!(notes.len(), NOTES_MAX + 1);
    assert!(notes.iter().all(|note| note.len() < 200), "{notes:?}");
    assert_eq!(notes[NOTES_MAX], "990 more places of the payload did not fit");
}

#[test]
fn no_room_is_a_misfit_of_the_whole_payload() {
    let fields = (0..1000).map(|number| field(&format!("f{number}"), option(Plan::Bool)));
    let plan = option(list(Plan::Record(fields.collect())));
    let json = format!("[{}]", vec!["{}"; 1001].join(","));
    assert!(decode(&plan, &json).is_err());
}
