//! Instructions about revisions during the rounds: which revision of a plugin may have been in force, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use hookyard::event::{Digest, now_ms};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::ledger::Span;
use super::rounds::PLUGINS;
use crate::support::{CLOCKS_DIFFER_MS, RunningHost, distinct_copy, guest};

/// Marks the pushed copies of the guest, beside those of files.
const PUSHED_COPIES: usize = 2_000_000;
/// The longest wait of an attempt for its place, in ms.
const PLACE_WAIT_MAX_MS: u64 = 10_000;

/// A time in which a revision may have been in force.
#[derive(Debug)]
struct ForceTime {
    plugin: &'static str,
    revision: String,
    /// The instruction that named it.
    from: u64,
    /// The first answer that named another one; `None` while there is none.
    until: Option<u64>,
}

/// The revisions over all rounds.
#[derive(Debug, Default)]
pub(super) struct Revising {
    times: Vec<ForceTime>,
    /// By plugin: when an answer last named its revision in force.
    answered_at: BTreeMap<&'static str, u64>,
    /// Plugins that may be pinned.
    pinned: BTreeSet<&'static str>,
    pins: usize,
    instructions: usize,
}

impl Revising {
    /// A file was written: from then on the host may take it, and nobody is told when.
    pub(super) fn file(&mut self, plugin: &'static str, bytes: &[u8]) {
        self.may_be_from(plugin, Digest::of(bytes).to_string(), now_ms());
    }

    /// Asks which revisions are in force, unless the host ends meanwhile.
    pub(super) async fn synchronize(&mut self, host: &RunningHost<'_>) {
        for plugin in PLUGINS {
            let Some(plugins) = host.try_api_get("/api/v1/plugins").await else { return };
            let listed = plugins["items"].as_array().unwrap().iter().find(|listed| listed["name"] == plugin);
            if let Some(revision) = listed.and_then(|listed| listed["revision"].as_str()) {
                self.is(plugin, revision);
            }
        }
    }

    /// Gives an instruction about a plugin's revisions, which differs from round to round.
    pub(super) async fn instruct(&mut self, host: &RunningHost<'_>, round: usize) {
        let plugin = PLUGINS[(round + 1) % PLUGINS.len()];
        match round / 2 % 3 {
            0 => self.push(host, plugin, round).await,
            1 => _ = self.choose(host, plugin, "rollback").await,
            _ => {
                self.pinned.insert(plugin);
                if self.choose(host, plugin, "pin").await {
                    self.pins += 1;
                    // It waits until the pin is lifted, perhaps by a later host.
                    self.push(host, plugin, round).await;
                }
            }
        }
    }

    /// Lifts what earlier rounds pinned. Whether all of it was.
    pub(super) async fn unpin(&mut self, host: &RunningHost<'_>) -> bool {
        for plugin in self.pinned.clone() {
            if !self.choose(host, plugin, "unpin").await {
                return false;
            }
            self.pinned.remove(plugin);
        }
        true
    }

    /// Whether what comes for a plugin may have to wait.
    pub(super) fn may_be_pinned(&self) -> bool {
        !self.pinned.is_empty()
    }

    async fn push(&mut self, host: &RunningHost<'_>, plugin: &'static str, round: usize) {
        let bytes = distinct_copy(&guest("audit"), PUSHED_COPIES + round);
        self.file(plugin, &bytes);
        if let Some(answer) = push(host, plugin, bytes).await {
            self.answered(plugin, &answer);
        }
    }

    /// Gives an instruction that chooses among the kept revisions. The answer tells which one it chose, or the next
    /// answer of a later host. Returns whether it was answered.
    async fn choose(&mut self, host: &RunningHost<'_>, plugin: &'static str, instruction: &str) -> bool {
        let from = now_ms();
        let answer = instruct(host, plugin, instruction).await;
        match answer.as_ref().map(in_force) {
            Some(Some(revision)) => self.may_be_from(plugin, revision.into(), from),
            Some(None) => {}
            None => {
                for revision in self.named(plugin) {
                    self.may_be_from(plugin, revision, from);
                }
            }
        }
        if let Some(answer) = &answer {
            self.answered(plugin, answer);
        }
        answer.is_some()
    }

    /// All revisions that a plugin had so far.
    fn named(&self, plugin: &str) -> BTreeSet<String> {
        let own = self.times.iter().filter(|time| time.plugin == plugin);
        own.map(|time| time.revision.clone()).collect()
    }

    fn answered(&mut self, plugin: &'static str, answer: &Value) {
        if let Some(revision) = in_force(answer) {
            self.instructions += 1;
            self.is(plugin, revision);
        }
    }

