//! The connection that writes.

use std::sync::Arc;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::file::DatabaseFile;
use crate::db::types::DbError;

/// A connection that is opened again after it failed.
pub(super) struct Conn {
    pub(super) open: Option<SqliteConnection>,
    pub(super) options: SqliteConnectOptions,
    pub(super) file: Arc<DatabaseFile>,
}

impl Conn {
    pub(super) async fn get(&mut self) -> Result<&mut SqliteConnection, DbError> {
        let conn = if let Some(conn) = self.open.take() {
            conn
        } else {
            // Another file in its place is not to be written.
            self.file.check()?;
            SqliteConnection::connect_with(&self.options).await?
        };
        Ok(self.open.insert(conn))
    }

    pub(super) async fn discard(&mut self) {
        if let Some(conn) = self.open.take() {
            // Closing also undoes a transaction that is open.
            let _ = conn.close().await;
        }
    }
}
