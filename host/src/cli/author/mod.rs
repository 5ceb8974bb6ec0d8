//! The parts that the verbs for plugin authors share: SDKs and templates, folders, languages, and
//! their tools.

pub(super) mod asks;
pub(super) mod build;
pub(super) mod embedded;
pub(super) mod folder;
pub(super) mod language;
pub(super) mod new;
pub(super) mod packages;
pub(super) mod report;
pub(super) mod sources;
mod template;
pub(super) mod test;
mod tool;
