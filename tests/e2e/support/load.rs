//! Concurrent senders. Each sends its next event when it has the response to the one before.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;

use super::{Event, RunningHost, Sender, WebhookResponse};

/// Load under way. It ends when its events are used up, when it is told to, or, for each sender, at
/// the first request that gets no answer.
pub(crate) struct Load {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<Vec<SentEvent>>>,
}

struct Shared {
    events: Mutex<std::vec::IntoIter<Event>>,
    accepted: AtomicUsize,
    answered: AtomicUsize,
    stop: AtomicBool,
}

/// An event that was sent.
#[derive(Debug)]
pub(crate) struct SentEvent {
    pub(crate) event: Event,
    /// Just before it was sent, ms since the Unix epoch.
    pub(crate) at: u64,
    /// `None` if the connection failed, so that its acceptance is unknown.
    pub(crate) answer: Option<WebhookResponse>,
}

impl SentEvent {
    /// Was it answered as new?
    pub(crate) fn accepted(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.code == 202)
    }
}

impl Load {
    /// Starts so many senders, which share these events.
    pub(crate) fn start(host: &RunningHost<'_>, senders: usize, events: Vec<Event>) -> Self {
        let (accepted, answered, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { events: Mutex::new(events.into_iter()), accepted, answered, stop });
        let start = |_| tokio::spawn(send(host.sender(), Arc::clone(&shared)));
        Self { senders: (0..senders).map(start).collect(), shared }
    }

    /// How many were answered as new so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// How many were answered so far, as new or not.
    pub(crate) fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Stops the senders, and returns the sent events.
    pub(crate) async fn stop(self) -> Vec<SentEvent> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.finish().await
    }

    /// Waits until all events are sent or the host has ended.
    pub(crate) async fn finish(self) -> Vec<SentEvent> {
        let mut all = Vec::new();
        for sender in self.senders {
            all.extend(sender.await.unwrap());
        }
        all
    }
}

async fn send(to: Sender, shared: Arc<Shared>) -> Vec<SentEvent> {
    let mut all = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let Some(event) = ({ shared.events.lock().unwrap().next() }) else { break };
        let at = hookyard::event::now_ms();
        let answer = to.try_send(&event).await.ok();
        let gone = answer.is_none();
        shared.answered.fetch_add(usize::from(!gone), Ordering::Relaxed);
        let sent = SentEvent { event, at, answer };
        shared.accepted.fetch_add(usize::from(sent.accepted()), Ordering::Relaxed);
        all.push(sent);
        if gone {
            break;
        }
    }
    all
}
