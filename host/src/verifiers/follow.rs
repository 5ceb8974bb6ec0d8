//! The task that follows the files of verifiers: what changed is admitted or refused, and what is refused replaces nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch as channel};
use tokio::task::{Id, JoinError, JoinSet};

use super::admission::Admitted;
use super::copies::Copies;
use super::load::{FileStamps, Load, LoadFailure, LoadOutcome, Seen, vectors_path};
use super::{RunningVerifier, VerifierState, VerifierView, Verifiers};
use crate::config::Config;
use crate::event::{VerifierName, now_ms};
use crate::plugins::{PluginFile, Stamp, Watch, scan};
use crate::runtime::{Runtime, VerifierLimits};

/// See the module.
pub(super) struct Follower {
    runtime: Runtime,
    config: channel::Receiver<Arc<Config>>,
    verifiers: Verifiers,
    watch: Watch,
    known: BTreeMap<VerifierName, Known>,
    copies: Copies,
    use_of_copies: UseOfCopies,
    loads: JoinSet<LoadOutcome>,
    /// What each load is of.
    loading: HashMap<Id, (VerifierName, Seen)>,
    /// Loads at once: each may start a compiler.
    load_places: Arc<Semaphore>,
    /// Verifiers that were removed: their copies never run, even if they cannot be removed.
    removed: BTreeSet<VerifierName>,
    /// Complaints already made, so that each is made once.
    complaints: BTreeSet<String>,
}

/// Whether copies may run: only those of verifiers whose components were there at the start.
#[derive(Debug, Clone, Copy)]
enum UseOfCopies {
    /// The directory was not read yet.
    NotDecided,
    /// Components that come until then count as there: somebody may be replacing them.
    Until(Instant),
    /// Other copies are removed.
    Over,
}

/// What is known of a verifier's files.
#[derive(Debug, Default)]
struct Known {
    /// What was read last, or is being read; `None` = read it again.
    read: Option<Seen>,
    /// The load that reads them.
    load: Option<Id>,
    /// Whether it may run from its copy.
    may_run_copy: bool,
    /// Since when the component is missing.
    missing: Option<Instant>,
    refusal: Option<String>,
}

impl Follower {
    pub(super) fn new(
        runtime: Runtime,
        config: channel::Receiver<Arc<Config>>,
        verifiers: Verifiers,
        copies: Copies,
    ) -> Self {
        let load_places = Arc::new(Semaphore::new(config.borrow().runtime.compile_concurrency));
        Self {
            runtime,
            config,
            verifiers,
            watch: Watch::new(),
            known: BTreeMap::new(),
            copies,
            use_of_copies: UseOfCopies::NotDecided,
            loads: JoinSet::new(),
            loading: HashMap::new(),
            load_places,
            removed: BTreeSet::new(),
            complaints: BTreeSet::new(),
        }
    }

    /// Runs until the host ends.
    pub(super) async fn run(mut self) {
        loop {
            let plugins = self.config.borrow().plugins.clone();
            self.rescan(Duration::from_millis(plugins.removal_grace_ms));
            self.publish();
            let quiet = Duration::from_millis(plugins.debounce_ms);
            let interval = Duration::from_millis(plugins.rescan_interval_ms);
            let is_in_grace = matches!(self.use_of_copies, UseOfCopies::Until(_))
                || self.known.values().any(|known| known.missing.is_some());
            let interval =
                if is_in_grace { interval.min(quiet * 2).max(Duration::from_millis(10)) } else { interval };
            loop {
                tokio::select! {
                    () = self.watch.changed(quiet, interval) => break,
                    Some(load) = self.loads.join_next_with_id() => {
                        let has_changed = self.finish(load);
                        self.publish();
                        if has_changed {
                            break;
                        }
                    }
                    // Other limits admit other verifiers.
                    changed = self.config.changed() => match changed {
                        Ok(()) => break,
                        // The host ended.
                        Err(_) => return,
                    },
                }
            }
        }
    }

