//! The path of a plugin author in each language, from a provider's package to a handled event and to the cause of a
//! failure, with the commands of docs/own-provider.md, the SDKs and the languages' own tools. The tools come from their
//! registries.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::documents::{blocks, document};
use crate::support::{CommandOutput, HostDir, LIMIT, RunningHost, wait_until, wait_until_within};

/// The parts that differ between languages.
struct Author {
    language: &'static str,
    /// Runs the plugin's own tests.
    test: &'static [&'static str],
    /// The source, and one in its place that fails in a function `inner`.
    source: &'static str,
    failing: &'static str,
    /// The message of its failure, and its source line in the log.
    reason: &'static str,
    place: &'static str,
    /// A source file that does not compile, and the compiler's message.
    broken: &'static str,
    complaint: &'static str,
}

const RUST: Author = Author {
    language: "rust",
    test: &["cargo", "test", "--quiet"],
    source: "src/lib.rs",
    failing: r#"
use hookyard_plugin::{Context, Result, export};
pub mod acme;
pub struct Plugin;
export!(Plugin: acme::OrderPaid);
impl acme::OrderPaid for Plugin {
    fn handle(_ctx: Context, order: acme::Order) -> Result {
        inner(&order.customer.name)
    }
}
fn inner(name: &str) -> Result {
    panic!("no desk for {name}");
}
"#,
    reason: "panicked at src/lib.rs:12:5: no desk for Ada Lovelace",
    place: "src/lib.rs:12:5",
    broken: "fn (",
    complaint: "src/lib.rs:1:",
};

const TYPESCRIPT: Author = Author {
    language: "typescript",
    test: &["npm", "test"],
    source: "src/plugin.ts",
    failing: r#"
import { on } from "@hookyard/plugin";
export const orderPaid = on("order.paid", (_ctx, order) => inner(order.customer.name));
function inner(name: string): void {
  throw new TypeError(`no desk for ${name}`);
}
"#,
    reason: "TypeError: no desk for Ada Lovelace",
    place: "at inner (src/plugin.ts:5:",
    broken: "export const = 1;",
    complaint: "src/plugin.ts:1:",
};

const PYTHON: Author = Author {
    language: "python",
    test: &[".venv/bin/python", "-m", "unittest", "--quiet"],
    source: "plugin.py",
    failing: r#"
import hookyard
import acme
@hookyard.on("order.paid")
def order_paid(ctx: hookyard.Context, order: acme.OrderPaid) -> None:
    inner(order.customer.name)

def inner(name: str) -> None:
    raise KeyError(f"no desk for {name}")
"#,
    reason: "KeyError: 'no desk for Ada Lovelace'",
    place: "File \"plugin.py\", line 9, in inner",
    broken: "def (",
    complaint: "plugin.py\", line 1",
};

const C: Author = Author {
    language: "c",
    test: &["make", "test"],
    source: "src/plugin.c",
    failing: r#"
#include "acme/order_paid.h"
static __attribute__((noinline)) bool inner(hy_string name) {
  hy_warn("no desk for %.*s", HY_ARG(name));
  __builtin_trap();
}
bool on_order_paid(const hy_context *ctx, const acme_order *order, hy_failure *failure) {
  return inner(order->customer.name);
}
"#,
    reason: "wasm `unreachable` instruction executed in inner at ./src/plugin.c:5",
    place: "WARN no desk for Ada Lovelace",
    broken: "bool on(",
    complaint: "src/plugin.c:1:",
};

const GO: Author = Author {
    language: "go",
    test: &["bash", "-c", "$(sdk/toolchain) test"],
    source: "main.go",
    failing: r#"package main

import (
	"hookyard"
	"order-receipt/acme"
)

func init() { acme.OnOrderPaid(paid) }
func main() {}
func paid(_ hookyard.Context, order acme.Order) error { return inner(order.Customer.Name) }
func inner(name string) error {
	panic("no desk for " + name)
}
"#,
    reason: "panic: no desk for Ada Lovelace",
    place: "in main.inner at order-receipt/main.go:12",
    broken: "package main\nfunc (",
    complaint: "main.go:2:",
};

