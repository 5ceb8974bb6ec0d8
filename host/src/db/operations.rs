//! What is asked of the writer now and then, each a transaction of its own between two batches: by operators,
//! and by what prunes.

use std::sync::atomic::Ordering;

use super::backend::{Backend, Dealt, Discarded, Removal};
use super::quota::Share;
use super::writer::{Reply, Writer};
use super::{DbError, Handoff};
use crate::delivery::DeliveryId;
use crate::effect::{self, EffectId};
use crate::replay;

/// See the module.
pub(super) enum Operation {
    BeginReplay {
        request: replay::Request,
        found: u64,
        last_event: i64,
        reply: Reply<i64>,
    },
    Replay {
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
    Effects {
        dealing: Dealing,
        reply: Reply<Vec<EffectId>>,
    },
    /// Copies what is in the log into the database.
    SaveLog,
}

/// A page of dead effects, and what is to be done with them.
pub(super) struct Dealing {
    pub(super) selection: effect::Selection,
    pub(super) action: replay::Action,
    pub(super) after: EffectId,
    pub(super) limit: u32,
}

/// What became of a delivery that is to be run no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// It was open, and is a dead letter that was dealt with.
    Skipped,
    /// It was a dead letter, and is dealt with.
    Settled,
    /// It is done, or was dealt with before.
    Closed,
    /// An attempt at it is under way, or about to begin.
    Busy,
    /// There is no such delivery.
    Unknown,
}

impl<B: Backend> Writer<B> {
    pub(super) async fn operate(&mut self, operation: Operation, handoff: &dyn Handoff) {
        match operation {
            Operation::BeginReplay { request, found, last_event, reply } => {
                let begun = self.begin_replay(&request, found, last_event).await;
                let _ = reply.send(begun);
                handoff.replay();
            }
            Operation::Replay { step, reply } => {
                let done = self.replay(&step, handoff).await;
                let _ = reply.send(done);
            }
            Operation::StopReplay { replay, reply } => {
                let stopped = self.stop_replay(replay).await;
                let _ = reply.send(stopped);
            }
            Operation::Discard { id, reply } => {
                let discarded = self.discard(id, handoff).await;
                let _ = reply.send(discarded);
            }
            Operation::Effects { dealing, reply } => {
                let dealt = self.deal_with_effects(&dealing).await;
                let _ = reply.send(dealt);
                if dealing.action == replay::Action::Replay {
                    handoff.effects();
                }
            }
            Operation::SaveLog => {
                if let Err(error) = self.backend.save_log().await {
                    tracing::warn!("the database's log could not be saved: {error}");
                }
            }
            Operation::Remove { removal, reply } => {
                let removed = self.remove(&removal).await;
                let _ = reply.send(removed);
            }
        }
    }

    async fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
    ) -> Result<i64, DbError> {
        self.backend.begin().await?;
        let begun = self.backend.begin_replay(request, found, last_event).await;
        self.end(begun).await
    }

    async fn stop_replay(&mut self, replay: i64) -> Result<bool, DbError> {
        self.backend.begin().await?;
        let stopped = self.backend.stop_replay(replay).await;
        self.end(stopped).await
    }

    async fn replay(&mut self, step: &replay::Step, handoff: &dyn Handoff) -> Result<(), DbError> {
        self.backend.begin().await?;
        let replayed = self.backend.replay(step).await;
        let replayed = self.end(replayed).await?;
        self.shared.backlog.fetch_add(replayed.opened, Ordering::Relaxed);
        self.behind = self.behind.map(|behind| behind + replayed.behind);
        handoff.look_again();
        Ok(())
    }

    async fn discard(&mut self, id: DeliveryId, handoff: &dyn Handoff) -> Result<Discard, DbError> {
        if self.leases.has(id) {
            return Ok(Discard::Busy);
        }
        self.backend.begin().await?;
        let discarded = self.backend.discard(id).await;
        let promoted = match &discarded {
            // One that was behind held nobody back: another leads its order.
            Ok(Discarded::Skipped { behind: false, order: Some(order) }) => {
                self.backend.promote(&[*order]).await
            }
            _ => Ok(Vec::new()),
        };
        let done = discarded.and_then(|discarded| Ok((discarded, promoted?)));
        let (discarded, promoted) = self.end(done).await?;
        Ok(match discarded {
            Discarded::Skipped { behind, .. } => {
                self.shared.backlog.fetch_sub(1, Ordering::Relaxed);
                let fewer = u64::from(behind) + promoted.len() as u64;
                self.behind = self.behind.map(|before| before.saturating_sub(fewer));
                self.hand_off_promoted(&promoted, handoff).await;
                Discard::Skipped
            }
            Discarded::Settled => Discard::Settled,
            Discarded::Closed => Discard::Closed,
            Discarded::Unknown => Discard::Unknown,
        })
    }

    async fn deal_with_effects(&mut self, dealing: &Dealing) -> Result<Vec<EffectId>, DbError> {
        let Dealing { selection, action, after, limit } = dealing;
        self.backend.begin().await?;
        let dealt = self.backend.deal_with_effects(selection, *action, (*after, *limit)).await;
        let dealt = self.end(dealt).await?;
        if *action == replay::Action::Replay {
            for Dealt { plugin, size, .. } in &dealt {
                self.shared.quotas.add(plugin, Share { count: 1, bytes: *size });
            }
        }
        Ok(dealt.into_iter().map(|dealt| dealt.id).collect())
    }

    async fn remove(&mut self, removal: &Removal) -> Result<u64, DbError> {
        let removed = self.backend.remove(removal).await;
        if removed.is_err() {
            self.backend.rollback().await;
        }
        removed
    }

    /// Commits, or undoes what failed. A commit that failed may be on disk all the same: what is open is
    /// counted again.
    async fn end<T>(&mut self, done: Result<T, DbError>) -> Result<T, DbError> {
        let ended = match done {
            Ok(done) => self.backend.commit().await.map(|()| done),
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.backend.rollback().await;
            self.behind = None;
        }
        ended
    }
}
