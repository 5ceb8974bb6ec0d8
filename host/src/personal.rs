//! Personal values in a body: where they are, how texts about the event may write them, and whether an ordering key gives
//! one away. `sources.NAME.personal` has the pointers to them. Pure.

use std::borrow::Cow;
use std::ops::Range;

use crate::config::{FieldPlaces, POINTER_MAX_TOKENS, Pointer, find_values};
use crate::event::{
    EventMetadata, each_value, ordering_key_text, parse_digits, parse_json_string, replace_lone_surrogates,
};
use crate::secrets;

/// A longer value is known by its beginning.
const VALUE_MAX_BYTES: usize = 1024;
/// Most bytes of all spellings of an event's values.
const SPELLINGS_MAX_BYTES: usize = 256 * 1024;
/// Fewest digits of a value with separators whose digits alone are a spelling of it, such as those of a phone number.
const NUMBER_MIN_DIGITS: usize = 6;
/// Shorter values are in too many texts.
const QUOTED_MIN_BYTES: usize = 3;
/// A SHA-256 in hexadecimal.
const DIGEST_CHARS: usize = 64;

/// The personal values of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalValues<'a> {
    body: &'a str,
    /// In order, and none within another.
    places: Vec<Range<usize>>,
}

/// A way to write a personal value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spelling {
    /// The text, in lower case if it is ASCII.
    pub text: String,
    /// Whether the value is longer.
    pub is_cut: bool,
}

impl<'a> PersonalValues<'a> {
    /// The values at the pointers in a body; `None` if it cannot be read as JSON.
    #[must_use]
    pub fn find(body: &'a [u8], personal: &[Pointer]) -> Option<Self> {
        let body = std::str::from_utf8(body).ok()?;
        let mut found: Vec<_> =
            find_values(body, personal).ok()?.into_iter().map(|field| field.value).collect();
        found.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
        let mut places: Vec<Range<usize>> = Vec::new();
        for place in found {
            if places.last().is_none_or(|last| last.end <= place.start) {
                places.push(place);
            }
        }
        Some(Self { body, places })
    }

    /// Whether a part of the body is in a personal value, or has one in it.
    fn meets(&self, place: &Range<usize>) -> bool {
        let next = self.places.partition_point(|personal| personal.end <= place.start);
        self.places.get(next).is_some_and(|personal| personal.start < place.end)
    }

    /// Whether a text has one of these values in it, or may have.
    fn is_quoted_in(&self, text: &str) -> bool {
        self.spellings().is_none_or(|spellings| has_one_of(&spellings, text))
    }

    /// The ways to write the texts and numbers in these values, each once; `None` if there are too many.
    #[must_use]
    pub fn spellings(&self) -> Option<Vec<Spelling>> {
        let (mut spellings, mut bytes) = (Vec::new(), 0_usize);
        for place in &self.places {
            let json = self.body.get(place.clone()).unwrap_or_default();
            each_value(json, |place, _| {
                let value = json.get(place).unwrap_or_default();
                if bytes <= SPELLINGS_MAX_BYTES {
                    add_spellings(value, &mut spellings, &mut bytes);
                }
            });
        }
        spellings.sort_unstable();
        spellings.dedup();
        (bytes <= SPELLINGS_MAX_BYTES).then_some(spellings)
    }
}

/// Whether a text has one of these spellings in it.
fn has_one_of(spellings: &[Spelling], text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let has = |spelling: &Spelling| spelling.text.len() >= QUOTED_MIN_BYTES && text.contains(&spelling.text);
    spellings.iter().any(has)
}

/// Adds the spellings of a text or number: as it was sent, decoded, and in the forms in which programs write it.
fn add_spellings(json: &str, spellings: &mut Vec<Spelling>, bytes: &mut usize) {
    let mut texts = Vec::new();
    if let Some(inner) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
        let decoded = parse_json_string(&replace_lone_surrogates(json)).map(Cow::into_owned);
        texts.push(inner.to_owned());
        texts.extend(decoded);
    } else if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        texts.push(json.to_owned());
        // A float is written with and without its fraction.
        let number = json.parse::<f64>().ok().filter(|number| number.is_finite());
        texts.extend(number.map(|number| number.to_string()));
        texts.extend(serde_json::from_str::<serde_json::Number>(json).ok().map(|number| number.to_string()));
    }
    let digits = texts.iter().filter_map(|text| parse_digits(text));
    let digits: Vec<_> = digits.filter(|digits| digits.len() >= NUMBER_MIN_DIGITS).collect();
    texts.extend(digits);
    // The finder knows the cases of ASCII letters only.
    let others = texts.iter().filter(|text| !text.is_ascii());
    let cases: Vec<_> = others.flat_map(|text| [text.to_lowercase(), text.to_uppercase()]).collect();
    texts.extend(cases);
    texts.sort_unstable();
    texts.dedup();
    for text in texts {
        let end = text.floor_char_boundary(VALUE_MAX_BYTES);
        let is_cut = end < text.len();
        for mut text in secrets::forms_of(text.get(..end).unwrap_or_default()) {
            text.make_ascii_lowercase();
            *bytes = bytes.saturating_add(text.len());
            spellings.push(Spelling { text, is_cut });
        }
    }
}

