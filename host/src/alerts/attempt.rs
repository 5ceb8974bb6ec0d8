//! One attempt at a notification: an email, or a request signed as a Standard Webhook.
//!
//! Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks>): `webhook-id` stays the same on each
//! attempt, `webhook-timestamp` is the attempt's time in seconds, and `webhook-signature` is `v1,` and the base64 of the
//! HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use url::Url;

use super::outbox::Notification;
use crate::config::Alert;
use crate::effect::{EffectOutcome, Email, HttpRequest};
use crate::event::{Name, now_ms};
use crate::outbound::{EffectContext, EffectResult, Grants, Outbound, WebhookGrants};
use crate::secrets::Mask;

/// Shorter segments of a path are words.
const SECRET_SEGMENT_MIN_BYTES: usize = 16;

/// The operator chose the recipients, so any is granted.
static GRANTS: LazyLock<Grants> = LazyLock::new(|| Grants {
    plugin: Name::stored("alerts"),
    http: Vec::new(),
    credentials: Vec::new(),
    email: vec!["*".into()],
    emit: Vec::new(),
    webhooks: WebhookGrants::default(),
});

/// Makes one attempt, within `timeout_ms`.
pub(super) async fn attempt(outbound: &Outbound, alert: &Alert, notification: &Notification) -> EffectResult {
    let made = async {
        let mask = mask(alert);
        let Notification { id, progress, .. } = notification;
        let context = EffectContext { grants: &GRANTS, mask: &mask, key: id, progress, trace: None };
        match webhook(alert, notification) {
            Some(request) => outbound.notify(&context, &request).await,
            None => outbound.mail(&context, &email(alert, notification)).await,
        }
    };
    let limit = Duration::from_millis(alert.timeout_ms);
    tokio::time::timeout(limit, made).await.unwrap_or_else(|_| EffectResult {
        outcome: EffectOutcome::Retry,
        detail: format!("no complete answer within {} ms (timeout_ms)", alert.timeout_ms),
        after: None,
        progress: None,
    })
}

/// Receivers may repeat what they got: the key, the URL, and the parts of it that may be secret.
fn mask(alert: &Alert) -> Mask {
    let mut secrets = BTreeMap::new();
    if let Some(key) = &alert.webhook_secret {
        secrets.insert("webhook_secret".to_owned(), key.expose().to_owned());
    }
    if let Some(webhook) = &alert.webhook {
        secrets.insert("webhook".to_owned(), webhook.expose().to_owned());
        let url = Url::parse(webhook.expose()).ok();
        let queries = url.iter().flat_map(Url::query_pairs).map(|(_, value)| value.into_owned());
        let segments = url.iter().filter_map(Url::path_segments).flatten().map(str::to_owned);
        let parts = queries.chain(segments.filter(|part| part.len() >= SECRET_SEGMENT_MIN_BYTES));
        secrets.extend(parts.enumerate().map(|(number, part)| (format!("webhook_part_{number}"), part)));
    }
    Mask::new(&secrets)
}

fn email(alert: &Alert, notification: &Notification) -> Email {
    Email {
        to: alert.email.clone(),
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: None,
        subject: notification.title.clone(),
        text: notification.text.clone(),
        html: None,
        attachments: Vec::new(),
    }
}

fn webhook(alert: &Alert, Notification { id, body, .. }: &Notification) -> Option<HttpRequest> {
    // A key that is malformed is rejected with the configuration.
    let key = alert.webhook_secret.as_ref()?.webhook_key().ok()?;
    let timestamp = now_ms() / 1000;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.clone()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", sign(&key, id, timestamp, body)?),
    ];
    Some(HttpRequest {
        method: "POST".into(),
        url: alert.webhook.as_ref()?.expose().to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: body.clone().into_bytes(),
    })
}

fn sign(key: &[u8], id: &str, timestamp: u64, body: &str) -> Option<String> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    hmac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn no_secret_part_of_a_url_is_repeated() {
        let url = "https://h/services/T0123456789ABCDEFG/hook?token=abcd-1";
        let alert = Alert { webhook: Some(Secret::new(url.into())), ..Alert::default() };
        let text = format!("{url} T0123456789ABCDEFG abcd-1 services hook");
        let hidden = mask(&alert).hide(&text).into_owned();
        assert!(!hidden.contains("T0123") && !hidden.contains("abcd-1"), "{hidden}");
        assert!(hidden.ends_with("services hook"), "{hidden}");
    }

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn a_signature_is_that_of_a_standard_webhook() {
        let key = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).webhook_key().unwrap();
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
