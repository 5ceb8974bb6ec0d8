//! Which revision of a plugin is in force, and which one waits.
//!
//! The latest instruction wins: a changed file, a push or a rollback. A file that has not changed since it was
//! last read is no instruction. While the plugin is pinned, or until a revision is approved, that revision
//! waits; a later instruction replaces it.

use serde::{Deserialize, Serialize};

use crate::event::Digest;

/// The kind of an instruction that names a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A new or changed file in the plugins directory.
    File,
    /// A push over the API.
    Push,
    /// A way back to a revision that was in force.
    Rollback,
}

impl Origin {
    /// Its name in the database, the API and commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Push => "push",
            Self::Rollback => "rollback",
        }
    }
}

/// A revision, and the instruction that named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The number of the instruction, which counts for each plugin.
    pub number: u64,
    /// The revision.
    pub digest: Digest,
    /// The kind of the instruction.
    pub origin: Origin,
}

/// A revision that waits to take force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRevision {
    /// The revision.
    pub choice: Choice,
    /// Whether it still has to be approved. Otherwise it waits for the end of the pin only.
    pub needs_approval: bool,
}

/// The file of a plugin when it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReading {
    /// Its digest.
    pub digest: Digest,
    /// Whether it was refused, and no instruction came after it: the next start tries it again.
    pub is_refused: bool,
}

/// The reason why an instruction is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No revision is in force.
    #[error("no revision of it is in force")]
    NothingInForce,
    /// No revision waits.
    #[error("no revision of it waits")]
    NothingWaits,
    /// Another revision waits.
    #[error("revision {} waits, not this one", .0.short())]
    OtherWaits(Digest),
    /// The revision waits for the end of the pin only.
    #[error("it needs no approval: it waits until the plugin is unpinned")]
    NeedsNoApproval,
}

/// The revisions of one plugin that are in force and that wait. See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RevisionChoice {
    /// Counts the changes of this value, and numbers the instructions.
    pub version: u64,
    in_force: Option<Choice>,
    waiting: Option<WaitingRevision>,
    pinned: bool,
    file: Option<FileReading>,
}

impl RevisionChoice {
    /// The revision in force; `None` if the plugin does not run.
    #[must_use]
    pub fn in_force(&self) -> Option<Choice> {
        self.in_force
    }

    /// The revision that waits.
    #[must_use]
    pub fn waiting(&self) -> Option<WaitingRevision> {
        self.waiting
    }

    /// Whether the revision in force stays until the pin is lifted.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// The plugin's file when it was last read; `None` if there is none.
    #[must_use]
    pub fn file(&self) -> Option<FileReading> {
        self.file
    }

    /// Whether a file with this digest is no instruction.
    #[must_use]
    pub fn is_unchanged_file(&self, digest: Digest) -> bool {
        self.file == Some(FileReading { digest, is_refused: false })
    }

    /// The plugin's file is new or has changed.
    pub fn change_file(&mut self, digest: Digest, needs_approval: bool) {
        self.file = Some(FileReading { digest, is_refused: false });
        self.submit(digest, Origin::File, needs_approval);
    }

    /// The plugin's file is new or has changed, and cannot be loaded. What is in force and what waits stay.
    pub fn refuse_file(&mut self, digest: Digest) {
        self.version += 1;
        self.file = Some(FileReading { digest, is_refused: true });
    }

    /// The plugin's file has changed before the latest instruction.
    pub fn supersede_file(&mut self, digest: Digest) {
        self.version += 1;
        self.file = Some(FileReading { digest, is_refused: false });
    }

    /// The plugin's file is gone. Returns whether this is a change. It ends a plugin that runs by its file, unless
    /// it is pinned.
    pub fn remove_file(&mut self) -> bool {
        if self.file.take().is_none() {
            return false;
        }
        self.version += 1;
        self.waiting.take_if(|waiting| waiting.choice.origin == Origin::File);
        self.end_without_file();
        true
    }

