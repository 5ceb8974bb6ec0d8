//! The objects of a database of each version. A file may come from anywhere, and its triggers, views and
//! virtual tables would run with the host's statements. So a database with any other object is rejected.

use std::collections::BTreeMap;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

/// The migrations that make the tables.
pub(super) static MIGRATOR: Migrator = sqlx::migrate!("./migrations/sqlite");

/// Names of the tables that `ANALYZE` makes, which an operator may have run.
const STATISTICS: [&str; 2] = ["sqlite_stat1", "sqlite_stat4"];

/// Names of the triggers that keep the audit log append-only, and that count requests with an idempotency key.
const TRIGGERS: [&str; 9] = [
    "audit_insert",
    "audit_update",
    "audit_delete",
    "audit_head_insert",
    "audit_head_update",
    "audit_head_delete",
    "keyed_total_insert",
    "keyed_total_update",
    "keyed_total_delete",
];

/// The reason why a database is rejected.
#[derive(Debug)]
pub(super) enum Misfit {
    /// `SQLite` does not read it.
    Unreadable(sqlx::Error),
    /// It has objects that this program does not make.
    Foreign(String),
}

impl From<sqlx::Error> for Misfit {
    fn from(error: sqlx::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// The statement that makes each object, by kind and name.
type Objects = BTreeMap<(String, String), String>;

/// Compares all objects of a database with those of its version. Returns the version; `None` if it is
/// empty.
pub(super) async fn check(conn: &mut SqliteConnection) -> Result<Option<i64>, Misfit> {
    let found = objects(conn).await?;
    if found.is_empty() {
        return Ok(None);
    }
    // Each kind is checked before anything is read from the object.
    for ((kind, name), sql) in &found {
        let is_virtual = sql.to_ascii_uppercase().contains(" CREATE VIRTUAL TABLE ");
        let is_known = match kind.as_str() {
            "table" | "index" => true,
            // Their statements are compared below, before anything is written.
            "trigger" => TRIGGERS.contains(&name.as_str()),
            _ => false,
        };
        if is_virtual || !is_known {
            let kind = if is_virtual { "virtual table" } else { kind };
            return Err(Misfit::Foreign(format!(
                "it has the {kind} {name:?}, which no hookyard database has"
            )));
        }
    }
    let has = |name: &str| found.contains_key(&("table".into(), name.into()));
    if !has("_sqlx_migrations") {
        return Err(Misfit::Foreign("it has not the tables of a hookyard database".into()));
    }
    let version = version(conn).await?;
    let expected = expected(version).await?;
    let of = format!("a hookyard database of version {version}");
    for ((kind, name), sql) in &expected {
        match found.get(&(kind.clone(), name.clone())) {
            Some(other) if other == sql => {}
            Some(_) => return Err(Misfit::Foreign(format!("its {kind} {name:?} is not as in {of}"))),
            None => return Err(Misfit::Foreign(format!("it lacks the {kind} {name:?}, which {of} has"))),
        }
    }
    let more = found.keys().find(|object| !expected.contains_key(*object));
    match more {
        Some((kind, name)) => Err(Misfit::Foreign(format!("it has the {kind} {name:?}, which {of} has not"))),
        None => Ok(Some(version)),
    }
}

/// The version of its tables: 0 if only their list exists. Versions must have no gap, and their own
/// checksums.
async fn version(conn: &mut SqliteConnection) -> Result<i64, Misfit> {
    let sql = "SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";
    let applied: Vec<(i64, Vec<u8>, bool)> = sqlx::query_as(sql).fetch_all(&mut *conn).await?;
    let version = applied.last().map_or(0, |(version, ..)| *version);
    if newer(version, None).is_some() {
        let program = program(conn).await;
        return Err(Misfit::Foreign(newer(version, program.as_deref()).unwrap_or_default()));
    }
    let known = MIGRATOR.iter().take(applied.len());
    let same = known.zip(&applied).all(|(known, (version, checksum, success))| {
        *success && known.version == *version && *known.checksum == **checksum
    });
    if same {
        return Ok(version);
    }
    Err(Misfit::Foreign("its tables were made by statements that no hookyard has".into()))
}

/// Returns the error for a version that this program does not know.
pub(super) fn newer(version: i64, program: Option<&str>) -> Option<String> {
    let known = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    (version > known).then(|| {
        let by = program.map(|program| format!(", made by hookyard {program}")).unwrap_or_default();
        let own = env!("CARGO_PKG_VERSION");
        format!("its tables are of version {version}{by}, and this hookyard {own} knows up to {known}: use a newer one")
    })
}

/// Notes that this program has the tables up to date.
pub(super) async fn note_program(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO program (only, version) VALUES (1, ?)
        ON CONFLICT DO UPDATE SET version = excluded.version WHERE version <> excluded.version";
    sqlx::query(sql).bind(env!("CARGO_PKG_VERSION")).execute(conn).await.map(drop)
}

/// The version of the program that had a database's tables up to date last, as far as it can be read and shown.
async fn program(conn: &mut SqliteConnection) -> Option<String> {
    let sql = "SELECT substr(version, 1, 32) FROM program LIMIT 1";
    let version: String = sqlx::query_scalar(sql).fetch_optional(conn).await.ok()??;
    let is_shown = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    (!version.is_empty() && version.chars().all(is_shown)).then_some(version)
}

/// Returns the objects of a new database of a version.
async fn expected(version: i64) -> Result<Objects, Misfit> {
    let options = SqliteConnectOptions::new().in_memory(true).disable_statement_logging();
    let mut conn = options.connect().await?;
    let migrated = MIGRATOR.run_to(version, &mut conn).await;
    migrated.map_err(|error| Misfit::Foreign(error.to_string()))?;
    let found = objects(&mut conn).await;
    conn.close().await?;
    Ok(found?)
}

async fn objects(conn: &mut SqliteConnection) -> Result<Objects, sqlx::Error> {
    let sql = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema";
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(sql).fetch_all(conn).await?;
    let objects = rows.into_iter().filter(|(_, name, ..)| !STATISTICS.contains(&name.as_str()));
    // Spaces have no meaning, and the table's name comes with the statement but for indexes that a table implies.
    let words = |table: &str, sql: &str| {
        [table].into_iter().chain(sql.split_ascii_whitespace()).collect::<Vec<_>>().join(" ")
    };
    Ok(objects.map(|(kind, name, table, sql)| ((kind, name), words(&table, &sql))).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    async fn made(version: i64, sql: &str) -> SqliteConnection {
        let options = SqliteConnectOptions::new().in_memory(true);
        let mut conn = options.connect().await.unwrap();
        MIGRATOR.run_to(version, &mut conn).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.unwrap();
        conn
    }

    #[tokio::test]
    async fn a_database_of_each_version_fits() {
        let versions: Vec<_> = MIGRATOR.iter().map(|migration| migration.version).collect();
        for version in [&[0], versions.as_slice()].concat() {
            let found = check(&mut made(version, "ANALYZE").await).await;
            assert_eq!(found.unwrap(), Some(version));
        }
        let mut empty = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        assert_eq!(check(&mut empty).await.unwrap(), None);
    }

    #[tokio::test]
    async fn anything_else_in_it_is_named() {
        let newest = MIGRATOR.iter().map(|migration| migration.version).max().unwrap();
        for (sql, why) in [
            (
                "CREATE TRIGGER evil AFTER INSERT ON event BEGIN DELETE FROM delivery; END",
                "it has the trigger \"evil\", which no hookyard database has",
            ),
            (
                "DROP TRIGGER audit_update; CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN SELECT 1; END",
                "its trigger \"audit_update\" is not as in a hookyard database",
            ),
            ("DROP TRIGGER audit_delete", "it lacks the trigger \"audit_delete\""),
            ("CREATE VIEW evil AS SELECT 1", "it has the view \"evil\""),
            ("CREATE TABLE evil (x)", "it has the table \"evil\", which a hookyard database of version"),
            ("CREATE INDEX evil ON event (length(body))", "it has the index \"evil\""),
            (
                "ALTER TABLE event ADD COLUMN evil TEXT",
                "its table \"event\" is not as in a hookyard database",
            ),
            ("DROP TABLE probe", "it lacks the table \"probe\""),
            ("DROP INDEX delivery_open", "it lacks the index \"delivery_open\""),
            ("DROP TABLE probe; CREATE VIEW probe AS SELECT 1", "it has the view \"probe\""),
            (
                "DROP TABLE probe; CREATE TABLE probe (id INTEGER PRIMARY KEY, written_at INTEGER)",
                "its table \"probe\" is not as",
            ),
            ("DROP TABLE _sqlx_migrations", "it has not the tables of a hookyard database"),
            ("DROP TABLE _sqlx_migrations; CREATE VIEW _sqlx_migrations AS SELECT 1", "it has the view"),
            ("DELETE FROM _sqlx_migrations WHERE version = 1", "made by statements that no hookyard has"),
            ("UPDATE _sqlx_migrations SET checksum = x'00'", "made by statements that no hookyard has"),
            ("DELETE FROM _sqlx_migrations", "it has the "),
        ] {
            match check(&mut made(newest, sql).await).await {
                Err(Misfit::Foreign(told)) => assert!(told.contains(why), "{sql}: {told}"),
                other => panic!("{sql}: {other:?}"),
            }
        }
    }
}
