//! The stored data, read from the database file.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::HostDir;

impl HostDir {
    /// What is committed in a bucket of a plugin's store, while a host runs here or after it.
    pub(crate) async fn bucket(&self, plugin: &str, bucket: &str) -> BTreeMap<String, String> {
        let mut conn = self.database().await;
        let sql = "SELECT key, value FROM entry WHERE plugin = ? AND bucket = ? ORDER BY key";
        let rows = sqlx::query(sql).bind(plugin).bind(bucket).fetch_all(&mut conn).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        rows.iter().map(|row| (row.get(0), text(row.get(1)))).collect()
    }

    /// What is committed in all plugins' stores, by `PLUGIN/BUCKET/KEY`: as JSON where it is some.
    pub(crate) async fn entries(&self) -> BTreeMap<String, Value> {
        let sql = "SELECT plugin || '/' || bucket || '/' || key, value FROM entry";
        let rows = sqlx::query(sql).fetch_all(&mut self.database().await).await.unwrap();
        let value = |bytes: Vec<u8>| {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8(bytes).unwrap().into())
        };
        rows.iter().map(|row| (row.get(0), value(row.get(1)))).collect()
    }

    /// How many effects are neither done nor dead.
    pub(crate) async fn open_effects(&self) -> i64 {
        let sql = "SELECT count(*) FROM effect WHERE due_at IS NOT NULL";
        sqlx::query_scalar(sql).fetch_one(&mut self.database().await).await.unwrap()
    }

    /// A number that the database knows.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.database().await).await.unwrap()
    }

    /// Makes everything that is stored so many days older. No host may run here.
    pub(crate) async fn age(&self, days: u64) {
        let ms = days * 24 * 3_600_000;
        let older = |table| format!("UPDATE {table} SET received_at = received_at - {ms};");
        self.alter(&(older("event") + &older("idempotency_key"))).await;
    }

    /// Changes the database. No host may run here.
    pub(crate) async fn alter(&self, sql: &str) {
        self.alter_file("hookyard-data/hookyard.db", sql).await;
    }

    /// Changes a database of any name.
    pub(crate) async fn alter_file(&self, below: &str, sql: &str) {
        let options = SqliteConnectOptions::new().filename(self.path(below));
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }

    /// Takes the database's only lock for writing, as a stuck backup would, until the connection is closed.
    pub(crate) async fn lock_writes(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path("hookyard-data/hookyard.db"));
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        other
    }

    /// The database, to be read.
    async fn database(&self) -> SqliteConnection {
        let file = self.path("hookyard-data/hookyard.db");
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }
}
