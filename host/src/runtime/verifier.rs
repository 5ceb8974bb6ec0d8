//! Verifiers: components that export `hookyard:verifier/verify` and import nothing.
//!
//! A call is synchronous, on a thread that is there for such calls: a verifier has nothing to wait for, so its call needs
//! no stack of its own.

use std::time::Duration;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, Instance, InstancePre, Lift, Linker, Lower, TypedFunc,
};
use wasmtime::{Engine, Error, Store, UpdateDeadline};

use super::cache::CacheHold;
use super::deadline::{Deadline, DeadlineExceeded};
use super::engine::Runtime;
use super::engine_config::verifier_places;
use super::imports::refuse_imports;
use super::limits::ResourceLimits;
use super::load::run_blocking;
use super::pool::places_of;
use super::text::{self, NAMED_REASON_MAX_BYTES};
use super::trap;
use super::versions::{is_version_of, split_version};
use crate::config;
use crate::event::Digest;
use crate::verifier::{FailureKind, VerifiedFields, VerifierCall, VerifierError};

/// The interface of verifiers, without its version.
const INTERFACE: &str = "hookyard:verifier/verify";
/// The versions of it that this host knows.
const KNOWN_VERSION: &str = "0.1";
/// The interface as an error shows it to authors.
const WANTED: &str = "hookyard:verifier/verify@0.1.0";
/// The function in it.
const FUNCTION: &str = "verify";
/// Exports that an error lists.
const SHOWN_EXPORTS_MAX: usize = 8;

/// Bytes that an answer may have, as wasmtime counts them: an id, a type, a time and a pointer, or a reason.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// Handles of a component's own resources at once.
const HANDLES_MAX: usize = 1000;
/// Stack that the host's own frames need on a thread that calls a verifier, in bytes.
const HOST_STACK_BYTES: usize = 1024 * 1024;

/// The limits of a verifier's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifierLimits {
    /// Longest time of one call.
    pub timeout: Duration,
    /// Linear memory of the instance, the request in it.
    pub memory_max_bytes: usize,
}

impl From<&config::Verifiers> for VerifierLimits {
    fn from(config: &config::Verifiers) -> Self {
        Self {
            timeout: Duration::from_millis(config.timeout_ms),
            memory_max_bytes: usize::try_from(config.memory_max_bytes).unwrap_or(usize::MAX),
        }
    }
}

/// A loaded verifier. Whether its answers are right is not known yet.
pub struct Verifier {
    digest: Digest,
    pre: InstancePre<VerifierState>,
    func: ComponentExportIndex,
    runtime: Runtime,
    /// Places that an instance takes.
    places: u32,
    #[expect(dead_code, reason = "it keeps the code in the cache until it is dropped")]
    cache_hold: Option<CacheHold>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Verifier").field(&self.digest).finish()
    }
}

/// The reason why a file is no verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierRefusal {
    /// What is wrong.
    pub reason: String,
    /// Whether the host is at fault, so that the same file may be taken a moment later.
    pub is_temporary: bool,
}

impl VerifierRefusal {
    fn lasting(reason: String) -> Self {
        Self { reason: text::truncate_string(reason, NAMED_REASON_MAX_BYTES), is_temporary: false }
    }
}

/// The data of an instance's wasmtime store.
struct VerifierState {
    limits: ResourceLimits,
    deadline: Deadline,
}

// The types of version 0.1, whose fields have the names and the order of the WIT.

#[derive(ComponentType, Lower)]
#[component(record)]
struct Header<'a> {
    name: &'a str,
    value: &'a [u8],
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
    headers: &'a [Header<'a>],
    body: &'a [u8],
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct Verified {
    secret: u32,
    id: Option<String>,
    #[component(name = "event-type")]
    event_type: Option<String>,
    created: Option<String>,
    payload: Option<String>,
}

type Function<'a> = TypedFunc<(Request<'a>, &'a [String], u64), (Result<Verified, String>,)>;

impl Runtime {
    /// The stack of a thread that calls verifiers, in bytes.
    #[must_use]
    pub fn verifier_stack_bytes(&self) -> usize {
        self.0.limits.stack_max_bytes + HOST_STACK_BYTES
    }

    /// Loads a file as a verifier: machine code from the cache or the compiler, exports and imports checked. Whether its
    /// function has the right types is known at the first call. Dropping the future ends the compiler.
    ///
    /// # Errors
    /// [`VerifierRefusal`], with the first thing that is wrong.
    pub async fn load_verifier(&self, bytes: Vec<u8>) -> Result<Verifier, VerifierRefusal> {
        let temporary = |reason| VerifierRefusal { reason, is_temporary: true };
        let digested = run_blocking(move || (Digest::of(&bytes), bytes)).await;
        let (digest, bytes) = digested.map_err(temporary)?;
        let cache_hold = self.0.cache.as_ref().map(|cache| cache.hold(digest));
        let component = self.component(digest, bytes).await;
        let (component, _) = component.map_err(|(reason, is_temporary)| VerifierRefusal {
            reason: text::truncate_string(reason, NAMED_REASON_MAX_BYTES),
            is_temporary,
        })?;
        let runtime = self.clone();
        let made = run_blocking(move || runtime.link_verifier(digest, cache_hold, &component));
        made.await.map_err(temporary)?.map_err(VerifierRefusal::lasting)
    }

    fn link_verifier(
        &self,
        digest: Digest,
        cache_hold: Option<CacheHold>,
        component: &Component,
    ) -> Result<Verifier, String> {
        let engine = &self.0.engine;
        let func = find_function(component, engine)?;
        refuse_imports(component, engine)?;
        let (places, all) = (places_of(component), verifier_places(&self.0.limits));
        if places > all {
            return Err(format!("one instance takes {places} places, and there are {all} for verifiers"));
        }
        let pre = Linker::new(engine).instantiate_pre(component).map_err(|error| format!("{error:#}"))?;
        Ok(Verifier { digest, pre, func, runtime: self.clone(), places, cache_hold })
    }
}

