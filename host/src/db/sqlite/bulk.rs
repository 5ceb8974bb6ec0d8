//! Statements over many rows: one hop to `SQLite`'s thread instead of one per row.

use std::borrow::Borrow;
use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteQueryResult, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection};

/// Most rows of one statement.
const ROWS_MAX: usize = 256;

/// Turns a row into arguments.
pub(super) type Bind<T> = fn(&mut SqliteArguments, &T) -> Result<(), sqlx::error::BoxDynError>;

/// A statement that contains `(VALUES (?, …), …)` with a variable number of rows.
///
/// The text exists for each power of two, so few statements are prepared, each once. Unused rows are
/// not bound and so NULL. The statement must leave out rows whose first column is NULL.
pub(super) struct BulkStatement {
    columns: usize,
    by_size: Vec<Arc<str>>,
}

impl BulkStatement {
    /// `sql` has `{rows}` at the place of the rows.
    pub(super) fn new(sql: &str, columns: usize) -> Self {
        Self { columns, by_size: sizes().map(|rows| with_rows(sql, columns, rows).into()).collect() }
    }

    /// Runs it for all rows; how many rows it changed.
    pub(super) async fn execute<T, R: Borrow<T> + Sync>(
        &self,
        conn: &mut SqliteConnection,
        rows: &[R],
        bind: Bind<T>,
    ) -> Result<u64, sqlx::Error> {
        let mut done = SqliteQueryResult::default();
        for chunk in rows.chunks(ROWS_MAX) {
            let arguments = self.arguments(chunk, bind)?;
            done.extend([sqlx::query_with(self.sql(chunk.len()), arguments).execute(&mut *conn).await?]);
        }
        Ok(done.rows_affected())
    }

    /// Runs the statement for all rows and returns the rows that it returned.
    pub(super) async fn fetch<T, R: Borrow<T> + Sync>(
        &self,
        conn: &mut SqliteConnection,
        rows: &[R],
        bind: Bind<T>,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let mut found = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(ROWS_MAX) {
            let arguments = self.arguments(chunk, bind)?;
            found.extend(sqlx::query_with(self.sql(chunk.len()), arguments).fetch_all(&mut *conn).await?);
        }
        Ok(found)
    }

    fn arguments<T, R: Borrow<T>>(&self, rows: &[R], bind: Bind<T>) -> Result<SqliteArguments, sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(self.columns * rows.len(), 0);
        add_all(&mut arguments, rows, bind)?;
        Ok(arguments)
    }

    fn sql(&self, rows: usize) -> AssertSqlSafe<Arc<str>> {
        let power = rows.next_power_of_two().ilog2() as usize;
        // Only placeholders were put into the text, and chunks are never larger than the last size.
        AssertSqlSafe(self.by_size.get(power).cloned().unwrap_or_default())
    }
}

/// Two statements that go one after the other in a single hop.
pub(super) struct BulkStatementPair {
    first_columns: usize,
    both: BulkStatement,
}

impl BulkStatementPair {
    /// Each statement with the number of its columns, as in [`BulkStatement::new`].
    pub(super) fn new(first: (&str, usize), second: (&str, usize)) -> Self {
        let with = |rows| {
            let [first, second] = [first, second].map(|(sql, columns)| with_rows(sql, columns, rows));
            format!("{first};{second}").into()
        };
        let both = BulkStatement { columns: first.1 + second.1, by_size: sizes().map(with).collect() };
        Self { first_columns: first.1, both }
    }

    /// Runs both for all their rows.
    pub(super) async fn execute<A, B, R: Borrow<A> + Sync, S: Borrow<B> + Sync>(
        &self,
        conn: &mut SqliteConnection,
        (first, bind_first): (&[R], Bind<A>),
        (second, bind_second): (&[S], Bind<B>),
    ) -> Result<(), sqlx::Error> {
        let mut rest = (first, second);
        while !(rest.0.is_empty() && rest.1.is_empty()) {
            let (first, second);
            (first, rest.0) = rest.0.split_at(rest.0.len().min(ROWS_MAX));
            (second, rest.1) = rest.1.split_at(rest.1.len().min(ROWS_MAX));
            let rows = first.len().max(second.len());

            let mut arguments = SqliteArguments::default();
            arguments.reserve(self.both.columns * rows, 0);
            add_all(&mut arguments, first, bind_first)?;
            // The second statement's arguments begin after all of the first one's.
            for _ in 0..(rows.next_power_of_two() - first.len()) * self.first_columns {
                arguments.add(None::<i64>).map_err(sqlx::Error::Encode)?;
            }
            add_all(&mut arguments, second, bind_second)?;
            sqlx::query_with(self.both.sql(rows), arguments).execute(&mut *conn).await?;
        }
        Ok(())
    }
}

fn sizes() -> impl Iterator<Item = usize> {
    (0..=ROWS_MAX.ilog2()).map(|power| 1 << power)
}

fn with_rows(sql: &str, columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    sql.replace("{rows}", &vec![row.as_str(); rows].join(","))
}

fn add_all<T, R: Borrow<T>>(to: &mut SqliteArguments, rows: &[R], bind: Bind<T>) -> Result<(), sqlx::Error> {
    rows.iter().try_for_each(|row| bind(to, row.borrow())).map_err(sqlx::Error::Encode)
}
