//! The WASI context of one instance: clocks and randomness, as far as language runtimes need them to start, but no
//! files, no sockets, no arguments and no environment. Standard output and error go to the attempt's log.

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, async_trait};

use super::logs::{AttemptLog, StdStream};

/// Bytes that a guest may print in one call to the host. A guest that writes more than `check-write` allowed traps.
const PRINT_MAX_BYTES: usize = 8 * 1024;

/// Makes the context. One call for random bytes gets at most `random_max_bytes`.
pub(super) fn new_wasi_context(log: &AttemptLog, random_max_bytes: u64) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(LogStream { log: log.clone(), stream: StdStream::Out })
        .stderr(LogStream { log: log.clone(), stream: StdStream::Err })
        .max_random_size(random_max_bytes)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

/// Standard output or error, whose lines go to the log.
#[derive(Clone)]
struct LogStream {
    log: AttemptLog,
    stream: StdStream,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 and preview 1 use it, and this host links neither.
        Box::new(tokio::io::sink())
    }

    /// The default makes a task and a buffer for each stream that a guest opens; the log needs neither.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PRINT_MAX_BYTES {
            return Err(StreamError::trap("write exceeded budget"));
        }
        self.log.print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PRINT_MAX_BYTES)
    }
}
