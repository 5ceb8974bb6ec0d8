//! Verifies a token, by the contract of version 0.1.0: every later host of the same major version has to take it.

use exports::hookyard::verifier::verify::{Guest, Request, Verified};

wit_bindgen::generate!({
    path: "../../../wit/hookyard-verifier-0.1.0",
    world: "verifier",
});

struct TokenVerifier;

impl Guest for TokenVerifier {
    fn verify(request: Request, secrets: Vec<String>, now_ms: u64) -> Result<Verified, String> {
        let Request { method, url, headers, body } = request;
        let value = |name: &str| {
            let header = headers.iter().find(|header| header.name == name)?;
            String::from_utf8(header.value.clone()).ok()
        };
        let token = value("x-token").ok_or("x-token is missing")?;
        let secret = secrets.iter().position(|secret| *secret == token).ok_or("x-token is no secret")?;
        Ok(Verified {
            secret: u32::try_from(secret).unwrap_or(u32::MAX),
            id: Some(format!("{method} {url} {}", body.len())),
            event_type: value("x-type"),
            created: Some(now_ms.to_string()),
            payload: Some("/data".into()),
        })
    }
}

export!(TokenVerifier);
