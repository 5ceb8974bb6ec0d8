//! Files that take too much time or memory to compile. The compiler's child process dies, the host and other
//! plugins continue, and no later start compiles the file again.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Event, Handwritten, HostDir, RunningHost, distinct_copy, guest, wait_until, wait_until_within,
};

/// A small file that compiles for a minute and takes gigabytes: so many locals live across so many loops.
pub(crate) fn monster() -> Vec<u8> {
    const LOCALS: usize = 5000;
    let mut body = String::from("(func $monster (export \"monster\") (param i32) (result i32)");
    for _ in 0..LOCALS {
        body.push_str("(local i32)");
    }
    for local in 1..=LOCALS {
        write!(body, "(local.set {local} (i32.add (local.get 0) (i32.const {local})))").unwrap();
    }
    for local in 1..=LOCALS {
        let other = local % LOCALS + 1;
        write!(
            body,
            "(loop (local.set {local} (i32.add (local.get {local}) (local.get {other}))) (br_if 0 (local.get {local})))"
        )
        .unwrap();
    }
    body.push_str("(local.get 0)");
    for local in 1..=LOCALS {
        write!(body, "(i32.xor (local.get {local}))").unwrap();
    }
    body.push(')');
    let component = Handwritten { core: &body, ..Handwritten::default() }.component();
    assert!(component.len() < 200_000);
    component
}

fn small() -> Vec<u8> {
    Handwritten::default().component()
}

