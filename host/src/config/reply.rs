//! `sources.NAME.reply`: the form of the answer that acknowledges an event.

use http::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The form of the answer that acknowledges an event, where the provider wants a certain one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 200 and this text, which is not empty.
    Text(String),
    /// 200 without a body. The answers to rejected requests have none either.
    Empty,
    /// 204, which has no body.
    NoContent,
    /// This status and the JSON answer.
    Json(StatusCode),
}

impl Reply {
    /// The status that acknowledges an event.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Text(_) | Self::Empty => StatusCode::OK,
            Self::NoContent => StatusCode::NO_CONTENT,
            Self::Json(status) => *status,
        }
    }

    /// The body that acknowledges an event; `None` if it is the JSON answer.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Empty | Self::NoContent => Some(""),
            Self::Json(_) => None,
        }
    }
}

/// A status, or a text.
#[derive(Deserialize)]
#[serde(untagged, expecting = "use a text, or one of the statuses 200, 202 and 204")]
enum Written {
    Status(u16),
    Text(String),
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Status(200) => Ok(Self::Json(StatusCode::OK)),
            Written::Status(202) => Ok(Self::Json(StatusCode::ACCEPTED)),
            Written::Status(204) => Ok(Self::NoContent),
            Written::Status(_) => {
                Err(D::Error::custom("use a text, or one of the statuses 200, 202 and 204"))
            }
            Written::Text(text) if text.is_empty() => Ok(Self::Empty),
            Written::Text(text) if is_status(&text) => Err(D::Error::custom(format!(
                "`{text}` would be sent as a text: write a status without quotes"
            ))),
            Written::Text(text) => Ok(Self::Text(text)),
        }
    }
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}
