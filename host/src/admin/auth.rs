//! The bearer token: compared in constant time, never printed.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Problem;

/// The admin token as a digest: comparisons are of one length, and a memory dump does not reveal it.
#[derive(Clone, Copy)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(token)")
    }
}

impl Token {
    /// Takes the token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether `offered` is this token.
    #[must_use]
    pub fn matches(&self, offered: &str) -> bool {
        let offered: [u8; 32] = Sha256::digest(offered.as_bytes()).into();
        self.0.ct_eq(&offered).into()
    }
}

/// Passes requests with the token on.
pub(super) async fn require(State(token): State<Token>, request: Request, next: Next) -> Response {
    match check(token, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(token: Token, headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        return refuse("no `Authorization: Bearer TOKEN` header; the token is in the data directory");
    };
    match header.to_str().ok().and_then(bearer) {
        Some(offered) if token.matches(offered) => Ok(()),
        Some(_) => refuse("this is not the admin token; the right one is in the data directory"),
        None => refuse("the `Authorization` header is not `Bearer TOKEN`"),
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_the_token() {
        let token = Token::new("right");
        let cases = [
            (None, false),
            (Some("Bearer right"), true),
            (Some("bearer right"), true),
            (Some("Bearer wrong"), false),
            (Some("Bearer "), false),
            (Some("Basic right"), false),
            (Some("right"), false),
        ];
        for (header, passes) in cases {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(check(token, &headers).is_ok(), passes, "{header:?}");
        }
    }

    #[test]
    fn debug_output_hides_the_token() {
        assert_eq!(format!("{:?}", Token::new("right")), "(token)");
    }
}
