//! Grants: the destinations that an operator allows for a plugin.

use std::net::IpAddr;

use url::{Host, Url};

use super::failure::{FailureKind, OutboundFailure};
use crate::config::{self, Secret};
use crate::event::{EventPattern, PluginName};

/// The grants of one plugin, from its section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The plugin's name, for messages.
    pub plugin: PluginName,
    /// `http`: origins, `scheme://host[:port]`, lower case, without the scheme's own port.
    pub http: Vec<String>,
    /// `http_credentials`: the origins that may get the credentials of another one after a redirect.
    pub credentials: Vec<String>,
    /// `email`: recipients, `*`, `*@domain` or an address, lower case.
    pub email: Vec<String>,
    /// `emit`: event types, `*`, `invoice.*` or `invoice.created`.
    pub emit: Vec<String>,
    /// How effects become webhooks of partners.
    pub webhooks: WebhookGrants,
}

/// How effects become webhooks, by origin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookGrants {
    /// `webhook_keys`: the keys with which effects are signed.
    pub keys: Vec<(String, Secret)>,
    /// `cloudevents`: the origins that get effects as `CloudEvents`.
    pub cloudevents: Vec<String>,
}

impl Grants {
    /// The grants in a plugin's section.
    #[must_use]
    pub fn of(plugin: &PluginName, config: &config::Plugin) -> Self {
        Self {
            plugin: plugin.clone(),
            http: config.http.clone(),
            credentials: config.http_credentials.clone(),
            email: config.email.clone(),
            emit: config.emit.clone(),
            webhooks: WebhookGrants {
                keys: config.webhook_keys.clone().into_iter().collect(),
                cloudevents: config.cloudevents.clone(),
            },
        }
    }

    /// Checks that this event type may be emitted.
    pub(super) fn check_event_type(&self, event_type: &str) -> Result<(), OutboundFailure> {
        let is_granted = self.emit.iter().any(|granted| EventPattern::new(granted).matches(event_type));
        if is_granted {
            return Ok(());
        }
        let what = format!("event type `{event_type}`");
        Err(OutboundFailure::new(FailureKind::NotGranted, self.missing(&what, "emit")))
    }

    /// Whether this origin is granted.
    pub(super) fn origin(&self, origin: &Origin) -> bool {
        origins(&self.http).any(|granted| granted == *origin)
    }

    /// Whether this origin may get credentials when another one redirects there.
    pub(super) fn may_get_credentials(&self, origin: &Origin) -> bool {
        origins(&self.credentials).any(|granted| granted == *origin)
    }

    /// The key with which effects to this origin are signed as Standard Webhooks.
    pub(super) fn webhook_key(&self, origin: &Origin) -> Option<Vec<u8>> {
        let is_of = |granted: &str| {
            Url::parse(granted).is_ok_and(|url| Origin::of(&url).is_ok_and(|of| of == *origin))
        };
        let (_, key) = self.webhooks.keys.iter().find(|(granted, _)| is_of(granted))?;
        key.webhook_key().ok()
    }

    /// Whether this origin gets effects as `CloudEvents`.
    pub(super) fn is_cloudevents(&self, origin: &Origin) -> bool {
        origins(&self.webhooks.cloudevents).any(|granted| granted == *origin)
    }

    /// The addresses that are granted by number, at this scheme and port.
    pub(super) fn addresses(&self, scheme: &str, port: u16) -> Vec<IpAddr> {
        let at = |origin: Origin| (origin.scheme == scheme && origin.port == port).then(|| origin.address());
        origins(&self.http).filter_map(at).flatten().collect()
    }

    /// Whether this address is a granted recipient. Domains are compared in their ASCII form (IDNA).
    pub(super) fn recipient(&self, user: &str, domain: &str) -> bool {
        let (user, domain) = (user.to_lowercase(), ascii_domain(domain));
        self.email.iter().any(|granted| match granted.rsplit_once('@') {
            None => granted == "*",
            Some((granted_user, granted_domain)) => {
                (granted_user == "*" || granted_user.to_lowercase() == user)
                    && domain.is_some()
                    && ascii_domain(granted_domain) == domain
            }
        })
    }

    /// The message about a missing grant, with its key in the configuration.
    pub(super) fn missing(&self, what: &str, key: &str) -> String {
        format!("{what} is not granted: add it to `{key}` in {}", self.section())
    }

    /// The plugin's section of the configuration.
    pub(super) fn section(&self) -> String {
        let name = self.plugin.as_str();
        if name.contains('.') { format!("[plugin.\"{name}\"]") } else { format!("[plugin.{name}]") }
    }
}

/// Parses origins as URLs, so that each spelling of an address is the same origin.
fn origins(written: &[String]) -> impl Iterator<Item = Origin> {
    written.iter().filter_map(|text| Origin::of(&Url::parse(text).ok()?).ok())
}

/// A domain in ASCII and lower case, without a trailing dot. `None` if it is no domain.
pub(super) fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii(domain).ok()?;
    let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
    (!ascii.is_empty()).then(|| ascii.to_owned())
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) scheme: String,
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` URL.
    pub(super) fn of(url: &Url) -> Result<Self, OutboundFailure> {
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https") {
            let why = format!("a URL begins with https:// or http://, this one with {scheme}:");
            return Err(OutboundFailure::new(FailureKind::Malformed, why));
        }
        match (url.host(), url.port_or_known_default()) {
            (Some(host), Some(port)) => Ok(Self { scheme: scheme.into(), host: host.to_owned(), port }),
            _ => Err(OutboundFailure::new(FailureKind::Malformed, "the URL names no host")),
        }
    }

    /// The address, if the host is one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_granted_by_name_or_prefix() {
        let granted = |emit: &[&str], event_type: &str| {
            let emit = emit.iter().map(ToString::to_string).collect();
            let config = config::Plugin { emit, ..config::Plugin::default() };
            Grants::of(&PluginName::new("p").unwrap(), &config).check_event_type(event_type)
        };
        for (emit, event_type, expected) in [
            (&["invoice.*"][..], "invoice.created", true),
            (&["invoice.*"], "invoices.created", false),
            (&["invoice.*"], "invoice", false),
            (&["invoice.created"], "invoice.created", true),
            (&["invoice.created"], "invoice.created.twice", false),
            (&["a.b", "*"], "anything", true),
            (&[], "invoice.created", false),
        ] {
            assert_eq!(granted(emit, event_type).is_ok(), expected, "{emit:?} {event_type}");
        }
        let missing = granted(&[], "invoice.created").unwrap_err().detail;
        assert_eq!(missing, "event type `invoice.created` is not granted: add it to `emit` in [plugin.p]");
    }
}
