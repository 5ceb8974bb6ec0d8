//! WASI as far as language runtimes need it to start: clocks, randomness, and an empty world (no
//! files, no sockets, no arguments, no environment). What they print goes to the log.

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::Result;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, async_trait};

use crate::runtime::guest::Guest;
use crate::runtime::logs::{Logs, Stream};

/// Bytes that a guest may print in one call to the host; more than it asked for with `check-write` is a trap.
const PRINT_MAX_BYTES: usize = 8 * 1024;

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// A world with nothing in it. `random_max_bytes`: what one call may ask for.
pub(in crate::runtime) fn empty_world(logs: &Logs, random_max_bytes: u64) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(Printed { logs: logs.clone(), stream: Stream::Out })
        .stderr(Printed { logs: logs.clone(), stream: Stream::Err })
        .max_random_size(random_max_bytes)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

/// Standard output or error, as lines of the log.
#[derive(Clone)]
struct Printed {
    logs: Logs,
    stream: Stream,
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 and preview 1 ask for it, which this host does not link.
        Box::new(tokio::io::sink())
    }

    /// Without a task and a buffer of its own, which the default has for each stream that a guest opens.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PRINT_MAX_BYTES {
            return Err(StreamError::trap("write exceeded budget"));
        }
        self.logs.print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PRINT_MAX_BYTES)
    }
}
