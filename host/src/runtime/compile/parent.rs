//! The parent's side: starts children, sends each one file, and explains how one ended.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, getpriority_pgrp, setpriority_pgrp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::child::{ERROR_MAX_BYTES, Setup, Task};
use super::exports::HandlerExports;
use super::frame::{CODE, EXPORTS, FILE, HEADER_BYTES, decode_header, encode_header};
use super::{COMMAND, CompileError};
use crate::config;
use crate::runtime::engine_config::MemoryBounds;

/// The program of this process, even if its file was replaced.
const PROGRAM: &str = "/proc/self/exe";
/// The niceness added after `compile_quick_ms`. The child then gets half of the processor time of the host's
/// threads. With much less, good files would exceed `compile_timeout_ms` on a busy host.
const NICER: i32 = 3;
/// Threads that compile one file. Each holds a function in memory: a Python plugin takes 590 MB with two threads,
/// 750 MB with four and 950 MB with eight.
const THREADS_MAX: usize = 4;
/// Time for a child to end once its output has ended.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest JSON text that is read of a file's exports.
const EXPORTS_MAX_BYTES: u64 = 512 * 1024;
/// Time for reading a file's exports. Most take milliseconds, 18 MB of Python a tenth of a second.
const EXPORTS_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that are read of a child's standard error.
const STDERR_MAX_BYTES: u64 = 4096;
/// Messages of the standard library and the allocator when memory runs out.
const OUT_OF_MEMORY: [&str; 3] = ["memory allocation of", "unable to allocate memory", "out of memory"];

/// Compiles each file in a child of its own. One child may wait for the next file.
pub(in crate::runtime) struct ChildCompiler {
    limits: config::Runtime,
    /// [`Setup`] as JSON, of a child that compiles.
    compile_setup: String,
    /// The setup of a child that reads exports.
    exports_setup: String,
    threads: usize,
    starts_ahead: bool,
    started: Mutex<Option<ChildProcess>>,
}

/// A child and its pipes. It is killed when this is dropped.
struct ChildProcess {
    process: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

/// The reason why an exchange with a child failed.
enum ExchangeError {
    /// The child closed a pipe too early.
    Pipe(std::io::Error),
    /// The child has more code than the host takes.
    TooLarge(u64),
}

impl ChildCompiler {
    pub(super) fn new(
        limits: &config::Runtime,
        bounds: MemoryBounds,
        count_fuel: bool,
        starts_ahead: bool,
    ) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(THREADS_MAX);
        // The parent ends it earlier, by its own clock, unless the parent is stopped.
        let cpu_max_seconds = limits.compile_timeout_ms.div_ceil(1000).saturating_mul(threads as u64 + 1);
        let setup = |task| {
            let setup = Setup { task, limits: limits.clone(), bounds, count_fuel, cpu_max_seconds };
            serde_json::to_string(&setup).map_err(|error| error.to_string())
        };
        Ok(Self {
            limits: limits.clone(),
            compile_setup: setup(Task::Compile)?,
            exports_setup: setup(Task::ReadExports)?,
            threads,
            starts_ahead,
            started: Mutex::default(),
        })
    }

