//! Confirmations that operators decide about, in `SQLite`.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::audit;
use super::reader::Reader;
use super::storage::SqliteStorage;
use super::values::{integer, name_of, parse, unsigned};
use crate::confirmation::{
    ConfirmationDecision, ConfirmationReceipt, ConfirmationState, LIFE_MS, NewConfirmation,
    StoredConfirmation, judge,
};
use crate::db::confirmation_types::{
    ConfirmationChange, ConfirmationReads, ConfirmationWrites, OldConfirmations, OpenedConfirmation,
    UNFINISHED,
};
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::types::{Answer, DbError};

/// The columns in the order of [`confirmation_of`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, source, topic, url, sent_at, received_at, state, opened_at, failure, subscription,
            decided_at, decided_by FROM confirmation ",
            $rest
        )
    };
}

const LIST: &str = select!("WHERE ?1 IS NULL OR source = ?1 ORDER BY id DESC LIMIT ?2");
const OF_SOURCE: &str = select!("WHERE source = ? ORDER BY id");
const ONE: &str = select!("WHERE id = ?");
const INSERT: &str = "INSERT INTO confirmation (id, source, topic, url, sent_at, received_at, state)
    SELECT ifnull(max(id), 0) + 1, ?1, ?2, ?3, ?4, ?5, 'waiting' FROM confirmation";
const RENEW: &str = "UPDATE confirmation SET url = ?1, sent_at = ?2, received_at = ?3, opened_at = NULL,
    failure = NULL WHERE id = ?4";
const EXPIRE: &str = "UPDATE confirmation SET state = 'expired', decided_at = received_at + ?2
    WHERE state = 'waiting' AND received_at + ?2 <= ?1";
const OPEN: &str = "UPDATE confirmation SET opened_at = ?2, failure = ?3 WHERE id = ?1";
const REJECT: &str =
    "UPDATE confirmation SET state = 'rejected', decided_at = ?2, decided_by = ?3 WHERE id = ?1";
const CONFIRM: &str = "UPDATE confirmation SET state = 'confirmed', failure = NULL, subscription = ?2,
    decided_at = ?3, decided_by = ?4 WHERE id = ?1";
const FAIL: &str = "UPDATE confirmation SET failure = ?2 WHERE id = ?1 AND state = 'waiting' AND url = ?3";
/// The newest row stays, so that no number is used twice.
const REMOVE: &str = "DELETE FROM confirmation WHERE decided_at < ?
    AND id <> (SELECT max(id) FROM confirmation)";

async fn store(conn: &mut SqliteConnection, new: &NewConfirmation) -> Result<ConfirmationReceipt, DbError> {
    expire(&mut *conn, new.received_at).await?;
    let rows = sqlx::query(OF_SOURCE).bind(new.source.as_str()).fetch_all(&mut *conn).await?;
    let known: Vec<_> = rows.iter().filter_map(|row| confirmation_of(row).ok()).collect();
    let (receipt, place) = judge(&known, new);
    let (sent_at, received_at) = (integer(new.sent_at), integer(new.received_at));
    match (receipt, place) {
        (ConfirmationReceipt::Stored, _) => {
            let query = sqlx::query(INSERT).bind(new.source.as_str()).bind(&new.topic).bind(&new.url);
            query.bind(sent_at).bind(received_at).execute(conn).await?;
        }
        (ConfirmationReceipt::Renewed, Some(id)) => {
            let query = sqlx::query(RENEW).bind(&new.url).bind(sent_at).bind(received_at).bind(id);
            query.execute(conn).await?;
        }
        _ => {}
    }
    Ok(receipt)
}

async fn expire(conn: &mut SqliteConnection, now: u64) -> Result<(), DbError> {
    sqlx::query(EXPIRE).bind(integer(now)).bind(integer(LIFE_MS)).execute(conn).await?;
    Ok(())
}

