//! Decodes payloads for the handlers of a package, with the host's own decoder.

use crate::cli::inspect::{DecodedForTools, HandlersOnly};
use crate::cli::settings::Settings;
use crate::wit::{Package, Packages};

/// The handlers of one package, loaded as a host loads a plugin's.
pub(in crate::cli) struct PayloadDecoder {
    package: String,
    handlers: HandlersOnly,
}

impl PayloadDecoder {
    /// Loads the handlers of a package.
    ///
    /// # Errors
    /// The reason why a host would refuse a plugin with these handlers.
    pub(in crate::cli) async fn new(
        settings: &Settings,
        packages: &Packages,
        package: &Package,
    ) -> Result<Self, String> {
        let module = packages.module(package).map_err(|error| error.to_string())?;
        let handlers = HandlersOnly::load(settings, module).await;
        let handlers = handlers.map_err(|reason| format!("{}: {reason}", package.id))?;
        Ok(Self { package: package.config_name(), handlers })
    }

    /// Decodes the payload of an event type.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub(in crate::cli) fn decode(&self, event_type: &str, payload: &str) -> Result<DecodedForTools, String> {
        self.handlers.decode(&self.package, event_type, payload)
    }
}
