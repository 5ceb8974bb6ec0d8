//! A plugin's file into a revision that can be called, or a refusal that says why not.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::{Component, InstancePre};

use super::attempt::Settings;
use super::engine::{Runtime, places};
use super::guest::Guest;
use super::handlers::{EVENT_HANDLER, Handlers};
use super::imports;
use super::instances::RevisionId;
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
    /// Makes a revision of a file: component (made here from a core module that carries its types)
    /// → machine code (from the cache, or compiled on a thread of its own) → exports and imports
    /// checked → instantiated once.
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
        let runtime = self.clone();
        let compile = tokio::task::spawn_blocking(move || {
            let digest = Digest::of(&bytes);
            (digest, runtime.compile(&digest, &bytes))
        });
        let refuse = |revision, reason| Refusal { plugin: plugin.clone(), revision, reason };
        let (digest, compiled) = compile
            .await
            .map_err(|error| refuse(Digest([0; 32]), format!("the compiler stopped: {error}")))?;
        let (component, from_cache) = compiled.map_err(|reason| refuse(digest, reason))?;
        let mut revision =
            self.link(plugin, digest, size_bytes, &component).map_err(|reason| refuse(digest, reason))?;
        revision.subscriptions = revision.try_out(settings).await.map_err(|reason| refuse(digest, reason))?;
        Ok(Loaded { revision: Arc::new(revision), from_cache, took: started.elapsed() })
    }

    fn compile(&self, digest: &Digest, bytes: &[u8]) -> Result<(Component, bool), String> {
        if let Some(component) = self.0.cache.as_ref().and_then(|cache| cache.get(digest)) {
            return Ok((component, true));
        }
        let made;
        let bytes = match Kind::of(bytes)? {
            Kind::Component => bytes,
            Kind::Module => {
                made = component_of_module(bytes)?;
                &made
            }
        };
        let component = Component::from_binary(&self.0.engine, bytes).map_err(|error| uncompiled(&error))?;
        if let Some(cache) = &self.0.cache {
            cache.put(digest, &component);
        }
        Ok((component, false))
    }

    fn link(
        &self,
        plugin: &PluginName,
        digest: Digest,
        size_bytes: u64,
        component: &Component,
    ) -> Result<Revision, String> {
        let handlers = Handlers::of(component, &self.0.engine)?;
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
            digest,
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

enum Kind {
    Component,
    Module,
}

impl Kind {
    /// By the first eight bytes: magic number, version and layer
    /// (component-model/design/mvp/Binary.md, "preamble").
    fn of(bytes: &[u8]) -> Result<Self, String> {
        match bytes.get(..8) {
            Some(b"\0asm\x0d\0\x01\0") => Ok(Self::Component),
            Some(b"\0asm\x01\0\0\0") => Ok(Self::Module),
            Some(preamble) if preamble.starts_with(b"\0asm") => {
                Err("an unknown version of WebAssembly".into())
            }
            _ if bytes.is_empty() => Err("the file is empty".into()),
            _ => Err("not a WebAssembly file (it does not begin with \\0asm)".into()),
        }
    }
}

/// Why the compiler does not take it; where that is a limit of the host's, with the limit's key.
fn uncompiled(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    // wasmtime has no type for this: a memory that begins larger than the pool's largest.
    if text.contains("minimum byte size") {
        return format!("{text}; that limit is runtime.memory_max_bytes");
    }
    text
}

fn component_of_module(bytes: &[u8]) -> Result<Vec<u8>, String> {
    const TYPES: &[u8] = b"component-type";
    if !bytes.windows(TYPES.len()).any(|window| window == TYPES) {
        return Err(
            "a core module without component types: build a component, or build with wit-bindgen".into()
        );
    }
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder
        .validate(true)
        .module(bytes)
        .and_then(wit_component::ComponentEncoder::encode)
        .map_err(|error| format!("no component can be made of it: {error:#}"))
}