/// Whether an ordering key gives a personal value of its event away. `configured` is where the key is now. A key that came
/// from elsewhere is judged by the body: it is the text of a value there, and must neither be in a personal value nor
/// have one in it. A key that is not in the body may be a value that was erased or edited since, unless keys are made of
/// headers or of several values: then it must have no personal value in it.
#[must_use]
pub fn is_key_personal(
    configured: Option<&FieldPlaces>,
    personal: &[Pointer],
    body: &[u8],
    key: &str,
) -> bool {
    if personal.is_empty() {
        return false;
    }
    if configured.is_some_and(|places| places.pointers().any(|key| key.meets_any(personal))) {
        return true;
    }
    let Some(values) = PersonalValues::find(body, personal) else { return true };
    let may_be_digest = key.len() == DIGEST_CHARS && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (mut is_personal, mut is_in_body) = (false, false);
    each_value(values.body, |place, depth| {
        let json = values.body.get(place.clone()).unwrap_or_default();
        // Deeper ones are no keys, and a digest of each list within a list takes long.
        if depth <= POINTER_MAX_TOKENS && !is_personal && is_text_of(json, key, may_be_digest) {
            is_in_body = true;
            is_personal = values.meets(&place);
        }
    });
    if is_personal || is_in_body {
        return is_personal;
    }
    let is_made = |places: &FieldPlaces| places.templates().iter().any(|place| place.as_pointer().is_none());
    !configured.is_some_and(is_made) || values.is_quoted_in(key)
}

/// What a request said about an event beside the body, without personal values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenMetadata {
    /// It, with a text in place of each personal value.
    pub metadata: EventMetadata,
    /// The pointers of the attributes that were replaced: `/subject`.
    pub hidden: Vec<String>,
}

/// Replaces personal values in what a request said about an event beside the body. A pointer names the attribute of its
/// name, wherever the attribute was sent: `/subject`. A value that has a personal value of the body in it is personal too;
/// of a body that cannot be read, every value may be.
#[must_use]
pub fn hide_in_metadata(
    metadata: &EventMetadata,
    personal: &[Pointer],
    body: &[u8],
    replacement: &str,
) -> HiddenMetadata {
    let mut metadata = metadata.clone();
    let mut hidden = Vec::new();
    if personal.is_empty() {
        return HiddenMetadata { metadata, hidden };
    }
    let spellings = PersonalValues::find(body, personal).and_then(|values| values.spellings());
    let is_quoted = |text: &str| spellings.as_ref().is_none_or(|spellings| has_one_of(spellings, text));
    let is_whole = personal.iter().any(Pointer::is_root);
    for (name, value) in &mut metadata.attributes {
        let pointer = Pointer::to(&[name.as_str()]);
        if personal.iter().any(|personal| pointer.is_within(personal)) || is_quoted(value) {
            replacement.clone_into(value);
            hidden.push(pointer.to_string());
        }
    }
    if let Some(content_type) = &mut metadata.content_type
        && (is_whole || is_quoted(content_type))
    {
        replacement.clone_into(content_type);
    }
    HiddenMetadata { metadata, hidden }
}

