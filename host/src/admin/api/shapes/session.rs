//! Sessions of the pages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::token::StoredSession;

/// The browsers that are logged in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// The sessions, the oldest first.
    pub items: Vec<SessionView>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// A browser that is logged in to the pages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its number.
    pub id: i64,
    /// The token that it logged in with.
    pub token: String,
    /// The remote address of the log-in.
    pub address: Option<String>,
    /// The browser's description of itself.
    pub agent: String,
    /// When it logged in, ms since the Unix epoch.
    pub created_at: u64,
    /// Its last request, ms since the Unix epoch. After a crash of the host, up to a minute is missing.
    pub used_at: u64,
    /// The end of its time, ms since the Unix epoch. It is over earlier if it is unused for
    /// `admin.session_idle_minutes`.
    pub expires_at: u64,
    /// Whether it is the session of this request.
    #[serde(default)]
    pub current: bool,
}

impl SessionView {
    pub(in crate::admin) fn new(stored: &StoredSession, token: String, used_at: u64, current: bool) -> Self {
        let session = &stored.session;
        Self {
            id: stored.id,
            token,
            address: session.address.clone(),
            agent: session.agent.clone(),
            created_at: session.created_at,
            used_at,
            expires_at: session.expires_at,
            current,
        }
    }
}
