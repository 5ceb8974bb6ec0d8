//! Records in the audit log what the host finds in its files: plugins, and the configuration.

use serde_json::json;
use tokio::sync::mpsc;

use crate::audit::{ActorKind, Decision, Record};
use crate::config::{Changes, Loaded};
use crate::db::Db;
use crate::event::{Digest, PluginName};
use crate::plugins::FileChange;

/// Records that one transaction writes.
const BATCH: usize = 256;

/// The action of entries about plugins' files.
const PLUGIN_FILE: &str = "plugin.file";

/// The queue of records, which a task writes, so that nobody waits for the database.
#[derive(Clone)]
pub(super) struct Observations(mpsc::UnboundedSender<Record>);

impl Observations {
    /// Starts the task. It ends when all clones are dropped.
    pub(super) fn start(db: Db) -> Self {
        let (records, mut queue) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while queue.recv_many(&mut batch, BATCH).await > 0 {
                if let Err(error) = db.record(std::mem::take(&mut batch)).await {
                    tracing::warn!("changes of files are not in the audit log: {error}");
                }
            }
        });
        Self(records)
    }

    /// A change of a plugin's file.
    pub(super) fn plugin_file(&self, plugin: &PluginName, change: FileChange) {
        let after = match change {
            FileChange::Loaded(digest) => json!({ "state": "loaded", "revision": digest }),
            FileChange::Waits(digest) => json!({ "state": "waiting", "revision": digest }),
            FileChange::Refused(digest) => json!({ "state": "refused", "revision": digest }),
            FileChange::Removed => json!({ "state": "removed" }),
        };
        let by = Decision::of_kind(ActorKind::File, format!("{plugin}.wasm"));
        self.send(by.record(PLUGIN_FILE, plugin.as_str()).after(after));
    }

    /// The configuration at the start, or after a change. Its digest leaves secrets out.
    pub(super) fn config(&self, loaded: &Loaded, changes: Option<&Changes>) {
        let file = loaded.path.as_deref().or(loaded.followed.as_deref());
        let file = file.map_or_else(|| "defaults".into(), |path| path.display().to_string());
        let by = Decision::of_kind(ActorKind::Config, file);
        let digest = Digest::of(format!("{:?}", loaded.config).as_bytes());
        let result = changes.map_or_else(|| "read at the start".into(), describe);
        self.send(by.record("config.change", "config").after(json!({ "settings": digest })).result(result));
    }

    fn send(&self, record: Record) {
        // Without the task the host is ending.
        let _ = self.0.send(record.observed());
    }
}

/// The names of the keys that changed.
fn describe(changes: &Changes) -> String {
    let live = changes.live.iter().map(String::as_str);
    let refused = changes.refused.iter().map(|refusal| format!("{} (after a restart)", refusal.key));
    live.map(str::to_owned).chain(refused).collect::<Vec<_>>().join(", ")
}
