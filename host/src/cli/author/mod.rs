//! What the verbs for plugin authors share: SDKs and templates, folders, languages, and their tools.

pub(super) mod asks;
pub(super) mod build;
mod embedded;
pub(super) mod folder;
pub(super) mod language;
pub(super) mod new;
pub(super) mod report;
mod template;
mod tool;
