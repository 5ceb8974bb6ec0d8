//! The HTTP requests that one instance makes itself. They leave through the same gate as effects, and the
//! host's memory for them is counted.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use super::budget::{MemoryBudget, OverBudget, Reservation};
use super::host_calls::{BegunCall, HostCalls};
use super::logs::{AttemptLog, Severity};
use crate::outbound::{self, FailureKind, Grants, Outbound, OutboundFailure};
use crate::secrets::Mask;
use crate::trace::HEADER;

/// Requests of one instance at once, from the call to the end of the answer.
const CONCURRENT_MAX: usize = 32;
/// Bytes that a guest may write into a request's body in one call to the host.
pub(super) const CHUNK_MAX_BYTES: usize = 64 * 1024;
/// The context of its lines in the log.
const LOG_CONTEXT: &str = "http";

/// The requests of one instance.
pub(super) struct Requests {
    context: WasiHttpCtx,
    sender: RequestSender,
    pub(super) memory: HandleMemory,
}

impl Requests {
    pub(super) fn new(
        outbound: Outbound,
        grants: Arc<Grants>,
        mask: Arc<Mask>,
        log: AttemptLog,
        budget: &Arc<MemoryBudget>,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(CONCURRENT_MAX));
        let host_calls = HostCalls::default();
        let sender = RequestSender { outbound, grants, mask, log, slots, next_held: None, host_calls };
        Self { context: WasiHttpCtx::new(), sender, memory: HandleMemory::new(budget) }
    }

    pub(super) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.sender, table, ctx: &mut self.context }
    }

    /// Notes the requests of the current call.
    pub(super) fn trace(&mut self, host_calls: &HostCalls) {
        self.sender.host_calls = host_calls.clone();
    }

    /// Whether one more request may be sent now.
    pub(super) fn has_slot(&self) -> bool {
        self.sender.slots.available_permits() > 0
    }

    /// Hands memory to the next request that is sent: it is free when that request's answer is
    /// dropped.
    pub(super) fn hold_for_next(&mut self, held: Reservation) {
        self.sender.next_held = Some(held);
    }

    /// Whether requests or answers are still under way.
    pub(super) fn are_under_way(&self) -> bool {
        self.sender.slots.available_permits() < CONCURRENT_MAX
    }
}

/// The host's memory behind handles of `wasi:http`.
pub(super) struct HandleMemory {
    budget: Arc<MemoryBudget>,
    by_handle: HashMap<u32, Reservation>,
    /// Memory of handles that were handed on. It counts until the instance ends, because nothing shows when
    /// it is free.
    handed_on: Vec<Reservation>,
}

impl HandleMemory {
    fn new(budget: &Arc<MemoryBudget>) -> Self {
        Self { budget: Arc::clone(budget), by_handle: HashMap::new(), handed_on: Vec::new() }
    }

    /// Counts more for a handle.
    ///
    /// # Errors
    /// [`OverBudget`]
    pub(super) fn grow(&mut self, handle: u32, bytes: usize) -> Result<(), OverBudget> {
        let Self { budget, by_handle, .. } = self;
        by_handle.entry(handle).or_insert_with(|| Reservation::empty(budget)).grow(bytes)
    }

    /// Takes the memory that is counted for a handle.
    pub(super) fn take(&mut self, handle: u32) -> Reservation {
        self.by_handle.remove(&handle).unwrap_or_else(|| Reservation::empty(&self.budget))
    }

    /// Counts memory that was taken from another handle.
    pub(super) fn put(&mut self, handle: u32, held: Reservation) {
        self.by_handle.insert(handle, held);
    }

    /// Keeps counting the memory of a handle after the handle is dropped.
    pub(super) fn hand_on(&mut self, handle: u32) {
        self.handed_on.extend(self.by_handle.remove(&handle));
    }
}

/// Sends requests for wasmtime-wasi-http.
struct RequestSender {
    outbound: Outbound,
    grants: Arc<Grants>,
    mask: Arc<Mask>,
    log: AttemptLog,
    slots: Arc<Semaphore>,
    /// Memory of the request that is about to be sent.
    next_held: Option<Reservation>,
    host_calls: HostCalls,
}

type Processing = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Response = Result<(http::Response<WasiBody>, Processing), Error>;

