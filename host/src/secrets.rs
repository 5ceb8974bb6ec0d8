//! Redacts secrets in stored and logged text. No IO.

mod forms;

use std::borrow::Cow;
use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use crate::effect::{Attachment, Effect, Email, Emitted, HttpRequest};
use forms::Form;

/// Shorter secrets are not redacted, because they would be found inside of words.
const SECRET_MIN_BYTES: usize = 4;
/// A placeholder is `{secret:NAME}`, or `{secret:NAME:FORM}` for a secret that is written in another form.
const OPEN: &str = "{secret:";
/// Replaces [`OPEN`] in the text of an effect that has placeholders.
const ESCAPED: &str = "{secret:}";
/// Above this size of all patterns, a slower finder is used. The fast one takes a hundred times the patterns' memory.
const FAST_FINDER_MAX_BYTES: usize = 1024;
/// The longest placeholder, without its ends.
const PLACEHOLDER_MAX_BYTES: usize = 1024;

/// The ways in which programs write a text: in JSON, in URLs and forms, in HTML and in base64. Some may be equal.
pub fn forms_of(text: &str) -> impl Iterator<Item = String> {
    Form::all(text).into_iter().filter_map(|form| form.write(text))
}

/// Replaces a plugin's secrets in text by `{secret:NAME}`.
#[derive(Clone, Default)]
pub struct Mask {
    secrets: Vec<Secret>,
    /// The meaning of each pattern of the finder, except for the first one, which is [`OPEN`].
    patterns: Vec<Pattern>,
    longest_pattern_bytes: usize,
    /// `None` without secrets.
    finder: Option<AhoCorasick>,
}

#[derive(Clone, PartialEq, Eq)]
struct Secret {
    /// Its name, without the characters that have a meaning in placeholders.
    label: String,
    value: String,
}

#[derive(Clone)]
struct Pattern {
    /// The index of the secret.
    secret: usize,
    form: Form,
    text: String,
}

impl PartialEq for Mask {
    fn eq(&self, other: &Self) -> bool {
        self.secrets == other.secrets
    }
}

impl Eq for Mask {}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.secrets.iter().map(|secret| &secret.label)).finish()
    }
}

impl Mask {
    /// A mask for these secrets, by name.
    #[must_use]
    pub fn new(secrets: &BTreeMap<String, String>) -> Self {
        let labelled =
            |(name, value): (&String, &String)| Secret { label: label(name), value: value.clone() };
        let secrets: Vec<_> = secrets.iter().map(labelled).collect();
        let mut patterns: Vec<Pattern> = Vec::new();
        let long_enough = |(_, secret): &(usize, &Secret)| secret.value.len() >= SECRET_MIN_BYTES;
        for (index, secret) in secrets.iter().enumerate().filter(long_enough) {
            for form in Form::all(&secret.value) {
                let Some(text) = form.write(&secret.value) else { continue };
                if text.len() >= SECRET_MIN_BYTES && !patterns.iter().any(|known| known.text == text) {
                    patterns.push(Pattern { secret: index, form, text });
                }
            }
        }
        // If a secret contains another one, the longest match wins.
        let lengths = patterns.iter().map(|pattern| pattern.text.len());
        let (total, longest_pattern_bytes) = (lengths.clone().sum::<usize>(), lengths.max().unwrap_or(0));
        let fast = total <= FAST_FINDER_MAX_BYTES;
        let kind = if fast { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let finder = (!patterns.is_empty()).then(|| {
            let texts = std::iter::once(OPEN).chain(patterns.iter().map(|pattern| pattern.text.as_str()));
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).kind(Some(kind)).build(texts)
        });
        // It fails only for patterns larger than a configuration can be.
        Self { secrets, patterns, longest_pattern_bytes, finder: finder.and_then(Result::ok) }
    }

