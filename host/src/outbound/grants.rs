//! What an operator lets a plugin reach.

use std::net::IpAddr;

use url::{Host, Url};

use super::failure::{Failure, Kind};
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

    /// Whether this origin is granted.
    pub(super) fn origin(&self, origin: &Origin) -> bool {
        self.origins().any(|granted| granted == *origin)
    }

    /// The addresses that are granted as such, at this scheme and port.
    pub(super) fn addresses(&self, scheme: &str, port: u16) -> Vec<IpAddr> {
        let at = |origin: Origin| (origin.scheme == scheme && origin.port == port).then(|| origin.address());
        self.origins().filter_map(at).flatten().collect()
    }

    /// Whether this address, without a name, may be sent email to.
    pub(super) fn recipient(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        self.email.iter().any(|granted| match granted.strip_prefix('*') {
            Some("") => true,
            // With the `@`, and with somebody in front of it.
            Some(domain) => address.len() > domain.len() && address.ends_with(domain),
            None => *granted == address,
        })
    }

    /// Where an operator would add what is missing.
    pub(super) fn missing(&self, what: &str, key: &str) -> String {
        format!("{what} is not granted: add it to `{key}` in {}", self.section())
    }

    /// The plugin's section of the configuration.
    pub(super) fn section(&self) -> String {
        let name = self.plugin.as_str();
        if name.contains('.') { format!("[plugin.\"{name}\"]") } else { format!("[plugin.{name}]") }
    }

    fn origins(&self) -> impl Iterator<Item = Origin> {
        // Read as URLs are, so that an address is the same however it is written.
        self.http.iter().filter_map(|text| Origin::of(&Url::parse(text).ok()?).ok())
    }
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) scheme: String,
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl Origin {
    /// Of an `http` or `https` URL.
    pub(super) fn of(url: &Url) -> Result<Self, Failure> {
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https") {
            let why = format!("a URL begins with https:// or http://, this one with {scheme}:");
            return Err(Failure::new(Kind::Malformed, why));
        }
        match (url.host(), url.port_or_known_default()) {
            (Some(host), Some(port)) => Ok(Self { scheme: scheme.into(), host: host.to_owned(), port }),
            _ => Err(Failure::new(Kind::Malformed, "the URL names no host")),
        }
    }

    /// The address, where the host is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(v4) => Some(v4.into()),
            Host::Ipv6(v6) => Some(v6.into()),
        }
    }

    /// The same scheme and port at another host.
    pub(super) fn at(&self, address: IpAddr) -> Self {
        let host = match address {
            IpAddr::V4(v4) => Host::Ipv4(v4),
            IpAddr::V6(v6) => Host::Ipv6(v6),
        };
        Self { scheme: self.scheme.clone(), host, port: self.port }
    }
}

impl std::fmt::Display for Origin {
    /// As the configuration writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, host, port } = self;
        match (scheme.as_str(), port) {
            ("http", 80) | ("https", 443) => write!(f, "{scheme}://{host}"),
            _ => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}
