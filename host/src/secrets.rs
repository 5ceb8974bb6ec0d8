//! Keeps secrets out of what is written down. No IO.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::effect::{Effect, Email};

/// Shorter ones would be found in the midst of words: they are not masked.
const SECRET_MIN_BYTES: usize = 4;
const OPEN: &str = "{secret:";

/// Finds a plugin's secrets in text, and puts `{secret:NAME}` in their place.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Mask {
    /// What to look for and whose it is; the longest first, as one may be part of another.
    values: Vec<(String, String)>,
    /// Names and values, to put back.
    secrets: Vec<(String, String)>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.secrets.iter().map(|(name, _)| name)).finish()
    }
}

impl Mask {
    /// For these secrets, by name.
    #[must_use]
    pub fn new(secrets: &BTreeMap<String, String>) -> Self {
        let mut values = Vec::new();
        for (name, value) in secrets.iter().filter(|(_, value)| value.len() >= SECRET_MIN_BYTES) {
            values.push((value.clone(), name.clone()));
            // As it stands within JSON.
            let quoted = serde_json::Value::from(value.as_str()).to_string();
            let quoted = quoted[1..quoted.len() - 1].to_owned();
            if quoted != *value {
                values.push((quoted, name.clone()));
            }
        }
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let secrets = secrets.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { values, secrets }
    }

    /// The text without secrets.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for (value, name) in &self.values {
            if text.contains(value.as_str()) {
                text = Cow::Owned(text.replace(value.as_str(), &format!("{OPEN}{name}}}")));
            }
        }
        text
    }

    /// Takes the secrets out of an effect, if they can be put back: where it speaks of `{secret:…}` itself,
    /// whoever wrote that would get a secret. Returns whether it did.
    pub fn take_out(&self, effect: &mut Effect) -> bool {
        if self.values.is_empty() {
            return false;
        }
        let mut free = true;
        each_text(effect, &mut |text| free &= !text.contains(OPEN));
        let mut taken = false;
        if free {
            each_text(effect, &mut |text| {
                if let Cow::Owned(hidden) = self.hide(text) {
                    (*text, taken) = (hidden, true);
                }
            });
        }
        taken
    }

    /// Puts `{secret:NAME}` in place of every secret, for good: what is then shown is not performed.
    pub fn hide_in(&self, effect: &mut Effect) {
        each_text(effect, &mut |text| {
            if let Cow::Owned(hidden) = self.hide(text) {
                *text = hidden;
            }
        });
    }

    /// Puts them back, with the values of now.
    pub fn put_back(&self, effect: &mut Effect) {
        each_text(effect, &mut |text| {
            if text.contains(OPEN) {
                for (name, value) in &self.secrets {
                    *text = text.replace(&format!("{OPEN}{name}}}"), value);
                }
            }
        });
    }
}

/// Every text of an effect in which a secret may stand; bodies where they are text.
fn each_text(effect: &mut Effect, change: &mut impl FnMut(&mut String)) {
    let content = |bytes: &mut Vec<u8>, change: &mut dyn FnMut(&mut String)| match String::from_utf8(
        std::mem::take(bytes),
    ) {
        Ok(mut text) => {
            change(&mut text);
            *bytes = text.into_bytes();
        }
        Err(binary) => *bytes = binary.into_bytes(),
    };
    match effect {
        Effect::Http(request) => {
            change(&mut request.url);
            request.headers.iter_mut().for_each(|(_, value)| change(value));
            content(&mut request.body, change);
        }
        Effect::Email(email) => {
            let Email { to, cc, bcc, reply_to, subject, text, html, attachments } = email;
            to.iter_mut().chain(cc).chain(bcc).chain(reply_to).for_each(&mut *change);
            change(subject);
            change(text);
            html.iter_mut().for_each(&mut *change);
            for attachment in attachments {
                content(&mut attachment.content, change);
            }
        }
        Effect::Event(event) => change(&mut event.data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::HttpRequest;

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
    fn secrets_are_hidden_wherever_they_stand() {
        let mask =
            mask(&[("key", "s3cret"), ("longer", "s3cret-and-more"), ("tiny", "ab"), ("odd", "a\"b\nc")]);
        for (text, hidden) in [
            ("nothing", "nothing"),
            ("Bearer s3cret", "Bearer {secret:key}"),
            ("s3cret-and-more s3cret", "{secret:longer} {secret:key}"),
            ("abc", "abc"),
            ("a\"b\nc and {\"x\":\"a\\\"b\\nc\"}", "{secret:odd} and {\"x\":\"{secret:odd}\"}"),
        ] {
            assert_eq!(mask.hide(text), hidden);
        }
        assert_eq!(format!("{mask:?}"), r#"["key", "longer", "odd", "tiny"]"#);
    }

    #[test]
    fn an_effect_gets_its_secrets_back_with_the_values_of_then() {
        let mut effect = request("https://x/?k=s3cret", "Bearer s3cret", b"{\"k\":\"s3cret\"}");
        assert!(mask(&[("key", "s3cret")]).take_out(&mut effect));
        assert!(!format!("{effect:?}").contains("s3cret"));
        mask(&[("key", "rotated")]).put_back(&mut effect);
        assert_eq!(effect, request("https://x/?k=rotated", "Bearer rotated", b"{\"k\":\"rotated\"}"));
    }

    #[test]
    fn what_only_looks_like_a_secret_never_becomes_one() {
        let asked = request("https://x/", "Bearer s3cret", b"a visitor wrote {secret:key}");
        let mut effect = asked.clone();
        assert!(!mask(&[("key", "s3cret")]).take_out(&mut effect));
        assert_eq!(effect, asked);
    }

    #[test]
    fn bytes_that_are_no_text_stay_as_they_are() {
        let mut effect = request("https://x/", "", b"\xff s3cret");
        assert!(!mask(&[("key", "s3cret")]).take_out(&mut effect));
        assert_eq!(effect, request("https://x/", "", b"\xff s3cret"));
    }
}