    /// Redacts a text for people. The secrets cannot be restored in it.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let hidden = self.rewrite(text.as_bytes(), |hidden, pattern, rest| {
            if let Some(pattern) = pattern {
                hidden.extend(format!("{OPEN}{}}}", self.secrets[pattern.secret].label).as_bytes());
                return pattern.text.len();
            }
            // An existing placeholder stays as it is.
            let known = placeholder(rest).filter(|found| self.find(found.label).is_some());
            let length = known.map_or(OPEN.len(), |found| found.length);
            hidden.extend(&rest[..length]);
            length
        });
        hidden.map_or(Cow::Borrowed(text), |hidden| Cow::Owned(lossy(hidden)))
    }

    /// Like [`Mask::hide`], for a truncated text. It also removes a possible beginning of a secret at the end.
    #[must_use]
    pub fn hide_cut(&self, text: &str) -> String {
        let mut hidden = self.hide(text).into_owned();
        let begun = self.patterns.iter().map(|pattern| {
            let text = pattern.text.as_bytes();
            (1..text.len()).rev().find(|&length| hidden.as_bytes().ends_with(&text[..length])).unwrap_or(0)
        });
        let end = hidden.len() - begun.max().unwrap_or(0);
        hidden.truncate(hidden.floor_char_boundary(end));
        hidden
    }

    /// Redacts the beginning of a text, and returns at most `max_bytes` and whether that is the whole text. It scans only
    /// the part of a long text that it needs, and leaves no part of a secret at the end.
    #[must_use]
    pub fn hide_within<'a>(&self, text: &'a str, max_bytes: usize) -> (Cow<'a, str>, bool) {
        let longest = self.longest_pattern_bytes;
        let end = text.floor_char_boundary(max_bytes.saturating_add(longest));
        let hidden = self.hide(&text[..end]);
        // A secret may begin before the end of the scanned part.
        let unknown = if end < text.len() { longest } else { 0 };
        let shown = hidden.floor_char_boundary(hidden.len().saturating_sub(unknown).min(max_bytes));
        let is_whole = end == text.len() && shown == hidden.len();
        let shown = match hidden {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..shown]),
            Cow::Owned(mut text) => {
                text.truncate(shown);
                Cow::Owned(text)
            }
        };
        (shown, is_whole)
    }

    /// Whether a text contains a secret.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        let secret = |found: aho_corasick::Match| found.pattern().as_usize() > 0;
        self.finder.as_ref().is_some_and(|finder| finder.find_iter(text).any(secret))
    }

    /// Replaces the secrets in an effect by placeholders, and returns whether there were any. If so, [`Mask::restore`]
    /// restores exactly these, even if other text looks like a placeholder.
    pub fn redact(&self, effect: &mut Effect) -> bool {
        let mut found = false;
        each_text(effect, &mut |text| found |= self.is_in(text));
        if found {
            each_text(effect, &mut |text| {
                let redacted = self.rewrite(text, |redacted, pattern, _| {
                    let Some(pattern) = pattern else {
                        redacted.extend(ESCAPED.as_bytes());
                        return OPEN.len();
                    };
                    let form = pattern.form.name().map(|form| format!(":{form}")).unwrap_or_default();
                    let label = &self.secrets[pattern.secret].label;
                    redacted.extend(format!("{OPEN}{label}{form}}}").as_bytes());
                    pattern.text.len()
                });
                if let Some(redacted) = redacted {
                    *text = redacted;
                }
            });
        }
        found
    }

    /// Redacts an effect for people. It cannot be carried out afterwards.
    pub fn hide_in(&self, effect: &mut Effect) {
        each_text(effect, &mut |text| {
            if let Ok(Cow::Owned(hidden)) = std::str::from_utf8(text).map(|text| self.hide(text)) {
                *text = hidden.into_bytes();
            }
        });
    }

    /// Restores the secrets that [`Mask::redact`] replaced, with their current values.
    ///
    /// # Errors
    /// The name of a secret that is no longer configured.
    pub fn restore(&self, effect: &mut Effect) -> Result<(), String> {
        let mut missing = None;
        each_text(effect, &mut |text| match self.restored(text) {
            Ok(restored) => *text = restored,
            Err(name) => missing = Some(name),
        });
        missing.map_or(Ok(()), Err)
    }

    fn restored(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        let (mut restored, mut rest) = (Vec::with_capacity(text.len()), text);
        while let Some(at) = rest.windows(OPEN.len()).position(|window| window == OPEN.as_bytes()) {
            restored.extend(&rest[..at]);
            rest = &rest[at..];
            let Some(found) = placeholder(rest) else {
                return Err("(unreadable)".into());
            };
            if found.length == ESCAPED.len() {
                restored.extend(OPEN.as_bytes());
            } else {
                let value = self.find(found.label).and_then(|secret| {
                    let form = Form::all(&secret.value).into_iter().find(|form| form.name() == found.form);
                    form.and_then(|form| form.write(&secret.value))
                });
                restored.extend(value.ok_or_else(|| found.label.to_owned())?.as_bytes());
            }
            rest = &rest[found.length..];
        }
        restored.extend(rest);
        Ok(restored)
    }

    fn find(&self, label: &str) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.label == label)
    }

    /// Replaces all matches of the finder. `write` gets the match at the beginning of the rest of the text
    /// (`None` for [`OPEN`]). It writes the replacement, and returns the length of the match. Returns `None`
    /// without a match.
    fn rewrite(
        &self,
        text: &[u8],
        write: impl Fn(&mut Vec<u8>, Option<&Pattern>, &[u8]) -> usize,
    ) -> Option<Vec<u8>> {
        let finder = self.finder.as_ref()?;
        let (mut new, mut at) = (Vec::new(), 0);
        while let Some(found) = finder.find(Input::new(text).range(at..)) {
            let pattern =
                found.pattern().as_usize().checked_sub(1).and_then(|index| self.patterns.get(index));
            new.extend(&text[at..found.start()]);
            at = found.start() + write(&mut new, pattern, &text[found.start()..]);
        }
        // Patterns are never empty.
        (at > 0).then(|| {
            new.extend(&text[at..]);
            new
        })
    }
}

