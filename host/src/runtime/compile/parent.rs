//! The parent's side: starts children, gives each one file, and says what became of it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, getpriority_pgrp, setpriority_pgrp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::child::{ERROR_MAX_BYTES, Setup};
use super::frame::{CODE, FILE, HEAD_BYTES, head, read_head};
use super::{CompileError, VERB};
use crate::config;
use crate::runtime::engine_config::MemoryBounds;

/// The program that this process runs, even if its file was replaced meanwhile.
const PROGRAM: &str = "/proc/self/exe";
/// How much lower the priority is after `compile_quick_ms`: half of what the host's threads get where both want
/// the processor. Much lower, a busy host would let good files run into `compile_timeout_ms`.
const NICER: i32 = 3;
/// Threads that compile one file, and so functions in memory at once. A Python plugin takes 590 MB with two
/// threads, 750 MB with four and 950 MB with eight.
const THREADS_MAX: usize = 4;
/// Time for a child to end once its output has ended.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// What is read of a child's standard error.
const STDERR_MAX_BYTES: u64 = 4096;
/// What the standard library and the allocator write where memory ends.
const OUT_OF_MEMORY: [&str; 3] = ["memory allocation of", "unable to allocate memory", "out of memory"];

/// Starts children, and keeps one that waits for the next file.
pub(in crate::runtime) struct Children {
    limits: config::Runtime,
    /// [`Setup`] as JSON.
    setup: String,
    threads: usize,
    ahead: bool,
    waiting: Mutex<Option<Running>>,
}

/// A child and its pipes. Dropped, it is killed.
struct Running {
    process: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

/// How an exchange with a child failed.
enum Failed {
    /// It closed a pipe too early.
    Pipe(std::io::Error),
    /// It would give more code than is taken.
    TooLarge(u64),
}

impl Children {
    pub(super) fn new(
        limits: &config::Runtime,
        bounds: MemoryBounds,
        count_fuel: bool,
        ahead: bool,
    ) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(THREADS_MAX);
        // The parent's clock ends it earlier, unless the parent itself stands still.
        let cpu_max_seconds = limits.compile_timeout_ms.div_ceil(1000).saturating_mul(threads as u64 + 1);
        let setup = Setup { limits: limits.clone(), bounds, count_fuel, cpu_max_seconds };
        let setup = serde_json::to_string(&setup).map_err(|error| error.to_string())?;
        Ok(Self { limits: limits.clone(), setup, threads, ahead, waiting: Mutex::default() })
    }

    /// Machine code of a file.
    pub(super) async fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let mut child = match self.take_waiting() {
            Some(child) => child,
            None => self.start().map_err(unavailable)?,
        };
        let compiled = self.compile_in(&mut child, bytes).await;
        drop(child);
        self.start_ahead();
        compiled
    }

    /// The child that waits. It may be gone: the system kills such a child first where memory ends.
    fn take_waiting(&self) -> Option<Running> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.and_then(|mut child| matches!(child.process.try_wait(), Ok(None)).then_some(child))
    }

    /// Starts a child for the next file, unless one waits.
    pub(super) fn start_ahead(&self) {
        if !self.ahead {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_none() {
            // Whoever needs one then says why there is none.
            *waiting = self.start().ok();
        }
    }

    fn start(&self) -> std::io::Result<Running> {
        let mut command = Command::new(PROGRAM);
        command
            .arg0("hookyard")
            .args([VERB, &self.setup])
            // Nothing of the host's environment, which may hold secrets.
            .env_clear()
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            // Memory is counted when it is used, and not when the allocator reserves it.
            .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the host; and a group's priority is that of all its threads.
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(std::io::Error::other("a child without pipes"));
        };
        Ok(Running { process, stdin, stdout, stderr })
    }

    async fn compile_in(&self, child: &mut Running, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let limit = Duration::from_millis(self.limits.compile_timeout_ms);
        let quick = Duration::from_millis(self.limits.compile_quick_ms).min(limit);
        let group = child.process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let exchanged = {
            let mut exchange = std::pin::pin!(child.exchange(bytes, self.limits.code_max_bytes));
            if let Ok(exchanged) = timeout(quick, &mut exchange).await {
                Ok(exchanged)
            } else {
                // It may have ended just now; then there is nothing to slow down.
                let _ = getpriority_pgrp(group).and_then(|nice| setpriority_pgrp(group, nice + NICER));
                timeout(limit.saturating_sub(quick), exchange).await
            }
        };
        match exchanged {
            Err(_) => Err(CompileError::Died(format!(
                "compiling it takes longer than runtime.compile_timeout_ms, which is {}",
                self.limits.compile_timeout_ms
            ))),
            Ok(Ok((CODE, code))) => Ok(code),
            Ok(Ok((_, error))) => Err(CompileError::Invalid(String::from_utf8_lossy(&error).into_owned())),
            Ok(Err(Failed::TooLarge(bytes))) => Err(CompileError::Died(format!(
                "its machine code has {bytes} bytes, runtime.code_max_bytes is {}",
                self.limits.code_max_bytes
            ))),
            Ok(Err(Failed::Pipe(error))) => Err(self.explain(child, &error).await),
        }
    }

    /// Why a child closed its pipes.
    async fn explain(&self, child: &mut Running, error: &std::io::Error) -> CompileError {
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
        why(status, &said, self.limits.compile_memory_max_bytes)
    }
}