    fn may_be_from(&mut self, plugin: &'static str, revision: String, from: u64) {
        self.times.push(ForceTime { plugin, revision, from, until: None });
    }

    /// An answer names the revision in force: the others are not, unless an instruction comes after it.
    fn is(&mut self, plugin: &'static str, revision: &str) {
        let now = now_ms();
        let open = |time: &&mut ForceTime| time.plugin == plugin && time.until.is_none();
        let mut is_named = false;
        for time in self.times.iter_mut().filter(open) {
            if time.revision == revision {
                is_named = true;
            } else {
                time.until = Some(now);
            }
        }
        let last_answer = self.answered_at.insert(plugin, now).unwrap_or(0);
        if !is_named {
            // An instruction that was not answered named it, after the last answer.
            self.may_be_from(plugin, revision.into(), last_answer);
        }
    }

    /// Whether a revision may have been in force when an attempt at an event began, or just before.
    pub(super) fn may_have_run(&self, plugin: &str, revision: &str, (sent, _): Span, started: u64) -> bool {
        // An attempt takes its revision before it waits for a place among those that run.
        let earliest = sent.max(started.saturating_sub(PLACE_WAIT_MAX_MS));
        let fits = |time: &ForceTime| {
            time.plugin == plugin
                && time.revision == revision
                && time.from <= started + CLOCKS_DIFFER_MS
                && time.until.is_none_or(|until| until + CLOCKS_DIFFER_MS >= earliest)
        };
        self.times.iter().any(fits)
    }

    /// How many instructions were answered, how many of them pinned, and how many revisions were surely replaced.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.instructions, self.pins, self.times.iter().filter(|time| time.until.is_some()).count())
    }
}

fn in_force(result: &Value) -> Option<&str> {
    result["in_force"].as_str()
}

/// The answer to an instruction that carries nothing: null if it was refused; `None` if the host ended, or is not ready.
async fn instruct(host: &RunningHost<'_>, plugin: &str, instruction: &str) -> Option<Value> {
    let path = format!("{plugin}/{instruction}");
    let (code, answer) = post(host, &path, |request| request.json(&json!({}))).await?;
    match code {
        StatusCode::OK => Some(answer),
        // There may be nothing to go back to.
        StatusCode::CONFLICT | StatusCode::NOT_FOUND => Some(Value::Null),
        StatusCode::SERVICE_UNAVAILABLE => None,
        _ => panic!("{instruction}: {code} {answer}"),
    }
}

/// The answer to a push: null if it was refused; `None` if the host ended.
async fn push(host: &RunningHost<'_>, plugin: &str, bytes: Vec<u8>) -> Option<Value> {
    let with_file = |request: RequestBuilder| request.header("content-type", "application/wasm").body(bytes);
    let (code, answer) = post(host, &format!("{plugin}/revisions"), with_file).await?;
    assert!(code.is_success() || code == StatusCode::SERVICE_UNAVAILABLE, "push: {code} {answer}");
    Some(if code.is_success() { answer } else { Value::Null })
}

async fn post(
    host: &RunningHost<'_>,
    path: &str,
    with_body: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Option<(StatusCode, Value)> {
    let token = fs::read_to_string(host.dir().path("hookyard-data/admin-token")).ok()?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().ok()?;
    let request = client.post(format!("{}/api/v1/plugins/{path}", host.admin())).bearer_auth(token.trim());
    let answer = with_body(request).send().await.ok()?;
    Some((answer.status(), answer.json().await.ok()?))
}

#[test]
fn a_revision_that_was_replaced_before_an_attempt_is_a_violation() {
    let times = vec![
        ForceTime { plugin: "desk", revision: "old".into(), from: 0, until: Some(10_000) },
        ForceTime { plugin: "desk", revision: "new".into(), from: 9_900, until: None },
    ];
    let revising = Revising { times, ..Revising::default() };
    for (revision, sent, started, expected) in [
        ("old", 9_000, 9_500, true),
        ("old", 9_000, 11_000, true),
        ("old", 10_100, 10_500, false),
        ("old", 9_000, 30_000, false),
        ("new", 9_000, 30_000, true),
        ("new", 9_000, 9_500, false),
        ("none", 9_000, 9_500, false),
    ] {
        let found = revising.may_have_run("desk", revision, (sent, sent), started);
        assert_eq!(found, expected, "{revision} {sent} {started}");
    }
    assert!(!revising.may_have_run("archive", "old", (9_000, 9_000), 9_500));
}
