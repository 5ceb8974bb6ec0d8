//! Texts that are made of parts of a request: `{header:X-GitHub-Event}[.{/action}]`. Pure.
//!
//! A part in braces is a JSON pointer into the body, `header:NAME`, or one of the words in [`Part`]. Brackets hold what
//! is left out when a part in them is missing. A backslash takes a character as it is.

use std::fmt;

use http::HeaderName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::values::Pointer;

/// Longest template, in bytes.
const TEMPLATE_MAX_BYTES: usize = 1024;
/// Most alternatives of a field.
const ALTERNATIVES_MAX: usize = 8;

/// A text with parts of a request in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// As it is written.
    text: String,
}

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The same in every request.
    Literal(String),
    /// `{body}`: the bytes as they came.
    Body,
    /// `{timestamp}`: the text at the scheme's `timestamp`, as it came.
    Timestamp,
    /// `{method}`
    Method,
    /// `{url}`: the configured URL of the source, with the query of the request.
    Url,
    /// `{form}`: the names and values of a form, decoded and sorted, each pair once; nothing of a JSON body.
    Form,
    /// `{crc32}`: the CRC-32 of the body in decimal.
    Crc32,
    /// `{value:NAME}`: of the source's `values`.
    Value(String),
    /// `{header:NAME}`, or `{header:NAME:ITEM}`.
    Header(HeaderPlace),
    /// `{/pointer}`: a value of the body, a text or a number.
    Pointer(Pointer),
    /// `[…]`: left out if a part of it is missing.
    Optional(Vec<Part>),
}

/// A value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderPlace {
    /// Its names, `|` between them: the first one present counts. Never empty.
    pub names: Vec<HeaderName>,
    /// The item `NAME=…` of a header that is a list, with `,` or `;` between items; `None` = the whole value.
    pub item: Option<String>,
}

/// A place of one value: `{header:NAME}`, `{header:NAME:ITEM}`, or a JSON pointer into the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValuePlace {
    /// In a header.
    Header(HeaderPlace),
    /// In the body.
    Pointer(Pointer),
}

/// The places of a field of an event, best first: the first one that is present counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldPlaces(Vec<Template>);

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The wrong part, and what can be written there.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEMPLATE_MAX_BYTES {
            return Err(format!("it is longer than {TEMPLATE_MAX_BYTES} bytes"));
        }
        let mut rest = text.chars();
        let parts = parse_parts(&mut rest, false).map_err(|why| format!("`{text}`: {why}"))?;
        Ok(Self { parts, text: text.to_owned() })
    }

    /// A template that is the value at a pointer.
    #[must_use]
    pub fn at(pointer: Pointer) -> Self {
        let text = pointer.to_string();
        Self { parts: vec![Part::Pointer(pointer)], text }
    }

    /// The template `{body}`.
    #[must_use]
    pub fn body() -> Self {
        Self { parts: vec![Part::Body], text: "{body}".into() }
    }

    /// The pointers in it.
    pub fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.all_parts().filter_map(Part::as_pointer)
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The pointer, if it is nothing else.
    #[must_use]
    pub fn as_pointer(&self) -> Option<&Pointer> {
        match self.parts.as_slice() {
            [Part::Pointer(pointer)] => Some(pointer),
            _ => None,
        }
    }

    /// All of its parts, also those in brackets.
    pub fn all_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().flat_map(Part::flattened)
    }
}

impl Part {
    /// The whole value of a header.
    #[must_use]
    pub fn header(name: HeaderName) -> Self {
        Self::Header(HeaderPlace { names: vec![name], item: None })
    }

    /// The parts in brackets, or itself.
    fn flattened(&self) -> &[Self] {
        match self {
            Self::Optional(parts) => parts,
            part => std::slice::from_ref(part),
        }
    }

