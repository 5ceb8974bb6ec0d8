//! Destinations of requests, checked against a plugin's grants.

use std::net::IpAddr;

use url::Url;

use super::failure::{FailureKind, OutboundFailure};
use super::grants::{Grants, Origin};

/// A granted origin, and the internal addresses that its name may resolve to. Plugins with equal destinations share
/// pooled connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Destination {
    pub(super) origin: Origin,
    pub(super) granted: Vec<IpAddr>,
    /// The plugin's section in the configuration, for messages.
    pub(super) section: String,
    /// Whether the operator alone chose it, so that it may be internal.
    pub(super) of_operator: bool,
}

impl Destination {
    /// The destination of a URL, if its origin is granted. An address in it is an origin like any other.
    pub(super) fn of(url: &Url, grants: &Grants) -> Result<Self, OutboundFailure> {
        let origin = Origin::of(url)?;
        if !url.username().is_empty() || url.password().is_some() {
            let why = format!("a user or password in the URL of {origin}: use the header authorization");
            return Err(OutboundFailure::new(FailureKind::Malformed, why));
        }
        if !grants.origin(&origin) {
            return Err(OutboundFailure::new(
                FailureKind::NotGranted,
                grants.missing(&origin.to_string(), "http"),
            ));
        }
        let mut granted: Vec<IpAddr> = Vec::new();
        if origin.address().is_none() {
            let addresses = grants.addresses(&origin.scheme, origin.port).into_iter();
            granted.extend(addresses.map(|address| address.to_canonical()));
            granted.sort_unstable();
        }
        Ok(Self { origin, granted, section: grants.section(), of_operator: false })
    }

    /// The receiver of an alert.
    pub(super) fn of_operator(url: &Url) -> Result<Self, OutboundFailure> {
        let section = "[[alerts]]".to_owned();
        Ok(Self { origin: Origin::of(url)?, granted: Vec::new(), section, of_operator: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PluginName;
    use crate::outbound::grants::WebhookGrants;

    fn of(url: &str, granted: &[&str]) -> Result<Destination, String> {
        let http = granted.iter().map(|&origin| origin.into()).collect();
        let plugin = PluginName::new("sms").unwrap();
        let grants = Grants {
            plugin,
            http,
            credentials: Vec::new(),
            email: Vec::new(),
            emit: Vec::new(),
            webhooks: WebhookGrants::default(),
        };
        Destination::of(&Url::parse(url).unwrap(), &grants).map_err(|failure| failure.detail)
    }

    #[test]
    fn only_granted_origins_are_reached_however_they_are_written() {
        let loopback = ["http://127.0.0.1:9000"];
        for (url, granted) in [
            ("https://sms.example.gn/a?b#c", &["https://sms.example.gn"][..]),
            ("https://SMS.example.gn:443/", &["https://sms.example.gn"]),
            ("http://127.0.0.1:9000/x", &loopback),
            ("http://2130706433:9000/", &loopback),
            ("http://0x7f.1:9000/", &loopback),
            ("http://0177.0.0.1:9000/", &loopback),
            ("http://[0:0::1]/", &["http://[::1]"]),
            ("http://[::ffff:127.0.0.1]/", &["http://[::ffff:127.0.0.1]"]),
        ] {
            assert!(of(url, granted).is_ok(), "{url} {granted:?}");
        }
    }

    #[test]
    fn a_destination_without_a_grant_is_refused_and_the_grant_is_named() {
        let some = ["https://sms.example.gn", "http://127.0.0.1:9000"];
        for (url, origin) in [
            ("http://sms.example.gn/", "http://sms.example.gn"),
            ("https://sms.example.gn:8443/?secret", "https://sms.example.gn:8443"),
            ("https://sms.example.gn.evil.example/", "https://sms.example.gn.evil.example"),
            ("https://sms.example.gn./", "https://sms.example.gn."),
            ("http://127.0.0.1/", "http://127.0.0.1"),
            ("http://127.0.0.1:9001/", "http://127.0.0.1:9001"),
            ("https://127.0.0.1:9000/", "https://127.0.0.1:9000"),
            ("http://localhost:9000/", "http://localhost:9000"),
            ("http://2130706433/", "http://127.0.0.1"),
            ("http://0x7f.1/", "http://127.0.0.1"),
            ("http://0177.0.0.1/", "http://127.0.0.1"),
            ("http://127.1/", "http://127.0.0.1"),
            ("http://0/", "http://0.0.0.0"),
            ("http://[::1]:9000/", "http://[::1]:9000"),
            ("http://[::ffff:127.0.0.1]:9000/", "http://[::ffff:7f00:1]:9000"),
            ("http://169.254.169.254/latest/meta-data", "http://169.254.169.254"),
        ] {
            let message = of(url, &some).unwrap_err();
            assert_eq!(message, format!("{origin} is not granted: add it to `http` in [plugin.sms]"));
        }
    }

    #[test]
    fn other_schemes_and_passwords_are_refused_with_any_grant() {
        for url in ["file:///etc/passwd", "ftp://sms.example.gn/", "data:text/plain,x", "unix:/run/x"] {
            let message = of(url, &["https://sms.example.gn"]).unwrap_err();
            assert!(message.contains("https:// or http://"), "{message}");
        }
        let message = of("https://user:hunter2@sms.example.gn/", &["https://sms.example.gn"]).unwrap_err();
        assert!(message.contains("password in the URL") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn a_granted_address_covers_its_own_scheme_and_port_only() {
        let granted = ["http://crm.example", "http://10.0.0.5", "http://10.0.0.6:8080", "https://10.0.0.7"];
        let destination = of("http://crm.example/", &granted).unwrap();
        assert_eq!(destination.granted, ["10.0.0.5".parse::<IpAddr>().unwrap()]);
    }
}
