//! What an operator lets a plugin reach.

use crate::config;
use crate::event::PluginName;

/// The grants of one plugin, as its section of the configuration has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Whose they are, for messages.
    pub plugin: PluginName,
    /// `http`: origins, `scheme://host[:port]`, lower case, without the scheme's own port.
    pub http: Vec<String>,
    /// `email`: recipients, `*`, `*@domain` or an address, lower case.
    pub email: Vec<String>,
}

impl Grants {
    /// What the configuration says of this plugin.
    #[must_use]
    pub fn of(plugin: &PluginName, config: &config::Plugin) -> Self {
        Self { plugin: plugin.clone(), http: config.http.clone(), email: config.email.clone() }
    }
}
