//! Signs as a source's sender does, for tests and trials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::content::{Content, ContentInput, SourceUrl};
use super::keys::Keys;
use super::private_key;
use super::reason::Unauthorized;
use super::request::{Place, RequestValues, UnverifiedRequest};
use crate::config::{
    Encoding, HeaderPlace, PICKED_MAX, Part, Pointer, Secret, SignatureAt, SignaturePlace, Source, Template,
    TimestampUnit, ValuePlace, Verification,
};
use crate::event::rfc3339;
use crate::ingress::media;
use crate::pick::Picker;

/// A request before it is signed.
#[derive(Debug, Clone)]
pub struct UnsignedRequest<'a> {
    /// The host's address as the sender knows it, with the path of the source.
    pub url: &'a str,
    /// The event's id, for schemes that send it in a header.
    pub id: Option<&'a str>,
    /// The event's type, likewise.
    pub event_type: Option<&'a str>,
    /// The media type of the body, sent as its header; `None` = another part of the program sends it.
    pub content_type: Option<&'a str>,
    /// The body; one that has its signature in it gets it.
    pub body: Bytes,
    /// The time of sending, in ms since the Unix epoch.
    pub now_ms: u64,
}

/// A signed request.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    /// The headers of the scheme.
    pub headers: HeaderMap,
    /// The query that the sender appends to the URL, for schemes that sign the digest of a body there.
    pub query: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// Signs a request with a shared secret, or with a private key in PEM.
///
/// # Errors
/// When the secret is no key of the scheme, or the body has no place for what the scheme puts into it.
pub fn sign(
    source: &Source,
    secret: &Secret,
    request: &UnsignedRequest<'_>,
) -> Result<SignedRequest, String> {
    let source = Source { secrets: vec![secret.clone().into()], ..source.clone() };
    let verification = &source.verification;
    let headers = field_headers(&source, request);
    let mut signed = SignedRequest { headers, query: None, body: request.body.clone() };
    if let Some(content_type) = request.content_type {
        signed.headers.insert(CONTENT_TYPE, header_value(&CONTENT_TYPE, content_type)?);
    }
    put_timestamp(verification, request.now_ms, &mut signed)?;
    for part in verification.signed.templates().flat_map(Template::all_parts) {
        if let Part::Header(place) = part {
            let id = request.id.map_or_else(|| request.now_ms.to_string(), str::to_owned);
            put_header_once(&mut signed.headers, place, &id)?;
        }
    }
    signed.query = digest_query(verification, &signed);
    let places = &verification.signatures;
    let place = places.first().ok_or("the scheme has no place for a signature")?;
    let url = verification.url.as_deref().unwrap_or(request.url);
    let signature = make_signature(&source, secret, url, &signed, place.encoding)?;
    put_signature(place, &signature, &mut signed)?;
    Ok(signed)
}

/// The headers from which the host reads an event's id and type.
fn field_headers(source: &Source, request: &UnsignedRequest<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (places, text) in [(&source.id, request.id), (&source.event_type, request.event_type)] {
        let (Some(name), Some(text)) = (places.first_header(), text) else { continue };
        // In a template of several parts the header has the beginning: `pull_request` of `pull_request.opened`.
        let has_more = places
            .templates()
            .iter()
            .any(|template| template.parts().len() > 1 && template.pointers().next().is_some());
        let text = if has_more { text.split('.').next().unwrap_or(text) } else { text };
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name.clone(), value);
        }
    }
    headers
}

fn put_timestamp(verification: &Verification, now_ms: u64, signed: &mut SignedRequest) -> Result<(), String> {
    let text = match verification.timestamp_unit {
        TimestampUnit::Seconds => (now_ms / 1000).to_string(),
        TimestampUnit::Milliseconds => now_ms.to_string(),
        TimestampUnit::Rfc3339 => rfc3339(now_ms),
    };
    match &verification.timestamp {
        None => Ok(()),
        Some(ValuePlace::Header(place)) => put_header_once(&mut signed.headers, place, &text),
        Some(ValuePlace::Pointer(pointer)) => {
            let number = text.parse::<u64>().ok().map(Value::from);
            put_in_body(&mut signed.body, pointer, number.unwrap_or(Value::String(text)))
        }
    }
}