    /// The pointer, if it is one.
    fn as_pointer(&self) -> Option<&Pointer> {
        match self {
            Self::Pointer(pointer) => Some(pointer),
            _ => None,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl FieldPlaces {
    /// The place at a pointer of these names and indexes.
    #[must_use]
    pub fn to(tokens: &[&str]) -> Self {
        Self(vec![Template::at(Pointer::to(tokens))])
    }

    /// One place of these parts.
    #[must_use]
    pub fn of_parts(parts: Vec<Part>) -> Self {
        Self(vec![Template { parts, text: "its headers".into() }])
    }

    /// The alternatives.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        &self.0
    }

    /// Whether there is no place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All pointers that a value may come from.
    pub fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.0.iter().flat_map(Template::pointers)
    }

    /// The first place that is a pointer and nothing else: where a sample has the value.
    #[must_use]
    pub fn as_pointer(&self) -> Option<&Pointer> {
        self.0.iter().find_map(Template::as_pointer)
    }

    /// The pointer, if a value comes from nowhere else.
    #[must_use]
    pub fn only_pointer(&self) -> Option<&Pointer> {
        match self.0.as_slice() {
            [only] => only.as_pointer(),
            _ => None,
        }
    }

    /// The first header that a value comes from: where a sample has the value.
    #[must_use]
    pub fn first_header(&self) -> Option<&HeaderName> {
        self.0.iter().flat_map(Template::all_parts).find_map(|part| match part {
            Part::Header(place) => place.names.first(),
            _ => None,
        })
    }

    fn parse_one(text: &str) -> Result<Template, String> {
        if text.is_empty() || text.starts_with('/') {
            return Pointer::parse(text).map(Template::at);
        }
        if !text.contains('{') {
            return Err(format!(
                "`{text}` is no JSON pointer: it begins with `/`; a header is `{{header:{text}}}`, and both together \
                 are a template such as `{{header:X-Event}}.{{/action}}`"
            ));
        }
        let template = Template::parse(text)?;
        let is_of_field = |part: &Part| matches!(part, Part::Literal(_) | Part::Header(_) | Part::Pointer(_));
        if template.all_parts().all(is_of_field) {
            Ok(template)
        } else {
            Err(format!("`{text}`: use JSON pointers, headers and text only"))
        }
    }
}

impl fmt::Display for FieldPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, template) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            template.fmt(f)?;
        }
        Ok(())
    }
}

/// A text, or a list of texts.
#[derive(Deserialize)]
#[serde(untagged, expecting = "use a JSON pointer, a template, or a list of them")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl<'de> Deserialize<'de> for FieldPlaces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        };
        if texts.len() > ALTERNATIVES_MAX {
            return Err(D::Error::custom(format!("give at most {ALTERNATIVES_MAX} places")));
        }
        let places = texts.iter().map(|text| Self::parse_one(text)).collect::<Result<_, _>>();
        places.map(Self).map_err(D::Error::custom)
    }
}

impl ValuePlace {
    /// Parses a place.
    ///
    /// # Errors
    /// What can be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Pointer::parse(text).map(Self::Pointer);
        }
        match Template::parse(text)?.parts.as_slice() {
            [Part::Header(place)] => Ok(Self::Header(place.clone())),
            [Part::Pointer(pointer)] => Ok(Self::Pointer(pointer.clone())),
            _ => Err(format!("`{text}` is no place of one value: write `{{header:NAME}}` or a JSON pointer")),
        }
    }
}

impl<'de> Deserialize<'de> for ValuePlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Display for HeaderPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names.iter().map(HeaderName::as_str).collect();
        write!(f, "header {}", names.join(" or "))?;
        if let Some(item) = &self.item {
            write!(f, ", item `{item}=`")?;
        }
        Ok(())
    }
}

impl fmt::Display for ValuePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(place) => place.fmt(f),
            Self::Pointer(pointer) => write!(f, "`{pointer}` of the body"),
        }
    }
}

/// Reads parts to the end, or to the bracket that closes them.
fn parse_parts(rest: &mut std::str::Chars<'_>, is_optional: bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    while let Some(c) = rest.next() {
        match c {
            '\\' => literal.push(rest.next().ok_or("nothing follows the `\\` at its end")?),
            '{' => {
                push_literal(&mut parts, &mut literal);
                parts.push(parse_part(&read_name(rest)?)?);
            }
            '[' if is_optional => return Err("brackets are not within brackets".into()),
            '[' => {
                push_literal(&mut parts, &mut literal);
                parts.push(Part::Optional(parse_parts(rest, true)?));
            }
            ']' if is_optional => {
                push_literal(&mut parts, &mut literal);
                return Ok(parts);
            }
            ']' | '}' => return Err(format!("`{c}` closes nothing: write `\\{c}` for the character")),
            c => literal.push(c),
        }
    }
    if is_optional {
        return Err("a `[` is not closed".into());
    }
    push_literal(&mut parts, &mut literal);
    Ok(parts)
}

