//! Answers of the database that hold for a second, since any client that reaches the address may request
//! them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::db::DbError;

/// The time for which an answer holds.
const VALIDITY: Duration = Duration::from_secs(1);
/// A database that takes longer is not ready.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The last answer to one question. Clones share it.
#[derive(Clone)]
pub(super) struct Cached<T>(Arc<Mutex<Option<Answer<T>>>>);

/// The time of the read, and its answer.
type Answer<T> = (Instant, Result<T, DbError>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Cached<T> {
    /// The last answer while it holds, else that of `ask`.
    pub(super) async fn get(&self, ask: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
        let mut last = self.0.lock().await;
        if let Some((asked_at, answer)) = &*last
            && asked_at.elapsed() < VALIDITY
        {
            return answer.clone();
        }
        let late = || DbError::Unavailable("it does not answer in time".into());
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, ask).await;
        let answer = answer.unwrap_or_else(|_| Err(late()));
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}
