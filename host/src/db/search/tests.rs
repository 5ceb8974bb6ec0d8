//! Terms and comparisons, as tables.

use super::lookup::{FieldKind, Lookup, LookupRange};
use super::query::{Query, SearchFilter};
use super::settings::SearchSettings;
use super::terms::{Document, EventParts, IndexedField, fold};
use crate::config::{Config, Pointer, Scheme, Source};
use crate::event::{Name, parse_digits};

fn settings() -> SearchSettings {
    let mut config = Config::default();
    let source = Source::preset(Scheme::MONCRENEAU, Vec::new());
    config.sources.insert(Name::new("moncreneau").unwrap(), source);
    config.search.value_max_bytes = 16;
    config.search.values_max = 3;
    SearchSettings::from(&config)
}

fn parts(body: &str) -> EventParts<'_> {
    EventParts {
        number: 7,
        source: "moncreneau",
        id: "Evt_AbC",
        event_type: "appointment.created",
        received_at: 1000,
        ordering_key: Some("12345"),
        body: body.as_bytes(),
    }
}

fn document(body: &str) -> Document {
    let settings = settings();
    let mut document = Document::of(&parts(body), &settings);
    document.add(IndexedField::Plugin, "sms", &settings);
    document.add_reason("moncreneau", "No office: answer 422 of “Conakry”", &settings);
    document
}

fn filter(change: impl FnOnce(&mut SearchFilter)) -> SearchFilter {
    let mut filter = SearchFilter::default();
    change(&mut filter);
    filter
}

fn text(text: &str) -> SearchFilter {
    filter(|filter| filter.text = Some(text.into()))
}

const BODY: &str = r#"{"data":{"object":{"id":12345,"name":"Jean  DUPONT","phone":"+224 622-00-00-01"}}}"#;

#[test]
fn a_text_is_folded_and_a_number_has_its_digits() {
    for (given, folded, numeric) in [
        ("Évt\t A", "évt a", None),
        ("+224 622.00-00/01", "+224 622.00-00/01", Some("224622000001")),
        ("(7)", "(7)", Some("7")),
        ("+-", "+-", None),
        ("a1", "a1", None),
        ("", "", None),
    ] {
        assert_eq!((fold(given).as_str(), parse_digits(given).as_deref()), (folded, numeric), "{given}");
    }
}

#[test]
fn the_terms_of_an_event() {
    let mut terms: Vec<_> =
        document(BODY).terms.iter().map(|term| format!("{}={}", term.field.to_name(), term.text)).collect();
    terms.sort();
    let expected = [
        "id=evt_abc",
        "ordering-key moncreneau /data/object/id=12345",
        "plugin=sms",
        "reason moncreneau=422",
        "reason moncreneau=answer",
        "reason moncreneau=conakry",
        "reason moncreneau=no",
        "reason moncreneau=of",
        "reason moncreneau=office",
        "source=moncreneau",
        "type=appointment.crea",
        "value moncreneau /data/object/name=jean dupont",
        "value moncreneau /data/object/phone=224622000001",
    ];
    assert_eq!(terms, expected);
}

