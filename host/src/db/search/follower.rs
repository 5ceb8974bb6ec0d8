//! The task that brings the index up to date.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::lookup::IndexPosition;
use super::reads::{ChangeRange, DocumentScope, ReadLane};
use super::settings::SearchSettings;
use super::state::SearchState;
use crate::clock;
use crate::config::Config;
use crate::db::handle::Db;
use crate::db::sqlite::search_index::{self, IndexState, IndexStep, IndexWriter, OpenedIndex, Opening};
use crate::db::types::{DbError, Removal};
use crate::db::writer::inbox::{Operation, Request};

/// Interval at which new events are looked for when the index has all.
const TICK: Duration = Duration::from_millis(200);
/// The interval after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// Most events of a step, which is one transaction.
const PAGE: u32 = 1000;
/// Most changes of a step, and most events of a change that are read at once.
const CHANGES: u32 = 256;
/// Changes that the index has passed and that are kept all the same: after a power cut it may be older.
const KEPT_CHANGES: i64 = 10_000;
/// Changes that are removed at once.
const REMOVED_CHANGES: i64 = 10_000;
/// With fewer events and changes than this to put in, the follower leaves the processors to senders: see [`rest_after`].
const NEAR: u64 = 50_000;
/// Interval at which removed values leave the log.
const EMPTY_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The follower's task.
#[derive(Debug)]
pub struct Following {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Following {
    /// Ends it after the step under way, and closes the index.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the task of the search index");
        }
    }
}

/// A failure of a step.
enum StepError {
    /// The index is damaged: it is made anew.
    Damaged(String),
    /// It may work later.
    Failed(String),
}

impl From<DbError> for StepError {
    fn from(error: DbError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    More,
    CaughtUp,
}

impl Db {
    /// Opens the search index beside the database, and starts to follow it. Call this before [`Db::start`], so that the
    /// index is compared with the database as the last process left it.
    pub async fn start_indexing(&self, config: watch::Receiver<Arc<Config>>) -> Following {
        let (database, is_on) = {
            let config = config.borrow();
            (config.database.path().to_owned(), config.search.index)
        };
        let state = &self.inner.search;
        state.settings.store(Arc::new(SearchSettings::from(&**config.borrow())));
        state.is_on.store(is_on, Ordering::Relaxed);
        let mut follower = Follower::new(self.clone(), config, search_index::index_path(&database));
        if is_on {
            follower.open().await;
        } else {
            follower.remove_unused().await;
        }
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                // A step is not cut off: `run` waits only between steps.
                () = follower.run(stopped, is_on) => {}
            }
        });
        Following { stop: Some(stop), task }
    }
}

struct Follower {
    db: Db,
    config: watch::Receiver<Arc<Config>>,
    path: PathBuf,
    writer: Option<IndexWriter>,
    settings: Arc<SearchSettings>,
    /// The changes up to here were removed from the database.
    removed: i64,
    emptied_at: Instant,
    reported: Option<String>,
}

impl Follower {
    fn new(db: Db, config: watch::Receiver<Arc<Config>>, path: PathBuf) -> Self {
        let settings = db.inner.search.settings.load_full();
        let emptied_at = Instant::now();
        Self { db, config, path, writer: None, settings, removed: 0, emptied_at, reported: None }
    }

    /// Removes the index of a host that has it switched off: nobody would erase values in it.
    async fn remove_unused(&self) {
        let removed = match search_index::open(&self.path).await {
            Ok(Opening::Opened(opened, _)) => {
                close(*opened).await;
                search_index::remove(&self.path, None)
            }
            Ok(Opening::Missing) => return,
            Ok(Opening::Unfit(why)) => {
                let path = self.path.display();
                return tracing::warn!("{path} is not removed, though search.index is off: {why}");
            }
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => tracing::info!("search.index is off: the search index was removed"),
            Err(error) => tracing::warn!("the search index, which is off, cannot be removed: {error}"),
        }
    }

