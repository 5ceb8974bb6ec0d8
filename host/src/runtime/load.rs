//! A plugin's file into a revision that can be called, or a refusal that says why not.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::{Component, InstancePre};

use super::attempt::Settings;
use super::cache::Cache;
use super::compile::CompileError;
use super::engine::{Runtime, places};
use super::guest::Guest;
use super::handlers::{EVENT_HANDLER, Handlers};
use super::imports;
use super::instances::RevisionId;
use super::precompiled;
use super::text;
use super::type_budget::TypeBudget;
use crate::event::{Digest, PluginName};

/// Why a file cannot be a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which plugin.
    pub plugin: PluginName,
    /// The file's digest.
    pub revision: Digest,
    /// What is wrong with it.
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

/// A compiled, linked and checked plugin: what a swap puts in place.
pub struct Revision {
    /// The plugin's name.
    pub plugin: PluginName,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// Size of its file.
    pub size_bytes: u64,
    /// What it imports.
    pub imports: Vec<String>,
    /// Event type patterns its generic handler asked for.
    pub subscriptions: Vec<String>,
    pub(super) id: RevisionId,
    pub(super) runtime: Runtime,
    pub(super) handlers: Handlers,
    pub(super) pre: InstancePre<Guest>,
    /// Places that an instance takes.
    pub(super) places: u32,
    #[expect(dead_code, reason = "it is there to be dropped")]
    hold: Hold,
}

/// While it lives, the cache keeps the code of a file.
struct Hold {
    runtime: Runtime,
    digest: Digest,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(cache) = &self.runtime.0.cache {
            cache.release(&self.digest);
        }
    }
}

/// A revision, and how it came to be.
pub struct Loaded {
    /// The revision.
    pub revision: Arc<Revision>,
    /// Whether its compiled code came from the cache.
    pub from_cache: bool,
    /// From bytes to a revision that was instantiated once.
    pub took: Duration,
}

impl Runtime {
    /// Makes a revision of a file: machine code (from the cache, or compiled) → exports and imports
    /// checked → instantiated once. Dropping the future ends the compiler.
    ///
    /// # Errors
    /// [`Refusal`], with the first thing that is wrong.
    pub async fn load(
        &self,
        plugin: &PluginName,
        bytes: Vec<u8>,
        settings: &Settings,
    ) -> Result<Loaded, Refusal> {
        let started = Instant::now();
        let size_bytes = bytes.len() as u64;
        let refusal = |revision, reason, is_temporary| Refusal {
            plugin: plugin.clone(),
            revision,
            reason: text::cut_string(reason, text::NAMED_REASON_MAX_BYTES),
            is_temporary,
        };
        let digested = blocking(move || (Digest::of(&bytes), bytes)).await;
        let (digest, bytes) = digested.map_err(|reason| refusal(Digest([0; 32]), reason, true))?;
        let refuse = |reason| refusal(digest, reason, false);
        let hold = self.hold(digest);
        let component = self.component(digest, bytes).await;
        let (component, from_cache) =
            component.map_err(|(reason, is_temporary)| refusal(digest, reason, is_temporary))?;
        let (runtime, name) = (self.clone(), plugin.clone());
        let link = move || runtime.link(&name, hold, size_bytes, &component);
        let mut revision = blocking(link).await.and_then(|linked| linked).map_err(refuse)?;
        revision.subscriptions = revision.try_out(settings).await.map_err(refuse)?;
        Ok(Loaded { revision: Arc::new(revision), from_cache, took: started.elapsed() })
    }

    /// Forgets that the compiler died of a file, so that the next load tries it again.
    pub fn try_again(&self, revision: &Digest) {
        if let Some(deaths) = self.deaths() {
            deaths.forget_death(revision);
        }
    }

    /// Where it is remembered which files the compiler died of: in hosts, which would meet them again at each
    /// start.
    fn deaths(&self) -> Option<&Cache> {
        self.0.cache.as_ref().filter(|_| self.0.remembers_deaths)
    }

