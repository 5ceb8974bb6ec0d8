//! Events with edited payloads in memory.

use super::MemoryStorage;
use super::tables::Tables;
use crate::db::edit_types::{EditResult, EditStorage, NewEdit};
use crate::db::storage::Ready;
use crate::db::types::{Accept, DbError};
use crate::erasure::ErasureState;

impl EditStorage for MemoryStorage {
    async fn store_edit(&mut self, edit: NewEdit) -> Result<(EditResult, Ready), DbError> {
        let NewEdit { of, new, record } = edit;
        let mut tables = self.database.tables();
        tables.check_token(record.token(), record.actor_name())?;
        if let Some(refusal) = tables.refuse_edit(of) {
            return Ok((refusal, Ready::default()));
        }
        let id = (new.event.source.clone(), new.event.id.clone());
        if let Some(key) = tables.keys.values().find(|key| (&key.source, &key.id) == (&id.0, &id.1)) {
            let is_same = key.digest == new.event.digest;
            let accept = if is_same { Accept::Duplicate } else { Accept::Conflict };
            return Ok((EditResult::Judged(accept), Ready::default()));
        }
        let (accepts, opened) = tables.accept(vec![new]);
        tables.append(&record);
        drop(tables);
        let accept = accepts.first().copied().unwrap_or(Accept::Conflict);
        Ok((EditResult::Judged(accept), self.make_ready(opened)))
    }
}

impl Tables {
    /// Why no event is made of this one.
    fn refuse_edit(&self, of: i64) -> Option<EditResult> {
        if self.erased.contains_key(&of) {
            return Some(EditResult::Erased);
        }
        let Some(event) = self.events.get(&of) else { return Some(EditResult::Pruned) };
        let includes = |stored: &super::tables::StoredErasure| {
            let request = &stored.progress.request;
            stored.progress.state == ErasureState::Running
                && !request.dry_run
                && stored.after < of
                && of <= stored.last_event
                && self.fits_event(&request.selection, of, event)
        };
        self.erasures.values().any(includes).then_some(EditResult::BeingErased)
    }
}
