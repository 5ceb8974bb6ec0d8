//! A search as ranges of the index, and how far the index is.

use super::terms::IndexedField;

/// Events with a term in any of these ranges, in a field of this kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) struct Lookup {
    pub(in crate::db) ranges: Vec<LookupRange>,
    pub(in crate::db) kind: FieldKind,
}

/// The texts that one range finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) enum LookupRange {
    Exact(String),
    Prefix(String),
    Suffix(String),
}

/// The fields of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) enum FieldKind {
    Any,
    Type,
    Source,
    Plugin,
    CausedBy,
    Replay,
    Outcome,
    OrderingKey,
    Reason,
}

impl FieldKind {
    /// Whether a field is of this kind.
    pub(in crate::db) fn includes(self, field: &IndexedField) -> bool {
        match self {
            Self::Any => true,
            Self::Type => *field == IndexedField::Type,
            Self::Source => *field == IndexedField::Source,
            Self::Plugin => *field == IndexedField::Plugin,
            Self::CausedBy => *field == IndexedField::CausedBy,
            Self::Replay => *field == IndexedField::Replay,
            Self::Outcome => *field == IndexedField::Outcome,
            Self::OrderingKey => {
                matches!(field, IndexedField::OrderingKey(..) | IndexedField::EarlierOrderingKey(_))
            }
            Self::Reason => matches!(field, IndexedField::Reason(_)),
        }
    }
}

/// Which fields the caller may search.
pub(in crate::db) type IsVisible<'a> = &'a (dyn Fn(&IndexedField) -> bool + Send + Sync);

/// Times of receipt, ms since the Unix epoch: from the first up to the second, which is not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) struct ReceivedRange {
    pub(in crate::db) since: u64,
    pub(in crate::db) until: u64,
}

impl ReceivedRange {
    /// Whether a time is in it.
    pub(in crate::db) fn contains(self, received_at: u64) -> bool {
        self.since <= received_at && received_at < self.until
    }
}

/// How far the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::db) struct IndexPosition {
    /// All events up to this number are in it.
    pub(in crate::db) through: i64,
    /// And all changes of these up to this number.
    pub(in crate::db) changes: i64,
}

/// The candidates that the index proposes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::db) struct Candidates {
    /// The newest first.
    pub(in crate::db) events: Vec<i64>,
    /// The index was read down to this event, which is not included; `None` = to its end.
    pub(in crate::db) read_to: Option<i64>,
}
