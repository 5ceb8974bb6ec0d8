//! The plugin {{name}}.

use hookyard_plugin::log::info;
use hookyard_plugin::{Context, Result, export};
{%- for module in modules %}

pub mod {{ module }};
{%- endfor %}

/// The plugin.
pub struct Plugin;

{{handlers}}

{{tests}}
