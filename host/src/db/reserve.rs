//! Reserves room for the effects of a call before it is submitted.

use super::handle::Db;
use super::quota::{Bounds, ExceededBound};
use super::types::{DbError, EffectShare, emitted_events};
use crate::effect::QueuedEffect;
use crate::event::PluginName;

impl Db {
    /// Reserves room for the effects of a call that ended well. The reservation ends when they are done or
    /// dead, or when the call is not committed.
    ///
    /// # Errors
    /// The bound that they would cross; nothing is reserved then. [`DbError::Unavailable`].
    pub async fn reserve(
        &self,
        plugin: &PluginName,
        root: i64,
        effects: &[QueuedEffect],
        bounds: &Bounds,
    ) -> Result<Result<(), ExceededBound>, DbError> {
        let quotas = &self.inner.shared.quotas;
        let (share, events) = (EffectShare::of(effects), emitted_events(effects));
        if events > 0 {
            let most = bounds.per_root_max;
            let mut reserved = quotas.emit(root, events, None, most);
            if reserved.is_none() {
                let stored = self.inner.reads.emitted(root).await?;
                reserved = quotas.emit(root, events, Some(stored), most);
            }
            if let Some(Err(emitted)) = reserved {
                let name = self.inner.reads.name_of_event(root).await?;
                let name = name.unwrap_or_else(|| "a received event that is no longer kept".into());
                return Ok(Err(ExceededBound::Root(format!(
                    "{name} led to {emitted} emitted events, and this call emits {events} more; \
                     effects.per_root_max is {most}"
                ))));
            }
        }
        let reserved = quotas.reserve(plugin, share, bounds);
        if reserved.is_err() {
            quotas.not_emitted(root, events);
        }
        Ok(reserved)
    }
}
