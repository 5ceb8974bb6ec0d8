//! A record of sent events and responses outside the host, and the senders that fill it.
//!
//! A sender waits for each response before it sends the next event of an appointment, so the order of
//! acceptance is known. It sends an event without a response again to the next host, as a provider does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hookyard::event::now_ms;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{Event, RunningHost, Sender};

/// Appointments of one sender, and how many senders there are.
const APPOINTMENTS: usize = 4;
const SENDERS: usize = 6;

/// An appointment: its events are numbered from 1.
#[derive(Debug)]
pub(super) struct Appointment {
    index: usize,
    /// The last number that was answered 2xx.
    pub(super) answered: u64,
    /// The last number that was sent.
    sent: u64,
    /// When that was first sent.
    sent_at: u64,
    spans: Vec<Span>,
}

/// When an event was first sent, and when it was answered, ms since the Unix epoch.
pub(super) type Span = (u64, u64);

/// How a handler fails at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    Never,
    /// At its first attempt.
    Retry,
    /// Likewise.
    Trap,
    Reject,
}

impl Appointment {
    /// All of them, with nothing sent.
    pub(super) fn all() -> Vec<Self> {
        (0..SENDERS * APPOINTMENTS).map(Self::new).collect()
    }

    fn new(index: usize) -> Self {
        Self { index, answered: 0, sent: 0, sent_at: 0, spans: Vec::new() }
    }

    /// The time of its event with this number, which was answered.
    pub(super) fn span(&self, number: u64) -> Span {
        self.spans[usize::try_from(number).unwrap() - 1]
    }

    /// Its key in the payload.
    pub(super) fn name(&self) -> String {
        format!("apt_{}", self.index)
    }

    /// The id of its event with this number.
    pub(super) fn id(&self, number: u64) -> String {
        format!("evt_{}_{number}", self.index)
    }

    /// The failure of its handlers.
    pub(super) fn fails(&self, number: u64) -> Fails {
        match (self.index as u64 * 7 + number) % 12 {
            3 => Fails::Retry,
            6 => Fails::Trap,
            9 => Fails::Reject,
            _ => Fails::Never,
        }
    }

    fn event(&self, number: u64) -> Event {
        let fail = match self.fails(number) {
            Fails::Never => "",
            Fails::Retry => "retry",
            Fails::Trap => "trap",
            Fails::Reject => "reject",
        };
        // Some calls are long enough to be in the middle of when the host is killed.
        let busy_ms = if (self.index as u64 + number).is_multiple_of(5) { 3 } else { 0 };
        let payload = json!({ "id": self.name(), "number": number, "fail": fail, "busy_ms": busy_ms });
        Event::with_payload("appointment.updated", &self.id(number), &payload)
    }

    /// Sends its next event, and some events twice. Returns false if the host has ended.
    async fn send(&mut self, to: &Sender) -> bool {
        let number = self.answered + 1;
        let first = self.sent < number;
        if first {
            self.sent_at = now_ms();
        }
        self.sent = number;
        let Ok(answer) = to.try_send(&self.event(number)).await else { return false };
        match (answer.code.as_u16(), answer.status()) {
            (202, "accepted") => {}
            (200, "duplicate") if !first => {}
            other => panic!("{} was answered {other:?}, sent before: {}", self.id(number), !first),
        }
        self.answered = number;
        self.spans.push((self.sent_at, now_ms()));
        if number.is_multiple_of(7) {
            let again = number - number / 7 % 3;
            let Ok(answer) = to.try_send(&self.event(again)).await else { return false };
            assert_eq!((answer.code.as_u16(), answer.status()), (200, "duplicate"), "{}", self.id(again));
        }
        true
    }
}

/// Running senders. Each ends at its first request without a response, or at `stop`.
pub(super) struct Senders {
    tasks: Vec<JoinHandle<Vec<Appointment>>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicUsize,
}

impl Senders {
    /// Starts them, each with its share of the appointments.
    pub(super) fn start(host: &RunningHost<'_>, appointments: Vec<Appointment>) -> Self {
        let shared = Arc::new(Shared::default());
        let mut left = appointments.into_iter();
        let tasks = (0..SENDERS)
            .map(|_| {
                let own = left.by_ref().take(APPOINTMENTS).collect();
                tokio::spawn(send(host.sender(), own, Arc::clone(&shared)))
            })
            .collect();
        Self { tasks, shared }
    }

    /// How many events were answered.
    pub(super) fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Stops them, and returns the appointments.
    pub(super) async fn stop(self) -> Vec<Appointment> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await.unwrap());
        }
        all
    }
}

async fn send(to: Sender, mut own: Vec<Appointment>, shared: Arc<Shared>) -> Vec<Appointment> {
    for turn in (0..own.len()).cycle() {
        if shared.stop.load(Ordering::Relaxed) || !own[turn].send(&to).await {
            break;
        }
        shared.answered.fetch_add(1, Ordering::Relaxed);
    }
    own
}

/// Sends all events without a response again, to a running host.
pub(super) async fn settle(host: &RunningHost<'_>, appointments: &mut [Appointment]) {
    let to = host.sender();
    for appointment in appointments.iter_mut().filter(|appointment| appointment.sent > appointment.answered) {
        assert!(appointment.send(&to).await, "{} got no answer", appointment.name());
    }
}
