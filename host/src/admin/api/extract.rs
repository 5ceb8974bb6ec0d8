//! Parts of a request; invalid ones are rejected with a [`Problem`].

use std::borrow::Cow;

use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::formats::read_object;
use crate::admin::Problem;
use crate::event::{JsonStrings, parse_number};

/// The parameters in a path.
pub(in crate::admin) struct Path<T>(pub(in crate::admin) T);

/// The query.
pub(in crate::admin) struct Query<T>(pub(in crate::admin) T);

/// The body, JSON.
pub(in crate::admin) struct JsonBody<T>(pub(in crate::admin) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = extract::Path::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = extract::Query::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = axum::Json::<Box<RawValue>>::from_request(request, state).await;
        let body = body.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
        read_body(body.0.get()).map(Self).map_err(|error| {
            let detail = format!("Failed to deserialize the JSON body into the target type: {error}");
            Problem::bad_request(detail)
        })
    }
}

/// Reads a body. Numbers such as `1.0` and `1e3` are integers in JSON Schema, which describes the bodies, and in
/// JavaScript, which writes them; serde takes them for fractions.
fn read_body<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let first = match serde_json::from_str::<Object<T>>(text) {
        Ok(body) => return Ok(body.0),
        Err(error) => error,
    };
    // No body has both an integer and a text that is kept as it is written.
    serde_json::from_str::<Object<T>>(&write_integers(text)).map(|body| body.0).map_err(|_| first)
}

/// Writes whole numbers without their fractions and exponents, outside of strings.
fn write_integers(json: &str) -> String {
    let (mut written, mut strings) = (String::with_capacity(json.len()), JsonStrings::default());
    let mut number = 0..0;
    for (at, c) in json.char_indices() {
        if strings.is_outside(c) && (c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E')) {
            number.end = at + 1;
            continue;
        }
        written.push_str(&write_integer(&json[number]));
        written.push(c);
        let next = at + c.len_utf8();
        number = next..next;
    }
    written.push_str(&write_integer(&json[number]));
    written
}

/// Writes a number that is whole without its fraction and its exponent, and other texts as they are.
fn write_integer(token: &str) -> Cow<'_, str> {
    match token.parse::<f64>() {
        Ok(number)
            if number.fract() == 0.0 && number.abs() <= WHOLE_MAX && token.contains(['.', 'e', 'E']) =>
        {
            // Zero has no sign.
            Cow::Owned(format!("{:.0}", number + 0.0))
        }
        _ => Cow::Borrowed(token),
    }
}

/// Up to here every whole number is a double.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A JSON object.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned", transparent)]
struct Object<T>(#[serde(deserialize_with = "read_object")] T);

/// The version of what a request changes, from `If-Match`. A change is refused if it has another version by then.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::admin) struct IfMatch(pub(in crate::admin) Option<i64>);

impl IfMatch {
    /// The form of the header: an `ETag` of this API, or `*` for every version. The quotes may be missing, because some
    /// clients remove them.
    const PATTERN: &str = r#"^(\*|0|[1-9][0-9]{0,17}|"(0|[1-9][0-9]{0,17})")$"#;

    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self(None));
        }
        let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let number = unquoted.unwrap_or(text);
        if number == "0" {
            Some(Self(Some(0)))
        } else {
            parse_number(number).map(|number| Self(Some(number)))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut all = parts.headers.get_all(header::IF_MATCH).iter();
        let Some(header) = all.next() else { return Ok(Self(None)) };
        let parsed = header.to_str().ok().and_then(Self::parse).filter(|_| all.next().is_none());
        let wrong =
            "`If-Match` is no version: give the `ETag` of the answer that the change is based on, or `*`";
        parsed.ok_or_else(|| Problem::bad_request(wrong))
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(Self::PATTERN));
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The `ETag` of the answer that the change is based on"))
            .schema(Some(text));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Asked {
        limit: u32,
    }

    #[test]
    fn whole_numbers_are_integers_however_they_are_written() {
        for (text, expected) in [
            (r#"{"a": -41974.0, "b":[1e3,2.50,-0.0]}"#, r#"{"a": -41974, "b":[1000,2.50,0]}"#),
            (r#"{"a\"1.0":"1.0 \\", "b": 1.0}"#, r#"{"a\"1.0":"1.0 \\", "b": 1}"#),
            (r#"{"a": 1e300, "b": 12, "c": true}"#, r#"{"a": 1e300, "b": 12, "c": true}"#),
            (r#"["é", 7.0]"#, r#"["é", 7]"#),
        ] {
            assert_eq!(write_integers(text), expected);
        }
        assert_eq!(read_body::<Asked>(r#"{"limit": 12.0}"#).unwrap().limit, 12);
        let refused = read_body::<Asked>(r#"{"limit": 12.5}"#).err().unwrap().to_string();
        assert!(refused.contains("floating point `12.5`"), "{refused}");
        assert!(read_body::<Asked>(r#"{"limit": 1.0, "limit": 2}"#).is_err());
    }

    #[test]
    fn an_if_match_is_one_tag_or_all() {
        for (text, version) in [("*", None), ("\"0\"", Some(0)), ("\"12\"", Some(12)), ("12", Some(12))] {
            assert_eq!(IfMatch::parse(text), Some(IfMatch(version)), "{text}");
        }
        for wrong in ["", "\"12", "\"\"", "\"01\"", "W/\"1\"", "\"1\", \"2\"", "\"x\"", "\"-1\""] {
            assert_eq!(IfMatch::parse(wrong), None, "{wrong}");
        }
    }
}
