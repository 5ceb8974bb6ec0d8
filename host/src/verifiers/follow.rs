//! The task that follows the files of verifiers: what changed is admitted or refused, and what is refused replaces nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch as channel};
use tokio::task::{Id, JoinError, JoinSet};

use super::admission::Admitted;
use super::kept::{Files, KeptFiles};
use super::load::{FileStamps, Load, Loaded, Seen, broken, vectors_path};
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
    kept: Arc<KeptFiles>,
    /// When copies of verifiers that are not there any more can be removed; `None` = they are.
    removes_kept_at: Option<Instant>,
    loads: JoinSet<Loaded>,
    /// What each load is of.
    loading: HashMap<Id, (VerifierName, Seen)>,
    /// Loads at once: each may start a compiler.
    load_places: Arc<Semaphore>,
    /// Complaints already made, so that each is made once.
    complaints: BTreeSet<String>,
}

/// What is known of a verifier's files.
#[derive(Debug, Default)]
struct Known {
    /// What was read last, or is being read; `None` = read it again.
    read: Option<Seen>,
    /// Whether they are being read.
    is_loading: bool,
    /// Since when the component is missing.
    missing: Option<Instant>,
    refusal: Option<String>,
}

impl Follower {
    pub(super) fn new(
        runtime: Runtime,
        config: channel::Receiver<Arc<Config>>,
        verifiers: Verifiers,
        kept: KeptFiles,
    ) -> Self {
        let (places, grace_ms) = {
            let config = config.borrow();
            (config.runtime.compile_concurrency, config.plugins.removal_grace_ms)
        };
        Self {
            runtime,
            config,
            verifiers,
            watch: Watch::new(),
            known: BTreeMap::new(),
            kept: Arc::new(kept),
            removes_kept_at: Some(Instant::now() + Duration::from_millis(grace_ms)),
            loads: JoinSet::new(),
            loading: HashMap::new(),
            load_places: Arc::new(Semaphore::new(places)),
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
            let has_missing = self.known.values().any(|known| known.missing.is_some());
            let interval =
                if has_missing { interval.min(quiet * 2).max(Duration::from_millis(10)) } else { interval };
            loop {
                tokio::select! {
                    () = self.watch.changed(quiet, interval) => break,
                    Some(load) = self.loads.join_next_with_id() => {
                        let has_changed = self.finish(load).await;
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
            self.removes_kept_at = Some(Instant::now());
            tracing::info!(verifier = %name, "the verifier was removed");
        }
        for (name, component) in found.files {
            self.read_changed(name, component);
        }
        self.remove_kept();
    }

    /// Removes the copies of verifiers whose components are removed, so that none of them ever comes back.
    fn remove_kept(&mut self) {
        if self.removes_kept_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        let names = self.known.keys().map(VerifierName::as_str).collect();
        match self.kept.retain(&names) {
            Ok(()) => self.removes_kept_at = None,
            Err(error) => self.complain(format!("copies of removed verifiers cannot be removed: {error}")),
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
        let known = self.known.entry(name.clone()).or_default();
        // A load under way ends first; its result leads to another scan.
        if known.is_loading || known.read == Some(seen) {
            return;
        }
        // Whoever writes a file again wants it to be compiled again.
        let is_retry = known.read.is_some_and(|before| before.files != files);
        (known.read, known.is_loading) = (Some(seen), true);
        let load = Load {
            runtime: self.runtime.clone(),
            verifiers: self.verifiers.clone(),
            kept: Arc::clone(&self.kept),
            name: name.clone(),
            component,
            seen,
            file_max_bytes,
            is_retry,
        };
        let places = Arc::clone(&self.load_places);
        let load = self.loads.spawn(async move {
            let _place = places.acquire_owned().await;
            load.run().await
        });
        self.loading.insert(load.id(), (name, seen));
    }

    /// Takes the result of a load. Returns true if there is something else to load now.
    async fn finish(&mut self, load: Result<(Id, Loaded), JoinError>) -> bool {
        let (id, loaded) = load.unwrap_or_else(|error| (error.id(), broken(&error)));
        let Some((name, seen)) = self.loading.remove(&id) else { return false };
        // It was removed meanwhile.
        let Some(known) = self.known.get_mut(&name) else { return false };
        if known.read != Some(seen) {
            // It was removed and came back: what is here now is loaded by another.
            return true;
        }
        known.is_loading = false;
        match loaded {
            Loaded::Admitted(admitted, files) => {
                known.refusal = None;
                // First: what is seen to run is there after the end of this host.
                self.keep(&name, files).await;
                self.run_on(&name, admitted, "the verifier runs");
            }
            // The next scan reads it again.
            Loaded::Changing => {
                known.read = None;
                return false;
            }
            Loaded::Refused { refusal, kept } => {
                if refusal.is_temporary {
                    known.read = None;
                }
                let text = format!("verifier {name} is refused: {refusal}");
                let is_news = known.refusal.replace(text.clone()).as_ref() != Some(&text);
                if let Some(admitted) = kept {
                    self.run_on(&name, admitted, "the verifier runs as before this host started");
                }
                if is_news {
                    let stays = match self.verifiers.digest(&name) {
                        Some(digest) => format!("revision {} stays", digest.short()),
                        None => "its sources are answered 503".into(),
                    };
                    tracing::error!(verifier = %name, "{text}; {stays}");
                }
                if refusal.is_temporary {
                    return false;
                }
            }
        }
        self.has_changed(&name, seen)
    }

    fn run_on(&self, name: &VerifierName, Admitted { verifier, vectors }: Admitted, what: &str) {
        let digest = verifier.digest();
        let turns = self.verifiers.turns(name);
        self.verifiers.put(name, Some(RunningVerifier { verifier, vectors, since: now_ms(), turns }));
        tracing::info!(verifier = %name, revision = %digest.short(), vectors, "{what}");
    }

    /// Keeps a copy of files that are admitted. Other verifiers wait meanwhile: copies are written in the order of their runs.
    async fn keep(&self, name: &VerifierName, files: Files) {
        let (kept, of, file_max_bytes) =
            (Arc::clone(&self.kept), name.clone(), self.config.borrow().plugins.file_max_bytes);
        let written = tokio::task::spawn_blocking(move || match kept.read(&of, file_max_bytes) {
            Ok(Some(before)) if before == files => Ok(()),
            _ => kept.write(&of, &files),
        });
        if let Err(error) = written.await.map_err(std::io::Error::other).flatten() {
            tracing::warn!(
                verifier = %name,
                "no copy of the files of verifier {name} can be kept: {error}; if the host starts with files that it refuses, \
                 the sources of this verifier may be answered 503"
            );
        }
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
        if !self.known.values().any(|known| known.is_loading) {
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
