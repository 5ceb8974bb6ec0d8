//! Files of revisions, and the instructions about them, in `SQLite`.

use sqlx::{Row as _, SqliteConnection};

use super::reader::Reader;
use super::values::{digest_of, integer, name_of, parse, unsigned};
use crate::db::revision_types::{RevisionPart, StoredFile};
use crate::db::types::DbError;
use crate::event::{Digest, PluginName};
use crate::revision::{HistoryEntry, HistoryPage, InstructionRecord, RevisionChoice, RevisionFacts};

/// Instructions of a plugin that are kept.
const HISTORY_MAX: i64 = 1000;

const FILE: &str =
    "INSERT INTO revision_file (digest, size_bytes) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING";
const PART: &str = "INSERT INTO revision_part (file_id, number, bytes)
    SELECT id, ?, ? FROM revision_file WHERE digest = ? AND facts IS NULL
    ON CONFLICT (file_id, number) DO UPDATE SET bytes = excluded.bytes";
const COMPLETE: &str = "UPDATE revision_file SET facts = ? WHERE digest = ? AND facts IS NULL";
const ENTRY: &str = "INSERT OR REPLACE INTO plugin_revision
    (plugin, number, digest, origin, instructed_by, instructed_at, note, refusal, decision, in_force_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const IN_FORCE: &str = "UPDATE plugin_revision SET in_force_at = ? WHERE plugin = ? AND number = ?";
const DECIDED: &str = "UPDATE plugin_revision SET decision = ? WHERE plugin = ? AND number = ?";
const CHOICE: &str =
    "INSERT OR REPLACE INTO plugin_choice (plugin, choice, in_force, waiting) VALUES (?, ?, ?, ?)";
const FORGET_OLD: &str =
    "DELETE FROM plugin_revision WHERE plugin = ? AND number <= ? AND number NOT IN (?, ?)";
const NEEDED: &str = "SELECT count(*) FROM plugin_choice WHERE in_force = ?1 OR waiting = ?1";
const FORGET_PARTS: &str =
    "DELETE FROM revision_part WHERE file_id IN (SELECT id FROM revision_file WHERE digest = ?)";
const FORGET_FILE: &str = "DELETE FROM revision_file WHERE digest = ?";
const HISTORY: &str =
    "SELECT p.number, p.digest, p.origin, p.instructed_by, p.instructed_at, p.note, p.refusal,
        p.decision, p.in_force_at, f.facts
    FROM plugin_revision p LEFT JOIN revision_file f ON f.digest = p.digest
    WHERE p.plugin = ? ORDER BY p.number DESC LIMIT ?";
const STORED: &str = "SELECT f.digest, f.size_bytes, p.plugin, max(p.number), max(p.instructed_at)
    FROM revision_file f LEFT JOIN plugin_revision p ON p.digest = f.digest AND p.refusal IS NULL
    GROUP BY f.digest, p.plugin";

fn json(value: &impl serde::Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::Unavailable(error.to_string()))
}

/// Stores a part of a revision's file.
pub(super) async fn keep_part(conn: &mut SqliteConnection, part: &RevisionPart) -> Result<(), DbError> {
    let digest = &part.digest.0[..];
    if part.number == 0 {
        let query = sqlx::query(FILE).bind(digest).bind(integer(part.size_bytes));
        query.execute(&mut *conn).await?;
    }
    let query = sqlx::query(PART).bind(i64::from(part.number)).bind(&part.bytes[..]).bind(digest);
    query.execute(&mut *conn).await?;
    if let Some(facts) = &part.complete {
        sqlx::query(COMPLETE).bind(json(facts)?).bind(digest).execute(conn).await?;
    }
    Ok(())
}

/// Stores an instruction with its consequences.
pub(super) async fn instruct(conn: &mut SqliteConnection, record: &InstructionRecord) -> Result<(), DbError> {
    let InstructionRecord { plugin, choice, entry, in_force, decision, .. } = record;
    let plugin = plugin.as_str();
    if let Some(entry) = entry {
        let decision = entry.decision.as_ref().map(json).transpose()?;
        let query = sqlx::query(ENTRY).bind(plugin).bind(integer(entry.number)).bind(&entry.digest.0[..]);
        let query = query.bind(entry.origin.as_str()).bind(&entry.by).bind(integer(entry.at));
        let query = query.bind(entry.note.as_deref()).bind(entry.refusal.as_deref()).bind(decision);
        query.bind(entry.in_force_at.map(integer)).execute(&mut *conn).await?;
    }
    if let Some((number, at)) = in_force {
        let query = sqlx::query(IN_FORCE).bind(integer(*at)).bind(plugin).bind(integer(*number));
        query.execute(&mut *conn).await?;
    }
    if let Some((number, decision)) = decision {
        let query = sqlx::query(DECIDED).bind(json(decision)?).bind(plugin).bind(integer(*number));
        query.execute(&mut *conn).await?;
    }
    let (current, waiting) = (choice.in_force(), choice.waiting().map(|waiting| waiting.choice));
    let query = sqlx::query(CHOICE).bind(plugin).bind(json(choice)?);
    let query = query.bind(current.as_ref().map(|of| &of.digest.0[..]));
    query.bind(waiting.as_ref().map(|of| &of.digest.0[..])).execute(&mut *conn).await?;
    let number = |of: Option<crate::revision::Choice>| of.map_or(-1, |of| integer(of.number));
    let query = sqlx::query(FORGET_OLD).bind(plugin).bind(integer(choice.version) - HISTORY_MAX);
    query.bind(number(current)).bind(number(waiting)).execute(conn).await?;
    Ok(())
}

