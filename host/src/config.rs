//! The configuration: typed, validated, and the only reader of files and environment.
//!
//! `sections/` has every key with its type, default, range and documentation; `host/config.default.toml`, which is
//! embedded, is generated from it. A configuration that leaves this room is complete: references are read, paths are
//! resolved, values are in range. It opens no sockets and no database, and never prints a secret.

mod changes;
mod check;
mod environment;
mod files;
mod formats;
mod kept;
mod load;
mod locate;
mod pointed;
mod presets;
mod private_dir;
mod reply;
mod scheme;
mod section;
mod sections;
mod source;
mod source_check;
mod source_secret;
mod template;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::event::{PluginName, SourceName};

use section::{Key, Section as _};

pub use changes::{Changes, ConfigState, Refusal, apply_live, changes};
#[cfg(debug_assertions)]
pub(crate) use environment::kill_at;
pub use environment::{
    MAKING_VARIABLE, SECRET_VARIABLE, making, read_secret, search_path, signing_secret, user_cache_dir,
};
pub use kept::{
    ADMIN_TOKEN, LISTENING, WEBHOOK_SECRET, admin_token, kept_admin_token, kept_cache_key, listening,
    remote_token, remote_url,
};
pub use load::{ConfigError, DEFAULT_FILE, DEFAULT_TEXT, LOG_VARIABLE, Loaded, Problem, log_level};
pub use pointed::find_values;
pub use presets::Scheme;
pub use private_dir::{PrivateDir, PrivateEntry};
pub use reply::Reply;
pub use scheme::{
    Algorithm, Encoding, Handshake, PICKED_MAX, SignatureAt, SignaturePlace, SignedContent, TimestampUnit,
    ValueSeparator, Verification,
};
pub use sections::{
    Admin, Alert, Condition, Database, Dev, Dispatch, Effects, Email, Http, Log, Plugin, Plugins, Protocol,
    Retention, Revisions, Runtime, Search, Server, Store, Telemetry, Verifiers,
};
pub use source::{Source, TraceTrust};
pub use source_check::SEARCH_POINTERS_MAX;
pub use source_secret::SourceSecret;
pub use template::{FieldPlaces, HeaderPlace, Part, Template, ValuePlace};
pub use values::{Approval, EVENT_TYPE_MAX_BYTES, Instances, POINTER_MAX_TOKENS, Pointer, Ratio, Secret};

/// All of `hookyard.toml`. The sections of the host, in the order of the reference.
macro_rules! config {
    ($($section:ident: $type:ident,)+) => {
        /// All of `hookyard.toml`.
        #[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $(
                #[doc = concat!("`[", stringify!($section), "]`")]
                pub $section: $type,
            )+
            /// `[sources.NAME]`: who may send.
            pub sources: BTreeMap<SourceName, Source>,
            /// `[[alerts]]`: who is told of which problems.
            pub alerts: Vec<Alert>,
            /// `[plugin.NAME]`: settings of single plugins.
            pub plugin: BTreeMap<PluginName, Plugin>,
        }

        impl Config {
            /// The keys of the host's sections with values outside of their ranges, and the valid range.
            fn out_of_range(&self) -> Vec<(&'static str, &'static str, String)> {
                let mut found = Vec::new();
                $(found.extend(
                    self.$section.out_of_range().into_iter().map(|(key, why)| (stringify!($section), key, why)),
                );)+
                found
            }

            /// The keys of the host's sections whose values differ, with their sections.
            fn differing(&self, other: &Self) -> Vec<(&'static str, &'static Key)> {
                let mut found = Vec::new();
                $(found.extend(
                    self.$section.differing(&other.$section).into_iter().map(|key| (stringify!($section), key)),
                );)+
                found
            }

            /// Takes the values of all keys that a running host does not change.
            fn keep_fixed(&mut self, running: &Self) {
                $(self.$section.keep_fixed(&running.$section);)+
            }

            /// The reference of the host's sections.
            #[cfg(test)]
            fn reference() -> String {
                [$(tests::reference::section::<$type>(stringify!($section), false)),+].join("\n")
            }
        }
    };
}

config! {
    server: Server,
    admin: Admin,
    database: Database,
    retention: Retention,
    search: Search,
    plugins: Plugins,
    revisions: Revisions,
    verifiers: Verifiers,
    dispatch: Dispatch,
    runtime: Runtime,
    store: Store,
    effects: Effects,
    http: Http,
    email: Email,
    log: Log,
    telemetry: Telemetry,
    dev: Dev,
}

impl Config {
    /// The section of a plugin, or the defaults if it has none.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Cow<'_, Plugin> {
        self.plugin
            .get(name)
            .map_or_else(|| Cow::Owned(Plugin::within(self.runtime.memory_max_bytes)), Cow::Borrowed)
    }

    /// The host's directory for its generated secrets and for caches that only it may write.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        let beside = self.database.path().parent().filter(|dir| !dir.as_os_str().is_empty());
        let beside = || beside.unwrap_or(Path::new(".")).to_owned();
        self.server.data_dir.clone().unwrap_or_else(beside)
    }
}

impl Database {
    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(formats::sqlite_path(&self.url).unwrap_or(&self.url))
    }
}
