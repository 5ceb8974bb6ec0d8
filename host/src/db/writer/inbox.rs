//! What the writer is asked for, and the queues in which it waits.

use tokio::sync::{mpsc, oneshot};

use crate::completion::Finished;
use crate::db::storage::NewEvent;
use crate::db::types::{
    Accept, DbError, Discard, EffectLease, EffectResolution, HoldChange, Lease, LeaseRequest, Removal,
    RunningId,
};
use crate::delivery::DeliveryId;
use crate::effect::{EffectId, Performed};
use crate::replay;

pub(in crate::db) type Reply<T> = oneshot::Sender<Result<T, DbError>>;

/// Where the writer's work comes from.
pub(in crate::db) struct Inbox {
    pub(in crate::db) accepts: mpsc::Receiver<Accepting>,
    pub(in crate::db) requests: mpsc::UnboundedReceiver<Request>,
}

/// An event that waits for its commit.
pub(in crate::db) struct Accepting {
    pub(in crate::db) new: NewEvent,
    pub(in crate::db) reply: Reply<Accept>,
}

/// Everything else that is asked of the writer.
pub(in crate::db) enum Request {
    Finish {
        finished: Finished,
        reply: Option<Reply<()>>,
    },
    Lease(LeaseRequest, Reply<Lease>),
    Release(Vec<RunningId>),
    Performed(Performed),
    LeaseEffects(LeaseRequest, Reply<EffectLease>),
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
    /// Brings what is committed into its final place.
    Save,
}
