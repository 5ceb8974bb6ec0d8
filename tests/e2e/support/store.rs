//! A plugin's store as it is on disk.

use std::collections::BTreeMap;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};

use super::Bed;

impl Bed {
    /// What is committed in a bucket of a plugin's store, while a host runs here or after it.
    pub(crate) async fn bucket(&self, plugin: &str, bucket: &str) -> BTreeMap<String, String> {
        let file = self.path("hookyard-data/hookyard.db");
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        let sql = "SELECT key, value FROM entry WHERE plugin = ? AND bucket = ? ORDER BY key";
        let rows = sqlx::query(sql).bind(plugin).bind(bucket).fetch_all(&mut conn).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        rows.iter().map(|row| (row.get(0), text(row.get(1)))).collect()
    }
}