/// Removes files of revisions that are neither in force nor wait. Returns how many.
pub(super) async fn remove(conn: &mut SqliteConnection, digests: &[Digest]) -> Result<u64, DbError> {
    let mut removed = 0;
    for digest in digests {
        let digest = &digest.0[..];
        let needed: i64 = sqlx::query_scalar(NEEDED).bind(digest).fetch_one(&mut *conn).await?;
        if needed == 0 {
            sqlx::query(FORGET_PARTS).bind(digest).execute(&mut *conn).await?;
            let done = sqlx::query(FORGET_FILE).bind(digest).execute(&mut *conn).await?;
            removed += done.rows_affected();
        }
    }
    Ok(removed)
}

impl Reader {
    pub(super) async fn plugin_choices(&self) -> Result<Vec<(PluginName, RevisionChoice)>, DbError> {
        let query = sqlx::query_as("SELECT plugin, choice FROM plugin_choice ORDER BY plugin");
        let rows: Vec<(String, String)> = query.fetch_all(self.pool()).await?;
        rows.into_iter().map(|(plugin, choice)| Ok((name_of(&plugin)?, read(&choice)?))).collect()
    }

    pub(super) async fn plugin_history(
        &self,
        plugin: &PluginName,
        limit: u32,
    ) -> Result<Option<HistoryPage>, DbError> {
        let query = sqlx::query_scalar("SELECT choice FROM plugin_choice WHERE plugin = ?");
        let choice: Option<String> = query.bind(plugin.as_str()).fetch_optional(self.pool()).await?;
        let Some(choice) = choice else { return Ok(None) };
        let rows = sqlx::query(HISTORY).bind(plugin.as_str()).bind(limit).fetch_all(self.pool()).await?;
        let entry = |row: &sqlx::sqlite::SqliteRow| {
            let text = |column| row.try_get::<Option<String>, usize>(column);
            Ok::<_, DbError>(HistoryEntry {
                number: unsigned(row.try_get(0)?),
                digest: digest_of(row, 1)?,
                origin: parse(row.try_get(2)?)?,
                by: row.try_get(3)?,
                at: unsigned(row.try_get(4)?),
                note: text(5)?,
                refusal: text(6)?,
                decision: text(7)?.map(|json| read(&json)).transpose()?,
                in_force_at: row.try_get::<Option<i64>, _>(8)?.map(unsigned),
                facts: text(9)?.map(|json| read(&json)).transpose()?,
            })
        };
        let entries = rows.iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Some(HistoryPage { choice: read(&choice)?, entries }))
    }

    pub(super) async fn revision_facts(&self, digest: &Digest) -> Result<Option<RevisionFacts>, DbError> {
        let query =
            sqlx::query_scalar("SELECT facts FROM revision_file WHERE digest = ? AND facts IS NOT NULL");
        let facts: Option<String> = query.bind(&digest.0[..]).fetch_optional(self.pool()).await?;
        facts.map(|facts| read(&facts)).transpose()
    }

    pub(super) async fn revision_file(&self, digest: &Digest) -> Result<Option<Vec<u8>>, DbError> {
        let query =
            sqlx::query_as("SELECT id, size_bytes FROM revision_file WHERE digest = ? AND facts IS NOT NULL");
        let file: Option<(i64, i64)> = query.bind(&digest.0[..]).fetch_optional(self.pool()).await?;
        let Some((id, size)) = file else { return Ok(None) };
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        for number in 0_i64.. {
            let query =
                sqlx::query_scalar("SELECT bytes FROM revision_part WHERE file_id = ? AND number = ?");
            let part: Option<Vec<u8>> = query.bind(id).bind(number).fetch_optional(self.pool()).await?;
            let Some(part) = part else { break };
            bytes.extend_from_slice(&part);
        }
        Ok(Some(bytes))
    }

    pub(super) async fn stored_files(&self) -> Result<Vec<StoredFile>, DbError> {
        let rows = sqlx::query(STORED).fetch_all(self.pool()).await?;
        let stored = |row: &sqlx::sqlite::SqliteRow| {
            let plugin: Option<&str> = row.try_get(2)?;
            let count = |column| row.try_get::<Option<i64>, usize>(column).map(|n| unsigned(n.unwrap_or(0)));
            Ok(StoredFile {
                digest: digest_of(row, 0)?,
                size_bytes: unsigned(row.try_get(1)?),
                plugin: plugin.map(name_of).transpose()?,
                number: count(3)?,
                at: count(4)?,
            })
        };
        rows.iter().map(stored).collect()
    }
}

fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, DbError> {
    serde_json::from_str(json).map_err(|error| DbError::Unavailable(format!("a revision's record: {error}")))
}
