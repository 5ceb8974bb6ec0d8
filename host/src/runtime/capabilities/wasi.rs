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
use crate::runtime::logs::{Logs, Stream};

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// A world with nothing in it.
pub(in crate::runtime) fn empty_world(logs: &Logs) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(Printed { logs: logs.clone(), stream: Stream::Out })
        .stderr(Printed { logs: logs.clone(), stream: Stream::Err })
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
        Box::new(self.clone())
    }
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.logs.print(self.stream, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