/// The document whose commands the authors walk, and the names in them.
const DOCUMENT: &str = "docs/own-provider.md";
const PLUGIN: &str = "order-receipt";
const PACKAGE: &str = "acme-events-1.0.0";

/// Times of the machine, by what was done.
#[derive(Default)]
struct Clock(Vec<(&'static str, Duration)>);

impl Clock {
    async fn take<T>(&mut self, what: &'static str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        self.0.push((what, started.elapsed()));
        done
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<_> =
            self.0.iter().map(|(what, time)| format!("{what} {:.1} s", time.as_secs_f32())).collect();
        f.write_str(&each.join(", "))
    }
}

/// A test of whole events, decoded as by a host: the file, and what is appended to it.
const EVENT_TESTS: [(&str, &str, &str); 2] = [
    (
        "rust",
        "src/lib.rs",
        r#"
#[cfg(test)]
mod events {
    use super::Plugin;
    use super::acme_kinds::{Thing, samples};
    use hookyard_plugin::test::{Host, Outcome};

    #[test]
    fn an_event_is_decoded_as_a_host_does() {
        let body = include_str!("../wit/acme-kinds-1.0.0/samples/thing.done.json");
        let sample = Host::new().handle::<Plugin>(samples::thing_done()).done();
        let event = Host::new().deliver_event::<Plugin, Thing>(body).done();
        assert_eq!(event.lines, sample.lines);
        let wrong = body.replace("\"small\":-8", "\"small\":128");
        let handled = Host::new().deliver_event::<Plugin, Thing>(&wrong);
        assert_eq!(handled.outcome, Outcome::Rejected("payload.small: expected s8, found number 128".into()));
    }
}
"#,
    ),
    (
        "go",
        "event_test.go",
        r#"package main

import (
	"os"
	"strings"
	"testing"

	"hookyard/hookyardtest"
)

func TestDecodesAnEventAsAHostDoes(t *testing.T) {
	body, err := os.ReadFile("wit/acme-kinds-1.0.0/samples/thing.done.json")
	if err != nil {
		t.Fatal(err)
	}
	event := hookyardtest.New(t).DeliverEvent(string(body))
	for _, part := range []string{"Id:18446744073709551615", "Letter:é", "{Case:pair Shop:0 Other: Pair:{F0:p F1:9007199254740993} ", "OrderId:9007199254740993"} {
		if event.Outcome != hookyardtest.Done || !strings.Contains(event.Logs[0], part) {
			t.Errorf("%s: %+v", part, event)
		}
	}
	wrong := hookyardtest.New(t).DeliverEvent(strings.Replace(string(body), `"small":-8`, `"small":128`, 1))
	if wrong.Outcome != hookyardtest.Rejected || wrong.Reason != "payload.small: expected s8, found number 128" {
		t.Errorf("%+v", wrong)
	}
	raw := hookyardtest.New(t).DeliverEvent(`{"id":"evt_1","type":"invoice.sent","data":{"object":{"n":1.10}}}`)
	if raw.Outcome != hookyardtest.Done || !strings.Contains(raw.Logs[0], `{"n":1.10}`) {
		t.Errorf("%+v", raw)
	}
}
"#,
    ),
];

impl Author {
    /// A provider's package, new, built, served, and its first event handled: the commands of the document.
    async fn first_event<'a>(&self, dir: &'a HostDir, [make, send]: [&str; 2]) -> RunningHost<'a> {
        let toml = blocks(&document(DOCUMENT), "toml").remove(0);
        dir.configure(&toml.replace("env:ACME_SECRET", "whsec_acme"));
        let package = format!("plugins/order-receipt/wit/{PACKAGE}");
        copy_package(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package), &dir.path(PACKAGE));

        let mut clock = Clock::default();
        clock.take("new, build and run", async { self.make(dir, make) }).await;
        let host = clock.take("dev", dir.start_with(dir.command(&["dev", PLUGIN]))).await;
        let handled = async {
            let id = send_event(dir, send);
            wait_until("the event is handled", async || {
                let (_, event) = host.api_get(&format!("/api/v1/events/acme/{id}")).await;
                (event["deliveries"][0]["state"] == "done").then_some(event)
            })
            .await
        };
        let event = clock.take("event send", handled).await;
        println!("{}: first event after {clock}", self.language);
        let delivery = &event["deliveries"][0];
        assert_eq!(delivery["plugin"], PLUGIN, "{event}");
        assert!(delivery["attempts"][0]["logs"].to_string().contains("INFO order.paid"), "{event}");
        host
    }

    /// A handler that fails is saved; then its cause, in a list and on the desk.
    async fn first_failure(&self, dir: &HostDir, [send, cause]: [&str; 2]) {
        let mut clock = Clock::default();
        let saved = async {
            dir.replace(&format!("{PLUGIN}/{}", self.source), self.failing.as_bytes());
            // Python's is compiled by an unoptimised compiler here.
            wait_until_within(4 * LIMIT, "it is swapped in", async || {
                let log = dir.log();
                log.lines().any(|line| line.contains("swapped") && line.contains(PLUGIN)).then_some(())
            })
            .await;
        };
        clock.take("save to swap", saved).await;
        clock.take("send to cause", self.find_cause(dir, send, cause)).await;
        println!("{}: cause of a failure after {clock}", self.language);
    }

    /// The plugin of the document, which handles every kind of value and any event, too.
    fn make(&self, dir: &HostDir, commands: &str) {
        let kinds = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/kinds");
        for line in commands.lines() {
            let mut line = line.replace("--lang rust", &format!("--lang {}", self.language));
            if line.contains("plugin new") {
                line = format!("{line} --wit {kinds} --on thing.done invoice.sent");
            }
            let output = run_line(dir, &line);
            let handles = "acme:events/order-paid@1.0.0";
            if line.contains("plugin build") {
                assert!(output.out.contains(handles), "{output:?}");
                let size = size_bytes(&dir.path(PLUGIN));
                assert!(
                    size < 40 << 20,
                    "{}: tools are shared, and its folder has {size} bytes",
                    self.language
                );
            }
            assert!(!line.contains("plugin run") || output.out.contains("INFO order.paid"), "{output:?}");
        }
    }

    /// Sends the event again, which fails now, and finds the cause in a list and on the desk.
    async fn find_cause(&self, dir: &HostDir, send: &str, commands: &str) {
        let id = send_event(dir, send);
        for line in commands.lines() {
            let line = line.replace("EVENT", &id);
            let shows_cause = line.contains("delivery list") || line.contains("plugin run");
            let output = wait_until(&line, async || {
                let output = CommandOutput::run(&mut shell(dir, &line));
                (!shows_cause || output.out.contains(self.reason)).then_some(output)
            });
            let output = output.await;
            let fails = line.contains("plugin run");
            assert_eq!(output.code, i32::from(fails), "{line}: {output:?}");
        }
    }

    /// Its own tests pass, and it runs without a host.
    fn tests_and_runs(&self, dir: &HostDir) {
        for (_, file, test) in EVENT_TESTS.iter().filter(|(language, ..)| *language == self.language) {
            let file = format!("{PLUGIN}/{file}");
            let text = fs::read_to_string(dir.path(&file)).unwrap_or_default();
            dir.replace(&file, (text + test).as_bytes());
        }
        let [program, arguments @ ..] = self.test else { unreachable!() };
        let mut test = Command::new(program);
        let test = test.args(arguments).env("HOOKYARD", env!("CARGO_BIN_EXE_hookyard"));
        let test = test.current_dir(dir.path(PLUGIN));
        let output = CommandOutput::run(test);
        assert_eq!(output.code, 0, "{output:?}");
        let output = CommandOutput::run(test.env("HOOKYARD_WASM", "missing.wasm"));
        assert_ne!(output.code, 0, "deliveries go to the component: {output:?}");
        let output = dir.run(&["plugin", "test", PLUGIN, "--wasm"]);
        assert_eq!(output.code, 0, "{output:?}");
        dir.replace("sent.json", br#"{"id":"evt_1","type":"invoice.sent","data":{"object":{"id":1}}}"#);
        let report = dir.run(&["plugin", "run", PLUGIN, "--event", "sent.json", "--json"]).json();
        assert_eq!(report["outcome"], "done", "{report}");
        assert_eq!(report["handler"], "hookyard:plugin/event-handler@0.1.0", "{report}");
    }

    /// Checks the messages of failures.
    fn fails(&self, dir: &HostDir) {
        let run = ["plugin", "run", PLUGIN, "--event", "order.paid", "--json"];
        let output = dir.run(&run);
        assert_eq!(output.code, 1, "{output:?}");
        let report: Value = serde_json::from_str(&output.out).unwrap();
        assert_eq!((&report["outcome"], &report["cause"]), (&json!("retry"), &json!("trap")), "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains(self.reason), "{reason}");
        let lines: Vec<&str> = report["logs"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(lines.join("\n").contains(self.place), "{lines:#?}");
        dir.replace(&format!("{PLUGIN}/{}", self.source), self.broken.as_bytes());
        let output = dir.run(&["plugin", "build", PLUGIN]);
        assert!(output.code == 1 && output.err.contains(self.complaint), "{output:?}");
        let last = output.err.lines().last().unwrap();
        assert!(last.starts_with(&format!("error: {PLUGIN} was not built: ")), "{output:?}");
    }

    async fn walk(&self) {
        let _turn = TURNS.lock().await;
        let dir = HostDir::new("");
        let [_, make, send, cause, ..] = &*blocks(&document(DOCUMENT), "sh") else {
            panic!("{DOCUMENT} has fewer blocks of commands")
        };
        let host = self.first_event(&dir, [make, send]).await;
        self.tests_and_runs(&dir);
        self.first_failure(&dir, [send, cause]).await;
        drop(host);
        self.fails(&dir);
    }
}

/// A line of a document in a shell, where `hookyard` is this build.
fn shell(dir: &HostDir, line: &str) -> Command {
    let line =
        line.split(" # ").next().unwrap().replace("hookyard ", concat!(env!("CARGO_BIN_EXE_hookyard"), " "));
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(dir.path(""));
    command
}

/// Sends the event of a document's line, and returns its id.
fn send_event(dir: &HostDir, line: &str) -> String {
    let output = run_line(dir, line.trim());
    output.out.split_whitespace().find(|word| word.starts_with("evt_")).unwrap().to_owned()
}

/// Runs a line that succeeds.
fn run_line(dir: &HostDir, line: &str) -> CommandOutput {
    let output = CommandOutput::run(&mut shell(dir, line));
    assert_eq!(output.code, 0, "{line}: {output:?}");
    output
}

fn copy_package(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_package(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The size of all files below a directory. Links are not followed.
fn size_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let size = |entry: std::fs::DirEntry| {
        let found = entry.metadata().unwrap();
        if found.is_dir() { size_bytes(&entry.path()) } else { found.len() }
    };
    entries.map(size).sum()
}

/// One language's tools at a time: each takes the whole machine.
static TURNS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn rust() {
    RUST.walk().await;
}

#[tokio::test]
async fn typescript() {
    TYPESCRIPT.walk().await;
}

#[tokio::test]
async fn python() {
    PYTHON.walk().await;
}

#[tokio::test]
async fn c() {
    C.walk().await;
}

#[tokio::test]
async fn go() {
    GO.walk().await;
}
