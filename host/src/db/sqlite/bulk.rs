//! Statements over many rows: one hop to `SQLite`'s thread instead of one per row.

use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteQueryResult, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection};

/// Most rows of one statement.
const ROWS_MAX: usize = 256;

/// How a row becomes arguments.
pub(super) type Bind<T> = fn(&mut SqliteArguments, &T) -> Result<(), sqlx::error::BoxDynError>;

/// A statement that contains `(VALUES (?, …), …)` with as many rows as it is given.
///
/// It exists for each power of two, so that few statements are prepared, once; rows above those
/// given are not bound and so NULL, and the statement must leave out rows whose first column is
/// NULL.
pub(super) struct Bulk {
    columns: usize,
    by_size: Vec<Arc<str>>,
}

impl Bulk {
    /// `sql` has `{rows}` where the rows go.
    pub(super) fn new(sql: &str, columns: usize) -> Self {
        let row = format!("({})", vec!["?"; columns].join(","));
        let with = |rows: usize| sql.replace("{rows}", &vec![row.as_str(); rows].join(",")).into();
        let sizes = (0..=ROWS_MAX.ilog2()).map(|power| 1 << power);
        Self { columns, by_size: sizes.map(with).collect() }
    }

    /// Runs it for all rows; how many rows it changed.
    pub(super) async fn execute<T: Sync>(
        &self,
        conn: &mut SqliteConnection,
        rows: &[T],
        bind: Bind<T>,
    ) -> Result<u64, sqlx::Error> {
        let mut done = SqliteQueryResult::default();
        for chunk in rows.chunks(ROWS_MAX) {
            let arguments = self.arguments(chunk, bind)?;
            done.extend([sqlx::query_with(self.sql(chunk.len()), arguments).execute(&mut *conn).await?]);
        }
        Ok(done.rows_affected())
    }

    /// Runs it for all rows; what it returned.
    pub(super) async fn fetch<T: Sync>(
        &self,
        conn: &mut SqliteConnection,
        rows: &[T],
        bind: Bind<T>,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let mut found = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(ROWS_MAX) {
            let arguments = self.arguments(chunk, bind)?;
            found.extend(sqlx::query_with(self.sql(chunk.len()), arguments).fetch_all(&mut *conn).await?);
        }
        Ok(found)
    }

    fn arguments<T>(&self, rows: &[T], bind: Bind<T>) -> Result<SqliteArguments, sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(self.columns * rows.len(), 0);
        for row in rows {
            bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }

    fn sql(&self, rows: usize) -> AssertSqlSafe<Arc<str>> {
        let power = rows.next_power_of_two().ilog2() as usize;
        // Only placeholders were put into the text, and chunks are never larger than the last size.
        AssertSqlSafe(self.by_size.get(power).cloned().unwrap_or_default())
    }
}
