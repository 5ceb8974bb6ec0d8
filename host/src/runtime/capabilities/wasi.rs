//! WASI as far as language runtimes need it to start: clocks, randomness, and an empty world (no
//! files, no sockets, no arguments, no environment). What they print goes to the log.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime::Result;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use crate::runtime::guest::Guest;
use crate::runtime::logs::{Logs, Severity};

/// Longest line kept of what a guest prints without a line break.
const LINE_MAX_BYTES: usize = 8 * 1024;

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// A world with nothing in it.
pub(in crate::runtime) fn empty_world(logs: &Logs) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(Printed { logs: logs.clone(), severity: Severity::Info })
        .stderr(Printed { logs: logs.clone(), severity: Severity::Warn })
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

/// Standard output or error, as lines of the log.
struct Printed {
    logs: Logs,
    severity: Severity,
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Lines { logs: self.logs.clone(), severity: self.severity, rest: Vec::new() })
    }
}

/// Cuts what is written into lines; the last one ends with the stream.
struct Lines {
    logs: Logs,
    severity: Severity,
    rest: Vec<u8>,
}

impl Lines {
    fn flush_line(&mut self) {
        let line = std::mem::take(&mut self.rest);
        self.logs.push(self.severity, "", &String::from_utf8_lossy(&line));
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.rest.is_empty() {
            self.flush_line();
        }
    }
}

impl AsyncWrite for Lines {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        for &byte in bytes {
            if byte != b'\n' {
                self.rest.push(byte);
            }
            if byte == b'\n' || self.rest.len() >= LINE_MAX_BYTES {
                self.flush_line();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
