//! The ways in which a secret is written in requests, answers and log lines.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// Larger secrets are searched for plain, within JSON and line by line: each further form would take as
/// much memory again.
const MANY_FORMS_MAX_BYTES: usize = 4096;
/// Shorter lines, and shorter secrets in base64, would match unrelated text.
const PART_MIN_BYTES: usize = 8;

/// RFC 3986: all but unreserved characters.
pub(super) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// `encodeURIComponent`.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// `application/x-www-form-urlencoded`, where a space is written `+`.
const FORM_FIELD: &AsciiSet = &UNRESERVED.add(b'~').remove(b'*').remove(b' ');
/// The URL Standard's path and query.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
const PATH: &AsciiSet = &QUERY.remove(b'\'').add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');

/// One of these ways. Its name stands in placeholders, so that the same text can be put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The plain text.
    Plain,
    /// The form in emails: CRLF ends lines.
    Crlf,
    /// One line of several, from 1.
    Line(usize),
    /// Within a JSON string, with the other characters that are escaped there: those beyond ASCII,
    /// slashes.
    Json { ascii: bool, slashes: bool },
    /// Percent-encoded.
    Percent { set: usize, lower: bool },
    /// Within HTML or XML.
    Html,
    /// Within base64, where this many bytes of a group of three come before it.
    Base64 { url: bool, before: usize },
}

const SETS: [(&str, &AsciiSet); 5] = [
    ("percent", UNRESERVED),
    ("component", COMPONENT),
    ("form", FORM_FIELD),
    ("query", QUERY),
    ("path", PATH),
];

impl Form {
    /// All forms of this secret; some may be equal.
    pub(super) fn all(secret: &str) -> Vec<Self> {
        let json = |ascii, slashes| Self::Json { ascii, slashes };
        let mut all = vec![Self::Plain, json(false, false)];
        let lines = secret.lines().count();
        if lines > 1 {
            all.push(Self::Crlf);
            all.extend((1..=lines).map(Self::Line));
        }
        if secret.len() <= MANY_FORMS_MAX_BYTES {
            all.extend([json(true, false), json(false, true), json(true, true), Self::Html]);
            for set in 0..SETS.len() {
                all.extend([false, true].map(|lower| Self::Percent { set, lower }));
            }
            for url in [false, true] {
                all.extend((0..3).map(|before| Self::Base64 { url, before }));
            }
        }
        all
    }

    /// The secret in this form; `None` = it has none.
    pub(super) fn write(self, secret: &str) -> Option<String> {
        match self {
            Self::Plain => Some(secret.to_owned()),
            Self::Crlf => Some(secret.lines().collect::<Vec<_>>().join("\r\n")),
            Self::Line(number) => {
                let line = secret.lines().nth(number.checked_sub(1)?)?.trim();
                (line.len() >= PART_MIN_BYTES).then(|| line.to_owned())
            }
            Self::Json { ascii, slashes } => Some(json(secret, ascii, slashes)),
            Self::Percent { set, lower } => {
                let (name, set) = SETS.get(set)?;
                let encoded = utf8_percent_encode(secret, set).to_string();
                let encoded = if *name == "form" { encoded.replace(' ', "+") } else { encoded };
                Some(if lower { lower_digits(&encoded) } else { encoded })
            }
            Self::Html => {
                let escaped = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                Some(escaped.replace('"', "&quot;").replace('\'', "&#39;"))
            }
            Self::Base64 { url, before } => base64(secret, url, before),
        }
    }

    /// Its name in placeholders; `None` = the form that needs none.
    pub(super) fn name(self) -> Option<String> {
        Some(match self {
            Self::Plain => return None,
            Self::Crlf => "crlf".into(),
            Self::Line(number) => format!("line.{number}"),
            Self::Json { ascii, slashes } => {
                format!("json{}{}", if ascii { ".ascii" } else { "" }, if slashes { ".slashes" } else { "" })
            }
            Self::Percent { set, lower } => {
                let (name, _) = SETS.get(set)?;
                format!("{name}{}", if lower { ".lower" } else { "" })
            }
            Self::Html => "html".into(),
            Self::Base64 { url, before } => format!("base64{}.{before}", if url { "url" } else { "" }),
        })
    }
}

fn json(secret: &str, ascii: bool, slashes: bool) -> String {
    let quoted = serde_json::Value::from(secret).to_string();
    let mut text = quoted[1..quoted.len() - 1].to_owned();
    if slashes {
        text = text.replace('/', "\\/");
    }
    if ascii {
        let mut escaped = String::with_capacity(text.len());
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => escaped.push(byte.into()),
                _ => escaped.extend(format!("\\u{unit:04x}").chars()),
            }
        }
        text = escaped;
    }
    text
}

/// With the digits of percent-encoding in lower case.
fn lower_digits(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let mut lower = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}

/// The base64 characters that the secret alone determines, at any offset in the encoded text.
fn base64(secret: &str, url: bool, before: usize) -> Option<String> {
    if secret.len() < PART_MIN_BYTES {
        return None;
    }
    let bytes = [&vec![0; before], secret.as_bytes()].concat();
    let encoded = if url { URL_SAFE_NO_PAD.encode(&bytes) } else { STANDARD_NO_PAD.encode(&bytes) };
    let first = (before * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    encoded.get(first..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(secret: &str) -> Vec<String> {
        Form::all(secret).into_iter().filter_map(|form| form.write(secret)).collect()
    }

    #[test]
    fn a_secret_is_known_in_the_forms_that_languages_write() {
        for (secret, form) in [
            ("pa ss&wörd", "pa%20ss%26w%C3%B6rd"),
            ("pa ss&wörd", "pa%20ss%26w%c3%b6rd"),
            ("pa ss&wörd", "pa+ss%26w%C3%B6rd"),
            ("it's(so)", "it's(so)"),
            ("it's(so)", "it%27s%28so%29"),
            ("a/b\"ö", "a/b\\\"ö"),
            ("a/b\"ö", "a\\/b\\\"ö"),
            ("a/b\"ö", "a/b\\\"\\u00f6"),
            ("a/b\"ö", "a\\/b\\\"\\u00f6"),
            ("<a&b>", "&lt;a&amp;b&gt;"),
            ("one\ntwo", "one\r\ntwo"),
            ("-----BEGIN KEY-----\nMIIEvQIBADANBg\n", "MIIEvQIBADANBg"),
        ] {
            assert!(written(secret).iter().any(|text| text == form), "{form}: {:?}", written(secret));
        }
    }

    #[test]
    fn a_secret_is_found_in_base64_in_any_surrounding() {
        for secret in ["password", "passwords", "pass-words", "pass\u{ff}word?>"] {
            for before in ["", "u", "us", "user:", "user-name:"] {
                for after in ["", "!", "!!", " and more"] {
                    for url in [false, true] {
                        let whole = format!("{before}{secret}{after}");
                        let encoded =
                            if url { URL_SAFE_NO_PAD.encode(&whole) } else { STANDARD_NO_PAD.encode(&whole) };
                        let found = written(secret).iter().any(|form| encoded.contains(form));
                        assert!(found, "{whole}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_of_forms_are_their_own() {
        let all = Form::all("one line and\nanother");
        let names: std::collections::BTreeSet<_> = all.iter().map(|form| form.name()).collect();
        assert_eq!(names.len(), all.len());
    }
}