    /// Compares the directory with what was read, and begins to load what differs.
    fn rescan(&mut self, grace: Duration) {
        let dir = self.config.borrow().verifiers.dir.clone();
        self.set_watch(&dir);
        let found = match scan(&dir) {
            Ok(found) => found,
            Err(error) => {
                let is_needed = self.config.borrow().sources.values().any(|source| source.verifier.is_some());
                if is_needed || !self.known.is_empty() {
                    self.complain(format!(
                        "the verifiers directory {} cannot be read: {error}",
                        dir.display()
                    ));
                }
                // What comes when it can be read again may have been there at the start.
                if matches!(self.use_of_copies, UseOfCopies::Until(_)) {
                    self.use_of_copies = UseOfCopies::NotDecided;
                }
                return;
            }
        };
        for (path, problem) in &found.misnamed {
            self.complain(format!("{} is no verifier: {problem}", path.display()));
        }
        let mut gone = Vec::new();
        for (name, known) in &mut self.known {
            if found.files.contains_key(name) {
                known.missing = None;
            } else if known.missing.get_or_insert_with(Instant::now).elapsed() >= grace {
                gone.push(name.clone());
            }
        }
        for name in gone {
            self.known.remove(&name);
            self.verifiers.put(&name, None);
            self.copies.remove(name.clone());
            self.removed.insert(name.clone());
            tracing::info!(verifier = %name, "the verifier was removed");
        }
        for (name, component) in found.files {
            self.read_changed(name, component);
        }
        self.decide_use_of_copies(grace);
    }

    /// Removes the copies of verifiers that were removed while no host ran, so that none of them ever comes back.
    fn decide_use_of_copies(&mut self, grace: Duration) {
        match self.use_of_copies {
            UseOfCopies::NotDecided => self.use_of_copies = UseOfCopies::Until(Instant::now() + grace),
            UseOfCopies::Until(end) if end <= Instant::now() => {
                self.use_of_copies = UseOfCopies::Over;
                if let Err(error) = self.copies.retain(&self.known.keys().cloned().collect()) {
                    self.complain(format!("copies of removed verifiers cannot be removed: {error}"));
                }
            }
            UseOfCopies::Until(_) | UseOfCopies::Over => {}
        }
    }

    fn read_changed(&mut self, name: VerifierName, component: PluginFile) {
        let vectors = vectors_path(&component.path);
        let files = FileStamps { component: component.stamp, vectors: Stamp::of(&vectors) };
        let (limits, file_max_bytes) = {
            let config = self.config.borrow();
            (VerifierLimits::from(&config.verifiers), config.plugins.file_max_bytes)
        };
        let seen = Seen { files, limits };
        let may_run_copy = !matches!(self.use_of_copies, UseOfCopies::Over) && !self.removed.contains(&name);
        let new = || Known { may_run_copy, ..Known::default() };
        let known = self.known.entry(name.clone()).or_insert_with(new);
        // A load under way ends first; its result leads to another scan.
        if known.load.is_some() || known.read == Some(seen) {
            return;
        }
        // Whoever writes a file again wants it to be compiled again.
        let is_retry = known.read.is_some_and(|before| before.files != files);
        known.read = Some(seen);
        let load = Load {
            runtime: self.runtime.clone(),
            verifiers: self.verifiers.clone(),
            name: name.clone(),
            component,
            seen,
            file_max_bytes,
            is_retry,
            copies: known.may_run_copy.then(|| self.copies.clone()),
        };
        let places = Arc::clone(&self.load_places);
        let load = self.loads.spawn(async move {
            let _place = places.acquire_owned().await;
            load.run().await
        });
        known.load = Some(load.id());
        self.loading.insert(load.id(), (name, seen));
    }

