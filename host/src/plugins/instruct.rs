//! Operators' instructions about revisions: push, roll back, pin, unpin, approve and reject. Each is answered when it
//! is stored and the snapshot has its result.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot, watch as channel};
use tokio::time::timeout;

use super::Plugins;
use super::choices::{InstructionTurn, PluginChoice};
use super::ledger::{Ledger, audited, entry, needs_approval};
use super::load::Loader;
use super::records::{RecordError, RevisionFile};
use crate::audit;
use crate::config::Config;
use crate::event::{Digest, PluginName, now_ms};
use crate::revision::{
    ChoiceError, Decision, EntryState, HistoryPage, InstructionRecord, Origin, RevisionChoice,
    RevisionDifference,
};
use crate::runtime::LoadedRevision;

/// Pushes whose files are in memory at once.
const PUSHES_MAX: usize = 4;
/// Longest wait for an earlier instruction about the same plugin.
const TURN_WAIT: Duration = Duration::from_secs(10);

/// The source of an instruction.
#[derive(Debug, Clone)]
pub struct Instructor {
    /// Who gives it, and why.
    pub decision: audit::Decision,
    /// The version of the plugin's choice on which it is based; `None` for any.
    pub version: Option<u64>,
}

/// The result of an instruction.
#[derive(Debug, Clone)]
pub struct Instructed {
    /// The revision that it named.
    pub digest: Option<Digest>,
    /// The state of that revision; `None` if it named none.
    pub state: Option<EntryState>,
    /// What is in force and waits now.
    pub choice: RevisionChoice,
    /// The difference of a pushed revision from the one that was in force.
    pub difference: Option<RevisionDifference>,
}

/// The reason why an instruction is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstructionError {
    /// There is no such plugin.
    UnknownPlugin,
    /// The host refuses the revision; the reason.
    Refused(String),
    /// It does not fit what is in force and waits.
    Choice(ChoiceError),
    /// No revision, or none that may run, is meant.
    NoRevision(String),
    /// The choice has changed; its version.
    Changed(u64),
    /// Other instructions are under way.
    Busy(&'static str),
    /// The token that gives it was revoked.
    Revoked(String),
    /// It could not be stored, or the host is at fault.
    Unavailable(String),
}

impl From<RecordError> for InstructionError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Revoked(reason) => Self::Revoked(reason),
            RecordError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl fmt::Display for InstructionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPlugin => f.write_str("there is no such plugin"),
            Self::Refused(reason)
            | Self::NoRevision(reason)
            | Self::Unavailable(reason)
            | Self::Revoked(reason) => f.write_str(reason),
            Self::Choice(error) => error.fmt(f),
            Self::Changed(version) => write!(f, "it was changed meanwhile, and has version {version} now"),
            Self::Busy(why) => f.write_str(why),
        }
    }
}

/// A change of what is in force, to be published.
pub(super) struct Takeover {
    pub(super) plugin: PluginName,
    /// The revision in force, unless it runs already or none is in force.
    pub(super) loaded: Option<LoadedRevision>,
    /// Answered when the snapshot has it.
    pub(super) reply: oneshot::Sender<()>,
}

/// What instructions need.
pub(super) struct Desk {
    pub(super) ledger: Ledger,
    pub(super) loader: Loader,
    pub(super) config: channel::Receiver<Arc<Config>>,
    pub(super) takeovers: mpsc::UnboundedSender<Takeover>,
    pushes: Semaphore,
}

impl Desk {
    pub(super) fn new(
        ledger: Ledger,
        loader: Loader,
        config: channel::Receiver<Arc<Config>>,
        takeovers: mpsc::UnboundedSender<Takeover>,
    ) -> Self {
        Self { ledger, loader, config, takeovers, pushes: Semaphore::new(PUSHES_MAX) }
    }
}

/// A plugin, at the turn of an instruction.
struct AtTurn {
    plugin: PluginName,
    of_plugin: Arc<PluginChoice>,
    choice: RevisionChoice,
    _turn: InstructionTurn,
}

impl Plugins {
    /// The largest file that may be pushed, in bytes.
    #[must_use]
    pub fn file_max_bytes(&self) -> u64 {
        self.desk().config.borrow().plugins.file_max_bytes
    }