fn put_header_once(headers: &mut HeaderMap, place: &HeaderPlace, text: &str) -> Result<(), String> {
    if place.names.iter().any(|name| headers.contains_key(name)) {
        return Ok(());
    }
    let Some(name) = place.names.first() else { return Ok(()) };
    let text = place.item.as_ref().map_or_else(|| text.to_owned(), |item| format!("{item}={text}"));
    headers.insert(name.clone(), header_value(name, &text)?);
    Ok(())
}

fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::try_from(text)
        .map_err(|_| format!("`{name}` would have characters that a header cannot have"))
}

/// The query with the digest of a body, where the scheme has it there: a form is signed itself.
fn digest_query(verification: &Verification, signed: &SignedRequest) -> Option<String> {
    let parameter = verification.body_digest.as_ref()?;
    let is_digested = !signed.body.is_empty() && !media::is_form(&signed.headers);
    is_digested.then(|| format!("{parameter}={}", hex::encode(Sha256::digest(&signed.body))))
}

/// Puts a value into a JSON body, into objects that are made where there is nothing.
fn put_in_body(body: &mut Bytes, pointer: &Pointer, value: Value) -> Result<(), String> {
    let mut root: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let wrong = || format!("nothing can be put at `{pointer}` of the body");
    let mut place = &mut root;
    for token in pointer.tokens() {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        place = match place {
            Value::Object(object) => object.entry(token.decoded().into_owned()).or_insert(Value::Null),
            Value::Array(items) => {
                let index = token.to_index().ok().and_then(|index| index.for_len(items.len()).ok());
                index.and_then(|index| items.get_mut(index)).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
    }
    *place = value;
    *body = Bytes::from(root.to_string());
    Ok(())
}

fn make_signature(
    source: &Source,
    secret: &Secret,
    url: &str,
    signed: &SignedRequest,
    encoding: Encoding,
) -> Result<String, String> {
    let verification = &source.verification;
    let algorithm = verification.algorithm;
    let places_in_body: Vec<_> = verification.pointers().collect();
    let mut pointers = [None; PICKED_MAX];
    for (slot, pointer) in pointers.iter_mut().zip(&places_in_body) {
        *slot = Some(*pointer);
    }
    let picker = (!places_in_body.is_empty()).then(|| Picker::new(pointers));
    let uri = match &signed.query {
        Some(query) => Uri::try_from(format!("/?{query}"))
            .map_err(|_| format!("`{query}` would be no query of a URL"))?,
        None => Uri::default(),
    };
    let request = UnverifiedRequest {
        method: &Method::POST,
        uri: &uri,
        headers: &signed.headers,
        body: signed.body.clone(),
    };
    let content = Content::new(verification, &places_in_body);
    let url = SourceUrl::Whole(url.to_owned());
    let failed = |why: Unauthorized| why.to_string();
    let values = RequestValues::read(&request, picker.as_ref()).map_err(failed)?;
    let timestamp = match &verification.timestamp {
        Some(place) => Some(values.value(&Place::of(place, &places_in_body)).map_err(failed)?),
        None => None,
    };
    let input = ContentInput { values: &values, timestamp: timestamp.as_deref(), url: &url };
    let pieces = content.choose(&values).map_err(failed)?;
    if algorithm.verification().is_some() {
        let mut bytes = Vec::new();
        input.write(pieces, &mut |part| bytes.extend_from_slice(part)).map_err(failed)?;
        return Ok(encode(encoding, &private_key::sign(algorithm, secret, &bytes)?));
    }
    match Keys::of(source) {
        Keys::Mac(keys) => {
            let key = keys.first().ok_or_else(|| {
                verification.decode_key(secret).err().unwrap_or_else(|| "the secret is no key".into())
            })?;
            Ok(encode(encoding, key.key().compute(&input, pieces).map_err(failed)?.as_bytes()))
        }
        _ => Ok(encode(encoding, secret.expose().as_bytes())),
    }
}

fn encode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Text => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn put_signature(place: &SignaturePlace, signature: &str, signed: &mut SignedRequest) -> Result<(), String> {
    let text = format!("{}{signature}", place.prefix);
    match &place.at {
        SignatureAt::Pointer(pointer) => put_in_body(&mut signed.body, pointer, Value::String(text)),
        SignatureAt::Header(name) => {
            // A list begins with its timestamp: `t=1,v1=…`.
            let before = signed.headers.get(name).and_then(|value| value.to_str().ok());
            let text = match (before, place.separator) {
                (Some(before), Some(separator)) => format!("{before}{separator}{text}"),
                _ => text,
            };
            let value = header_value(name, &text)?;
            signed.headers.insert(name.clone(), value);
            Ok(())
        }
    }
}
