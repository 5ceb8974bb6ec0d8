//! A table of guests, each with the outcome of its file and of its one event.

mod capabilities;
mod components;
mod memory;
mod traps;
mod values;

use std::fmt::Write as _;

use hookyard::event::Digest;
use serde_json::{Value, json};

use super::bystander::{self, Bystander};
use crate::support::{CoreGuest, Event, RunningHost};

/// Linear memory that each guest may have, unless its settings say another.
const MEMORY_MAX_BYTES: u64 = 16 << 20;
/// What the host may need for a guest beyond its memory: its code, the compiler while it makes that, what the
/// allocator keeps of earlier rows.
const PEAK_MORE_BYTES: u64 = 96 << 20;

/// A guest and its expected outcome.
pub(super) struct Guest {
    name: &'static str,
    bytes: Vec<u8>,
    settings: &'static str,
    event_type: Option<&'static str>,
    payload: Value,
    outcome: Outcome,
}

/// The expected outcome of a guest.
pub(super) enum Outcome {
    /// Its file is refused, and the reason has these parts.
    Refused(&'static [&'static str]),
    /// Its event's only attempt ends so, and the reason has these parts.
    Failed { outcome: &'static str, cause: &'static str, reason: &'static [&'static str] },
    /// Its event is done, and the attempt's log has these parts.
    Done(&'static [&'static str]),
}

/// Its file is refused, and the reason has these parts.
pub(super) fn refused(reason: &'static [&'static str]) -> Outcome {
    Outcome::Refused(reason)
}

/// Its call traps, and the reason has these parts.
pub(super) fn trapped(reason: &'static [&'static str]) -> Outcome {
    Outcome::Failed { outcome: "retry", cause: "trap", reason }
}

/// Its call is stopped at its deadline of 200 ms.
pub(super) fn timed_out() -> Outcome {
    Outcome::Failed { outcome: "retry", cause: "timeout", reason: &["call_timeout_ms (200 ms)"] }
}

/// Its handler rejects the event with a reason that has these parts.
pub(super) fn rejected(reason: &'static [&'static str]) -> Outcome {
    Outcome::Failed { outcome: "rejected", cause: "handler", reason }
}

/// Its event is done, and the attempt's log has these parts.
pub(super) fn done(log: &'static [&'static str]) -> Outcome {
    Outcome::Done(log)
}

impl Guest {
    /// A plugin of these bytes.
    pub(super) fn new(name: &'static str, bytes: Vec<u8>, outcome: Outcome) -> Self {
        Self { name, bytes, settings: "", event_type: None, payload: json!({}), outcome }
    }

    /// A handler with this body; see [`CoreGuest`].
    pub(super) fn core(name: &'static str, handle: &str, outcome: Outcome) -> Self {
        Self::new(name, CoreGuest { handle, ..CoreGuest::default() }.module(), outcome)
    }

    /// Lines for its section of the configuration.
    pub(super) fn settings(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }

    /// The type of its event, where it is not its own.
    pub(super) fn event_type(self, event_type: &'static str) -> Self {
        Self { event_type: Some(event_type), ..self }
    }

    /// The payload of its event.
    pub(super) fn payload(self, payload: Value) -> Self {
        Self { payload, ..self }
    }

    fn type_of_event(&self) -> String {
        self.event_type.map_or_else(|| format!("hostile.{}", self.name), Into::into)
    }

    /// Its section of the configuration.
    fn section(&self) -> String {
        let Self { name, settings, .. } = self;
        let event_type = self.type_of_event();
        let mut section =
            format!("[plugin.{name}]\nattempts_max = 1\nevents = [\"{event_type}\"]\n{settings}");
        // A guest that ends by itself may need longer than others on a busy machine.
        let is_timed_out = matches!(&self.outcome, Outcome::Failed { cause: "timeout", .. })
            || matches!(&self.outcome, Outcome::Refused(parts) if parts.contains(&"call_timeout_ms (200 ms)"));
        let call_timeout_ms = if is_timed_out { 200 } else { 20_000 };
        for (key, value) in [("call_timeout_ms", call_timeout_ms), ("memory_max_bytes", MEMORY_MAX_BYTES)] {
            if !settings.contains(key) {
                writeln!(section, "{key} = {value}").unwrap();
            }
        }
        section
    }

