//! Requests to the writer, and their queues.

use tokio::sync::{mpsc, oneshot};

use crate::audit::{Decision, Record};
use crate::completion::FinishedAttempt;
use crate::confirmation::{ConfirmationDecision, ConfirmationReceipt, NewConfirmation, StoredConfirmation};
use crate::db::alert_types::SavedAlert;
use crate::db::confirmation_types::{ConfirmationChange, OldConfirmations, OpenedConfirmation};
use crate::db::edit_types::{EditResult, NewEdit};
use crate::db::erasure_types::NewErasure;
use crate::db::keyed_types::AnsweredRequest;
use crate::db::page_types::{Rotation, SessionCreation};
use crate::db::revision_types::{RevisionPart, RevisionRecord};
use crate::db::storage::NewEvent;
use crate::db::switch_change::{HeldPage, SwitchChange, SwitchResult};
use crate::db::types::{
    Accept, DbError, Discard, DueChange, EffectLease, EffectResolution, HoldChange, Lease, LeaseRequest,
    MatchCount, PluginMatch, Removal, RunningId, TokenCreation,
};
use crate::delivery::DeliveryId;
use crate::effect::{CompletedEffect, EffectId};
use crate::erasure::ErasurePage;
use crate::event::PluginName;
use crate::replay;
use crate::revision::InstructionRecord;
use crate::token::{NewSession, NewToken, SessionLimits, SessionUse};

pub(in crate::db) type Reply<T> = oneshot::Sender<Result<T, DbError>>;

/// The queues of the writer's work.
pub(in crate::db) struct Inbox {
    pub(in crate::db) accepts: mpsc::Receiver<Accepting>,
    pub(in crate::db) requests: mpsc::UnboundedReceiver<Request>,
}

/// An event that waits for its commit, or several that commit together.
pub(in crate::db) struct Accepting {
    pub(in crate::db) new: NewEvent,
    /// The others of its request; usually none.
    pub(in crate::db) more: Vec<NewEvent>,
    pub(in crate::db) reply: AcceptReply,
}

impl Accepting {
    /// The number of its events.
    pub(in crate::db) fn count(&self) -> usize {
        1 + self.more.len()
    }
}

/// The answer to one event or to all of a request.
pub(in crate::db) enum AcceptReply {
    One(Reply<Accept>),
    All(Reply<Vec<Accept>>),
}

impl AcceptReply {
    /// Answers with the results of the next events.
    pub(in crate::db) fn send(self, events: usize, accepts: &mut impl Iterator<Item = Accept>) {
        // Whoever asked may have gone.
        match self {
            Self::One(reply) => {
                let accept = accepts.next().ok_or_else(DbError::closed);
                let _ = reply.send(accept);
            }
            Self::All(reply) => {
                let _ = reply.send(Ok(accepts.take(events).collect()));
            }
        }
    }

    pub(in crate::db) fn fail(self, error: DbError) {
        match self {
            Self::One(reply) => drop(reply.send(Err(error))),
            Self::All(reply) => drop(reply.send(Err(error))),
        }
    }
}

/// All other requests to the writer.
pub(in crate::db) enum Request {
    Finish {
        finished: FinishedAttempt,
        reply: Option<Reply<()>>,
    },
    Lease(LeaseRequest, Reply<Lease>),
    Release(Vec<RunningId>),
    CompletedEffect(CompletedEffect),
    LeaseEffects(LeaseRequest, Reply<EffectLease>),
    PluginHold(HoldChange, Reply<()>),
    RecordRevision(RevisionRecord, Option<Reply<()>>),
    Operate(Operation),
    Ping(Reply<()>),
    /// The system clock may have jumped.
    Clock,
    Close(Reply<()>),
}

/// Rare operations of operators and of pruning, each in a transaction of its own between two batches.
pub(in crate::db) enum Operation {
    BeginReplay {
        request: replay::Request,
        found: u64,
        last_event: i64,
        by: Decision,
        reply: Reply<i64>,
    },
    AdvanceReplay {
        step: replay::ReplayPage,
        reply: Reply<()>,
    },
    StopReplay {
        replay: i64,
        by: Decision,
        reply: Reply<bool>,
    },
    Discard {
        id: DeliveryId,
        by: Decision,
        reply: Reply<Discard>,
    },
    Pause {
        plugin: PluginName,
        paused: bool,
        by: Decision,
        reply: Reply<()>,
    },
    CreateToken {
        new: NewToken,
        tokens_max: u32,
        by: Decision,
        reply: Reply<TokenCreation>,
    },
    RevokeToken {
        name: String,
        by: Decision,
        reply: Reply<bool>,
    },
    KeepFirstToken {
        new: NewToken,
        reply: Reply<()>,
    },
    NoteTokenUses {
        uses: Vec<(i64, u64)>,
        reply: Reply<()>,
    },
    Record {
        records: Vec<Record>,
        reply: Reply<()>,
    },
    Match {
        of_plugin: PluginMatch,
        reply: Reply<MatchCount>,
    },
    Switch {
        change: SwitchChange,
        reply: Reply<SwitchResult>,
    },
    ReleaseHeld {
        page: HeldPage,
        reply: Reply<u64>,
    },
    MakeDue {
        change: DueChange,
        reply: Reply<Vec<DeliveryId>>,
    },
    SaveAlert {
        saved: SavedAlert,
        reply: Reply<()>,
    },
    Remove {
        removal: Removal,
        reply: Reply<u64>,
    },
    ResolveEffects {
        resolution: EffectResolution,
        reply: Reply<Vec<EffectId>>,
    },
    KeepPart {
        part: RevisionPart,
        reply: Reply<()>,
    },
    Instruct {
        record: Box<InstructionRecord>,
        reply: Reply<()>,
    },
    KeepAnswer {
        answered: AnsweredRequest,
        reply: Reply<()>,
    },
    StoreEdit {
        edit: Box<NewEdit>,
        reply: Reply<EditResult>,
    },
    Erase(ErasureOperation),
    Session(SessionOperation),
    Confirmation(ConfirmationOperation),
    /// Moves commits to their final place.
    Save,
}

/// An operation of an erasure.
pub(in crate::db) enum ErasureOperation {
    Begin { new: Box<NewErasure>, by: Decision, reply: Reply<i64> },
    Advance { page: ErasurePage, reply: Reply<()> },
    EmptyLog { reply: Reply<()> },
}

/// An operation of a session of the pages.
pub(in crate::db) enum SessionOperation {
    Create { new: Box<NewSession>, limits: SessionLimits, by: Decision, reply: Reply<SessionCreation> },
    Revoke { id: i64, by: Decision, reply: Reply<bool> },
    Rotate { rotation: Rotation, reply: Reply<bool> },
    NoteUses { uses: Vec<SessionUse>, reply: Reply<()> },
}

/// An operation of a confirmation that an operator decides about.
pub(in crate::db) enum ConfirmationOperation {
    Store { new: Box<NewConfirmation>, reply: Reply<ConfirmationReceipt> },
    Decide { change: Box<ConfirmationChange>, reply: Reply<ConfirmationDecision> },
    End { opened: Box<OpenedConfirmation>, reply: Reply<Option<StoredConfirmation>> },
    Prune { old: OldConfirmations, reply: Reply<()> },
}