/// A host's peak memory, in KiB.
fn peak(host: &RunningHost<'_>) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How often a plugin was refused.
fn refusals(log: &str, plugin: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let message = |line: Value| Some(line["message"].as_str()?.to_owned());
    let begin = format!("plugin {plugin} revision ");
    lines
        .filter_map(message)
        .filter(|text| text.starts_with(&begin) && text.contains(" is refused: "))
        .collect()
}

async fn refused(host: &RunningHost<'_>, plugin: &str, part: &str) -> String {
    let is_refused =
        |plugin: &Value| plugin["refusal"].as_str().is_some_and(|refusal| refusal.contains(part));
    let plugin = host.wait_plugin(plugin, &format!("it is refused with {part}"), is_refused).await;
    plugin["refusal"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_that_compiles_for_too_long_is_refused_while_others_load() {
    let dir = HostDir::new(
        // A fast machine comes to the default limit of memory before that time.
        "[runtime]\ncompile_concurrency = 1\ncompile_quick_ms = 200\ncompile_timeout_ms = 10000\n\
         compile_memory_max_bytes = 8_589_934_592\n",
    );
    dir.install("old", &small());
    let host = dir.start().await;
    let before = peak(&host);
    // Made before the first one's time begins.
    let (first, second, new) = (monster(), distinct_copy(&monster(), 1), distinct_copy(&small(), 1));
    dir.install("monster-a", &first);
    dir.install("monster-b", &second);
    let loading = |plugin: &Value| plugin["state"] == "loading";
    host.wait_plugin("monster-a", "it is compiled", loading).await;
    host.wait_plugin("monster-b", "it is compiled", loading).await;
    dir.install("new", &new);
    host.wait_revision("new", &new).await;
    let log = host.flushed_log().await;
    assert_eq!(refusals(&log, "monster-a").len() + refusals(&log, "monster-b").len(), 0, "{log}");
    host.send(&Event::created("evt_1")).await;
    assert_eq!(host.wait_finished("evt_1").await["state"], "done");
    let reason = "compiling it takes longer than runtime.compile_timeout_ms, which is 10000";
    refused(&host, "monster-a", reason).await;
    let grown = peak(&host) - before;
    assert!(grown < 100 * 1024, "the host grew by {grown} KiB");
}

#[tokio::test]
async fn a_file_that_takes_too_much_memory_to_compile_is_compiled_again_only_on_request() {
    let settings = |timeout: u32| {
        format!("[runtime]\ncompile_memory_max_bytes = 67_108_864\ncompile_timeout_ms = {timeout}\n")
    };
    let dir = HostDir::new(&settings(60_000));
    dir.install("monster", &monster());
    dir.install("small", &small());
    let reason = "compiling it takes more memory than runtime.compile_memory_max_bytes, which is 67108864";
    let before = format!("the compiler failed on it before: {reason}");
    let host = dir.start().await;
    host.wait_revision("small", &small()).await;
    let refusal = refused(&host, "monster", reason).await;
    assert!(!refusal.contains("before") && refusal.contains("hookyard plugin retry"), "{refusal}");
    // Touched, with the same bytes.
    dir.install("monster", &monster());
    refused(&host, "monster", &before).await;
    drop(host);

    let host = dir.start().await;
    refused(&host, "monster", &before).await;
    let tried = refusals(&host.flushed_log().await, "monster").len();
    let output = dir.run(&["plugin", "retry", "monster"]);
    assert_eq!(output.code, 0, "{output:?}");
    let mut last = wait_until("it is tried again", async || {
        let all = refusals(&dir.log(), "monster");
        (all.len() > tried).then_some(all)
    })
    .await;
    let last = last.pop().unwrap();
    assert!(last.contains(reason) && !last.contains("before"), "{last}");
    drop(host);

    // Another limit: with this one it dies sooner.
    dir.configure(&settings(1));
    let host = dir.start().await;
    refused(&host, "monster", "runtime.compile_timeout_ms, which is 1").await;
    host.wait_revision("small", &small()).await;
}

/// Of the only file whose compilation has one.
fn compile_mark(dir: &HostDir) -> Option<Vec<u8>> {
    let inside = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    let all = inside(dir.path("hookyard-data/cache")).flat_map(inside);
    let mark = all.into_iter().find(|path| path.extension().is_some_and(|is| is == "compiling"))?;
    fs::read(mark).ok()
}

#[tokio::test]
async fn a_file_is_refused_after_its_compilation_ended_three_times_with_its_host() {
    let dir = HostDir::new("");
    // Two plugins of one file are compiled once, which does not count twice.
    dir.install("one", &monster());
    dir.install("other", &monster());
    for end in 1..=3 {
        let host = dir.start_unloaded().await;
        wait_until("it is compiled", async || (compile_mark(&dir)? == [end]).then_some(())).await;
        host.kill();
    }
    let host = dir.start().await;
    let reason = "the host ended 3 times while it was compiled";
    let refusal = refused(&host, "one", reason).await;
    assert!(refusal.contains("hookyard plugin retry"), "{refusal}");
    refused(&host, "other", reason).await;
}

#[tokio::test]
async fn two_plugins_of_one_file_are_compiled_once() {
    let dir = HostDir::new("");
    let bytes = guest("actor");
    dir.install("one", &bytes);
    dir.install("other", &bytes);
    let host = dir.start().await;
    host.wait_revision("one", &bytes).await;
    host.wait_revision("other", &bytes).await;
    let log = host.flushed_log().await;
    let count = |from: &str| log.matches(&format!("\"from\":\"{from}\"")).count();
    assert_eq!((count("compile"), count("cache")), (1, 1), "{log}");
}

#[tokio::test]
async fn machine_code_beyond_code_max_bytes_is_refused() {
    let dir = HostDir::new("[runtime]\ncode_max_bytes = 1_048_576\n");
    let data = format!("(data (i32.const 65536) \"{}\")", "x".repeat(1_200_000));
    let large = Handwritten { core: &data, pages: 40, ..Handwritten::default() };
    dir.install("large", &large.component());
    let host = dir.start().await;
    refused(&host, "large", "runtime.code_max_bytes is 1048576").await;
}

#[tokio::test]
async fn a_compiler_process_inherits_nothing_and_ends_with_its_host() {
    let dir = HostDir::new("[runtime]\ncompile_memory_max_bytes = 98_765_432\n");
    dir.install("actor", &guest("actor"));
    let mut command = dir.command(&["serve"]);
    command.env("SECRET_OF_THE_HOST", "whsec_environment");
    let host = dir.start_with(command).await;
    let compiler = wait_until("a compiler waits for the next file", async || {
        let compiler = children(host.pid()).into_iter().next()?;
        // So far it has limited itself already.
        let limits = fs::read_to_string(format!("/proc/{compiler}/limits")).ok()?;
        let data = limits.lines().find(|line| line.starts_with("Max data size"))?;
        data.contains("98765432").then_some(compiler)
    })
    .await;
    let environment = fs::read(format!("/proc/{compiler}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("SECRET") && !environment.contains("PATH"), "{environment}");
    for file in fs::read_dir(format!("/proc/{compiler}/fd")).unwrap() {
        let target = fs::read_link(file.unwrap().path()).unwrap_or_default();
        // Tests may inherit more of that kind, and leave it to the hosts that they start.
        let is_harmless = target.starts_with("/dev") || target.to_string_lossy().starts_with("pipe:");
        assert!(is_harmless, "{target:?}");
    }
    host.kill();
    wait_until_within(Duration::from_secs(10), "the compiler ends", async || {
        let stat = fs::read_to_string(format!("/proc/{compiler}/stat")).unwrap_or_default();
        // The parent may have ended.
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    })
    .await;
}

/// The processes that this one has started and that run.
fn children(parent: u32) -> Vec<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let of_parent = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // State and parent follow the name, which may have anything in it.
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        fields.next() != Some("Z") && fields.next() == Some(&parent.to_string())
    };
    processes.filter_map(|name| name.parse().ok()).filter(of_parent).collect()
}