    /// Checks it, and that it needed no more of the host's memory than it may.
    async fn check_with_peak(&self, host: &RunningHost<'_>) {
        bystander::forget_peak(host);
        let before = bystander::memory(host, "VmRSS");
        self.check(host).await;
        let peak = bystander::memory(host, "VmHWM").saturating_sub(before);
        let most = MEMORY_MAX_BYTES * 11 / 10 + PEAK_MORE_BYTES;
        assert!(peak <= most, "it needed {peak} bytes of the host, at most {most} are expected");
    }

    async fn check(&self, host: &RunningHost<'_>) {
        host.dir().install(self.name, &self.bytes);
        let digest = Digest::of(&self.bytes).to_string();
        let tried = |plugin: &Value| plugin["revision"] == digest.as_str() || !plugin["refusal"].is_null();
        let plugin = host.wait_plugin(self.name, "it runs or is refused", tried).await;
        let refusal = plugin["refusal"].as_str();
        match &self.outcome {
            Outcome::Refused(parts) => {
                let refusal = refusal.unwrap_or_else(|| panic!("{} is not refused: {plugin}", self.name));
                contains(self.name, refusal, parts);
            }
            Outcome::Failed { outcome, cause, reason } => {
                assert!(refusal.is_none(), "{plugin}");
                let (state, attempt) = self.attempt(host).await;
                assert_eq!(
                    (&attempt["outcome"], &attempt["cause"]),
                    (&(*outcome).into(), &(*cause).into()),
                    "{attempt}"
                );
                assert_eq!(state, "dead", "{attempt}");
                contains(self.name, attempt["reason"].as_str().unwrap(), reason);
            }
            Outcome::Done(log) => {
                assert!(refusal.is_none(), "{plugin}");
                let (state, attempt) = self.attempt(host).await;
                assert_eq!((state.as_str(), &attempt["outcome"]), ("done", &"done".into()), "{attempt}");
                contains(self.name, &attempt["logs"].to_string(), log);
            }
        }
        std::fs::remove_file(host.dir().plugin_file(self.name)).unwrap();
        host.wait_removed(self.name).await;
    }

    /// Sends its event, and waits for the end of its delivery: the state, and the only attempt.
    async fn attempt(&self, host: &RunningHost<'_>) -> (String, Value) {
        let id = format!("evt_{}", self.name);
        let answer = host.send(&Event::with_payload(&self.type_of_event(), &id, &self.payload)).await;
        assert_eq!((answer.status(), &answer.json["deliveries"]), ("accepted", &1.into()), "{answer:?}");
        let event = host.wait_finished(&id).await;
        let delivery = &event["deliveries"][0];
        assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1, "{event}");
        (delivery["state"].as_str().unwrap().to_owned(), delivery["attempts"][0].clone())
    }
}

fn contains(row: &str, text: &str, parts: &[&str]) {
    eprintln!("    {}", text.chars().take(300).collect::<String>());
    for part in parts {
        assert!(text.contains(part), "{row}: {text} lacks {part}");
    }
}

/// Checks each row in one host.
async fn check(rows: Vec<Guest>) {
    let sections: String = rows.iter().map(Guest::section).collect();
    let dir = bystander::host_dir(&format!(
        "[plugins]\ndebounce_ms = 5\nremoval_grace_ms = 10\n[runtime]\ntable_elements_max = 20000\n{sections}"
    ));
    let undisturbed = bystander::host_dir("");
    let (host, undisturbed) = tokio::join!(dir.start(), undisturbed.start());
    let bystander = Bystander::measure(&host, &undisturbed).await;
    bystander.check_rows(rows.iter().map(|row| (row.name, row.check_with_peak(&host)))).await;
}