async fn decide(
    conn: &mut SqliteConnection,
    change: &ConfirmationChange,
) -> Result<DecisionOutcome<ConfirmationDecision>, DbError> {
    let ConfirmationChange { source, id, is_approved, at, by } = change;
    let found = find(&mut *conn, *id).await?.filter(|found| found.request.source.as_str() == source);
    let Some(found) = found else {
        return Ok(DecisionOutcome::new(ConfirmationDecision::Unknown, None));
    };
    let state = found.state_at(*at);
    if state != ConfirmationState::Waiting {
        return Ok(DecisionOutcome::new(ConfirmationDecision::NotWaiting(state), None));
    }
    let query = sqlx::query(if *is_approved { OPEN } else { REJECT }).bind(id).bind(integer(*at));
    let third = if *is_approved { UNFINISHED } else { &by.actor.name };
    query.bind(third).execute(&mut *conn).await?;
    let record = decisions::decide_confirmation(change, &found.request.topic);
    let decided = find(conn, *id).await?.unwrap_or(found);
    Ok(DecisionOutcome::new(ConfirmationDecision::Decided(Box::new(decided)), record))
}

async fn end(
    conn: &mut SqliteConnection,
    opened: &OpenedConfirmation,
) -> Result<Option<StoredConfirmation>, DbError> {
    let query = match &opened.result {
        Ok(subscription) => {
            let query = sqlx::query(CONFIRM).bind(opened.id).bind(subscription);
            query.bind(integer(opened.at)).bind(&opened.by)
        }
        Err(failure) => sqlx::query(FAIL).bind(opened.id).bind(failure).bind(&opened.url),
    };
    query.execute(&mut *conn).await?;
    let Some(stored) = find(&mut *conn, opened.id).await? else { return Ok(None) };
    audit::append(conn, &decisions::end_confirmation(opened, &stored)).await?;
    Ok(Some(stored))
}

async fn find(conn: &mut SqliteConnection, id: i64) -> Result<Option<StoredConfirmation>, DbError> {
    sqlx::query(ONE).bind(id).fetch_optional(conn).await?.as_ref().map(confirmation_of).transpose()
}

fn confirmation_of(row: &SqliteRow) -> Result<StoredConfirmation, DbError> {
    let time = |column: usize| Ok::<_, DbError>(row.try_get::<Option<i64>, _>(column)?.map(unsigned));
    Ok(StoredConfirmation {
        id: row.try_get(0)?,
        request: NewConfirmation {
            source: name_of(row.try_get(1)?)?,
            topic: row.try_get(2)?,
            url: row.try_get(3)?,
            sent_at: unsigned(row.try_get(4)?),
            received_at: unsigned(row.try_get(5)?),
        },
        state: parse(row.try_get(6)?)?,
        opened_at: time(7)?,
        failure: row.try_get(8)?,
        subscription: row.try_get(9)?,
        decided_at: time(10)?,
        decided_by: row.try_get(11)?,
    })
}

impl ConfirmationWrites for SqliteStorage {
    async fn store_confirmation(&mut self, new: &NewConfirmation) -> Result<ConfirmationReceipt, DbError> {
        self.statements.begin().await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => store(conn, new).await,
            Err(error) => Err(error),
        };
        self.end(done).await
    }

    async fn decide_confirmation(
        &mut self,
        change: &ConfirmationChange,
    ) -> Result<ConfirmationDecision, DbError> {
        self.begin_decision(change.by.token, &change.by.actor.name).await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => decide(conn, change).await,
            Err(error) => Err(error),
        };
        self.end_decision(done).await
    }

    async fn end_confirmation(
        &mut self,
        opened: &OpenedConfirmation,
    ) -> Result<Option<StoredConfirmation>, DbError> {
        self.statements.begin().await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => end(conn, opened).await,
            Err(error) => Err(error),
        };
        self.end(done).await
    }

    async fn prune_confirmations(&mut self, old: OldConfirmations) -> Result<(), DbError> {
        let pruned = async {
            self.statements.begin_unsynced().await?;
            let conn = self.statements.conn.get().await?;
            expire(&mut *conn, old.now).await?;
            sqlx::query(REMOVE).bind(integer(old.decided_before)).execute(conn).await?;
            self.statements.commit_unsynced().await
        };
        let pruned = pruned.await;
        if pruned.is_err() {
            self.statements.rollback().await;
        }
        pruned
    }
}

impl ConfirmationReads for Reader {
    fn confirmations<'a>(
        &'a self,
        source: Option<&'a str>,
        limit: u32,
    ) -> Answer<'a, Vec<StoredConfirmation>> {
        Box::pin(async move {
            let rows = sqlx::query(LIST).bind(source).bind(limit).fetch_all(self.pool()).await?;
            rows.iter().map(confirmation_of).collect()
        })
    }
}
