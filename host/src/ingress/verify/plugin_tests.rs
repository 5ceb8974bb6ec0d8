use std::sync::Mutex;

use http::{HeaderMap, HeaderValue, Method, Uri};

use super::*;
use crate::config::{Scheme, Secret, SourceSecret};

/// Answers as it is told, and keeps what it was asked.
#[derive(Debug, Default)]
struct Fake {
    answer: Mutex<Option<Result<VerifiedFields, VerifierError>>>,
    asked: Mutex<Vec<(String, usize, Vec<String>)>>,
}

impl RequestVerifiers for Fake {
    fn verify<'a>(&'a self, name: &'a VerifierName, call: VerifierCall) -> VerifierFuture<'a> {
        assert_eq!(name.as_str(), "billing");
        let VerifierCall { request, secrets, .. } = call;
        self.asked.lock().unwrap().push((request.url, request.headers.len(), secrets.to_vec()));
        let answer = self.answer.lock().unwrap().clone().unwrap();
        Box::pin(std::future::ready(answer))
    }
}

fn source(secrets: &[(&str, Option<u64>)]) -> Source {
    let secret = |(text, not_after): &(&str, Option<u64>)| {
        let mut secret: SourceSecret = Secret::new((*text).into()).into();
        secret.not_after = *not_after;
        secret
    };
    let mut source = Source::preset(Scheme::HMAC, Vec::new());
    source.secrets = secrets.iter().map(secret).collect();
    source.verifier = Some(VerifierName::new("billing").unwrap());
    source
}

async fn verify(
    fake: &Arc<Fake>,
    secrets: &[(&str, Option<u64>)],
    url: SourceUrl,
    answer: Result<VerifiedFields, VerifierError>,
) -> Result<(u32, EventFields), NotVerified> {
    *fake.answer.lock().unwrap() = Some(answer);
    let source = source(secrets);
    let verifiers: Arc<dyn RequestVerifiers> = Arc::clone(fake) as _;
    let verifier = PluginVerifier::new(source.verifier.as_ref().unwrap(), &source, url, verifiers);
    let mut headers = HeaderMap::new();
    headers.append("a", HeaderValue::from_static("1"));
    headers.append("a", HeaderValue::from_static("2"));
    let (method, uri) = (Method::POST, Uri::from_static("/webhooks/x?y=%20"));
    let request = UnverifiedRequest { method: &method, uri: &uri, headers: &headers, body: "{}".into() };
    verifier.verify(&request, 1000).await
}

fn fields(secret: u32, payload: Option<&str>) -> VerifiedFields {
    VerifiedFields {
        secret,
        id: Some("1".into()),
        payload: payload.map(Into::into),
        ..VerifiedFields::default()
    }
}

#[tokio::test]
async fn a_verifier_gets_the_secrets_that_are_valid_and_its_index_is_that_of_the_configuration() {
    let fake = Arc::new(Fake::default());
    let secrets = [("over", Some(1000)), ("valid", Some(1001)), ("other", None)];
    let verified = verify(&fake, &secrets, SourceUrl::Unknown, Ok(fields(1, Some("/a/b")))).await;
    let (secret, event) = verified.unwrap();
    assert_eq!((secret, event.payload, event.id.as_deref()), (2, Some(Pointer::to(&["a", "b"])), Some("1")));
    let asked = fake.asked.lock().unwrap().pop().unwrap();
    assert_eq!(asked, ("/webhooks/x?y=%20".into(), 2, vec!["valid".into(), "other".into()]));
    let host = SourceUrl::Host("https://h".into());
    verify(&fake, &[("a", None)], host, Ok(fields(0, None))).await.unwrap();
    assert_eq!(fake.asked.lock().unwrap().pop().unwrap().0, "https://h/webhooks/x?y=%20");
    let whole = SourceUrl::Whole("https://h/in".into());
    verify(&fake, &[("a", None)], whole, Ok(fields(0, None))).await.unwrap();
    assert_eq!(fake.asked.lock().unwrap().pop().unwrap().0, "https://h/in?y=%20");
}

#[tokio::test]
async fn without_a_valid_secret_the_verifier_is_not_asked() {
    let fake = Arc::new(Fake::default());
    let refused = verify(&fake, &[("over", Some(1000))], SourceUrl::Unknown, Ok(fields(0, None))).await;
    assert!(matches!(refused, Err(NotVerified::Unauthorized(Unauthorized::Mismatch))), "{refused:?}");
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_a_verifier_says_is_checked_masked_and_limited() {
    let fake = Arc::new(Fake::default());
    let refused = |text: &str| Err(VerifierError::Refused(text.into()));
    let long = "é".repeat(600);
    let named = |id: &str, event_type: Option<&str>| {
        Ok(VerifiedFields {
            id: Some(id.into()),
            event_type: event_type.map(Into::into),
            ..VerifiedFields::default()
        })
    };
    for (answer, part, is_failure) in [
        (Ok(fields(1, None)), "it named secret 1, and was given 1", true),
        (Ok(fields(0, Some("a"))), "its `payload` is wrong: `a` is no JSON pointer", true),
        (named("of s3cret", None), "its `id` has a secret in it", true),
        (named("1", Some("a.s3cret")), "its `event-type` has a secret in it", true),
        (refused("the secret is s3cret\n."), "the secret is {secret:1}\u{fffd}.", false),
        (refused(&long), "éé…", false),
        (Err(VerifierError::failed(FailureKind::Trap, "trap: s3cret")), "trap: {secret:1}", true),
    ] {
        let said = verify(&fake, &[("s3cret", None)], SourceUrl::Unknown, answer).await.unwrap_err();
        let (reason, failed) = match &said {
            NotVerified::Refused(reason) => (reason, false),
            NotVerified::Failed(_, reason) => (reason, true),
            NotVerified::Unauthorized(why) => panic!("{why}"),
        };
        assert!(reason.contains(part) && failed == is_failure, "{said:?}");
        assert!(reason.len() <= REASON_MAX_BYTES + "…".len(), "{}", reason.len());
    }
}

#[tokio::test]
async fn a_verifier_tells_no_part_of_a_key() {
    let fake = Arc::new(Fake::default());
    let secrets = [("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None)];
    for told in [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0",
    ] {
        let answer = Err(VerifierError::Refused(format!("bad key {told}")));
        let said = verify(&fake, &secrets, SourceUrl::Unknown, answer).await.unwrap_err().to_string();
        assert!(said.contains("bad key {secret:1") && !said.contains(told), "{said}");
    }
}