/// A placeholder at the beginning of a text.
struct Placeholder<'a> {
    /// Empty for [`ESCAPED`].
    label: &'a str,
    form: Option<String>,
    length: usize,
}

fn placeholder(text: &[u8]) -> Option<Placeholder<'_>> {
    let inside = text.strip_prefix(OPEN.as_bytes())?;
    let end = inside.iter().take(PLACEHOLDER_MAX_BYTES).position(|&byte| byte == b'}')?;
    let inside = std::str::from_utf8(&inside[..end]).ok()?;
    let (label, form) = match inside.split_once(':') {
        Some((label, form)) => (label, Some(form.to_owned())),
        None => (inside, None),
    };
    Some(Placeholder { label, form, length: OPEN.len() + end + 1 })
}

/// A secret's name in placeholders, without the characters that have a meaning there.
fn label(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, forms::UNRESERVED).to_string()
}

/// Patterns consist of whole characters, so the text stays UTF-8.
fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Applies a change to all texts of an effect that its plugin wrote. The change must keep UTF-8.
fn each_text(effect: &mut Effect, change: &mut impl FnMut(&mut Vec<u8>)) {
    match effect {
        Effect::Http(HttpRequest { method, url, headers, body }) => {
            let headers = headers.iter_mut().flat_map(|(name, value)| [name, value]);
            headers.chain([method, url]).for_each(|text| change_text(text, change));
            change(body);
        }
        Effect::Email(Email { to, cc, bcc, reply_to, subject, text, html, attachments }) => {
            let all = to.iter_mut().chain(cc).chain(bcc).chain(reply_to).chain(html);
            all.chain([subject, text]).for_each(|text| change_text(text, change));
            for Attachment { filename, content_type, content } in attachments {
                change_text(filename, change);
                change_text(content_type, change);
                change(content);
            }
        }
        Effect::Event(Emitted { event_type, data }) => {
            change_text(event_type, change);
            change_text(data, change);
        }
    }
}

