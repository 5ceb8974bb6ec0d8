//! The recorded handlers of a plugin's revision, known without loading it. No IO.

use serde::{Deserialize, Serialize};

use crate::event::Digest;

/// The handlers of a revision, recorded when it was last loaded. A field that this host does not know makes it
/// unreadable: a later host may have written it for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownHandlers {
    /// Its typed handlers: the interfaces that it exports, with their versions.
    pub interfaces: Vec<String>,
    /// The event type patterns of its generic handler.
    pub patterns: Vec<String>,
    /// The digest of the plugin's config under which the generic handler named the patterns; `None` without a
    /// generic handler.
    pub config_digest: Option<Digest>,
}
