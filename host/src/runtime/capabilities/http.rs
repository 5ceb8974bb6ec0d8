//! `wasi:http/outgoing-handler`: requests that a handler makes itself, through the same gate as effects.

mod metered;

use std::future::Future;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use wasmtime::Result;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use metered::Holdings;

use crate::outbound::{self, Failure, Grants, Kind, Outbound};
use crate::runtime::budget::{MemoryBudget, Reservation};
use crate::runtime::guest::Guest;
use crate::runtime::logs::{Logs, Severity};
use crate::secrets::Mask;

/// Requests of one instance at once, from the call to the end of the answer.
const AT_ONCE_MAX: usize = 32;
/// Bytes that a guest may write into a request's body in one call to the host.
const CHUNK_MAX_BYTES: usize = 64 * 1024;
/// The context of its lines in the log.
const CONTEXT: &str = "http";

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    metered::add_to_linker(linker)
}

/// What an instance's requests need.
pub(in crate::runtime) struct Requests {
    context: WasiHttpCtx,
    gate: Gate,
    holdings: Holdings,
}

impl Requests {
    pub(in crate::runtime) fn new(
        outbound: Outbound,
        grants: Arc<Grants>,
        mask: Arc<Mask>,
        logs: Logs,
        budget: &Arc<MemoryBudget>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        let gate = Gate { outbound, grants, mask, logs, places, held: None };
        Self { context: WasiHttpCtx::new(), gate, holdings: Holdings::new(budget) }
    }

    pub(in crate::runtime) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.gate, table, ctx: &mut self.context }
    }

    fn has_place(&self) -> bool {
        self.gate.places.available_permits() > 0
    }

    /// What the next request takes along.
    fn hold_next(&mut self, held: Reservation) {
        self.gate.held = Some(held);
    }

    /// Whether requests or answers are still under way.
    pub(in crate::runtime) fn under_way(&self) -> bool {
        self.gate.places.available_permits() < AT_ONCE_MAX
    }
}

struct Gate {
    outbound: Outbound,
    grants: Arc<Grants>,
    mask: Arc<Mask>,
    logs: Logs,
    places: Arc<Semaphore>,
    /// What is held of the request that is about to be sent.
    held: Option<Reservation>,
}

type Processing = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answered = Result<(http::Response<WasiBody>, Processing), Error>;

impl WasiHttpHooks for Gate {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // A guest may say how long its body is; that is checked there.
        Arc::new(|name| *name != http::header::CONTENT_LENGTH && outbound::is_of_the_connection(name))
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
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Processing,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        let (outbound, grants) = (self.outbound.clone(), Arc::clone(&self.grants));
        let mask = Arc::clone(&self.mask);
        let (logs, place) = (self.logs.clone(), Arc::clone(&self.places).try_acquire_owned());
        let held = self.held.take();
        Box::new(async move {
            let Ok(place) = place else {
                let why = format!("a handler may have {AT_ONCE_MAX} requests under way");
                logs.push(Severity::Warn, CONTEXT, &why);
                return Err(Error::ConnectionLimitReached);
            };
            let tell = move |failure: Failure| {
                // The error's code alone would not say which grant is missing.
                logs.push(Severity::Warn, CONTEXT, &failure.detail);
                code(&failure)
            };
            let options = options.unwrap_or_default();
            let connect = options.connect_timeout.unwrap_or_default();
            let first_byte = options.first_byte_timeout.map(|time| time.saturating_add(connect));
            let response = outbound.fetch(&grants, &mask, request, first_byte).await.map_err(&tell)?;
            let body = move |body: outbound::Body| {
                let explain = move |failure| {
                    // Both are free when the answer's body is gone.
                    let _held = (&place, &held);
                    tell(failure)
                };
                body.map_err(explain).boxed_unsync()
            };
            Ok((response.map(body), Box::new(std::future::ready(Ok(()))) as Processing))
        })
    }
}

/// What the guest sees.
fn code(failure: &Failure) -> Error {
    match failure.kind {
        Kind::Malformed => Error::HttpRequestUriInvalid,
        Kind::NotGranted | Kind::Refused => Error::HttpRequestDenied,
        Kind::Inside => Error::DestinationIpProhibited,
        Kind::Unresolved => Error::DnsError { rcode: None, info_code: None },
        Kind::Unreachable => Error::DestinationUnavailable,
        Kind::ConnectTimeout => Error::ConnectionTimeout,
        Kind::Certificate => Error::TlsCertificateError,
        Kind::Timeout => Error::HttpResponseTimeout,
        Kind::Broken => Error::ConnectionTerminated,
        Kind::Redirects => Error::LoopDetected,
        Kind::RequestTooLarge => Error::HttpRequestBodySize(None),
        Kind::AnswerTooLarge => Error::HttpResponseBodySize(None),
        Kind::Host => Error::ConfigurationError,
    }
}