    /// Compiles a file to machine code.
    pub(super) async fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let mut child = match self.take_started() {
            Some(child) => child,
            None => self.start(&self.compile_setup).map_err(unavailable)?,
        };
        let compiled = self.compile_with(&mut child, bytes).await;
        drop(child);
        self.start_ahead();
        compiled
    }

    /// Reads which handlers a file exports. Dropping the future ends the child.
    pub(super) async fn read_exports(&self, bytes: &[u8]) -> Result<HandlerExports, CompileError> {
        let mut child = self.start(&self.exports_setup).map_err(unavailable)?;
        // This child has no code to return.
        let exchange = child.exchange(bytes, 0);
        let Ok(exchanged) = timeout(EXPORTS_TIMEOUT, exchange).await else {
            let text = format!("reading its exports takes longer than {} s", EXPORTS_TIMEOUT.as_secs());
            return Err(CompileError::Crashed(text));
        };
        match exchanged {
            Ok((EXPORTS, json)) => {
                let exports: HandlerExports = serde_json::from_slice(&json).map_err(unavailable)?;
                exports.check().map_err(CompileError::Invalid)?;
                Ok(exports)
            }
            Ok((_, error)) => Err(CompileError::Invalid(String::from_utf8_lossy(&error).into_owned())),
            Err(ExchangeError::TooLarge(bytes)) => Err(CompileError::Invalid(format!(
                "the names of its exports take {bytes} bytes, at most {EXPORTS_MAX_BYTES}"
            ))),
            Err(ExchangeError::Pipe(error)) => Err(self.explain(&mut child, &error).await),
        }
    }

    /// Takes the child that waits, if it still runs: the system kills it first when memory runs out.
    fn take_started(&self) -> Option<ChildProcess> {
        let waiting = self.started.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.and_then(|mut child| matches!(child.process.try_wait(), Ok(None)).then_some(child))
    }

    /// Starts a child for the next file, unless one waits.
    pub(super) fn start_ahead(&self) {
        if !self.starts_ahead {
            return;
        }
        let mut waiting = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_none() {
            // If this fails, the next compilation starts one and reports the error.
            *waiting = self.start(&self.compile_setup).ok();
        }
    }

    fn start(&self, setup: &str) -> std::io::Result<ChildProcess> {
        let mut command = Command::new(PROGRAM);
        command
            .arg0("hookyard")
            .args([COMMAND, setup])
            // The host's environment can hold secrets.
            .env_clear()
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            // The limit on memory must count memory in use, and not the allocator's reservations.
            .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the host only. And a group's priority applies to all its threads.
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(std::io::Error::other("a child without pipes"));
        };
        Ok(ChildProcess { process, stdin, stdout, stderr })
    }

    async fn compile_with(&self, child: &mut ChildProcess, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let limit = Duration::from_millis(self.limits.compile_timeout_ms);
        let quick = Duration::from_millis(self.limits.compile_quick_ms).min(limit);
        let group = child.process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let exchanged = {
            let mut exchange = std::pin::pin!(child.exchange(bytes, self.limits.code_max_bytes));
            if let Ok(exchanged) = timeout(quick, &mut exchange).await {
                Ok(exchanged)
            } else {
                // This fails if the child has just ended.
                let _ = getpriority_pgrp(group).and_then(|nice| setpriority_pgrp(group, nice + NICER));
                timeout(limit.saturating_sub(quick), exchange).await
            }
        };
        match exchanged {
            Err(_) => Err(CompileError::Crashed(format!(
                "compiling it takes longer than runtime.compile_timeout_ms, which is {}",
                self.limits.compile_timeout_ms
            ))),
            Ok(Ok((CODE, code))) => Ok(code),
            Ok(Ok((_, error))) => Err(CompileError::Invalid(String::from_utf8_lossy(&error).into_owned())),
            Ok(Err(ExchangeError::TooLarge(bytes))) => Err(CompileError::Crashed(format!(
                "its machine code has {bytes} bytes, runtime.code_max_bytes is {}",
                self.limits.code_max_bytes
            ))),
            Ok(Err(ExchangeError::Pipe(error))) => Err(self.explain(child, &error).await),
        }
    }

    /// Explains why a child closed its pipes.
    async fn explain(&self, child: &mut ChildProcess, error: &std::io::Error) -> CompileError {
        let mut said = Vec::new();
        let ended = async {
            let _ = (&mut child.stderr).take(STDERR_MAX_BYTES).read_to_end(&mut said).await;
            child.process.wait().await
        };
        let status = match timeout(END_TIMEOUT, ended).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return unavailable(error),
            Err(_) => return unavailable(error),
        };
        let said = String::from_utf8_lossy(&said);
        tracing::debug!(%status, "a compiler ended early: {said}");
        classify_exit(status, &said, self.limits.compile_memory_max_bytes)
    }
}

