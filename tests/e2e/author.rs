//! The author's loop in each language, as somebody walks it who has never seen hookyard: with the
//! templates, the SDKs and the languages' own tools, which come from their registries.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Bed, Ran};

/// What differs from language to language.
struct Author {
    language: &'static str,
    /// Runs the plugin's own tests.
    test: &'static [&'static str],
    /// The source, and one in its place that fails in a function `inner`.
    source: &'static str,
    failing: &'static str,
    /// What its failure says: what went wrong and, in the log, where.
    reason: &'static str,
    place: &'static str,
    /// One in its place that is no program, and what the compiler says.
    broken: &'static str,
    complaint: &'static str,
}

const RUST: Author = Author {
    language: "rust",
    test: &["cargo", "test", "--quiet"],
    source: "src/lib.rs",
    failing: r#"
use hookyard_plugin::moncreneau::{AppointmentCreated, Created};
use hookyard_plugin::{Context, Result, export};
pub struct Plugin;
export!(Plugin: AppointmentCreated);
impl AppointmentCreated for Plugin {
    fn handle(_ctx: Context, appointment: Created) -> Result {
        inner(&appointment.name)
    }
}
fn inner(name: &str) -> Result {
    panic!("no desk for {name}");
}
"#,
    reason: "trap: panicked at src/lib.rs:12:5: no desk for Jean Dupont; then ",
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
export const appointmentCreated = on("appointment.created", (_ctx, appointment) => inner(appointment.name));
function inner(name: string): void {
  throw new TypeError(`no desk for ${name}`);
}
"#,
    reason: "trap: TypeError: no desk for Jean Dupont; then the guest ended itself",
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

@hookyard.on("appointment.created")
def appointment_created(ctx: hookyard.Context, appointment: hookyard.moncreneau.AppointmentCreated) -> None:
    inner(appointment.name)

def inner(name: str) -> None:
    raise KeyError(f"no desk for {name}")
"#,
    reason: "trap: KeyError: 'no desk for Jean Dupont'; then ",
    place: "File \"plugin.py\", line 9, in inner",
    broken: "def (",
    complaint: "plugin.py\", line 1",
};

const C: Author = Author {
    language: "c",
    test: &["make", "test"],
    source: "src/plugin.c",
    failing: r#"
#include <hookyard/appointment_created.h>
static __attribute__((noinline)) bool inner(hy_string name) {
  hy_warn("no desk for %.*s", HY_ARG(name));
  __builtin_trap();
}
bool on_appointment_created(const hy_context *ctx, const hy_appointment_created *appointment, hy_failure *failure) {
  return inner(appointment->name);
}
"#,
    reason: "trap: wasm `unreachable` instruction executed in inner at ./src/plugin.c:5",
    place: "WARN no desk for Jean Dupont",
    broken: "bool on(",
    complaint: "src/plugin.c:1:",
};

impl Author {
    /// New, built, served, and its first event handled: four commands, and how long the machine took for them.
    async fn first_event(&self, bed: &Bed) {
        let started = Instant::now();
        let mut took = Vec::new();
        let mut done = |what: &'static str, since: Instant| took.push((what, since.elapsed()));
        let new = ["plugin", "new", "first-plugin", "--lang", self.language];
        let on = ["--on", "appointment.created", "order.paid"];
        let ran = bed.run(&[&new[..], &on].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        done("new", started);
        let since = Instant::now();
        let ran = bed.run(&["plugin", "build", "first-plugin"]);
        assert!(ran.code == 0 && ran.out.contains("order.paid"), "{ran:?}");
        assert!(ran.out.contains("moncreneau:events/appointment-created@1.0.0"), "{ran:?}");
        done("build", since);
        let since = Instant::now();
        let host = bed.start_with(bed.command(&["dev", "first-plugin"])).await;
        done("dev", since);
        let since = Instant::now();
        let sent = bed.run(&["event", "send", "appointment.created", "--json"]).json();
        let event = host.settled(sent[0]["event"].as_str().unwrap()).await;
        done("event send", since);
        let delivery = &event["deliveries"][0];
        assert_eq!(
            (&delivery["plugin"], &delivery["state"]),
            (&json!("first-plugin"), &json!("done")),
            "{event}"
        );
        assert!(delivery["attempts"][0]["logs"].to_string().contains("Jean Dupont"), "{event}");
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f32());
        let each: Vec<_> = took.iter().map(|(what, time)| format!("{what} {}", seconds(*time))).collect();
        println!("{}: first event after {} ({})", self.language, seconds(started.elapsed()), each.join(", "));
    }

    /// Its own tests pass, and it runs without a host.
    fn tests_and_runs(&self, bed: &Bed) {
        let [program, arguments @ ..] = self.test else { unreachable!() };
        let mut test = Command::new(program);
        let ran = Ran::of(test.args(arguments).current_dir(bed.path("first-plugin")));
        assert_eq!(ran.code, 0, "{ran:?}");
        let run =
            |event: &str| bed.run(&["plugin", "run", "first-plugin", "--event", event, "--json"]).json();
        let report = run("appointment.created");
        assert_eq!(report["outcome"], "done", "{report}");
        assert!(report["logs"].to_string().contains("Jean Dupont"), "{report}");
        bed.replace("order.json", br#"{"id":"evt_1","type":"order.paid","data":{"object":{"id":1}}}"#);
        let report = run("order.json");
        assert_eq!(report["outcome"], "done", "{report}");
        assert_eq!(report["handler"], "hookyard:plugin/event-handler@0.1.0", "{report}");
    }

    /// What goes wrong reads well.
    fn fails(&self, bed: &Bed) {
        let source = format!("first-plugin/{}", self.source);
        bed.replace(&source, self.failing.as_bytes());
        let ran = bed.run(&["plugin", "build", "first-plugin"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let ran = bed.run(&["plugin", "run", "first-plugin", "--event", "appointment.created", "--json"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&report["outcome"], &report["cause"]), (&json!("retry"), &json!("trap")), "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains(self.reason), "{reason}");
        let lines: Vec<&str> = report["logs"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(lines.join("\n").contains(self.place), "{lines:#?}");
        bed.replace(&source, self.broken.as_bytes());
        let ran = bed.run(&["plugin", "build", "first-plugin"]);
        assert!(ran.code == 1 && ran.err.contains(self.complaint), "{ran:?}");
        assert!(
            ran.err.lines().last().unwrap().starts_with("error: first-plugin was not built: "),
            "{ran:?}"
        );
    }

    async fn walk(&self) {
        let _turn = TURNS.lock().await;
        let bed = Bed::new("");
        self.first_event(&bed).await;
        self.tests_and_runs(&bed);
        self.fails(&bed);
    }
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