    /// Takes the result of a load. Returns true if there is something else to load now.
    fn finish(&mut self, load: Result<(Id, LoadOutcome), JoinError>) -> bool {
        let (id, outcome) = load.unwrap_or_else(|error| (error.id(), LoadOutcome::from(&error)));
        let Some((name, seen)) = self.loading.remove(&id) else { return false };
        // It was removed meanwhile.
        let Some(known) = self.known.get_mut(&name) else { return false };
        if known.load != Some(id) {
            // It was removed and came back: what is here now is loaded by another.
            return true;
        }
        known.load = None;
        match outcome {
            LoadOutcome::Admitted(admitted, files) => {
                known.refusal = None;
                self.activate(&name, admitted, "the verifier runs");
                self.copies.keep(name.clone(), files);
            }
            LoadOutcome::Failed { failure, copy } => {
                match copy {
                    Ok(None) => {}
                    Ok(Some(copy)) => self.activate(&name, copy, "the verifier runs from its copy"),
                    Err(why) => self.complain(why),
                }
                if !self.take_failure(&name, failure) {
                    return false;
                }
            }
        }
        self.has_changed(&name, seen)
    }

    /// Tells operators why the files on disk are not those that run. Returns false if the next scan reads them again.
    fn take_failure(&mut self, name: &VerifierName, failure: LoadFailure) -> bool {
        let Some(known) = self.known.get_mut(name) else { return false };
        let LoadFailure::Refused(refusal) = failure else {
            known.read = None;
            return false;
        };
        let text = format!("verifier {name} is refused: {refusal}");
        if known.refusal.as_ref() != Some(&text) {
            let stays = match self.verifiers.digest(name) {
                Some(digest) => format!("revision {} stays", digest.short()),
                None => "its sources are answered 503".into(),
            };
            tracing::error!(verifier = %name, "{text}; {stays}");
        }
        known.refusal = Some(text);
        if refusal.is_temporary {
            known.read = None;
        }
        !refusal.is_temporary
    }

    fn activate(&self, name: &VerifierName, Admitted { verifier, vectors }: Admitted, what: &str) {
        let digest = verifier.digest();
        let turns = self.verifiers.turns(name);
        self.verifiers.put(name, Some(RunningVerifier { verifier, vectors, since: now_ms(), turns }));
        tracing::info!(verifier = %name, revision = %digest.short(), vectors, "{what}");
    }

    fn has_changed(&self, name: &VerifierName, Seen { files, limits }: Seen) -> bool {
        let config = self.config.borrow();
        let component = config.verifiers.dir.join(format!("{name}.wasm"));
        let vectors = Stamp::of(&vectors_path(&component));
        Stamp::of(&component) != Some(files.component)
            || vectors != files.vectors
            || VerifierLimits::from(&config.verifiers) != limits
    }

    /// Shows operators the verifiers, and says when the first files are read.
    fn publish(&self) {
        let running = self.verifiers.0.running.load();
        let view = |(name, known): (&VerifierName, &Known)| {
            let running = running.get(name);
            let state = match running {
                Some(_) => VerifierState::Running,
                None if known.refusal.is_none() => VerifierState::Loading,
                None => VerifierState::Refused,
            };
            VerifierView {
                name: name.clone(),
                state,
                digest: running.map(|running| running.verifier.digest()),
                vectors: running.map_or(0, |running| running.vectors),
                since: running.map(|running| running.since),
                refusal: known.refusal.clone(),
            }
        };
        self.verifiers.show(self.known.iter().map(view).collect());
        if !self.known.values().any(|known| known.load.is_some()) {
            self.verifiers.0.is_ready.send_replace(true);
        }
    }

    fn set_watch(&mut self, dir: &Path) {
        let links = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let links = links.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        let files: Vec<PathBuf> = links.map(|entry| entry.path()).collect();
        self.watch.set(&[dir.to_owned()], &files);
    }

    fn complain(&mut self, complaint: String) {
        if !self.complaints.contains(&complaint) {
            tracing::warn!("{complaint}");
            self.complaints.insert(complaint);
        }
    }
}
