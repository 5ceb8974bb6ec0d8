//! The context attributes of a `CloudEvent`, with extensions: members of its JSON object in the structured mode and in
//! batches, headers in the binary mode. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use http::HeaderMap;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::field::{ATTRIBUTE_PREFIX, decode_attribute};
use crate::event::parse_json_string;
use crate::ingress::text;

/// Where the attributes of a source's events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttributePlace {
    /// They have none.
    Nowhere,
    /// Members of the JSON object.
    Members,
    /// Headers whose names begin with `ce-`.
    Headers,
}

/// The limits of an event's attributes.
#[derive(Debug, Clone, Copy)]
pub(in crate::ingress) struct AttributeRules {
    /// Most attributes.
    pub(in crate::ingress) count_max: usize,
    /// Most bytes of all names and values.
    pub(in crate::ingress) bytes_max: usize,
}

type Attributes = BTreeMap<String, String>;

/// The attribute that says which version of `CloudEvents` an event has. What has none is no `CloudEvent`.
const SPECVERSION: &str = "specversion";
/// The attribute with the media type of the data; in the binary mode it is the header `content-type`.
pub(super) const DATA_CONTENT_TYPE: &str = "datacontenttype";
/// Members that hold the data.
const DATA: [&str; 2] = ["data", "data_base64"];

impl AttributePlace {
    /// The attributes of an event by name. A null, an empty text, a list and an object are no attribute.
    ///
    /// # Errors
    /// The limit that they cross.
    pub(super) fn read(
        self,
        json: &str,
        headers: &HeaderMap,
        rules: AttributeRules,
    ) -> Result<Attributes, String> {
        let attributes = match self {
            Self::Nowhere => return Ok(Attributes::new()),
            Self::Members => read_members(json),
            Self::Headers => read_headers(headers),
        };
        if !attributes.contains_key(SPECVERSION) {
            return Ok(Attributes::new());
        }
        let AttributeRules { count_max, bytes_max } = rules;
        let count = attributes.len();
        if count > count_max {
            return Err(format!(
                "the event has {count} attributes, and server.attributes_max is {count_max}"
            ));
        }
        let bytes: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > bytes_max {
            return Err(format!(
                "the attributes of the event have {bytes} bytes, and server.attributes_max_bytes is {bytes_max}"
            ));
        }
        Ok(attributes)
    }
}

/// An attribute whose header is repeated or no ASCII is left out, as an id would be.
fn read_headers(headers: &HeaderMap) -> Attributes {
    let attribute = |name: &str| {
        let mut values = headers.get_all(format!("{ATTRIBUTE_PREFIX}{name}")).iter();
        let value = decode_attribute(values.next()?.to_str().ok()?.trim())?;
        values.next().is_none().then(|| value.into_owned())
    };
    let names = headers.keys().filter_map(|name| name.as_str().strip_prefix(ATTRIBUTE_PREFIX));
    let names = names.filter(|name| !name.is_empty());
    let mut attributes: Attributes =
        names.filter_map(|name| Some((name.to_owned(), attribute(name)?))).collect();
    if let Some(content_type) = text::content_type(headers) {
        attributes.insert(DATA_CONTENT_TYPE.into(), content_type.into());
    }
    attributes
}

/// The attributes of what was read as JSON before.
fn read_members(json: &str) -> Attributes {
    if !json.trim_start().starts_with('{') {
        return Attributes::new();
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Members).unwrap_or_default()
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Attributes, A::Error> {
        let mut attributes = Attributes::new();
        while let Some((name, value)) = members.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            if DATA.contains(&&*name) {
                continue;
            }
            // The last of equal names counts, as it does for the event's id.
            match read_value(value.get()) {
                Some(value) => drop(attributes.insert(name.into_owned(), value.into_owned())),
                None => drop(attributes.remove(&*name)),
            }
        }
        Ok(attributes)
    }
}

/// The text of a text, number or truth value.
fn read_value(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => parse_json_string(json).filter(|text| !text.is_empty()),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const RULES: AttributeRules = AttributeRules { count_max: 4, bytes_max: 60 };

    fn shown(attributes: Result<Attributes, String>) -> String {
        let shown = |attributes: Attributes| {
            attributes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        attributes.map_or_else(|error| error, shown)
    }

    #[test]
    fn members_that_are_scalars_are_attributes_and_the_last_of_equal_names_counts() {
        for (json, expected) in [
            (r#"{"specversion":"1.0","data":{"x":1},"data_base64":"AA=="}"#, "specversion=1.0"),
            (r#" {"specversion":"1.0","n":-7,"b":true,"t":"\u00e9\n"}"#, "b=true n=-7 specversion=1.0 t=é\n"),
            (r#"{"specversion":"1.0","a":null,"b":"","c":[1],"d":{}}"#, "specversion=1.0"),
            (r#"{"specversion":"1.0","a":"1","\u0061":"2"}"#, "a=2 specversion=1.0"),
            (r#"{"specversion":"1.0","a":"1","a":null}"#, "specversion=1.0"),
            (r#"{"a":"1","b":"2","c":"3","d":"4","e":"5"}"#, ""),
            ("[1]", ""),
            (
                r#"{"specversion":"1.0","a":1,"b":2,"c":3,"d":4}"#,
                "the event has 5 attributes, and server.attributes_max is 4",
            ),
            (
                r#"{"specversion":"1.0","a":"12345678901234567890123456789012345678901234567890"}"#,
                "the attributes of the event have 65 bytes, and server.attributes_max_bytes is 60",
            ),
        ] {
            let read = AttributePlace::Members.read(json, &HeaderMap::new(), RULES);
            assert_eq!(shown(read), expected, "{json}");
        }
    }

    #[test]
    fn headers_are_attributes_with_their_escapes_decoded() {
        let spec = ("ce-specversion", "1.0");
        let rest = [("ce-a", "1"), ("ce-b", "2"), ("ce-c", "3"), ("ce-d", "4")];
        for (headers, expected) in [
            (&[spec, ("ce-x", "\"a\\\"b\""), ("ce-y", " %C3%A9 ")][..], "specversion=1.0 x=a\"b y=é"),
            (&[spec, ("ce-x", "1"), ("ce-x", "2"), ("ce-", "3"), ("ce-z", "%ff")], "specversion=1.0"),
            (&[spec, ("content-type", "text/xml")], "datacontenttype=text/xml specversion=1.0"),
            (&[("ce-x", "1")], ""),
            (
                &[spec, rest[0], rest[1], rest[2], rest[3]],
                "the event has 5 attributes, and server.attributes_max is 4",
            ),
        ] {
            let mut map = HeaderMap::new();
            for &(name, value) in headers {
                map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(shown(AttributePlace::Headers.read("{}", &map, RULES)), expected, "{headers:?}");
        }
        assert_eq!(shown(AttributePlace::Nowhere.read("{}", &HeaderMap::new(), RULES)), "");
    }
}
