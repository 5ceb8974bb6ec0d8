//! The level of the host's log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::api::formats::{LogFilterText, read_time};

/// The level of the host's log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLevelView {
    /// The filter in force.
    pub filter: String,
    /// The filter that the host was started with.
    pub configured: String,
    /// When the configured filter holds again, ms since the Unix epoch. Null: it is in force, or holds again after a
    /// restart.
    pub until: Option<u64>,
}

/// A change of the level.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogLevelRequest {
    /// The filter. Null: the configured one.
    #[serde(default)]
    #[schema(value_type = Option<LogFilterText>, inline)]
    pub filter: Option<String>,
    /// The time after which the configured filter holds again, in ms. Null: it holds again after a restart.
    #[serde(default, deserialize_with = "read_time")]
    #[schema(minimum = 0)]
    pub for_ms: Option<u64>,
}
