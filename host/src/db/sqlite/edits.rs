//! Events with edited payloads in `SQLite`.

use std::sync::atomic::Ordering;

use sqlx::SqliteConnection;
use sqlx::sqlite::Sqlite;
use sqlx::{QueryBuilder, Row as _};

use super::commit::{self, NewlyOpen};
use super::deliveries::select_events;
use super::erasures::damaged;
use super::storage::SqliteStorage;
use super::write::Statements;
use crate::db::decisions::DecisionOutcome;
use crate::db::edit_types::{EditResult, EditStorage, NewEdit};
use crate::db::storage::Ready;
use crate::db::types::{Accept, DbError};
use crate::db::writer::batch::{Keyed, NumberedEvent};
use crate::erasure;
use crate::failpoint::{self, Point};

impl EditStorage for SqliteStorage {
    async fn store_edit(&mut self, edit: NewEdit) -> Result<(EditResult, Ready), DbError> {
        self.reload_switches().await?;
        let NewEdit { of, new, record } = edit;
        let events = self.number(vec![new]);
        let any_open = self.any_open();
        self.begin_decision(record.token(), record.actor_name()).await?;
        let written = write(&mut self.statements, of, &events, any_open).await;
        let decided = written.map(|(result, opened)| {
            let is_stored = matches!(result, EditResult::Judged(Accept::Accepted { .. }));
            DecisionOutcome::new((result, opened), is_stored.then_some(record))
        });
        let ended = self.end_decision(decided).await;
        let mut ready = Ready::default();
        if let Ok((EditResult::Judged(accept), opened)) = &ended {
            for new in events {
                self.note_accepted(new, *accept, &opened.not_due, &mut ready);
            }
            self.blocked = self.blocked.map(|before| before + opened.blocked);
        }
        self.recount().await;
        ended.map(|(result, _)| (result, ready))
    }
}

impl SqliteStorage {
    /// Whether any delivery may be open.
    pub(super) fn any_open(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) > 0 || self.blocked != Some(0)
    }
}

/// Writes the new event, if the edited one is as it was read. On an error the transaction is open.
async fn write(
    statements: &mut Statements,
    of: i64,
    events: &[NumberedEvent],
    any_open: bool,
) -> Result<(EditResult, NewlyOpen), DbError> {
    if let Some(refusal) = refusal(statements.conn.get().await?, of).await? {
        return Ok((refusal, NewlyOpen::default()));
    }
    let keyed = Keyed::of(events);
    let owners = statements.take_keys(&keyed.firsts).await?;
    let accepts = keyed.judge(events, &owners);
    let accept = accepts.first().copied().unwrap_or(Accept::Conflict);
    let mut opened = NewlyOpen::default();
    if matches!(accept, Accept::Accepted { .. }) {
        let new: Vec<_> = events.iter().collect();
        let deliveries = commit::deliveries(statements, &new, any_open).await?;
        statements.insert_events(&new, &deliveries).await?;
        opened = NewlyOpen::of(&deliveries);
        failpoint::pass(Point::EditStep);
    }
    Ok((EditResult::Judged(accept), opened))
}

/// Why no event is made of this one.
async fn refusal(conn: &mut SqliteConnection, of: i64) -> Result<Option<EditResult>, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM event WHERE seq = ?1),
        EXISTS (SELECT 1 FROM erased_event WHERE event_seq = ?1)";
    let row = sqlx::query(sql).bind(of).fetch_one(&mut *conn).await?;
    let (is_stored, is_erased): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if is_erased {
        return Ok(Some(EditResult::Erased));
    }
    if !is_stored {
        return Ok(Some(EditResult::Pruned));
    }
    let sql = "SELECT request FROM erasure WHERE state = 'running' AND after_seq < ?1 AND last_seq >= ?1";
    let requests: Vec<String> = sqlx::query_scalar(sql).bind(of).fetch_all(&mut *conn).await?;
    for request in requests {
        let request: erasure::Request = serde_json::from_str(&request).map_err(damaged)?;
        let mut query = QueryBuilder::<Sqlite>::new("SELECT 1 FROM event e WHERE e.seq = ");
        query.push_bind(of);
        select_events(&mut query, &request.selection);
        let is_found = query.build().persistent(false).fetch_optional(&mut *conn).await?.is_some();
        if !request.dry_run && is_found {
            return Ok(Some(EditResult::BeingErased));
        }
    }
    Ok(None)
}
