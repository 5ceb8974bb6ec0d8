//! The plugin {{name}}.

use hookyard_plugin::log::info;
use hookyard_plugin::{Context, Result, export};

/// The plugin.
pub struct Plugin;

{{handlers}}

{{tests}}