    /// The events and changes that the index does not have.
    fn lag(&self) -> u64 {
        let status = self.state().status();
        status.lag_events.saturating_add(status.lag_changes)
    }

    fn state(&self) -> &SearchState {
        &self.db.inner.search
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>, is_on: bool) {
        loop {
            let began = Instant::now();
            let progress = if is_on {
                self.advance().await
            } else {
                // Events are compared by it, also without an index.
                let current = SearchSettings::from(&**self.config.borrow());
                self.use_settings(current);
                self.forget_changes().await
            };
            let pause = match progress {
                Ok(Progress::More) => rest_after(began.elapsed(), self.lag()),
                Ok(Progress::CaughtUp) => TICK,
                Err(_) => RETRY,
            };
            self.report(progress.err()).await;
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.close().await;
    }

    /// One step.
    async fn advance(&mut self) -> Result<Progress, StepError> {
        let current = SearchSettings::from(&**self.config.borrow_and_update());
        if current.fingerprint() != self.settings.fingerprint() {
            tracing::info!("the configured search values changed: the search index is made anew");
            self.close().await;
            search_index::remove(&self.path, None)?;
        }
        self.use_settings(current);
        if self.state().index.load().as_ref().is_some_and(|index| index.is_damaged()) {
            return Err(StepError::Damaged("a read failed".into()));
        }
        if self.writer.is_none() {
            self.create().await?;
        }
        let at = self.position();
        let changes = self.db.inner.reads.change_range(ReadLane::Follower).await?;
        let newest = self.db.inner.reads.newest(ReadLane::Follower).await?;
        self.state().newest.store(newest, Ordering::Relaxed);
        self.state().newest_change.store(changes.last, Ordering::Relaxed);
        let more_changes = self.follow_changes(at).await?;
        let more_events = self.follow_events().await?;
        self.remove_changes(changes).await?;
        if more_changes || more_events {
            return Ok(Progress::More);
        }
        self.state().caught_up_at.store(clock::now_ms(), Ordering::Relaxed);
        self.empty_log().await?;
        Ok(Progress::CaughtUp)
    }

    fn use_settings(&mut self, current: SearchSettings) {
        if current != *self.settings {
            self.settings = Arc::new(current);
            self.state().settings.store(Arc::clone(&self.settings));
        }
    }

    /// Puts changes of indexed events into the index. Whether there are more.
    async fn follow_changes(&mut self, at: IndexPosition) -> Result<bool, StepError> {
        let changes = self.db.inner.reads.event_changes(ReadLane::Follower, at.changes, CHANGES).await?;
        let (mut single, mut position) = (Vec::new(), at);
        for change in &changes {
            if change.first == change.last {
                single.extend((change.first <= at.through).then_some(change.first));
            } else {
                self.follow_range((change.first, change.last.min(at.through))).await?;
            }
        }
        let Some(last) = changes.last() else { return Ok(false) };
        position.changes = last.number;
        single.sort_unstable();
        single.dedup();
        self.replace(&single, position).await?;
        Ok(changes.len() >= CHANGES as usize)
    }

    /// Reads the indexed events of a range again.
    async fn follow_range(&mut self, (first, last): (i64, i64)) -> Result<(), StepError> {
        let mut first = first;
        while first <= last {
            let Some(writer) = &mut self.writer else { return Ok(()) };
            let indexed = writer.numbers_between((first, last), CHANGES).await.map_err(of_index)?;
            let Some(newest) = indexed.last() else { return Ok(()) };
            first = newest + 1;
            let position = self.position();
            self.replace(&indexed, position).await?;
        }
        Ok(())
    }

    /// Reads events again, and takes out those that are gone.
    async fn replace(&mut self, numbers: &[i64], position: IndexPosition) -> Result<(), StepError> {
        let mut rest = numbers;
        loop {
            let scope = DocumentScope::These(rest);
            let page =
                self.db.inner.reads.documents(ReadLane::Follower, scope, CHANGES + 1, &self.settings).await?;
            let last = page.documents.last().map(|document| document.number).filter(|_| page.more);
            let read = last.map_or(rest.len(), |last| rest.partition_point(|number| *number <= last));
            let (now, later) = rest.split_at(read);
            let is_here = |number: &&i64| page.documents.iter().any(|document| document.number == **number);
            let gone: Vec<_> = now.iter().filter(|number| !is_here(number)).copied().collect();
            let position = if later.is_empty() { position } else { self.position() };
            self.apply(&IndexStep { documents: &page.documents, gone: &gone, position, last: None }).await?;
            if later.is_empty() {
                return Ok(());
            }
            rest = later;
        }
    }

    /// Puts new events into the index. Whether there are more.
    async fn follow_events(&mut self) -> Result<bool, StepError> {
        let at = self.position();
        let scope = DocumentScope::After(at.through);
        let page = self.db.inner.reads.documents(ReadLane::Follower, scope, PAGE, &self.settings).await?;
        let Some(newest) = page.documents.last() else { return Ok(false) };
        let position = IndexPosition { through: newest.number, ..at };
        let last = self.db.inner.reads.identity(newest.number).await?;
        self.apply(&IndexStep { documents: &page.documents, gone: &[], position, last }).await?;
        Ok(page.more)
    }

    async fn apply(&mut self, step: &IndexStep<'_>) -> Result<(), StepError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.apply(step).await.map_err(of_index)
    }

    /// Removes changes from the database that the index has passed.
    async fn remove_changes(&mut self, changes: ChangeRange) -> Result<(), DbError> {
        let up_to = self.position().changes - KEPT_CHANGES;
        if up_to - changes.first.max(self.removed) >= REMOVED_CHANGES {
            // In parts, so that no event waits long for its commit.
            let up_to = up_to.min(changes.first.max(self.removed) + REMOVED_CHANGES);
            self.remove_up_to(up_to).await?;
        }
        Ok(())
    }

    /// Without an index nobody reads the changes.
    async fn forget_changes(&mut self) -> Result<Progress, StepError> {
        let changes = self.db.inner.reads.change_range(ReadLane::Follower).await?;
        if changes.last - changes.first >= KEPT_CHANGES {
            self.remove_up_to(changes.first + REMOVED_CHANGES).await?;
        }
        Ok(Progress::CaughtUp)
    }

    async fn remove_up_to(&mut self, up_to: i64) -> Result<(), DbError> {
        let removal = Removal::Changes(up_to);
        self.db.ask(|reply| Request::Operate(Operation::Remove { removal, reply })).await?;
        self.removed = up_to;
        Ok(())
    }

    /// Moves removed values out of the log, now and then.
    async fn empty_log(&mut self) -> Result<(), StepError> {
        if self.emptied_at.elapsed() < EMPTY_LOG_INTERVAL {
            return Ok(());
        }
        let Some(writer) = self.writer.as_mut().filter(|writer| writer.has_remains()) else { return Ok(()) };
        self.emptied_at = Instant::now();
        writer.empty_log().await.map_err(of_index)
    }

    fn position(&self) -> IndexPosition {
        self.state().index.load().as_ref().map(|index| index.position()).unwrap_or_default()
    }

    /// Opens the index that the last process left, if it is one of this database.
    async fn open(&mut self) {
        let opened = match search_index::open(&self.path).await {
            Ok(opened) => opened,
            Err(error) => return tracing::warn!("the search index: {error}"),
        };
        let refused = match opened {
            Opening::Missing => return,
            Opening::Unfit(why) => return self.put_aside(&why),
            Opening::Opened(opened, state) => match self.find_difference(&state).await {
                Ok(None) => return self.use_index(*opened),
                Ok(Some(why)) => {
                    close(*opened).await;
                    why
                }
                Err(error) => {
                    close(*opened).await;
                    return tracing::warn!("the search index cannot be compared with the database: {error}");
                }
            },
        };
        tracing::info!("the search index is made anew: {refused}");
        if let Err(error) = search_index::remove(&self.path, None) {
            tracing::warn!("the search index: {error}");
        }
    }

    /// The reason why an index is not one of this database as it is.
    async fn find_difference(&self, state: &IndexState) -> Result<Option<&'static str>, DbError> {
        if state.settings != self.settings.fingerprint() {
            return Ok(Some("the configured search values changed"));
        }
        let reads = &self.db.inner.reads;
        let ChangeRange { first, last } = reads.change_range(ReadLane::Follower).await?;
        let IndexPosition { through, changes } = state.position;
        let another = Some("it is of another state of the database, such as before a backup was restored");
        if changes > last || (through > 0 && state.last != reads.identity(through).await?) {
            return Ok(another);
        }
        Ok((changes + 1 < first).then_some("the database does not have the changes since it was in use"))
    }