fn change_text(text: &mut String, change: &mut impl FnMut(&mut Vec<u8>)) {
    let mut bytes = std::mem::take(text).into_bytes();
    change(&mut bytes);
    *text = lossy(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(secrets: &[(&str, &str)]) -> Mask {
        Mask::new(&secrets.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn request(url: &str, header: &str, body: &[u8]) -> Effect {
        Effect::Http(HttpRequest {
            method: "POST".into(),
            url: url.into(),
            headers: vec![("authorization".into(), header.into())],
            body: body.to_vec(),
        })
    }

    #[test]
    fn secrets_are_redacted_at_any_position() {
        let mask =
            mask(&[("key", "s3cret"), ("longer", "s3cret-and-more"), ("tiny", "ab"), ("odd", "a\"b\nc")]);
        for (text, hidden) in [
            ("nothing", "nothing"),
            ("Bearer s3cret", "Bearer {secret:key}"),
            ("s3cret-and-more s3cret", "{secret:longer} {secret:key}"),
            ("abc", "abc"),
            ("a\"b\nc and {\"x\":\"a\\\"b\\nc\"}", "{secret:odd} and {\"x\":\"{secret:odd}\"}"),
            ("a%22b%0Ac, a%22b%0ac", "{secret:odd}, {secret:odd}"),
            ("{secret:key} s3cret {secret:", "{secret:key} {secret:key} {secret:"),
        ] {
            assert_eq!(mask.hide(text), hidden);
        }
        assert_eq!(format!("{mask:?}"), r#"["key", "longer", "odd", "tiny"]"#);
    }

    #[test]
    fn secrets_are_not_redacted_inside_of_placeholders() {
        let mask = mask(&[("a secret: {x}", "secret"), ("s", "{secret:")]);
        let hidden = "{secret:a%20secret%3A%20%7Bx%7D}";
        assert_eq!(mask.hide("secret"), hidden);
        assert_eq!(mask.hide(hidden), hidden);
        let asked = request("https://x/secret", "secret {secret:} {secret:s}", b"{secret:a");
        let mut effect = asked.clone();
        assert!(mask.redact(&mut effect));
        mask.restore(&mut effect).unwrap();
        assert_eq!(effect, asked);
    }

    #[test]
    fn an_effect_gets_its_secrets_restored_with_current_values() {
        let mut effect = request("https://x/?k=s3cret", "Bearer s3cret", b"{\"k\":\"s3cret\"}");
        assert!(mask(&[("key", "s3cret")]).redact(&mut effect));
        assert!(!format!("{effect:?}").contains("s3cret"));
        let mut without = effect.clone();
        mask(&[("key", "rotated")]).restore(&mut effect).unwrap();
        assert_eq!(effect, request("https://x/?k=rotated", "Bearer rotated", b"{\"k\":\"rotated\"}"));
        assert_eq!(mask(&[("other", "rotated")]).restore(&mut without), Err("key".into()));
    }

    #[test]
    fn an_effect_gets_every_form_of_a_secret_restored() {
        let secret = "pa/ss \"wörd\"\nwith a second line";
        let mask = mask(&[("key", secret)]);
        for form in Form::all(secret) {
            let text = form.write(secret).unwrap_or_default();
            let whole = format!("\u{e9} {text} {secret}");
            for asked in [
                request(&whole, "", b""),
                request("", &whole, b""),
                request("", "", whole.as_bytes()),
                request("", "", &[b"\xff", whole.as_bytes()].concat()),
            ] {
                let mut effect = asked.clone();
                assert!(mask.redact(&mut effect), "{form:?}");
                let Effect::Http(redacted) = &effect else { panic!() };
                assert!(!String::from_utf8_lossy(&redacted.body).contains("second line"), "{form:?}");
                mask.restore(&mut effect).unwrap();
                assert_eq!(effect, asked, "{form:?}");
            }
        }
    }

    #[test]
    fn a_visitors_text_is_no_placeholder_and_does_not_stop_redaction() {
        let mask = mask(&[("key", "s3cret")]);
        for visitor in
            ["{secret:key}", "{secret:", "{secret:}", "{secret:}key}", "{secret:{secret:key}}", "{"]
        {
            let body = format!("{visitor} s3cret {visitor}");
            let asked = request("https://x/", "Bearer s3cret", body.as_bytes());
            let mut effect = asked.clone();
            assert!(mask.redact(&mut effect));
            assert!(
                !String::from_utf8_lossy(&format!("{effect:?}").into_bytes()).contains("s3cret"),
                "{effect:?}"
            );
            mask.restore(&mut effect).unwrap();
            assert_eq!(effect, asked, "{visitor}");
        }
        // A text without a secret is neither redacted nor restored.
        let mut effect = request("https://x/", "", b"{secret:key}");
        assert!(!mask.redact(&mut effect));
        assert_eq!(effect, request("https://x/", "", b"{secret:key}"));
    }

    #[test]
    fn the_beginning_of_a_long_text_is_shown_without_any_part_of_a_secret() {
        let mask = mask(&[("key", "0123456789")]);
        for max in 0..60 {
            let text = "ab 0123456789 ".repeat(100);
            let (shown, is_whole) = mask.hide_within(&text, max);
            assert!(!is_whole && shown.len() <= max && !shown.contains("0123"), "{max}: {shown}");
        }
        assert_eq!(mask.hide_within("is 0123456789", 100), ("is {secret:key}".into(), true));
    }

    #[test]
    fn a_truncated_text_also_loses_the_beginning_of_a_secret() {
        let mask = mask(&[("key", "s3cret-ö")]);
        for (text, hidden) in [
            ("is s3cret-ö", "is {secret:key}"),
            ("is s3cret-", "is "),
            ("is s3c", "is "),
            ("is %73", "is %73"),
            ("is it", "is it"),
        ] {
            assert_eq!(mask.hide_cut(text), hidden);
        }
    }
}