/// Whether an ordering key is the text of a JSON value.
fn is_text_of(json: &str, key: &str, may_be_digest: bool) -> bool {
    if json.len() < key.len() {
        return false;
    }
    if may_be_digest {
        return ordering_key_text(json).is_some_and(|text| text == key);
    }
    json == key || parse_json_string(json).is_some_and(|text| text == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Digest;

    fn pointers(texts: &[&str]) -> Vec<Pointer> {
        texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
    }

    fn spellings(body: &str, personal: &[&str]) -> Vec<String> {
        let spellings = PersonalValues::find(body.as_bytes(), &pointers(personal)).unwrap().spellings();
        spellings.unwrap().into_iter().map(|spelling| spelling.text).collect()
    }

    #[test]
    fn a_value_is_known_as_sent_decoded_and_as_programs_write_it() {
        for (value, expected) in [
            (r#""\u00c9lo\/\u0041""#, &[r"\u00c9lo\/\u0041", "Élo/A", r"\u00c9lo/A", "%C3%89lo%2FA"][..]),
            (r#""Jean \ud83d""#, &[r"jean \ud83d", "Jean \u{fffd}"]),
            (r#""+224 620-00 (00)/01""#, &["224620000001", "%2B224%20620-00%20%2800%29%2F01"]),
            ("1e400", &["1e400"]),
            ("2.24620000001e11", &["2.24620000001e11", "224620000001", "224620000001.0"]),
            ("12345678901234567890123", &["12345678901234567890123", "12345678901234568000000"]),
            (r#"{"a":["first",{"b":"second"}],"c":true}"#, &["first", "second"]),
        ] {
            let found = spellings(&format!("{{\"p\":{value}}}"), &["/p"]);
            for text in expected {
                assert!(found.contains(&text.to_ascii_lowercase()), "{value}: {text} is not in {found:?}");
            }
        }
        assert_eq!(spellings(r#"{"p":null,"q":"x"}"#, &["/p", "/none"]), [""; 0]);
    }

    #[test]
    fn an_attribute_is_personal_by_its_name_or_if_it_quotes_a_personal_value() {
        let metadata = EventMetadata {
            content_type: Some("text/plain".into()),
            attributes: [("subject", "people/7"), ("by", "mailto:AWA@example.gn"), ("id", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        for (personal, body, expected, content_type) in [
            (&[][..], "no json", "mailto:AWA@example.gn 1 people/7", "text/plain"),
            (&["/subject"], "{}", "mailto:AWA@example.gn 1 -", "text/plain"),
            (&["/Subject/deeper"], "{}", "mailto:AWA@example.gn 1 people/7", "text/plain"),
            (&["/data/email"], r#"{"data":{"email":"awa@example.gn"}}"#, "- 1 people/7", "text/plain"),
            (&["/*"], "{}", "- - -", "text/plain"),
            (&[""], "{}", "- - -", "-"),
            (&["/data/email"], "no json", "- - -", "-"),
        ] {
            let HiddenMetadata { metadata, hidden } =
                hide_in_metadata(&metadata, &pointers(personal), body.as_bytes(), "-");
            let values: Vec<_> = metadata.attributes.values().map(String::as_str).collect();
            assert_eq!(values.join(" "), expected, "{personal:?}");
            assert_eq!(hidden.len(), values.iter().filter(|value| **value == "-").count());
            assert_eq!(metadata.content_type.as_deref(), Some(content_type), "{personal:?}");
        }
    }

    #[test]
    fn spellings_are_bounded() {
        let long = format!("{{\"p\":\"{}\"}}", "x".repeat(10_000));
        let found = PersonalValues::find(long.as_bytes(), &pointers(&["/p"])).unwrap().spellings().unwrap();
        assert!(found.iter().all(|spelling| spelling.is_cut && spelling.text.len() <= 2 * VALUE_MAX_BYTES));
        let values: Vec<_> = (0..50_000).map(|number| format!("\"value {number}\"")).collect();
        let many = format!("{{\"p\":[{}]}}", values.join(","));
        let values = PersonalValues::find(many.as_bytes(), &pointers(&["/p"])).unwrap();
        assert_eq!(values.spellings(), None);
    }

    #[test]
    fn a_key_is_personal_if_it_is_in_a_personal_value_or_has_one_in_it_or_is_not_in_the_body() {
        let long = "x".repeat(300);
        let digest = Digest::of(long.as_bytes()).to_string();
        let object = format!(r#"{{"phone":"{}"}}"#, "1".repeat(300));
        let object_digest = Digest::of(object.as_bytes()).to_string();
        let body = format!(
            r#"{{"id":7,"name":"\u00c9lo\/A","long":"{long}","list":[ {{"phone":"+224"}} ,1e400],"of":{object},"n":[1e400]}}"#
        );
        for (configured, personal, key, expected) in [
            (None, &[][..], "gone", false),
            (None, &["/none"], "7", false),
            (Some("/id"), &["/id"], "8", true),
            (Some("/of"), &["/of/phone"], "8", true),
            (Some("/of/phone"), &["/of"], "8", true),
            (None, &["/name"], "Élo/A", true),
            (None, &["/id"], "Élo/A", false),
            (None, &["/list/0/phone"], "+224", true),
            (None, &["/list/0/phone"], r#"{"phone":"+224"}"#, true),
            (None, &["/list/0/phone"], r#"[ {"phone":"+224"} ,1e400]"#, true),
            (None, &["/list"], "1e400", true),
            (None, &["/id"], "1e400", false),
            (None, &["/long"], &digest, true),
            (None, &["/id"], &digest, false),
            (None, &["/of/phone"], &object_digest, true),
            (None, &["/id"], &object_digest, false),
            (None, &["/name"], "erased since", true),
            (Some("{header:x-order}"), &["/name"], "of a header", false),
            (Some("{header:x-order}"), &["/list/0/phone"], "7-+224", true),
        ] {
            let places = configured.map(|text| serde_json::from_value::<FieldPlaces>(text.into()).unwrap());
            let found = is_key_personal(places.as_ref(), &pointers(personal), body.as_bytes(), key);
            assert_eq!(found, expected, "{configured:?} {personal:?} {key}");
        }
        assert!(is_key_personal(None, &pointers(&["/a"]), b"no json", "7"));
        assert!(is_key_personal(None, &pointers(&["/a"]), b"\xff", "7"));
    }
}
