//! The vectors of a verifier: requests, and what it must say about them. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::Pointer;
use crate::verifier::{FailureKind, VerifiedFields, VerifierCall, VerifierError, VerifierRequest};

/// Largest file of vectors, in bytes.
pub(super) const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Most vectors of a verifier. Each is a call.
const VECTORS_MAX: usize = 1000;
/// Most bytes of a name that is repeated in an error.
const NAME_MAX_BYTES: usize = 100;

/// A vector.
#[derive(Debug)]
pub(super) struct Vector {
    /// Its name.
    pub(super) name: String,
    /// The call.
    pub(super) call: CallOfVector,
    expected: Expected,
}

/// A call without its secrets in `Debug`.
pub(super) struct CallOfVector(pub(super) VerifierCall);

impl std::fmt::Debug for CallOfVector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.request.fmt(f)
    }
}

#[derive(Debug)]
enum Expected {
    Verified(VerifiedFields),
    /// Refused, for a reason with this text in it.
    Refused(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    request: WrittenRequest,
    secrets: Vec<String>,
    now: String,
    verified: Option<WrittenFields>,
    refused: Option<WrittenRefusal>,
}

/// What an error calls a vector that cannot be read.
#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequest {
    #[serde(default = "post")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
}

fn post() -> String {
    "POST".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFields {
    #[serde(default)]
    secret: u32,
    id: Option<String>,
    event_type: Option<String>,
    created: Option<String>,
    payload: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`refused` is true, or a text that the reason has in it")]
enum WrittenRefusal {
    Any(bool),
    Text(String),
}

/// Reads a file of vectors.
///
/// # Errors
/// What is wrong, and in which vector.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Vector>, String> {
    let written: Vec<&RawValue> =
        serde_json::from_slice(text).map_err(|error| format!("it is no JSON list of vectors: {error}"))?;
    if written.len() > VECTORS_MAX {
        return Err(format!("it has {} vectors, at most {VECTORS_MAX}", written.len()));
    }
    let read = |(number, json): (usize, &RawValue)| {
        let named: Option<Named> = serde_json::from_str(json.get()).ok();
        let name = named.map(|Named { name }| shown(&name)).unwrap_or_default();
        let vector =
            serde_json::from_str(json.get()).map_err(|error| error.to_string()).and_then(Vector::new);
        vector.map_err(|why| format!("vector {number} `{name}`: {why}"))
    };
    let vectors: Vec<Vector> = (1..).zip(written).map(read).collect::<Result<_, _>>()?;
    let verified = vectors.iter().filter(|vector| matches!(vector.expected, Expected::Verified(_))).count();
    if verified == 0 {
        return Err("it has no vector with `verified`: a verifier must be seen to accept a request".into());
    }
    if verified == vectors.len() {
        return Err("it has no vector with `refused`: a verifier must be seen to refuse a request".into());
    }
    Ok(vectors)
}

fn shown(name: &str) -> String {
    let end = name.floor_char_boundary(NAME_MAX_BYTES);
    name[..end].chars().filter(|c| !c.is_control()).collect()
}

impl Vector {
    fn new(written: Written) -> Result<Self, String> {
        let Written { name, request, secrets, now, verified, refused } = written;
        if name.is_empty() {
            return Err("it has no name".into());
        }
        if secrets.is_empty() {
            return Err("`secrets` is empty: a source has at least one".into());
        }
        let expected = match (verified, refused) {
            (Some(fields), None) => Expected::Verified(fields.read(secrets.len())?),
            (None, Some(WrittenRefusal::Any(true))) => Expected::Refused(String::new()),
            (None, Some(WrittenRefusal::Text(text))) => Expected::Refused(text),
            _ => return Err("give either `verified` or `refused`: true or a text of the reason".into()),
        };
        let now = now.parse::<Timestamp>().ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
        let now_ms = now.ok_or("`now` is no time: write it as 2027-01-31T00:00:00Z (RFC 3339)")?;
        let call = VerifierCall { request: request.read()?, secrets: secrets.into(), now_ms };
        Ok(Self { name: shown(&name), call: CallOfVector(call), expected })
    }

    /// Compares what a verifier said.
    ///
    /// # Errors
    /// The difference.
    pub(super) fn compare(&self, said: &Result<VerifiedFields, VerifierError>) -> Result<(), String> {
        match (&self.expected, said) {
            (_, Err(VerifierError::Failed { reason, .. })) => Err(reason.clone()),
            (Expected::Verified(expected), Ok(said)) => compare_fields(expected, said),
            (Expected::Verified(_), Err(VerifierError::Refused(reason))) => {
                Err(format!("it was refused, expected `verified`: {reason}"))
            }
            (Expected::Refused(_), Ok(_)) => Err("it was verified, expected `refused`".into()),
            (Expected::Refused(text), Err(VerifierError::Refused(reason))) if reason.contains(text) => Ok(()),
            (Expected::Refused(text), Err(VerifierError::Refused(reason))) => {
                Err(format!("it was refused for another reason, expected `{text}` in it: {reason}"))
            }
        }
    }
}

/// Whether a verifier did not answer in time, which may be the machine's fault.
pub(super) fn is_timeout(said: &Result<VerifiedFields, VerifierError>) -> bool {
    matches!(said, Err(VerifierError::Failed { kind: FailureKind::Timeout | FailureKind::Busy, .. }))
}

fn compare_fields(expected: &VerifiedFields, said: &VerifiedFields) -> Result<(), String> {
    if expected.secret != said.secret {
        return Err(format!("`secret` is {}, expected {}", said.secret, expected.secret));
    }
    let shown =
        |text: &Option<String>| text.as_ref().map_or_else(|| "none".into(), |text| format!("{text:?}"));
    for (field, expected, said) in [
        ("id", &expected.id, &said.id),
        ("event_type", &expected.event_type, &said.event_type),
        ("created", &expected.created, &said.created),
        ("payload", &expected.payload, &said.payload),
    ] {
        if expected != said {
            return Err(format!("`{field}` is {}, expected {}", shown(said), shown(expected)));
        }
    }
    Ok(())
}

impl WrittenFields {
    fn read(self, secrets: usize) -> Result<VerifiedFields, String> {
        let Self { secret, id, event_type, created, payload } = self;
        if secret as usize >= secrets {
            return Err(format!("`secret` is {secret}, and there are {secrets}: the first one is 0"));
        }
        if let Some(payload) = &payload {
            Pointer::parse(payload).map_err(|why| format!("`payload`: {why}"))?;
        }
        Ok(VerifiedFields { secret, id, event_type, created, payload })
    }
}

impl WrittenRequest {
    fn read(self) -> Result<VerifierRequest, String> {
        let Self { method, url, headers, body, body_base64 } = self;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("`{method}` is no method"))?;
        let header = |(name, value): (String, String)| {
            let read = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok());
            read.ok_or_else(|| format!("`{name}: {value}` is no header"))
        };
        let headers = headers.into_iter().map(header).collect::<Result<_, _>>()?;
        let body = match (body, body_base64) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(text)) => {
                STANDARD.decode(text).map(Bytes::from).map_err(|_| "`body_base64` is no base64".to_owned())?
            }
            (None, None) => Bytes::new(),
            (Some(_), Some(_)) => return Err("give either `body` or `body_base64`".into()),
        };
        Ok(VerifierRequest { method, url, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"name":"good","request":{"url":"/","body":"x"},"secrets":["s"],"now":"2027-01-31T00:00:00Z","verified":{"id":"1"}}"#;
    const BAD: &str = r#"{"name":"bad","request":{"url":"/","headers":[["A","1"],["a","2"]],"body_base64":"AP8="},"secrets":["s"],"now":"2027-01-31T00:00:00Z","refused":"no"}"#;

    fn error(text: &str) -> String {
        parse(text.as_bytes()).map(drop).unwrap_err()
    }

    #[test]
    fn reads_vectors() {
        let vectors = parse(format!("[{GOOD},{BAD}]").as_bytes()).unwrap();
        let [good, bad] = vectors.as_slice() else { panic!("{vectors:?}") };
        assert_eq!((good.name.as_str(), good.call.0.now_ms), ("good", 1_801_353_600_000));
        assert_eq!(good.call.0.request.method, Method::POST);
        assert_eq!(bad.call.0.request.body.as_ref(), b"\0\xff");
        assert_eq!(bad.call.0.request.headers.len(), 2);
        let fields = |id: &str| Ok(VerifiedFields { id: Some(id.into()), ..VerifiedFields::default() });
        let refused = |why: &str| Err(VerifierError::Refused(why.into()));
        let failed = Err(VerifierError::failed(FailureKind::Trap, "trap: x"));
        for (vector, said, expected) in [
            (good, fields("1"), ""),
            (good, fields("2"), "`id` is \"2\", expected \"1\""),
            (good, Ok(VerifiedFields::default()), "`id` is none, expected \"1\""),
            (good, refused("x"), "it was refused, expected `verified`: x"),
            (good, failed.clone(), "trap: x"),
            (bad, refused("say no"), ""),
            (bad, refused("other"), "it was refused for another reason, expected `no` in it: other"),
            (bad, fields("1"), "it was verified, expected `refused`"),
            (bad, failed, "trap: x"),
        ] {
            assert_eq!(vector.compare(&said).err().unwrap_or_default(), expected);
        }
    }

    #[test]
    fn names_what_is_wrong_with_vectors() {
        for (text, part) in [
            ("", "no JSON list"),
            ("{}", "no JSON list"),
            ("[]", "no vector with `verified`"),
            (&format!("[{GOOD}]"), "no vector with `refused`"),
            (&format!("[{BAD}]"), "no vector with `verified`"),
            (&format!("[{GOOD},{{\"name\":\"x\"}}]"), "vector 2 `x`: missing field `request`"),
            (&format!("[{}]", GOOD.replace("\"id\"", "\"ID\"")), "vector 1 `good`: unknown field `ID`"),
            (&format!("[{}]", GOOD.replace("2027-01-31T00:00:00Z", "now")), "`now` is no time"),
            (&format!("[{}]", GOOD.replace("[\"s\"]", "[]")), "`secrets` is empty"),
            (
                &format!("[{}]", GOOD.replace("\"id\":\"1\"", "\"secret\":1")),
                "`secret` is 1, and there are 1",
            ),
            (
                &format!("[{}]", GOOD.replace("\"id\":\"1\"", "\"payload\":\"x\"")),
                "`payload`: `x` is no JSON",
            ),
            (&format!("[{}]", BAD.replace("\"no\"", "false")), "either `verified` or `refused`"),
            (&format!("[{}]", BAD.replace("\"no\"", "1")), "`refused` is true, or a text"),
            (&format!("[{}]", BAD.replace("AP8=", "?")), "`body_base64` is no base64"),
            (&format!("[{}]", BAD.replace("[\"A\",", "[\"a b\",")), "`a b: 1` is no header"),
        ] {
            let why = error(text);
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
