//! The task that follows the files of verifiers: what changed is admitted or refused, and what is refused replaces nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch as channel};
use tokio::task::{Id, JoinError, JoinSet};

use super::admission::{AdmissionRefusal, Admitted, admit};
use super::vectors::FILE_MAX_BYTES;
use super::{RunningVerifier, VerifierState, VerifierView, Verifiers};
use crate::config::Config;
use crate::event::{Digest, VerifierName, now_ms};
use crate::plugins::{PluginFile, ReadResult, Stamp, Watch, read_file, scan};
use crate::runtime::{Runtime, VerifierLimits};

/// See the module.
pub(super) struct Follower {
    runtime: Runtime,
    config: channel::Receiver<Arc<Config>>,
    verifiers: Verifiers,
    watch: Watch,
    known: BTreeMap<VerifierName, Known>,
    loads: JoinSet<Result<Admitted, LoadFailure>>,
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

/// The states of a component and its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamps {
    component: Stamp,
    /// `None` if there are none.
    vectors: Option<Stamp>,
}

/// What an admission depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    files: FileStamps,
    limits: VerifierLimits,
}

enum LoadFailure {
    /// A file changed while it was read.
    Changing,
    Refused(AdmissionRefusal),
}

impl From<AdmissionRefusal> for LoadFailure {
    fn from(refusal: AdmissionRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Follower {
    pub(super) fn new(
        runtime: Runtime,
        config: channel::Receiver<Arc<Config>>,
        verifiers: Verifiers,
    ) -> Self {
        let load_places = Arc::new(Semaphore::new(config.borrow().runtime.compile_concurrency));
        Self {
            runtime,
            config,
            verifiers,
            watch: Watch::new(),
            known: BTreeMap::new(),
            loads: JoinSet::new(),
            loading: HashMap::new(),
            load_places,
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
            tracing::info!(verifier = %name, "the verifier was removed");
        }
        for (name, component) in found.files {
            self.read_changed(name, component);
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
        let (runtime, verifiers) = (self.runtime.clone(), self.verifiers.clone());
        let places = Arc::clone(&self.load_places);
        let load = self.loads.spawn(async move {
            let _place = places.acquire_owned().await;
            let failures = runtime.clone();
            let reading = tokio::task::spawn_blocking(move || {
                let read = read(&component, &vectors, files, file_max_bytes)?;
                if is_retry {
                    failures.forget_compiler_failure(&Digest::of(&read.0));
                }
                Ok::<_, LoadFailure>(read)
            });
            let (file, vectors) = reading.await.map_err(|error| broken(&error))??;
            Ok(admit(&runtime, &verifiers.0.threads, file, &vectors, limits).await?)
        });
        self.loading.insert(load.id(), (name, seen));
    }

    /// Takes the result of a load. Returns true if there is something else to load now.
    fn finish(&mut self, load: Result<(Id, Result<Admitted, LoadFailure>), JoinError>) -> bool {
        let (id, result) = match load {
            Ok((id, result)) => (id, result),
            Err(error) => (error.id(), Err(broken(&error))),
        };
        let Some((name, seen)) = self.loading.remove(&id) else { return false };
        // It was removed meanwhile.
        let Some(known) = self.known.get_mut(&name) else { return false };
        if known.read != Some(seen) {
            // It was removed and came back: what is here now is loaded by another.
            return true;
        }
        known.is_loading = false;
        match result {
            Ok(Admitted { verifier, vectors }) => {
                known.refusal = None;
                let digest = verifier.digest();
                let turns = self.verifiers.turns(&name);
                let running = RunningVerifier { verifier, vectors, since: now_ms(), turns };
                self.verifiers.put(&name, Some(running));
                tracing::info!(verifier = %name, revision = %digest.short(), vectors, "the verifier runs");
            }
            // The next scan reads it again.
            Err(LoadFailure::Changing) => {
                known.read = None;
                return false;
            }
            Err(LoadFailure::Refused(refusal)) => {
                let text = format!("verifier {name} is refused: {refusal}");
                if known.refusal.as_ref() != Some(&text) {
                    let stays = match self.verifiers.digest(&name) {
                        Some(digest) => format!("revision {} stays", digest.short()),
                        None => "its sources are answered 503".into(),
                    };
                    tracing::error!(verifier = %name, "{text}; {stays}");
                }
                known.refusal = Some(text);
                if refusal.is_temporary {
                    known.read = None;
                    return false;
                }
            }
        }
        self.has_changed(&name, seen)
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

/// A load that did not end by itself.
fn broken(error: &JoinError) -> LoadFailure {
    AdmissionRefusal::new(error.to_string(), true).into()
}

impl Verifiers {
    /// The digest of the file that runs.
    fn digest(&self, name: &VerifierName) -> Option<Digest> {
        self.0.running.load().get(name).map(|running| running.verifier.digest())
    }
}

/// `NAME.vectors.json` beside `NAME.wasm`.
fn vectors_path(component: &Path) -> PathBuf {
    component.with_extension("vectors.json")
}

/// Reads a component and its vectors, which must not change meanwhile.
fn read(
    component: &PluginFile,
    vectors: &Path,
    files: FileStamps,
    file_max_bytes: u64,
) -> Result<(Vec<u8>, Vec<u8>), LoadFailure> {
    let shown = vectors.file_name().unwrap_or_default().to_string_lossy();
    let refused = |reason: String| LoadFailure::Refused(AdmissionRefusal::lasting(reason));
    let Some(stamp) = files.vectors else {
        return Err(refused(format!("it has no vectors: put {shown} beside it")));
    };
    if stamp.size_bytes() > FILE_MAX_BYTES {
        let size = stamp.size_bytes();
        return Err(refused(format!("{shown} has {size} bytes, at most {FILE_MAX_BYTES}")));
    }
    let bytes = match read_file(component, file_max_bytes) {
        ReadResult::Read(bytes, _) => bytes,
        ReadResult::Changing => return Err(LoadFailure::Changing),
        ReadResult::Refused(reason) => return Err(refused(reason)),
    };
    let mut text = Vec::new();
    let read = std::fs::File::open(vectors).and_then(|file| file.take(FILE_MAX_BYTES).read_to_end(&mut text));
    if Stamp::of(vectors) != Some(stamp) {
        return Err(LoadFailure::Changing);
    }
    read.map_err(|error| refused(format!("{shown} cannot be read: {error}")))?;
    Ok((bytes, text))
}
