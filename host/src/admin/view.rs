//! Pages of the API's lists.

use serde::{Deserialize, Serialize};

use crate::db::EventSummary;

/// One page of events, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventList {
    /// The events. May be fewer than asked for even when there are more.
    pub items: Vec<EventSummary>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}
