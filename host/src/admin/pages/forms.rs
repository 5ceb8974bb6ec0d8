//! Forms: each has a token of its session, which no other page knows.

use axum::Form;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

use crate::admin::Problem;
use crate::token::FormKey;

/// The field with the token.
pub(super) const TOKEN_FIELD: &str = "form_token";
/// The largest form of somebody who is logged in: an edited payload is the largest part of one.
pub(super) const FORM_MAX_BYTES: usize = 2 * 1024 * 1024;
/// The largest form of anybody else.
pub(super) const LOGIN_MAX_BYTES: usize = 8 * 1024;

/// The content of a form.
pub(super) struct FormBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FormBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let form = Form::<T>::from_request(request, state).await;
        form.map(|Form(form)| Self(form)).map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

/// A token for the forms of one page. It is masked with random bytes, so that it differs on each page: the length of
/// compressed pages tells nothing about it.
pub(super) fn make_token(FormKey(key): FormKey) -> String {
    let mask: [u8; 32] = rand::random();
    let mut masked = key;
    masked.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    hex::encode([mask, masked].concat())
}

/// Whether a form has a token of this key.
pub(super) fn has_token(body: &[u8], key: FormKey) -> bool {
    let mut fields = url::form_urlencoded::parse(body);
    fields.find(|(name, _)| name == TOKEN_FIELD).is_some_and(|(_, token)| is_token(&token, key))
}

/// Whether a text is a token of this key.
pub(super) fn is_token(token: &str, FormKey(key): FormKey) -> bool {
    let mut bytes = [0; 64];
    if hex::decode_to_slice(token.as_bytes(), &mut bytes).is_err() {
        return false;
    }
    let (mask, masked) = bytes.split_at_mut(32);
    masked.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= *mask);
    bool::from(masked[..].ct_eq(&key[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_the_token_of_its_own_session_only() {
        let (own, other) = (FormKey([1; 32]), FormKey([2; 32]));
        let token = make_token(own);
        assert_ne!(token, make_token(own), "it differs on each page");
        let form = |token: &str| format!("a=1&form_token={token}&b=2");
        assert!(has_token(form(&token).as_bytes(), own));
        assert!(!has_token(form(&token).as_bytes(), other));
        let key = hex::encode([1; 32]);
        for wrong in ["", &token[1..], &format!("{token}00"), &"zz".repeat(64), &key, &"00".repeat(64)] {
            assert!(!has_token(form(wrong).as_bytes(), own), "{wrong}");
        }
        assert!(!has_token(b"", own));
        assert!(
            !has_token(format!("form_token=x&form_token={token}").as_bytes(), own),
            "the first one counts"
        );
    }
}