    /// Pushes a revision. With `dry_run`, only loads it and returns the difference.
    ///
    /// # Errors
    /// [`InstructionError::Refused`], which the history has too; [`InstructionError::Busy`] and
    /// [`InstructionError::Unavailable`], after which nothing has changed.
    pub async fn push(
        &self,
        plugin: &PluginName,
        bytes: Bytes,
        instructor: Instructor,
        dry_run: bool,
    ) -> Result<Instructed, InstructionError> {
        let desk = self.desk();
        let _place =
            desk.pushes.try_acquire().map_err(|_| InstructionError::Busy("too many pushes are under way"))?;
        let config = desk.config.borrow().clone();
        let loaded = desk.loader.load_bytes(plugin, bytes.clone(), &config).await;
        let mut at = self.at_turn(plugin, &instructor).await?;
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(refusal) if refusal.is_temporary => {
                return Err(InstructionError::Unavailable(refusal.reason));
            }
            Err(refusal) => {
                if let (false, Some(digest)) = (dry_run, refusal.revision) {
                    self.note_refusal(&mut at, digest, &refusal.reason, &instructor.decision).await?;
                }
                return Err(InstructionError::Refused(refusal.reason));
            }
        };
        let facts = loaded.facts.clone();
        let digest = loaded.revision.revision.digest;
        let difference = desk.ledger.difference(&at.of_plugin, &at.choice, &facts).await;
        let needs_approval = needs_approval(config.plugins.approval, &at.choice, digest, &difference);
        supersede_changed_file(&mut at);
        at.choice.push(digest, needs_approval);
        let choice = at.choice.clone();
        if !dry_run {
            let by = &instructor.decision;
            let entry = entry(&choice, digest, Origin::Push, by);
            let record =
                audited(plugin, &at.of_plugin.get(), choice.clone(), Some(entry), (by, "plugin.push"));
            let file = RevisionFile { digest, bytes, facts };
            self.carry_out(at, record, Some(file), Some(loaded.revision)).await?;
        }
        Ok(Instructed { difference: Some(difference), ..instructed(choice, Some(digest)) })
    }

    /// Goes back to a revision that was in force: the one whose digest begins with this text, or the one before.
    ///
    /// # Errors
    /// [`InstructionError`]; nothing has changed then.
    pub async fn roll_back(
        &self,
        plugin: &PluginName,
        digest: Option<&str>,
        instructor: Instructor,
    ) -> Result<Instructed, InstructionError> {
        let mut at = self.at_turn(plugin, &instructor).await?;
        let history = self.history(plugin).await?;
        let digest = find_revision(&history, digest)?;
        supersede_changed_file(&mut at);
        at.choice.roll_back(digest);
        self.name_revision(at, digest, (&instructor.decision, "plugin.rollback")).await
    }

    /// Pins the revision in force, or goes back to another and pins that.
    ///
    /// # Errors
    /// [`InstructionError`]; nothing has changed then.
    pub async fn pin(
        &self,
        plugin: &PluginName,
        digest: Option<&str>,
        instructor: Instructor,
    ) -> Result<Instructed, InstructionError> {
        let mut at = self.at_turn(plugin, &instructor).await?;
        let digest = match digest {
            None => None,
            Some(digest) => Some(find_revision(&self.history(plugin).await?, Some(digest))?),
        };
        let current = at.choice.in_force().map(|of| of.digest);
        let is_changed = at.choice.pin(digest).map_err(InstructionError::Choice)?;
        let by = (&instructor.decision, "plugin.pin");
        match digest.filter(|digest| Some(*digest) != current) {
            Some(digest) => self.name_revision(at, digest, by).await,
            None => self.change(at, is_changed, by, None).await,
        }
    }

    /// Lifts a pin.
    ///
    /// # Errors
    /// [`InstructionError`]; nothing has changed then.
    pub async fn unpin(
        &self,
        plugin: &PluginName,
        instructor: Instructor,
    ) -> Result<Instructed, InstructionError> {
        let mut at = self.at_turn(plugin, &instructor).await?;
        let is_changed = at.choice.unpin();
        self.change(at, is_changed, (&instructor.decision, "plugin.unpin"), None).await
    }

    /// Approves or rejects the revision that waits, whose digest begins with this text.
    ///
    /// # Errors
    /// [`InstructionError`]; nothing has changed then.
    pub async fn decide(
        &self,
        plugin: &PluginName,
        digest: &str,
        approved: bool,
        instructor: Instructor,
    ) -> Result<Instructed, InstructionError> {
        let mut at = self.at_turn(plugin, &instructor).await?;
        let wrong = InstructionError::Choice;
        let waiting = at.choice.waiting().ok_or(wrong(ChoiceError::NothingWaits))?.choice;
        if digest.is_empty() || !waiting.digest.to_string().starts_with(digest) {
            return Err(wrong(ChoiceError::OtherWaits(waiting.digest)));
        }
        if approved {
            at.choice.approve(waiting.digest).map_err(wrong)?;
        } else {
            at.choice.reject(waiting.digest).map_err(wrong)?;
        }
        let audit::Decision { actor, note, .. } = instructor.decision.clone();
        let decision = Decision { approved, by: actor.name, at: now_ms(), note };
        let by = (&instructor.decision, if approved { "plugin.approve" } else { "plugin.reject" });
        let decided = self.change(at, true, by, Some((waiting.number, decision))).await?;
        let state = if approved { decided.state } else { Some(EntryState::Rejected) };
        let state = if decided.choice.waiting().is_some() { Some(EntryState::Waiting) } else { state };
        Ok(Instructed { digest: Some(waiting.digest), state, ..decided })
    }

    /// A plugin's history, the newest instruction first.
    ///
    /// # Errors
    /// [`InstructionError::UnknownPlugin`], [`InstructionError::Unavailable`].
    pub async fn history(&self, plugin: &PluginName) -> Result<HistoryPage, InstructionError> {
        let history = self.desk().ledger.records.history(plugin).await;
        let history = history.map_err(InstructionError::Unavailable)?;
        history.ok_or(InstructionError::UnknownPlugin)
    }

    /// Waits for an instruction's turn.
    async fn at_turn(
        &self,
        plugin: &PluginName,
        instructor: &Instructor,
    ) -> Result<AtTurn, InstructionError> {
        let of_plugin = self.desk().ledger.choices.of(plugin);
        let turn = timeout(TURN_WAIT, of_plugin.turn()).await;
        let turn = turn
            .map_err(|_| InstructionError::Busy("an earlier instruction for the plugin is not stored yet"))?;
        let choice = of_plugin.get();
        if instructor.version.is_some_and(|version| version != choice.version) {
            return Err(InstructionError::Changed(choice.version));
        }
        Ok(AtTurn { plugin: plugin.clone(), of_plugin, choice, _turn: turn })
    }

    async fn note_refusal(
        &self,
        at: &mut AtTurn,
        digest: Digest,
        reason: &str,
        by: &audit::Decision,
    ) -> Result<(), InstructionError> {
        at.choice.count_refusal();
        let mut entry = entry(&at.choice, digest, Origin::Push, by);
        entry.refusal = Some(reason.to_owned());
        let before = at.of_plugin.get();
        let record = audited(&at.plugin, &before, at.choice.clone(), Some(entry), (by, "plugin.push"));
        let stored = self.desk().ledger.records.instruct(None, record).await;
        stored?;
        at.of_plugin.set(at.choice.clone(), None);
        Ok(())
    }

    /// Carries out an instruction that names a stored revision.
    async fn name_revision(
        &self,
        at: AtTurn,
        digest: Digest,
        (by, action): (&audit::Decision, &'static str),
    ) -> Result<Instructed, InstructionError> {
        let choice = at.choice.clone();
        let loaded = self.load_in_force(&at).await?;
        let entry = entry(&choice, digest, Origin::Rollback, by);
        let record = audited(&at.plugin, &at.of_plugin.get(), choice.clone(), Some(entry), (by, action));
        self.carry_out(at, record, None, loaded).await?;
        Ok(instructed(choice, Some(digest)))
    }

    /// Carries out an instruction that names no new revision.
    async fn change(
        &self,
        at: AtTurn,
        is_changed: bool,
        by: (&audit::Decision, &'static str),
        decision: Option<(u64, Decision)>,
    ) -> Result<Instructed, InstructionError> {
        let choice = at.choice.clone();
        if is_changed {
            let loaded = self.load_in_force(&at).await?;
            let record = audited(&at.plugin, &at.of_plugin.get(), choice.clone(), None, by);
            let record = InstructionRecord { decision, ..record };
            self.carry_out(at, record, None, loaded).await?;
        }
        let digest = choice.in_force().map(|of| of.digest);
        Ok(instructed(choice, digest))
    }

    /// Loads the revision that is in force after an instruction, unless it runs.
    async fn load_in_force(&self, at: &AtTurn) -> Result<Option<LoadedRevision>, InstructionError> {
        let Some(digest) = at.choice.in_force().map(|of| of.digest) else { return Ok(None) };
        if self.snapshot().get(&at.plugin).is_some_and(|active| active.revision == digest) {
            return Ok(None);
        }
        let desk = self.desk();
        let config = desk.config.borrow().clone();
        match desk.loader.load_stored(&at.plugin, digest, &config).await {
            Ok(loaded) => Ok(Some(loaded)),
            Err(refusal) if refusal.is_temporary => Err(InstructionError::Unavailable(refusal.reason)),
            Err(refusal) => Err(InstructionError::Refused(refusal.reason)),
        }
    }

    /// Stores an instruction, publishes what it puts in force, and waits for both.
    async fn carry_out(
        &self,
        at: AtTurn,
        mut record: InstructionRecord,
        file: Option<RevisionFile>,
        loaded: Option<LoadedRevision>,
    ) -> Result<(), InstructionError> {
        let desk = self.desk();
        let (before, after) = (at.of_plugin.get().in_force(), at.choice.in_force());
        let is_new = |number: u64| before.is_none_or(|of| of.number != number);
        let of_entry = record.entry.as_ref().map(|entry| entry.number);
        let number = after.map(|of| of.number).filter(|number| is_new(*number) && of_entry != Some(*number));
        record.in_force = number.map(|number| (number, now_ms()));
        let facts = file.as_ref().map(|file| (file.digest, file.facts.clone()));
        let stored = desk.ledger.records.instruct(file, record).await;
        stored?;
        let in_force = after.map(|of| of.digest);
        let loaded = loaded.filter(|loaded| Some(loaded.revision.digest) == in_force);
        at.of_plugin.set(at.choice, facts);
        let (reply, published) = oneshot::channel();
        let takeover = Takeover { plugin: at.plugin, loaded, reply };
        // If the task has ended, the host is ending.
        if desk.takeovers.send(takeover).is_ok() {
            let _ = published.await;
        }
        Ok(())
    }
}

/// A file that changed before this instruction, and is still being loaded, does not come after it.
fn supersede_changed_file(at: &mut AtTurn) {
    if let Some(changed) = at.of_plugin.changed_file() {
        at.choice.supersede_file(changed);
    }
}

fn instructed(choice: RevisionChoice, digest: Option<Digest>) -> Instructed {
    let is = |of: Option<Digest>| digest.is_some() && of == digest;
    let state = if is(choice.in_force().map(|of| of.digest)) {
        Some(EntryState::InForce)
    } else if is(choice.waiting().map(|of| of.choice.digest)) {
        Some(EntryState::Waiting)
    } else {
        None
    };
    Instructed { digest, state, choice, difference: None }
}

/// Finds a revision that was in force: by the first digits of its digest, or the one before.
pub(super) fn find_revision(history: &HistoryPage, digest: Option<&str>) -> Result<Digest, InstructionError> {
    let none = |reason: String| Err(InstructionError::NoRevision(reason));
    let Some(prefix) = digest else {
        return match history.in_force_before() {
            Some(entry) if entry.facts.is_some() => Ok(entry.digest),
            Some(entry) => none(not_kept(entry.digest)),
            None => none("no other revision of it was in force before".into()),
        };
    };
    let found: Vec<_> = history.with_digest(prefix).collect();
    match found.as_slice() {
        _ if prefix.is_empty() => none("the digest is empty".into()),
        [] => none(format!("no revision of it has a digest that begins with `{prefix}`")),
        [found] => {
            let digest = found.digest;
            let ran =
                history.entries.iter().any(|entry| entry.digest == digest && entry.in_force_at.is_some());
            match (ran, found.facts.is_some()) {
                (true, true) => Ok(digest),
                (true, false) => none(not_kept(digest)),
                (false, _) => none(format!("revision {} was never in force", digest.short())),
            }
        }
        [..] => none(format!("{} of its revisions begin with `{prefix}`: give more digits", found.len())),
    }
}

fn not_kept(digest: Digest) -> String {
    format!("the file of revision {} is no longer kept (revisions.keep, revisions.max_bytes)", digest.short())
}
