//! Verifiers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::verifiers;

/// The verifiers of the host.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VerifierList {
    /// The verifiers by name.
    pub items: Vec<VerifierItem>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// A verifier.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VerifierItem {
    /// Its name: its file's without `.wasm`.
    pub name: String,
    /// Whether it answers.
    pub state: VerifierItemState,
    /// SHA-256 of the file that runs, hexadecimal.
    pub revision: Option<String>,
    /// The vectors that the file that runs was admitted by.
    pub vectors: u64,
    /// The time since which that file runs, ms since the Unix epoch.
    pub since: Option<u64>,
    /// The reason why the files on disk are not those that run.
    pub refusal: Option<String>,
    /// The sources that have it.
    pub sources: Vec<String>,
}

/// Whether a verifier answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerifierItemState {
    /// It is called for requests.
    Running,
    /// No file of it was admitted: its sources are answered 503.
    Refused,
    /// Its first file is being loaded: its sources are answered 503.
    Loading,
    /// A source has it, and there is no file: the source is answered 503.
    Missing,
}

impl VerifierItemState {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Refused => "refused",
            Self::Loading => "loading",
            Self::Missing => "missing",
        }
    }
}

impl VerifierList {
    /// The verifiers that there are, and those that sources have without a file.
    pub(in crate::admin) fn new(views: Vec<verifiers::VerifierView>, config: &Config) -> Self {
        let sources = |name: &str| {
            let of = config.sources.iter().filter(|(_, source)| {
                source.verifier.as_ref().is_some_and(|verifier| verifier.as_str() == name)
            });
            of.map(|(source, _)| source.to_string()).collect()
        };
        let item = |view: verifiers::VerifierView| VerifierItem {
            sources: sources(view.name.as_str()),
            name: view.name.to_string(),
            state: match view.state {
                verifiers::VerifierState::Running => VerifierItemState::Running,
                verifiers::VerifierState::Refused => VerifierItemState::Refused,
                verifiers::VerifierState::Loading => VerifierItemState::Loading,
            },
            revision: view.digest.map(|digest| digest.to_string()),
            vectors: view.vectors as u64,
            since: view.since,
            refusal: view.refusal,
        };
        let mut items: Vec<_> = views.into_iter().map(item).collect();
        for verifier in config.sources.values().filter_map(|source| source.verifier.as_ref()) {
            if items.iter().all(|item| item.name != verifier.as_str()) {
                items.push(VerifierItem {
                    name: verifier.to_string(),
                    state: VerifierItemState::Missing,
                    revision: None,
                    vectors: 0,
                    since: None,
                    refusal: None,
                    sources: sources(verifier.as_str()),
                });
            }
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Self { items, next_cursor: None }
    }
}
