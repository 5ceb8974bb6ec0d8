//! A build that starts before the next change of a plugin, in a language whose builds do most of their work without
//! the plugin's sources.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::process::Child;

use super::super::folder::Folder;
use super::super::language::{Language, Project};
use super::python;

/// The one waiting build of this process: that of the plugin that was built last. It holds memory (400 MB for Python).
/// The waiting process ends with its standard input, so it ends when this is dropped.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct NextBuild(Arc<Mutex<Option<Child>>>);

impl NextBuild {
    /// Starts the next build of a plugin after a successful one. If it does not start, the next build takes longer.
    pub(in crate::cli) async fn start(&self, folder: &Folder) {
        if folder.project != Project::Sdk(Language::Python) {
            return;
        }
        let started = python::start_next(folder).await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = started;
    }
}
