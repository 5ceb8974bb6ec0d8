//! Parts of a request; invalid ones are rejected with a [`Problem`].

use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::formats::read_object;
use crate::admin::Problem;
use crate::event::parse_number;

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
        let body = axum::Json::<Object<T>>::from_request(request, state).await;
        body.map(|body| Self(body.0.0)).map_err(|rejection| Problem::bad_request(rejection.body_text()))
    }
}

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