    fn use_index(&mut self, OpenedIndex { index, writer }: OpenedIndex) {
        self.writer = Some(writer);
        self.state().index.store(Some(index));
    }

    /// Makes an empty index. It reads all events, so it needs no change from before.
    async fn create(&mut self) -> Result<(), StepError> {
        let changes = self.db.inner.reads.change_range(ReadLane::Follower).await?.last;
        let opened = match search_index::create(&self.path, &self.settings.fingerprint()).await {
            Ok(opened) => opened,
            Err(error) => {
                // What is there is not an index that was opened.
                self.put_aside("it could not be opened");
                return Err(error.into());
            }
        };
        self.use_index(opened);
        let position = IndexPosition { through: 0, changes };
        self.apply(&IndexStep { position, ..IndexStep::default() }).await
    }

    fn put_aside(&self, why: &str) {
        let aside = aside(&self.path);
        match search_index::remove(&self.path, Some(&aside)) {
            Ok(()) => tracing::warn!(
                "{} is no usable search index ({why}): it is now {}, and the index is made anew",
                self.path.display(),
                aside.display()
            ),
            Err(error) => tracing::warn!("the search index cannot be put aside: {error}"),
        }
    }

    /// Logs a failure once, and its end; a damaged index is put aside.
    async fn report(&mut self, error: Option<StepError>) {
        let failure = match error {
            Some(StepError::Damaged(why)) => {
                self.close().await;
                self.put_aside(&why);
                Some(why)
            }
            Some(StepError::Failed(why)) => Some(why),
            None => None,
        };
        match (&self.reported, &failure) {
            (None, Some(why)) => tracing::warn!("the search index does not advance, trying again: {why}"),
            (Some(_), None) => tracing::info!("the search index advances again"),
            _ => {}
        }
        self.state().problem.store(failure.clone().map(Arc::new));
        self.reported = failure;
    }

    async fn close(&mut self) {
        let index = self.state().index.swap(None);
        if let Some(index) = index {
            index.close().await;
        }
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.close().await
        {
            tracing::warn!("closing the search index: {error}");
        }
    }
}

/// How long to rest after a step, with so many events and changes to go. A burst is put in after it; only an index that is far behind takes most of a
/// processor, so that it falls no further behind.
fn rest_after(step: Duration, lag: u64) -> Duration {
    if lag < NEAR { step * 2 } else { step / 2 }
}

async fn close(OpenedIndex { index, writer }: OpenedIndex) {
    index.close().await;
    // It is removed.
    let _ = writer.close().await;
}

/// The name of a file that is put aside.
fn aside(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.damaged", path.display()))
}

fn of_index(error: sqlx::Error) -> StepError {
    if search_index::is_damage(&error) {
        StepError::Damaged(error.to_string())
    } else {
        StepError::Failed(error.to_string())
    }
}