impl ChildProcess {
    /// Sends a file, and reads the tag and the bytes of the answer.
    async fn exchange(&mut self, bytes: &[u8], code_max_bytes: u64) -> Result<(u8, Vec<u8>), ExchangeError> {
        self.stdin.write_all(&encode_header(FILE, bytes.len())).await.map_err(ExchangeError::Pipe)?;
        self.stdin.write_all(bytes).await.map_err(ExchangeError::Pipe)?;
        let mut header = [0; HEADER_BYTES];
        self.stdout.read_exact(&mut header).await.map_err(ExchangeError::Pipe)?;
        let (tag, length) = decode_header(header);
        let max = match tag {
            CODE => code_max_bytes,
            EXPORTS => EXPORTS_MAX_BYTES,
            _ => ERROR_MAX_BYTES as u64,
        };
        if length > max {
            return Err(ExchangeError::TooLarge(length));
        }
        let mut answer = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let read =
            (&mut self.stdout).take(length).read_to_end(&mut answer).await.map_err(ExchangeError::Pipe)?;
        if read as u64 == length {
            Ok((tag, answer))
        } else {
            Err(ExchangeError::Pipe(std::io::ErrorKind::UnexpectedEof.into()))
        }
    }
}

fn unavailable(error: impl std::fmt::Display) -> CompileError {
    CompileError::Unavailable(format!("the host could not run its compiler: {error}"))
}

/// Decides from a child's exit whether the file is at fault.
fn classify_exit(status: ExitStatus, said: &str, memory_max_bytes: u64) -> CompileError {
    /// SIGKILL and SIGXCPU. Only MIPS has another number for SIGXCPU.
    const KILLED: i32 = 9;
    const OUT_OF_CPU_TIME: i32 = 24;
    let memory = format!(
        "compiling it takes more memory than runtime.compile_memory_max_bytes, which is {memory_max_bytes}"
    );
    if OUT_OF_MEMORY.iter().any(|text| said.contains(text)) {
        return CompileError::Crashed(memory);
    }
    let text = first_lines(said);
    match (status.signal(), status.code()) {
        (Some(KILLED), _) => CompileError::Crashed(
            "the compiler was killed while it compiled it, as the system does where memory ends".into(),
        ),
        (Some(OUT_OF_CPU_TIME), _) => CompileError::Crashed(
            "compiling it takes more processor time than runtime.compile_timeout_ms allows".into(),
        ),
        (Some(signal), _) => {
            CompileError::Crashed(format!("the compiler crashed on it (signal {signal}): {text}"))
        }
        // The exit code of a panic.
        (None, Some(101)) => CompileError::Crashed(format!("the compiler crashed on it: {text}")),
        _ => unavailable(format!("{status}: {text}")),
    }
}

/// Joins the first two lines that a child printed. Of a panic, these are its location and its message.
fn first_lines(said: &str) -> String {
    const CHARS_MAX: usize = 300;
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(2).collect();
    lines.join(" ").chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_from_the_end_of_a_child_whether_the_file_is_at_fault() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let signal = ExitStatus::from_raw;
        for (status, said, died, part) in [
            (
                signal(6),
                "memory allocation of 4096 bytes failed\n",
                true,
                "compile_memory_max_bytes, which is 7",
            ),
            (signal(6), "\nthread 'x' has overflowed its stack\nfatal\n", true, "(signal 6): thread 'x' has"),
            (signal(9), "", true, "was killed"),
            (signal(24), "", true, "compile_timeout_ms"),
            (signal(11), "\u{1b}[31mred", true, "(signal 11): [31mred"),
            (exit(101), "thread 'main' panicked at a.rs:1\nindex 3\nnote", true, "a.rs:1 index 3"),
            (exit(1), "limits: no", false, "limits: no"),
            (exit(0), "", false, "could not run"),
        ] {
            match classify_exit(status, said, 7) {
                CompileError::Crashed(text) => assert!(died && text.contains(part), "{text}"),
                CompileError::Unavailable(text) => assert!(!died && text.contains(part), "{text}"),
                CompileError::Invalid(text) => panic!("{text}"),
            }
        }
    }
}
