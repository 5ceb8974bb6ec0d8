//! Effects as webhooks for partners: signed as a Standard Webhook with a key that the operator grants, or with the
//! attributes of a `CloudEvent` in the binary mode. The id is the effect's idempotency key, the same on every attempt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use super::grants::{Grants, Origin};
use super::request::OutgoingRequest;
use crate::event::rfc3339;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Adds what the operator grants for the origin of this request. `key` is the effect's idempotency key.
pub(super) fn complete(
    mut request: OutgoingRequest,
    grants: &Grants,
    key: &str,
    now_ms: u64,
) -> OutgoingRequest {
    let Ok(origin) = Origin::of(&request.url) else { return request };
    if grants.is_cloudevents(&origin) {
        let source = format!("/plugins/{}", grants.plugin);
        let attributes = [
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", key.to_owned()),
            ("ce-source", source),
            ("ce-time", rfc3339(now_ms)),
        ];
        for (name, value) in attributes {
            // What the plugin says itself wins. Only it knows the type.
            insert(&mut request.headers, HeaderName::from_static(name), value, false);
        }
        insert(
            &mut request.headers,
            HeaderName::from_static("ce-type"),
            format!("{}.effect", grants.plugin),
            false,
        );
    }
    if let Some(secret) = grants.webhook_key(&origin) {
        let timestamp = (now_ms / 1000).to_string();
        let signature = sign(&secret, key, &timestamp, &request.body);
        // A plugin cannot sign as the operator.
        insert(&mut request.headers, ID, key.to_owned(), true);
        insert(&mut request.headers, TIMESTAMP, timestamp, true);
        insert(&mut request.headers, SIGNATURE, signature.unwrap_or_default(), true);
    }
    request
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String, replaces: bool) {
    let Ok(value) = HeaderValue::try_from(value) else { return };
    if replaces || !headers.contains_key(&name) {
        headers.insert(name, value);
    }
}

fn sign(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;
    use crate::config::{Plugin, Secret};
    use crate::effect::HttpRequest;
    use crate::event::PluginName;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn completed(url: &str, headers: &[(&str, &str)]) -> HeaderMap {
        let mut config = Plugin::default();
        config.webhook_keys.insert("https://partner.example".into(), Secret::new(KEY.into()));
        config.cloudevents.push("https://events.example".into());
        let grants = Grants::of(&PluginName::new("billing").unwrap(), &config);
        let request = HttpRequest {
            method: "POST".into(),
            url: url.into(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: b"{\"test\": 2432232314}".to_vec(),
        };
        let key = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let request = OutgoingRequest::of_effect(&request, key).unwrap();
        complete(request, &grants, key, 1_614_265_330_000).headers
    }

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn an_effect_to_a_granted_origin_is_a_standard_webhook() {
        let headers = completed("https://partner.example/hooks", &[("webhook-signature", "v1,forged")]);
        assert_eq!(headers["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(headers.get_all("webhook-signature").iter().count(), 1);
        assert!(!completed("https://other.example/", &[]).contains_key("webhook-signature"));
        assert!(
            !completed("http://partner.example/", &[]).contains_key("webhook-signature"),
            "another scheme"
        );
    }

    #[test]
    fn an_effect_to_a_granted_origin_is_a_cloudevent() {
        let headers = completed("https://events.example/", &[("ce-type", "invoice.paid")]);
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("ce-source", "/plugins/billing"),
            ("ce-type", "invoice.paid"),
            ("ce-time", "2021-02-25T15:02:10Z"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        assert_eq!(completed("https://events.example/", &[])["ce-type"], "billing.effect");
        assert!(!completed("https://partner.example/", &[]).contains_key("ce-id"));
    }
}
