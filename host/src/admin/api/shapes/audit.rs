//! Entries of the audit log.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::audit::{self, ChainError, Head};

/// One page of entries.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// The entries.
    pub items: Vec<AuditEntry>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// From 1, without a gap.
    pub number: i64,
    /// ms since the Unix epoch.
    pub at: u64,
    /// `token`, `file`, `config`, `command` or `host`.
    pub kind: String,
    /// The name of the token, the path of the file, or `hookyard`.
    pub actor: String,
    /// The remote address of the request.
    pub address: Option<String>,
    /// What was done, such as `plugin.pause`.
    pub action: String,
    /// On what.
    pub target: String,
    /// The state before.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Box<RawValue>>,
    /// The state after; for a bulk action its filter and its count.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Box<RawValue>>,
    /// The reason that was given.
    pub note: Option<String>,
    /// `done`, `begun`, `unchanged`, `refused` and the like.
    pub result: String,
    /// SHA-256 of the hash before and of this entry's content, hexadecimal.
    pub hash: String,
}

/// The result of a check of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    /// Whether it is whole.
    pub whole: bool,
    /// The newest entry, if it is whole. Note it elsewhere, and give it as `expect` to a later check.
    pub head: Option<AuditHead>,
    /// The number of the first wrong entry.
    pub first_wrong: Option<i64>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// An entry by its number and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// Its number; 0 for an empty log.
    pub number: i64,
    /// Its hash, hexadecimal.
    pub hash: String,
}

impl AuditList {
    /// A page of at most `limit` entries.
    pub(in crate::admin) fn new(entries: Vec<audit::Entry>, limit: u32) -> Self {
        let last = entries.last().filter(|_| entries.len() >= limit as usize);
        let next_cursor = last.map(|last| last.number.to_string());
        Self { items: entries.into_iter().map(Into::into).collect(), next_cursor }
    }
}

impl From<audit::Entry> for AuditEntry {
    fn from(entry: audit::Entry) -> Self {
        let audit::Entry { number, at, actor, action, target, before, after, note, result, hash } = entry;
        Self {
            number,
            at,
            kind: actor.kind.to_string(),
            actor: actor.name,
            address: actor.address,
            action,
            target,
            before: before.as_deref().map(audit::to_json),
            after: after.as_deref().map(audit::to_json),
            note,
            result,
            hash: hash.to_string(),
        }
    }
}

impl From<Result<Head, ChainError>> for AuditCheck {
    fn from(result: Result<Head, ChainError>) -> Self {
        match result {
            Ok(Head { number, hash }) => Self {
                whole: true,
                head: Some(AuditHead { number, hash: hash.to_string() }),
                first_wrong: None,
                problem: None,
            },
            Err(ChainError { number, fault }) => {
                let problem = Some(fault.describe().to_owned());
                Self { whole: false, head: None, first_wrong: Some(number), problem }
            }
        }
    }
}
