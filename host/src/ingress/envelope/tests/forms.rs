//! Forms whose names and values are signed.

use super::*;

const FORM: &str = "application/x-www-form-urlencoded";

fn twilio() -> Source {
    let mut source = Source::preset(Scheme::find("twilio").unwrap(), vec![Secret::new("s".into())]);
    source.verification.url = Some("https://hooks.example.gn/webhooks/sms".into());
    source
}

/// Reads a form that was sent with the signature of another one.
fn read_signed_as(source: &Source, signed_form: &'static str, sent: &'static str) -> Result<Event, String> {
    let unsigned = UnsignedRequest {
        url: "",
        id: None,
        event_type: None,
        content_type: Some(FORM),
        body: Bytes::from_static(signed_form.as_bytes()),
        now_ms: RECEIVED_AT,
    };
    let signed = sign(source, source.secrets[0].secret(), &unsigned)?;
    let (method, uri, body) =
        (Method::POST, Uri::from_static("/webhooks/sms"), Bytes::from_static(sent.as_bytes()));
    let request = UnverifiedRequest { method: &method, uri: &uri, headers: &signed.headers, body };
    let scheme = SchemeVerifier::new(source, SourceUrl::Unknown);
    let verified = request.verify_by_scheme(&scheme, RECEIVED_AT).map_err(|why| why.to_string())?;
    let name = SourceName::new("sms").unwrap();
    match Envelope::from_source(source).read(&name, verified, RECEIVED_AT, RULES) {
        Ok(ReadEvents::One(read)) => Ok(read.event),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn a_captured_form_in_another_spelling_is_the_same_event() {
    let source = twilio();
    let with_id = "Body=x&MessageSid=SM1";
    let without_id = "Body=x&To=1&To=2";
    for (signed, sent) in [
        (with_id, "Body=x&MessageSid=SM1&MessageSid=SM1"),
        (with_id, "Body=x&MessageSid=SM1&%4dessageSid=SM1"),
        (with_id, "MessageSid=SM1&&Body=x&=&=&"),
        (without_id, "To=2&Body=x&To=1"),
        (without_id, "Body=x&To=1&To=2&To=1"),
        (without_id, "Body=%78&To=1&To=2&="),
        ("", "="),
    ] {
        let first = read_signed_as(&source, signed, signed).unwrap();
        let again = read_signed_as(&source, signed, sent).unwrap();
        assert_eq!((&again.id, &again.body, again.digest), (&first.id, &first.body, first.digest), "{sent}");
    }
    assert_eq!(read_signed_as(&source, with_id, with_id).unwrap().id, "SM1");
    let other = read_signed_as(&source, with_id, "Body=x&MessageSid=SM2").unwrap_err();
    assert_eq!(other, "signature does not match: no secret matched");
}

#[test]
fn a_body_without_an_id_has_the_same_one_as_a_form_and_as_a_text() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    (source.forms, source.default_type) = (true, Some("order".into()));
    let read = |source: &Source, body: &[u8], content_type| {
        read_with(source, &[("content-type", content_type)], body).unwrap()
    };
    let form = read(&source, b"x=1", FORM);
    assert_eq!(form.id, Digest::of(br#"{"x":"1"}"#).to_string(), "of the JSON, where no body is a text");
    source.text = true;
    let [form, text] = [FORM, "text/plain"].map(|content_type| read(&source, b"x=1", content_type));
    assert_eq!(
        (&form.body[..], &text.body[..]),
        (&br#"{"x":"1"}"#[..], &br#"{"content_type":"text/plain","text":"x=1"}"#[..])
    );
    let of_the_body = Digest::of(b"x=1").to_string();
    assert_eq!((&form.id, &text.id), (&of_the_body, &of_the_body));
    assert_ne!(form.digest, text.digest, "the second one is a conflict");
}
