//! What the writer is asked for, and the queues in which it waits.

use tokio::sync::{mpsc, oneshot};

use crate::completion::Finished;
use crate::db::types::{Accept, DbError, Discard, EffectLease, HoldChange, Lease, LeaseRequest, Removal};
use crate::delivery::{DeliveryId, Recipient};
use crate::effect::{self, EffectId, Performed};
use crate::event::Event;
use crate::replay;

pub(in crate::db) type Reply<T> = oneshot::Sender<Result<T, DbError>>;

/// Where the writer's work comes from.
pub(in crate::db) struct Inbox {
    pub(in crate::db) accepts: mpsc::Receiver<Accepting>,
    pub(in crate::db) requests: mpsc::UnboundedReceiver<Request>,
}

/// An event that waits for its commit.
pub(in crate::db) struct Accepting {
    pub(in crate::db) event: Event,
    pub(in crate::db) recipients: Vec<Recipient>,
    pub(in crate::db) reply: Reply<Accept>,
}

/// Everything else that is asked of the writer.
pub(in crate::db) enum Request {
    Finish {
        finished: Finished,
        reply: Option<Reply<()>>,
    },
    Lease(LeaseRequest, Reply<Lease>),
    Release(Vec<DeliveryId>),
    Performed(Performed),
    LeaseEffects(LeaseRequest, Reply<EffectLease>),
    ReleaseEffects(Vec<EffectId>),
    Hold(HoldChange, Reply<()>),
    Operate(Operation),
    Ping(Reply<()>),
    /// The system clock may have jumped.
    Clock,
    Close(Reply<()>),
}

/// What is rarely asked for, each in a transaction of its own between two batches: by operators, and by what
/// prunes.
pub(in crate::db) enum Operation {
    BeginReplay {
        request: replay::Request,
        found: u64,
        last_event: i64,
        reply: Reply<i64>,
    },
    AdvanceReplay {
        step: replay::Step,
        reply: Reply<()>,
    },
    StopReplay {
        replay: i64,
        reply: Reply<bool>,
    },
    Discard {
        id: DeliveryId,
        reply: Reply<Discard>,
    },
    Remove {
        removal: Removal,
        reply: Reply<u64>,
    },
    ResolveEffects {
        resolution: EffectResolution,
        reply: Reply<Vec<EffectId>>,
    },
    /// Copies what is in the log into the database.
    SaveLog,
}

/// A page of dead effects, and what is to be done with them.
pub(in crate::db) struct EffectResolution {
    pub(in crate::db) selection: effect::Selection,
    pub(in crate::db) action: replay::Action,
    pub(in crate::db) after: EffectId,
    pub(in crate::db) limit: u32,
}
