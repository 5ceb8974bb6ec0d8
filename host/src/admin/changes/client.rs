//! One client: what it may see, from its position on.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, timeout};

use super::ring::{Following, Position};
use super::{Changes, INTERVAL, Place};
use crate::admin::api::{Change, ChangeKind, ChangeList};
use crate::admin::auth::Viewer;
use crate::admin::{AdminState, Problem};

/// The longest time without a line, so that neither side nor a proxy takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When a client is to connect again after its stream has ended, in ms.
const RETRY_MS: u64 = 2000;

/// A client of the changes.
pub(in crate::admin) struct Follower {
    changes: Changes,
    viewer: Viewer,
    /// The kinds that it wants; all if there are none.
    kinds: Vec<ChangeKind>,
    position: Position,
    _place: Place,
}

/// The body of the answer to a client.
struct ChangesBody(Receiver<Bytes>);

impl HttpBody for ChangesBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

/// Why a stream ends.
enum End {
    /// The client is gone, or its connection was closed because it does not read (`server.write_timeout_ms`).
    Gone,
    /// The host stops, or the token is not valid any more.
    Told(String),
}

impl Follower {
    /// The body of a new client's answer. `last` is its `Last-Event-ID`.
    ///
    /// # Errors
    /// A problem if `last` is none, if there are too many clients, or if the database does not answer.
    pub(in crate::admin) async fn follow(
        admin: &AdminState,
        viewer: Viewer,
        kinds: Vec<ChangeKind>,
        last: Option<&str>,
    ) -> Result<Body, Problem> {
        let wrong = || {
            Problem::bad_request(
                "`Last-Event-ID` is not the `id` of an event of this API: leave it out to begin anew",
            )
        };
        let last = last.map(|text| Position::parse(text).ok_or_else(wrong)).transpose()?;
        let changes = admin.changes.clone();
        let place = changes.enter(admin).await?;
        let (sender, texts) = mpsc::channel(1);
        let newest = changes.ring().newest();
        let follower = Self { changes, viewer, kinds, position: newest, _place: place };
        tokio::spawn(follower.run(sender, last));
        Ok(Body::new(ChangesBody(texts)))
    }

    async fn run(mut self, sender: Sender<Bytes>, last: Option<Position>) {
        let known = last.filter(|last| self.changes.ring().after(*last) != Following::Lost);
        let begin = match (known, last) {
            (Some(known), _) => {
                self.position = known;
                String::new()
            }
            (None, Some(_)) => self.reset("the changes since `Last-Event-ID` are not known any more"),
            (None, None) => self.reset("the stream begins here"),
        };
        let begin = format!("retry: {RETRY_MS}\n\n{begin}");
        let ended = match send(&sender, begin).await {
            Ok(()) => self.send_changes(&sender).await,
            Err(end) => end,
        };
        if let End::Told(reason) = ended {
            let data = json!({ "reason": reason });
            let _gone = send(&sender, format!("event: end\ndata: {data}\n\n")).await;
        }
    }

    async fn send_changes(&mut self, sender: &Sender<Bytes>) -> End {
        let mut stopping = self.changes.stopping.clone();
        let mut newest = self.changes.shared.newest.subscribe();
        let mut sent_at = Instant::now();
        loop {
            // A token that ends is noticed within an interval, also while nothing changes.
            tokio::select! {
                _ = timeout(INTERVAL, newest.changed()) => {}
                () = sender.closed() => return End::Gone,
                _ = stopping.wait_for(|stopping| *stopping) => return End::Told("the host stops".into()),
            }
            if let Err(reason) = self.viewer.check() {
                return End::Told(reason);
            }
            let following = self.changes.ring().after(self.position);
            let mut text = String::new();
            match following {
                Following::Lost => {
                    text = self.reset("some changes are not known any more");
                }
                Following::Batches(batches) => {
                    for (number, batch) in batches {
                        self.position.batch = number;
                        self.write(&batch, &mut text);
                    }
                }
            }
            if text.is_empty() && sent_at.elapsed() >= HEARTBEAT {
                // The position goes on, also while nothing of it is for this client.
                text = format!(": still here\nid: {}\n\n", self.position);
            }
            if !text.is_empty() {
                if let Err(end) = send(sender, text).await {
                    return end;
                }
                sent_at = Instant::now();
            }
        }
    }

    /// Goes to the newest position, and tells the client to read its lists again.
    fn reset(&mut self, reason: &str) -> String {
        self.position = self.changes.ring().newest();
        format!("event: reset\nid: {}\ndata: {}\n\n", self.position, json!({ "reason": reason }))
    }

    /// Writes what the client may see and wants of a batch.
    fn write(&self, batch: &[Change], text: &mut String) {
        let wanted = |change: &&Change| self.kinds.is_empty() || self.kinds.contains(&change.kind);
        let changes: Vec<_> =
            batch.iter().filter(wanted).filter(|change| self.sees(change)).cloned().collect();
        if changes.is_empty() {
            return;
        }
        let data = serde_json::to_string(&ChangeList { changes }).unwrap_or_default();
        let _infallible = write!(text, "event: changes\nid: {}\ndata: {data}\n\n", self.position);
    }

    fn sees(&self, change: &Change) -> bool {
        match change.kind {
            ChangeKind::Event | ChangeKind::Alert => self.viewer.sees_all(),
            ChangeKind::Audit => self.viewer.sees_audit(),
            _ => change
                .plugin
                .as_deref()
                .map_or_else(|| self.viewer.sees_all(), |plugin| self.viewer.sees(plugin)),
        }
    }
}

/// Sends a text, when the connection has taken the one before.
async fn send(sender: &Sender<Bytes>, text: String) -> Result<(), End> {
    sender.send(text.into()).await.map_err(|_| End::Gone)
}
