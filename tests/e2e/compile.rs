//! Files made so that compiling them takes all time or memory there is: a child process dies of them, the
//! host and other plugins do not notice, and no start tries them again.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Bed, Event, Handwritten, Host, distinct, guest, until, until_within};

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
fn peak(host: &Host<'_>) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How often a plugin was refused.
fn refusals(bed: &Bed, plugin: &str) -> Vec<String> {
    let lines = bed.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let message = |line: Value| Some(line["message"].as_str()?.to_owned());
    let begin = format!("plugin {plugin} revision ");
    lines
        .filter_map(message)
        .filter(|text| text.starts_with(&begin) && text.contains(" is refused: "))
        .collect()
}

async fn refused(host: &Host<'_>, plugin: &str, part: &str) -> String {
    let is_refused =
        |plugin: &Value| plugin["refusal"].as_str().is_some_and(|refusal| refusal.contains(part));
    let plugin = host.plugin_when(plugin, &format!("it is refused with {part}"), is_refused).await;
    plugin["refusal"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_that_compiles_for_too_long_is_refused_while_others_load() {
    let bed =
        Bed::new("[runtime]\ncompile_concurrency = 1\ncompile_quick_ms = 200\ncompile_timeout_ms = 2500\n");
    bed.install("old", &small());
    let host = bed.start().await;
    let before = peak(&host);
    bed.install("monster-a", &monster());
    bed.install("monster-b", &distinct(&monster(), 1));
    let loading = |plugin: &Value| plugin["state"] == "loading";
    host.plugin_when("monster-a", "it is compiled", loading).await;
    host.plugin_when("monster-b", "it is compiled", loading).await;
    let new = distinct(&small(), 1);
    bed.install("new", &new);
    host.runs("new", &new).await;
    assert_eq!(refusals(&bed, "monster-a").len() + refusals(&bed, "monster-b").len(), 0, "{}", bed.log());
    host.send(&Event::created("evt_1")).await;
    assert_eq!(host.settled("evt_1").await["state"], "done");
    let reason = "compiling it takes longer than runtime.compile_timeout_ms, which is 2500";
    refused(&host, "monster-a", reason).await;
    let grown = peak(&host) - before;
    assert!(grown < 100 * 1024, "the host grew by {grown} KiB");
}

#[tokio::test]
async fn a_file_that_takes_too_much_memory_to_compile_is_not_tried_again_until_an_operator_says_so() {
    let settings = |timeout: u32| {
        format!("[runtime]\ncompile_memory_max_bytes = 67_108_864\ncompile_timeout_ms = {timeout}\n")
    };
    let bed = Bed::new(&settings(60_000));
    bed.install("monster", &monster());
    bed.install("small", &small());
    let reason = "compiling it takes more memory than runtime.compile_memory_max_bytes, which is 67108864";
    let before = format!("the compiler failed on it before: {reason}");
    let host = bed.start().await;
    host.runs("small", &small()).await;
    let refusal = refused(&host, "monster", reason).await;
    assert!(!refusal.contains("before") && refusal.contains("hookyard plugin retry"), "{refusal}");
    // Touched, with the same bytes.
    bed.install("monster", &monster());
    refused(&host, "monster", &before).await;
    drop(host);

    let host = bed.start().await;
    refused(&host, "monster", &before).await;
    let tried = refusals(&bed, "monster").len();
    let ran = bed.run(&["plugin", "retry", "monster"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    until("it is tried again", async || (refusals(&bed, "monster").len() > tried).then_some(())).await;
    let last = refusals(&bed, "monster").pop().unwrap();
    assert!(last.contains(reason) && !last.contains("before"), "{last}");
    drop(host);

    // Another limit: with this one it dies sooner.
    bed.configure(&settings(1));
    let host = bed.start().await;
    refused(&host, "monster", "runtime.compile_timeout_ms, which is 1").await;
    host.runs("small", &small()).await;
}

#[tokio::test]
async fn machine_code_beyond_code_max_bytes_is_refused() {
    let bed = Bed::new("[runtime]\ncode_max_bytes = 1_048_576\n");
    let data = format!("(data (i32.const 65536) \"{}\")", "x".repeat(1_200_000));
    let large = Handwritten { core: &data, pages: 40, ..Handwritten::default() };
    bed.install("large", &large.component());
    let host = bed.start().await;
    refused(&host, "large", "runtime.code_max_bytes is 1048576").await;
}

#[tokio::test]
async fn a_compiler_has_nothing_of_its_host_and_ends_with_it() {
    let bed = Bed::new("[runtime]\ncompile_memory_max_bytes = 98_765_432\n");
    bed.install("actor", &guest("actor"));
    let mut command = bed.command(&["serve"]);
    command.env("SECRET_OF_THE_HOST", "whsec_environment");
    let host = bed.start_with(command).await;
    let compiler = until("a compiler waits for the next file", async || {
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
    until_within(Duration::from_secs(10), "the compiler ends", async || {
        let stat = fs::read_to_string(format!("/proc/{compiler}/stat")).unwrap_or_default();
        // Nobody may be there to wait for it.
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