#[test]
fn a_key_that_is_not_at_the_configured_pointer_is_of_an_earlier_one_and_an_index_has_one_form() {
    let mut config = Config::default();
    let mut source = Source::preset(Scheme::MONCRENEAU, Vec::new());
    let pointers = ["/list/+1", "/list/01", "/list/1"];
    source.search = pointers.map(|pointer| Pointer::parse(pointer).unwrap()).into();
    config.sources.insert(Name::new("moncreneau").unwrap(), source);
    let settings = SearchSettings::from(&config);
    let fields = |body: &str| {
        let document = Document::of(&parts(body), &settings);
        document.terms.into_iter().map(|term| term.field.to_name()).collect::<Vec<_>>()
    };
    let known = fields(BODY);
    assert!(known.contains(&"ordering-key moncreneau /data/object/id".to_owned()), "{known:?}");
    for body in [r#"{"data":{"object":{"id":1}}}"#, "{}", "no json"] {
        let earlier = fields(body);
        assert!(earlier.contains(&"earlier-ordering-key moncreneau".to_owned()), "{body}: {earlier:?}");
        assert!(!earlier.iter().any(|of| of.starts_with("ordering-key ")), "{body}: {earlier:?}");
    }
    let values: Vec<_> =
        fields(r#"{"list":["a","b"]}"#).into_iter().filter(|of| of.starts_with("value")).collect();
    assert_eq!(values, ["value moncreneau /list/1"]);
}

#[test]
fn the_first_values_of_a_list_are_indexed_and_all_else_in_a_body_is_read_over() {
    let values = |object: &str| {
        let terms = document(&format!("{{\"data\":{{\"object\":{object}}}}}")).terms;
        let values = terms.into_iter().filter(|term| matches!(term.field, IndexedField::Value(..)));
        values.map(|term| term.text).collect::<Vec<_>>()
    };
    for (object, expected) in [
        (r#"{"name":["a","b","c","d"],"phone":"1"}"#, &["a", "b", "c"][..]),
        (r#"{"name":["a"],"phone":["b",null,{"c":1},[2],true,2.50,"d"]}"#, &["a", "b", "true"]),
        (r#"{"name":"a","name":"b"}"#, &["b"]),
        (r#"{"name":"\ud800 a"}"#, &["\u{fffd} a"]),
        (r#"{"name":{"a":1},"phone":null}"#, &[]),
        (r#"{"name":[]}"#, &[]),
        (r#"{"name":"a"#, &[]),
    ] {
        assert_eq!(values(object), expected, "{object}");
    }
}

#[test]
fn the_name_of_a_field_is_read_as_it_is_written() {
    for field in [
        IndexedField::Id,
        IndexedField::Type,
        IndexedField::Source,
        IndexedField::Plugin,
        IndexedField::CausedBy,
        IndexedField::Replay,
        IndexedField::Outcome,
        IndexedField::OrderingKey("s".into(), "/a b/c".into()),
        IndexedField::EarlierOrderingKey("s".into()),
        IndexedField::Reason("plugin.p".into()),
        IndexedField::Value("s".into(), "/a b/c".into()),
        IndexedField::Value("s".into(), "".into()),
    ] {
        assert_eq!(IndexedField::from_name(&field.to_name()), Some(field));
    }
    for other in ["other", "ordering-key s"] {
        assert_eq!(IndexedField::from_name(other), None, "{other}");
    }
}

#[test]
fn values_are_scalars_and_bounded() {
    for (object, expected) in [
        (r#"{"name":["A","B",{"c":1},true]}"#, &["a", "b", "true"][..]),
        (r#"{"name":["A","B","C","D"],"phone":"1"}"#, &["a", "b", "c"]),
        (r#"{"name":{"first":"A"},"phone":null}"#, &[]),
        (r#"{"phone":12.5,"email":"\ud800"}"#, &["12.5", "\u{fffd}"]),
        (r#"{"name":"0123456789abcdefg"}"#, &["0123456789abcdef"]),
    ] {
        let body = format!("{{\"data\":{{\"object\":{object}}}}}");
        let document = Document::of(&parts(&body), &settings());
        let values = document.terms.iter().filter(|term| matches!(term.field, IndexedField::Value(..)));
        let values: Vec<_> = values.map(|term| term.text.as_str()).collect();
        assert_eq!(values, expected, "{object}");
    }
    for body in ["", "no json", "[", "\u{feff}{}"] {
        Document::of(&parts(body), &settings());
    }
    Document::of(&EventParts { body: b"\xff", ..parts("") }, &settings());
}

#[test]
fn a_search_finds_values_by_both_ends() {
    let event = document(BODY);
    for (filter, expected) in [
        (text("Evt_"), true),
        (text("_abc"), true),
        (text("vt_a"), false),
        (text("0001"), true),
        (text("00-01"), true),
        (text("+224 622"), true),
        (text("622"), false),
        (text("jean dup"), true),
        (text("Dupont"), true),
        (text("12345"), true),
        (text("appointment."), true),
        (text("created"), false),
        (text("conakry"), true),
        (text("onakry"), false),
        (text("no office"), false),
        (filter(|f| f.reason = Some("no OFFICE".into())), true),
        (filter(|f| f.reason = Some("office: ans".into())), true),
        (filter(|f| f.reason = Some("ffice".into())), false),
        (filter(|f| f.reason = Some("office answer".into())), false),
        (filter(|f| f.ordering_key = Some("12345".into())), true),
        (filter(|f| f.ordering_key = Some("1234".into())), false),
        (filter(|f| f.since = Some(1000)), true),
        (filter(|f| f.since = Some(1001)), false),
        (filter(|f| f.until = Some(1000)), false),
        (filter(|f| (f.text, f.ordering_key) = (Some("0001".into()), Some("1".into()))), false),
        (filter(|f| f.replay = Some(1)), false),
        (filter(|f| f.caused_by = Some("evt_abc".into())), false),
    ] {
        let settings = settings();
        let query = Query::new(&filter, &settings, &|_| true);
        assert_eq!(query.matches(&event), expected, "{filter:?}");
        // What is found is found by the index too.
        let finds = |lookup: &Lookup| event.terms.iter().any(|term| is_in(lookup, term));
        assert!(!expected || query.lookups().iter().all(finds), "{filter:?} {:?}", query.lookups());
    }
}

fn is_in(lookup: &Lookup, term: &super::terms::Term) -> bool {
    lookup.kind.includes(&term.field)
        && lookup.ranges.iter().any(|range| match range {
            LookupRange::Exact(text) => term.text == *text,
            LookupRange::Prefix(text) => term.text.starts_with(text.as_str()),
            LookupRange::Suffix(text) => term.field.has_suffixes() && term.text.ends_with(text.as_str()),
        })
}

#[test]
fn what_is_not_visible_finds_nothing() {
    let event = document(BODY);
    let hidden = |field: &IndexedField| {
        !matches!(field, IndexedField::Value(..) | IndexedField::OrderingKey(..) | IndexedField::Reason(_))
    };
    for (filter, expected) in [
        (text("evt_"), true),
        (text("0001"), false),
        (text("12345"), false),
        (text("conakry"), false),
        (filter(|f| f.reason = Some("no office".into())), false),
        (filter(|f| f.ordering_key = Some("12345".into())), false),
    ] {
        assert_eq!(Query::new(&filter, &settings(), &hidden).matches(&event), expected, "{filter:?}");
    }
}

#[test]
fn the_lookups_of_a_phone_number_are_both_ends_of_both_forms() {
    let (filter, settings) = (text("+224 6"), settings());
    let lookups = Query::new(&filter, &settings, &|_| true).lookups();
    let ranges = ["2246", "+224 6"].map(str::to_owned);
    let ranges =
        ranges.iter().flat_map(|text| [LookupRange::Prefix(text.clone()), LookupRange::Suffix(text.clone())]);
    assert_eq!(lookups, [Lookup { ranges: ranges.collect(), kind: FieldKind::Any }]);
}
