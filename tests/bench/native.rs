//! The guest `stats` as native code: the cost of everything except WebAssembly.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hookyard::completion::CallWork;
use hookyard::delivery::Attempt;
use hookyard::event::{Digest, PluginName, now_ms};
use hookyard::plugins::RunningEntry;
use hookyard::runtime::{AttemptReport, Call, Runner, Stages};
use serde::{Deserialize, Serialize};

/// The plugin's handler of `appointment.created`, as native code.
pub struct Native;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    department_id: u64,
    date_time: &'a str,
    created_at: Option<&'a str>,
    credits_used: Option<u32>,
}

impl Runner for Native {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>> {
        Box::pin(async move {
            let (started_at, started) = (now_ms(), Instant::now());
            let created: Created<'_> = serde_json::from_slice(call.delivery.event.payload()).unwrap();
            let booked = created.created_at.and_then(day);
            let ahead = day(created.date_time).zip(booked).map_or(-1, |(day, booked)| day - booked);
            let (department, credits) = (created.department_id, created.credits_used.unwrap_or_default());
            let attempt = Attempt {
                number: call.delivery.attempts + 1,
                started_at,
                logs: vec![format!(
                    "INFO booked department={department} days_ahead={ahead} credits={credits}"
                )],
                duration_us: u64::try_from(started.elapsed().as_micros()).unwrap(),
                revision: Digest([0; 32]),
                peak_memory_bytes: 0,
                failure: None,
            };
            AttemptReport { attempt, work: CallWork::default(), fuel: None, stages: Stages::default() }
        })
    }
}

fn day(text: &str) -> Option<i64> {
    let mut parts = text.get(..10)?.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1)
}

/// Records the end of each attempt.
pub struct TimestampedRunner {
    pub inner: Arc<dyn Runner>,
    pub ends: Arc<Mutex<Vec<End>>>,
}

/// The end of an event's attempt.
#[derive(Serialize, Deserialize)]
pub struct End {
    /// The number in its id.
    pub number: u64,
    /// µs since the Unix epoch.
    pub at_us: u64,
    /// When the event was received, ms since the Unix epoch.
    pub received_at: u64,
}

impl Runner for TimestampedRunner {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>> {
        Box::pin(async move {
            let attempt = self.inner.attempt(call).await;
            let event = &call.delivery.event;
            let number = u64::from_str_radix(event.id.trim_start_matches("evt_"), 16).unwrap_or_default();
            let end = End { number, at_us: unix_us(), received_at: event.received_at };
            self.ends.lock().unwrap().push(end);
            attempt
        })
    }
}

pub fn unix_us() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// A plugin without a file, which handles `appointment.created`.
pub fn entry(runner: Arc<dyn Runner>) -> RunningEntry {
    RunningEntry {
        plugin: PluginName::new("stats").unwrap(),
        runner,
        revision: Digest([0; 32]),
        typed: vec!["moncreneau:events/appointment-created".into()],
        patterns: Vec::new(),
    }
}
