//! Loads a plugin's file as a revision, or refuses it with a reason.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::Component;

use super::cache::{CacheHold, CodeCache};
use super::calls::PluginSettings;
use super::compile::{CompileError, HandlerExports};
use super::engine::Runtime;
use super::handlers::Handlers;
use super::imports;
use super::pool::{RevisionId, places_of};
use super::precompiled;
use super::redacted_plan::RedactedPlanCache;
use super::revision::Revision;
use super::text;
use super::trial;
use super::type_budget::TypeBudget;
use crate::event::{Digest, PluginName};

/// The reason why a file was not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which plugin.
    pub plugin: PluginName,
    /// The file's digest.
    pub revision: Digest,
    /// The reason why the file is rejected.
    pub reason: String,
    /// Whether the host is at fault, so that the same file may be taken a moment later.
    pub is_temporary: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {} revision {} is refused: {}", self.plugin, self.revision.short(), self.reason)
    }
}

impl std::error::Error for Refusal {}

/// A revision, and how it was loaded.
pub struct LoadedRevision {
    /// The revision.
    pub revision: Arc<Revision>,
    /// Whether its compiled code came from the cache.
    pub from_cache: bool,
    /// The time from the bytes to a revision that was instantiated once.
    pub took: Duration,
}

impl Runtime {
    /// Loads a file: machine code from the cache or the compiler, exports and imports checked, one trial. Dropping the
    /// future ends the compiler.
    ///
    /// # Errors
    /// [`Refusal`], with the first thing that is wrong.
    pub async fn load(
        &self,
        plugin: &PluginName,
        bytes: Vec<u8>,
        settings: &PluginSettings,
    ) -> Result<LoadedRevision, Refusal> {
        let started = Instant::now();
        let size_bytes = bytes.len() as u64;
        let refusal = |revision, reason, is_temporary| Refusal {
            plugin: plugin.clone(),
            revision,
            reason: text::truncate_string(reason, text::NAMED_REASON_MAX_BYTES),
            is_temporary,
        };
        let digested = run_blocking(move || (Digest::of(&bytes), bytes)).await;
        let (digest, bytes) = digested.map_err(|reason| refusal(Digest([0; 32]), reason, true))?;
        let refuse = |reason| refusal(digest, reason, false);
        let hold = self.0.cache.as_ref().map(|cache| cache.hold(digest));
        let component = self.component(digest, bytes).await;
        let (component, from_cache) =
            component.map_err(|(reason, is_temporary)| refusal(digest, reason, is_temporary))?;
        let (runtime, name) = (self.clone(), plugin.clone());
        let link = move || runtime.link(&name, digest, hold, size_bytes, &component);
        let mut revision = run_blocking(link).await.and_then(|linked| linked).map_err(refuse)?;
        if let Some(redaction) = &settings.redaction {
            revision.check_redaction(redaction).map_err(refuse)?;
        }
        revision.subscriptions = trial::try_out(&revision, settings).await.map_err(refuse)?;
        Ok(LoadedRevision { revision: Arc::new(revision), from_cache, took: started.elapsed() })
    }

    /// Reads which handlers a file exports, without compiling it. Dropping the future ends the reading.
    ///
    /// # Errors
    /// The reason why the file cannot be read; a load gives a better one.
    pub async fn read_exports(&self, bytes: Vec<u8>) -> Result<HandlerExports, String> {
        self.0.compile.read_exports(bytes).await.map_err(|error| match error {
            CompileError::Invalid(reason)
            | CompileError::Crashed(reason)
            | CompileError::Unavailable(reason) => reason,
        })
    }

    /// Forgets that the compiler crashed on a file, so that the next load compiles it again.
    pub fn forget_compiler_failure(&self, revision: &Digest) {
        if let Some(records) = self.failure_records() {
            records.forget_failure(revision);
        }
    }

    /// The records of files on which the compiler crashed. Only hosts have them, because they load the same files at
    /// each start.
    fn failure_records(&self) -> Option<&CodeCache> {
        self.0.cache.as_deref().filter(|_| self.0.records_compiler_failures)
    }

    /// The component, and whether it came from the cache. An error is the reason, and whether it is temporary.
    pub(super) async fn component(
        &self,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<(Component, bool), (String, bool)> {
        let refused = |reason| (reason, false);
        let _lock = self.0.compile_locks.lock(digest).await;
        let runtime = self.clone();
        if let Some(known) = run_blocking(move || runtime.cached(&digest)).await.map_err(refused)? {
            return known.map(|component| (component, true)).map_err(refused);
        }
        let code = match self.compile(&digest, bytes).await {
            Ok(code) => code,
            Err(CompileError::Invalid(reason)) => return Err(refused(explain_unloadable(&reason))),
            Err(CompileError::Unavailable(reason)) => return Err((reason, true)),
            Err(CompileError::Crashed(reason)) => {
                let said = self.failure_records().map(|records| records.record_failure(&digest, &reason));
                return Err(refused(said.unwrap_or(reason)));
            }
        };
        let runtime = self.clone();
        let take = move || runtime.adopt(&digest, &code);
        let component = run_blocking(take).await.and_then(|taken| taken).map_err(refused)?;
        Ok((component, false))
    }

    async fn compile(&self, digest: &Digest, bytes: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let _mark = self.failure_records().map(|records| records.mark_compiling(digest)).transpose()?;
        self.0.compile.compile(bytes).await
    }

    /// The component of a file in the cache, or the recorded crash of the compiler.
    fn cached(&self, digest: &Digest) -> Option<Result<Component, String>> {
        let cache = self.0.cache.as_ref()?;
        if let Some(component) = cache.load(digest) {
            return Some(Ok(component));
        }
        self.failure_records()?.failure(digest).map(Err)
    }

    /// Loads machine code that was compiled just now, and stores it in the cache.
    fn adopt(&self, digest: &Digest, code: &[u8]) -> Result<Component, String> {
        let engine = &self.0.engine;
        let component =
            precompiled::component(engine, code).map_err(|e| explain_unloadable(&format!("{e:#}")))?;
        if let Some(cache) = &self.0.cache {
            cache.store(digest, code);
        }
        Ok(component)
    }

    fn link(
        &self,
        plugin: &PluginName,
        digest: Digest,
        cache_hold: Option<CacheHold>,
        size_bytes: u64,
        component: &Component,
    ) -> Result<Revision, String> {
        let budget = TypeBudget::new(self.0.limits.payload_types_max_bytes);
        let handlers = Handlers::from_component(component, &self.0.engine, budget)?;
        let imports = imports::check_imports(component, &self.0.engine)?;
        let pre = self.0.linker.instantiate_pre(component).map_err(|error| format!("{error:#}"))?;
        let (places, all) = (places_of(component), self.0.limits.instances_max);
        if places > all {
            return Err(format!("one instance takes {places} places, runtime.instances_max is {all}"));
        }
        let (plugin, runtime) = (plugin.clone(), self.for_places(places));
        Ok(Revision {
            id: RevisionId::next(),
            plugin,
            digest,
            cache_hold,
            size_bytes,
            imports,
            subscriptions: Vec::new(),
            runtime,
            handlers,
            redacted: RedactedPlanCache::default(),
            pre,
            places,
        })
    }
}

/// Explains why the engine does not load machine code, with the key of a limit of the host's.
fn explain_unloadable(text: &str) -> String {
    // wasmtime has no error type for a memory whose initial size is beyond the pool's limit.
    if text.contains("minimum byte size") {
        return format!("{text}; that limit is runtime.memory_max_bytes");
    }
    text.to_owned()
}

/// Runs a function on a thread that may block.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("loading it stopped: {error}"))
}