impl Running {
    /// Gives it a file, and takes the tag and the bytes of its answer.
    async fn exchange(&mut self, bytes: &[u8], code_max_bytes: u64) -> Result<(u8, Vec<u8>), Failed> {
        self.stdin.write_all(&head(FILE, bytes.len())).await.map_err(Failed::Pipe)?;
        self.stdin.write_all(bytes).await.map_err(Failed::Pipe)?;
        let mut start = [0; HEAD_BYTES];
        self.stdout.read_exact(&mut start).await.map_err(Failed::Pipe)?;
        let (tag, length) = read_head(start);
        let max = if tag == CODE { code_max_bytes } else { ERROR_MAX_BYTES as u64 };
        if length > max {
            return Err(Failed::TooLarge(length));
        }
        let mut answer = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let read = (&mut self.stdout).take(length).read_to_end(&mut answer).await.map_err(Failed::Pipe)?;
        if read as u64 == length {
            Ok((tag, answer))
        } else {
            Err(Failed::Pipe(std::io::ErrorKind::UnexpectedEof.into()))
        }
    }
}

fn unavailable(error: impl std::fmt::Display) -> CompileError {
    CompileError::Unavailable(format!("the host could not run its compiler: {error}"))
}

/// What the end of a child says about the file.
fn why(status: ExitStatus, said: &str, memory_max_bytes: u64) -> CompileError {
    /// SIGKILL and SIGXCPU, the same on all Linux systems but MIPS's SIGXCPU.
    const KILLED: i32 = 9;
    const OUT_OF_CPU_TIME: i32 = 24;
    let memory = format!(
        "compiling it takes more memory than runtime.compile_memory_max_bytes, which is {memory_max_bytes}"
    );
    if OUT_OF_MEMORY.iter().any(|text| said.contains(text)) {
        return CompileError::Died(memory);
    }
    let text = shown(said);
    match (status.signal(), status.code()) {
        (Some(KILLED), _) => CompileError::Died(
            "the compiler was killed while it compiled it, as the system does where memory ends".into(),
        ),
        (Some(OUT_OF_CPU_TIME), _) => CompileError::Died(
            "compiling it takes more processor time than runtime.compile_timeout_ms allows".into(),
        ),
        (Some(signal), _) => {
            CompileError::Died(format!("the compiler crashed on it (signal {signal}): {text}"))
        }
        // What a panic ends with.
        (None, Some(101)) => CompileError::Died(format!("the compiler crashed on it: {text}")),
        _ => unavailable(format!("{status}: {text}")),
    }
}

/// The first two lines that a child wrote, on one: of a panic, its place and its message.
fn shown(said: &str) -> String {
    const SHOWN_MAX: usize = 300;
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(2).collect();
    lines.join(" ").chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_child_says_whose_fault_it_was() {
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
            match why(status, said, 7) {
                CompileError::Died(text) => assert!(died && text.contains(part), "{text}"),
                CompileError::Unavailable(text) => assert!(!died && text.contains(part), "{text}"),
                CompileError::Invalid(text) => panic!("{text}"),
            }
        }
    }
}