/// Finds the function that verifies.
fn find_function(component: &Component, engine: &Engine) -> Result<ComponentExportIndex, String> {
    let ty = component.component_type();
    let interfaces =
        ty.exports(engine).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)));
    let names: Vec<&str> = interfaces.map(|(name, _)| name).collect();
    let own: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| split_version(name).is_some_and(|(name, _)| name == INTERFACE))
        .collect();
    let export = match own.as_slice() {
        [export] => *export,
        [] => {
            let shown: Vec<_> =
                names.iter().take(SHOWN_EXPORTS_MAX).map(|name| text::truncate_name(name)).collect();
            let shown = if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") };
            return Err(format!("does not export {WANTED}; it exports {shown}"));
        }
        [first, second, ..] => {
            return Err(format!("exports two versions of one interface: {first} and {second}"));
        }
    };
    let version = split_version(export).map_or("", |(_, version)| version);
    if !is_version_of(KNOWN_VERSION, version) {
        let export = text::truncate_name(export);
        return Err(format!(
            "exports {export}; of hookyard:verifier this host knows version {KNOWN_VERSION}"
        ));
    }
    let interface = component.get_export_index(None, export);
    interface
        .and_then(|interface| component.get_export_index(Some(&interface), FUNCTION))
        .ok_or_else(|| format!("its export {export} has no function `{FUNCTION}`"))
}

impl Verifier {
    /// SHA-256 of its file.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The places of [`verifier_places`] that a call takes.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.places
    }

    /// Calls it in a fresh instance. Blocks for [`VerifierLimits::timeout`] at most, and needs
    /// [`Runtime::verifier_stack_bytes`] of stack.
    ///
    /// # Errors
    /// Its refusal, or the way in which it failed.
    pub fn call(&self, call: &VerifierCall, limits: VerifierLimits) -> Result<VerifiedFields, VerifierError> {
        let mut store = self.store(limits);
        let instance = self.pre.instantiate(&mut store);
        let instance = instance.map_err(|error| explain(&error, &store, "instantiating it: "))?;
        let answer = self.call_in(&mut store, instance, call)?;
        let Verified { secret, id, event_type, created, payload } = answer.map_err(VerifierError::Refused)?;
        Ok(VerifiedFields { secret, id, event_type, created, payload })
    }

    fn call_in(
        &self,
        store: &mut Store<VerifierState>,
        instance: Instance,
        call: &VerifierCall,
    ) -> Result<Result<Verified, String>, VerifierError> {
        let VerifierCall { request, secrets, now_ms } = call;
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| Header { name: name.as_str(), value: value.as_bytes() })
            .collect();
        let (method, headers) = (request.method.as_str(), headers.as_slice());
        let request = Request { method, url: &request.url, headers, body: &request.body };
        let func: Function<'_> = self.function(store, instance).map_err(|error| {
            let error = text::format_within(format_args!("{error:#}"), text::REASON_MAX_BYTES);
            let reason = format!("its function `{FUNCTION}` has other types than {WANTED}: {error}");
            VerifierError::failed(FailureKind::Answer, reason)
        })?;
        let called = func.call(&mut *store, (request, &**secrets, *now_ms));
        called.map(|(answer,)| answer).map_err(|error| explain(&error, store, ""))
    }

    fn function<'a>(
        &self,
        store: &mut Store<VerifierState>,
        instance: Instance,
    ) -> Result<Function<'a>, Error> {
        let func =
            instance.get_func(&mut *store, self.func).ok_or_else(|| Error::msg("the export is gone"))?;
        func.typed(&*store)
    }

    fn store(&self, limits: VerifierLimits) -> Store<VerifierState> {
        let VerifierLimits { timeout, memory_max_bytes } = limits;
        let inner = &self.runtime.0;
        let state = VerifierState {
            limits: ResourceLimits::new(memory_max_bytes, &inner.limits),
            deadline: Deadline::after(timeout),
        };
        let mut store = Store::new(&inner.engine, state);
        store.set_max_component_handles(HANDLES_MAX);
        store.limiter(|state| &mut state.limits);
        store.epoch_deadline_callback(|context| {
            context.data().deadline.check()?;
            Ok(UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(ANSWER_MAX_BYTES);
        // Time limits calls. An engine that does not count fuel rejects this.
        let _ = store.set_fuel(u64::MAX);
        store
    }
}

/// The failure of a call that ended with this error while this was done.
fn explain(error: &Error, store: &Store<VerifierState>, doing: &str) -> VerifierError {
    let VerifierState { limits, deadline } = store.data();
    if let Some(reason) = trap::host_fault(error) {
        return VerifierError::failed(FailureKind::Host, reason);
    }
    let place = trap::location(error);
    let (kind, reason) = if error.is::<DeadlineExceeded>() {
        let timeout_ms = deadline.call_timeout_ms();
        (FailureKind::Timeout, format!("still running after verifiers.timeout_ms ({timeout_ms} ms){place}"))
    } else {
        let what = trap::describe(error, limits.stack_max_bytes);
        match &limits.exceeded {
            Some(exceeded) => {
                (FailureKind::Memory, format!("{exceeded} (verifiers.memory_max_bytes); then {what}{place}"))
            }
            None if what.contains(trap::LIFTED_TOO_MUCH) => {
                (FailureKind::Answer, format!("its answer has more than {ANSWER_MAX_BYTES} bytes"))
            }
            None => (FailureKind::Trap, format!("trap: {what}{place}")),
        }
    };
    VerifierError::failed(kind, format!("{doing}{reason}"))
}
