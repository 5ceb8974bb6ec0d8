//! Dead letters and dead effects in groups, as operators ask for them.

use super::group_types::{DeadFilter, DeadGroups, GROUPED_MAX, GroupLimits};
use super::handle::Db;
use super::types::DbError;
use crate::replay::ReplayCursor;

/// Each dead letter takes a read of its last attempt, so an answer looks at a part of them. Each group takes the room of its
/// reason.
const LIMITS: GroupLimits = GroupLimits { scanned: GROUPED_MAX, groups: 200 };

impl Db {
    /// The groups of the next 20,000 unresolved dead letters before `before`, the newest first. `before` is the last
    /// answer's `next`.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn dead_letter_groups(
        &self,
        filter: &DeadFilter,
        before: Option<ReplayCursor>,
    ) -> Result<DeadGroups, DbError> {
        self.inner.reads.dead_letter_groups(filter, before, LIMITS).await
    }

    /// The same of unresolved dead effects.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn dead_effect_groups(
        &self,
        filter: &DeadFilter,
        before: Option<ReplayCursor>,
    ) -> Result<DeadGroups, DbError> {
        self.inner.reads.dead_effect_groups(filter, before, LIMITS).await
    }
}
