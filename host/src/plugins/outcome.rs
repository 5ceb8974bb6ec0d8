//! What comes of loading a plugin: a changed file is an instruction, and takes force or waits.

use std::future::Future;

use tokio::sync::OwnedSemaphorePermit;

use super::desired::Target;
use super::ledger::{ChangedFile, Ledger};
use super::load::{FileRefusal, LoadResult, Loader};
use crate::config::Config;
use crate::event::{Digest, PluginName};
use crate::revision::KnownHandlers;
use crate::runtime::{LoadedRevision, Revision};

/// The outcome of a load.
pub(super) enum LoadOutcome {
    /// The revision in force.
    Loaded(LoadedRevision),
    /// The file has not changed since it was last read, and the revision in force runs, or none is in force.
    Unchanged,
    /// The file changed, and waits, or a later instruction came.
    Waits,
    /// The file changed while it was read, and has to be read again.
    Changing,
    Refused(FileRefusal),
}

/// Loads what a target gives, and takes a changed file as an instruction.
pub(super) async fn load(
    (loader, ledger): (&Loader, &Ledger),
    turn: impl Future<Output = Option<OwnedSemaphorePermit>>,
    name: &PluginName,
    target: &Target,
    running: Option<Digest>,
    config: &Config,
) -> LoadOutcome {
    let file = match target {
        Target::Stored(digest) => {
            return unless_changed(loader.load_in_force(turn, name, *digest, config).await);
        }
        Target::File(file) => file,
    };
    let changed = |digest, result| ChangedFile { file: file.clone(), digest, result };
    let approval = config.plugins.approval;
    match loader.load_file(turn, name, file, running, config).await {
        LoadResult::Changed(done, bytes) => {
            let revision = done.revision;
            let changed = changed(revision.revision.digest, Ok((bytes, done.facts)));
            if ledger.take_file(name, changed, approval).await {
                LoadOutcome::Loaded(revision)
            } else {
                LoadOutcome::Waits
            }
        }
        LoadResult::Refused(refusal, Some(digest)) if !refusal.is_temporary => {
            ledger.take_file(name, changed(digest, Err(refusal.reason.clone())), approval).await;
            LoadOutcome::Refused(refusal)
        }
        other => unless_changed(other),
    }
}

fn unless_changed(result: LoadResult) -> LoadOutcome {
    match result {
        LoadResult::Loaded(loaded) => LoadOutcome::Loaded(loaded),
        LoadResult::Unchanged => LoadOutcome::Unchanged,
        LoadResult::Refused(refusal, _) => LoadOutcome::Refused(refusal),
        LoadResult::Changing | LoadResult::Changed(..) => LoadOutcome::Changing,
    }
}

/// The handlers of a revision that was loaded under this config, for the next start.
pub(super) fn known_handlers(revision: &Revision, config_digest: Digest) -> KnownHandlers {
    KnownHandlers {
        interfaces: revision.interfaces().map(ToOwned::to_owned).collect(),
        patterns: revision.subscriptions.clone(),
        config_digest: revision.has_generic_handler().then_some(config_digest),
    }
}