    /// The compiled file, and whether it came from the cache; or why there is none, and whether that is
    /// temporary.
    async fn component(&self, digest: Digest, bytes: Vec<u8>) -> Result<(Component, bool), (String, bool)> {
        let refused = |reason| (reason, false);
        let runtime = self.clone();
        if let Some(known) = blocking(move || runtime.known(&digest)).await.map_err(refused)? {
            return known.map(|component| (component, true)).map_err(refused);
        }
        let code = match self.compile(&digest, bytes).await {
            Ok(code) => code,
            Err(CompileError::Invalid(reason)) => return Err(refused(unloadable(&reason))),
            Err(CompileError::Unavailable(reason)) => return Err((reason, true)),
            Err(CompileError::Died(reason)) => {
                let said = self.deaths().map(|deaths| deaths.remember_death(&digest, &reason));
                return Err(refused(said.unwrap_or(reason)));
            }
        };
        let runtime = self.clone();
        let take = move || runtime.take(&digest, &code);
        let component = blocking(take).await.and_then(|taken| taken).map_err(refused)?;
        Ok((component, false))
    }

    async fn compile(&self, digest: &Digest, bytes: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        let _begun = self.deaths().map(|deaths| deaths.begin(digest)).transpose()?;
        self.0.compile.compile(bytes).await
    }

    /// What the cache knows of a file.
    fn known(&self, digest: &Digest) -> Option<Result<Component, String>> {
        let cache = self.0.cache.as_ref()?;
        if let Some(component) = cache.get(digest) {
            return Some(Ok(component));
        }
        self.deaths()?.death(digest).map(Err)
    }

    /// Loads machine code that was compiled just now, and keeps it.
    fn take(&self, digest: &Digest, code: &[u8]) -> Result<Component, String> {
        let engine = &self.0.engine;
        let component = precompiled::component(engine, code).map_err(|e| unloadable(&format!("{e:#}")))?;
        if let Some(cache) = &self.0.cache {
            cache.put(digest, code);
        }
        Ok(component)
    }

    /// Keeps the cache from dropping a file's code.
    fn hold(&self, digest: Digest) -> Hold {
        if let Some(cache) = &self.0.cache {
            cache.hold(digest);
        }
        Hold { runtime: self.clone(), digest }
    }

    fn link(
        &self,
        plugin: &PluginName,
        hold: Hold,
        size_bytes: u64,
        component: &Component,
    ) -> Result<Revision, String> {
        let budget = TypeBudget::new(self.0.limits.payload_types_max_bytes);
        let handlers = Handlers::of(component, &self.0.engine, budget)?;
        let imports = imports::check(component, &self.0.engine)?;
        let pre = self.0.linker.instantiate_pre(component).map_err(|error| format!("{error:#}"))?;
        let (places, all) = (places(component), self.0.limits.instances_max);
        if places > all {
            return Err(format!("one instance takes {places} places, runtime.instances_max is {all}"));
        }
        let (plugin, runtime) = (plugin.clone(), self.clone());
        Ok(Revision {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            plugin,
            digest: hold.digest,
            hold,
            size_bytes,
            imports,
            subscriptions: Vec::new(),
            runtime,
            handlers,
            pre,
            places,
        })
    }
}

/// Revisions of this process are numbered.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl Drop for Revision {
    fn drop(&mut self) {
        self.runtime.0.pool.forget(self.id);
    }
}

impl Revision {
    /// What it handles, for people: typed handlers by interface, the generic one by its patterns.
    #[must_use]
    pub fn handles(&self) -> Vec<String> {
        let typed = self.handlers.typed.values().map(|handler| handler.export.clone());
        typed.chain(self.subscriptions.iter().cloned()).collect()
    }

    /// The export that an event goes to; `None` = there is none for it.
    #[must_use]
    pub fn handler(&self, package: Option<&str>, event_type: &str) -> Option<&str> {
        self.handlers.find(package, event_type).map(|handler| handler.export.as_str())
    }

    /// The interfaces of its typed handlers, without versions.
    pub fn typed_interfaces(&self) -> impl Iterator<Item = &str> {
        self.handlers.typed.keys().map(String::as_str)
    }

    /// The name of the interface that [`Runtime::load`] found for generic events, if any.
    #[must_use]
    pub fn generic_interface(&self) -> Option<&'static str> {
        self.handlers.generic.as_ref().map(|_| EVENT_HANDLER)
    }
}

/// Why the engine does not take machine code; where that is a limit of the host's, with the limit's key.
fn unloadable(text: &str) -> String {
    // wasmtime has no type for this: a memory that begins larger than the pool's largest.
    if text.contains("minimum byte size") {
        return format!("{text}; that limit is runtime.memory_max_bytes");
    }
    text.to_owned()
}

/// Runs on a thread that may be busy for long.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("loading it stopped: {error}"))
}