impl WasiHttpHooks for RequestSender {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // A guest may set its body's length; wasmtime-wasi-http checks that.
        Arc::new(|name| *name != http::header::CONTENT_LENGTH && outbound::is_connection_header(name))
    }

    /// The client sets it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_MAX_BYTES
    }

    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Processing,
    ) -> Box<dyn Future<Output = Response> + Send> {
        let (outbound, grants) = (self.outbound.clone(), Arc::clone(&self.grants));
        let mask = Arc::clone(&self.mask);
        let (log, slot) = (self.log.clone(), Arc::clone(&self.slots).try_acquire_owned());
        let (held, number) = (self.next_held.take(), self.log.begin_request());
        let call = TracedRequest::begin(&self.host_calls, &mut request);
        Box::new(async move {
            let Ok(slot) = slot else {
                let reason = format!("a handler may have {CONCURRENT_MAX} requests under way");
                log.push(Severity::Warn, LOG_CONTEXT, &reason);
                return Err(Error::ConnectionLimitReached);
            };
            let log_failure = move |failure: OutboundFailure| {
                // The error's code alone would not say which grant is missing.
                log.push(Severity::Warn, LOG_CONTEXT, &failure.detail);
                if matches!(failure.kind, FailureKind::NotGranted | FailureKind::InternalAddress) {
                    log.deny_request(number, &failure.detail);
                }
                error_code(&failure)
            };
            let options = options.unwrap_or_default();
            let connect = options.connect_timeout.unwrap_or_default();
            let first_byte = options.first_byte_timeout.map(|time| time.saturating_add(connect));
            let fetched = outbound.fetch(&grants, &mask, request, first_byte).await;
            let _noted = call.map(|call| call.end(&fetched));
            let response = fetched.map_err(&log_failure)?;
            let body = move |body: outbound::Body| {
                let map_error = move |failure| {
                    // The closure owns both, so they are free when the answer's body is dropped.
                    let _held = (&slot, &held);
                    log_failure(failure)
                };
                body.map_err(map_error).boxed_unsync()
            };
            Ok((response.map(body), Box::new(std::future::ready(Ok(()))) as Processing))
        })
    }
}

/// A request that is noted in the trace of its event.
struct TracedRequest {
    call: BegunCall,
    origin: Option<String>,
}

impl TracedRequest {
    /// Gives the request its trace context, unless the guest gave it one.
    fn begin(host_calls: &HostCalls, request: &mut http::Request<WasiBody>) -> Option<Self> {
        let call = host_calls.begin(call_name(request.method()))?;
        let context = host_calls.context(Some(&call))?;
        if let Ok(value) = context.header().parse() {
            request.headers_mut().entry(HEADER).or_insert(value);
        }
        // As a grant is written, however the guest spelled it.
        let url = url::Url::parse(&request.uri().to_string());
        Some(Self { call, origin: url.ok().map(|url| url.origin().ascii_serialization()) })
    }

    /// Names the origin only of requests that were granted: else it is a text of the guest.
    fn end(self, fetched: &Result<http::Response<outbound::Body>, OutboundFailure>) {
        let is_granted = fetched
            .as_ref()
            .err()
            .is_none_or(|failure| !matches!(failure.kind, FailureKind::NotGranted | FailureKind::Malformed));
        let status = fetched.as_ref().ok().map(|response| response.status().as_u16());
        self.call.end_request(self.origin.filter(|_| is_granted), status, fetched.is_err());
    }
}

/// The name of the call in a trace. The guest may have made up the method.
fn call_name(method: &http::Method) -> &'static str {
    match method.as_str() {
        "DELETE" => "HTTP DELETE",
        "GET" => "HTTP GET",
        "HEAD" => "HTTP HEAD",
        "OPTIONS" => "HTTP OPTIONS",
        "PATCH" => "HTTP PATCH",
        "POST" => "HTTP POST",
        "PUT" => "HTTP PUT",
        _ => "HTTP OTHER",
    }
}

/// The error that the guest sees.
fn error_code(failure: &OutboundFailure) -> Error {
    match failure.kind {
        FailureKind::Malformed => Error::HttpRequestUriInvalid,
        FailureKind::NotGranted | FailureKind::Refused => Error::HttpRequestDenied,
        FailureKind::InternalAddress => Error::DestinationIpProhibited,
        FailureKind::Unresolved => Error::DnsError { rcode: None, info_code: None },
        FailureKind::Unreachable => Error::DestinationUnavailable,
        FailureKind::ConnectTimeout => Error::ConnectionTimeout,
        FailureKind::Certificate => Error::TlsCertificateError,
        FailureKind::Timeout => Error::HttpResponseTimeout,
        FailureKind::Broken => Error::ConnectionTerminated,
        FailureKind::Redirects => Error::LoopDetected,
        FailureKind::RequestTooLarge => Error::HttpRequestBodySize(None),
        FailureKind::AnswerTooLarge => Error::HttpResponseBodySize(None),
        FailureKind::Host => Error::ConfigurationError,
    }
}