fn push_literal(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

fn read_name(rest: &mut std::str::Chars<'_>) -> Result<String, String> {
    let mut name = String::new();
    loop {
        match rest.next().ok_or("a `{` is not closed")? {
            '}' => return Ok(name),
            '\\' => name.extend(rest.next()),
            c => name.push(c),
        }
    }
}

fn parse_part(name: &str) -> Result<Part, String> {
    if name.starts_with('/') {
        return Pointer::parse(name).map(Part::Pointer);
    }
    if let Some(place) = name.strip_prefix("header:") {
        return parse_header(place).map(Part::Header);
    }
    if let Some(value) = name.strip_prefix("value:").filter(|value| !value.is_empty()) {
        return Ok(Part::Value(value.to_owned()));
    }
    Ok(match name {
        "body" => Part::Body,
        "timestamp" => Part::Timestamp,
        "method" => Part::Method,
        "url" => Part::Url,
        "form" => Part::Form,
        "crc32" => Part::Crc32,
        _ => {
            return Err(format!(
                "`{{{name}}}` is no part of a request: use a JSON pointer as `{{/id}}`, `{{header:NAME}}`, or for signed \
                 content {{body}}, {{timestamp}}, {{url}}, {{method}}, {{form}}, {{crc32}} or {{value:NAME}}"
            ));
        }
    })
}

fn parse_header(text: &str) -> Result<HeaderPlace, String> {
    let (names, item) = text.split_once(':').map_or((text, None), |(names, item)| (names, Some(item)));
    let name = |name: &str| {
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))
    };
    let names = names.split('|').map(name).collect::<Result<_, _>>()?;
    if item == Some("") {
        return Err(format!("`{{header:{text}}}` names no item after the second colon"));
    }
    Ok(HeaderPlace { names, item: item.map(str::to_owned) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    fn header(name: &'static str, item: Option<&str>) -> Part {
        let names = vec![HeaderName::from_static(name)];
        Part::Header(HeaderPlace { names, item: item.map(str::to_owned) })
    }

    #[test]
    fn parses_parts_brackets_and_escapes() {
        let literal = |text: &str| Part::Literal(text.into());
        let pointer = |name: &str| Part::Pointer(Pointer::to(&[name]));
        for (text, expected) in [
            ("", vec![]),
            ("{timestamp}.{body}", vec![Part::Timestamp, literal("."), Part::Body]),
            (
                "{header:X-Event}[.{/action}]",
                vec![header("x-event", None), Part::Optional(vec![literal("."), pointer("action")])],
            ),
            ("{header:Stripe-Signature:t}", vec![header("stripe-signature", Some("t"))]),
            (r"\{\[\\{/a\}b}", vec![literal(r"{[\"), pointer("a}b")]),
            ("{value:webhook_id}|{crc32}", vec![Part::Value("webhook_id".into()), literal("|"), Part::Crc32]),
        ] {
            assert_eq!(Template::parse(text).unwrap().parts(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_wrong_parts_and_says_what_can_be_written() {
        for (text, part) in [
            ("{", "is not closed"),
            ("[{/a}", "is not closed"),
            ("[[{/a}]]", "brackets are not within brackets"),
            ("a]", "closes nothing"),
            ("a}", "closes nothing"),
            ("\\", "nothing follows"),
            ("{bodi}", "`{bodi}` is no part of a request"),
            ("{header:a b}", "`a b` is no header name"),
            ("{header:a:}", "names no item"),
            ("{value:}", "is no part"),
            ("{/a~2}", "is no JSON pointer"),
        ] {
            let why = Template::parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
        assert!(Template::parse(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn a_field_takes_pointers_headers_and_text_only() {
        assert!(FieldPlaces::parse_one("{header:X}.{/a}").is_ok());
        assert_eq!(FieldPlaces::parse_one("/a").unwrap(), Template::at(Pointer::to(&["a"])));
        for wrong in ["id", "{body}", "{/a}{timestamp}", "[{url}]"] {
            assert!(FieldPlaces::parse_one(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_value_has_one_place() {
        assert!(
            matches!(ValuePlace::parse("{header:A|B}"), Ok(ValuePlace::Header(place)) if place.names.len() == 2)
        );
        assert!(matches!(ValuePlace::parse("/a/b"), Ok(ValuePlace::Pointer(_))));
        for wrong in ["a", "", "{header:A}.", "{body}"] {
            assert!(ValuePlace::parse(wrong).is_err(), "{wrong}");
        }
    }
}