    /// A revision was pushed.
    pub fn push(&mut self, digest: Digest, needs_approval: bool) {
        self.submit(digest, Origin::Push, needs_approval);
    }

    /// A pushed revision was refused: it has a number, and nothing else changes.
    pub fn count_refusal(&mut self) {
        self.version += 1;
    }

    /// Goes back to a revision that was in force. It needs no approval.
    pub fn roll_back(&mut self, digest: Digest) {
        self.submit(digest, Origin::Rollback, false);
    }

    /// Pins the revision in force, or goes back to another and pins it. Returns whether this is a change.
    ///
    /// # Errors
    /// [`ChoiceError::NothingInForce`].
    pub fn pin(&mut self, digest: Option<Digest>) -> Result<bool, ChoiceError> {
        let current = self.in_force.ok_or(ChoiceError::NothingInForce)?;
        let other = digest.filter(|digest| *digest != current.digest);
        if other.is_none() && self.pinned {
            return Ok(false);
        }
        if let Some(digest) = other {
            self.pinned = false;
            self.roll_back(digest);
        } else {
            self.version += 1;
        }
        self.pinned = true;
        Ok(true)
    }

    /// Lifts the pin. Returns whether this is a change. A revision that waits takes force, unless it has to be
    /// approved.
    pub fn unpin(&mut self) -> bool {
        if !self.pinned {
            return false;
        }
        self.version += 1;
        self.pinned = false;
        if let Some(waiting) = self.waiting.take_if(|waiting| !waiting.needs_approval) {
            self.in_force = Some(waiting.choice);
        }
        self.end_without_file();
        true
    }

    /// Approves the revision that waits. Returns whether it is in force now: a pinned plugin's still waits.
    ///
    /// # Errors
    /// When this revision does not wait for approval.
    pub fn approve(&mut self, digest: Digest) -> Result<bool, ChoiceError> {
        let waiting = self.check_waiting(digest)?;
        if !waiting.needs_approval {
            return Err(ChoiceError::NeedsNoApproval);
        }
        self.version += 1;
        if self.pinned {
            self.waiting = Some(WaitingRevision { needs_approval: false, ..waiting });
        } else {
            (self.in_force, self.waiting) = (Some(waiting.choice), None);
        }
        Ok(!self.pinned)
    }

    /// Drops the revision that waits, and returns it.
    ///
    /// # Errors
    /// When this revision does not wait.
    pub fn reject(&mut self, digest: Digest) -> Result<Choice, ChoiceError> {
        let waiting = self.check_waiting(digest)?;
        self.version += 1;
        self.waiting = None;
        Ok(waiting.choice)
    }

    fn check_waiting(&self, digest: Digest) -> Result<WaitingRevision, ChoiceError> {
        match self.waiting {
            None => Err(ChoiceError::NothingWaits),
            Some(waiting) if waiting.choice.digest != digest => {
                Err(ChoiceError::OtherWaits(waiting.choice.digest))
            }
            Some(waiting) => Ok(waiting),
        }
    }

    /// Takes an instruction that names a revision: it replaces what waits, and is in force or waits.
    fn submit(&mut self, digest: Digest, origin: Origin, needs_approval: bool) {
        self.version += 1;
        if let Some(file) = &mut self.file {
            file.is_refused = false;
        }
        let choice = Choice { number: self.version, digest, origin };
        let is_same = self.in_force.is_some_and(|current| current.digest == digest);
        if is_same || !(self.pinned || needs_approval) {
            (self.in_force, self.waiting) = (Some(choice), None);
        } else {
            self.waiting = Some(WaitingRevision { choice, needs_approval });
        }
    }

    /// A plugin that runs by its file ends with it.
    fn end_without_file(&mut self) {
        if self.file.is_none() && !self.pinned {
            self.in_force.take_if(|current| current.origin == Origin::File);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
