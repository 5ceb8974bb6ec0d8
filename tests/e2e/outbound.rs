//! Requests and emails that the host sends for plugins, against real servers.

mod email;
mod fetch;
mod forbidden;
mod http;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use hookyard::config::Config;
use hookyard::effect::{Email, HttpRequest, Progress};
use hookyard::event::PluginName;
use hookyard::outbound::{
    EffectContext, EffectResult, Grants, Outbound, ResolvedAddresses, Resolver, WebhookGrants,
};
use hookyard::secrets::Mask;

/// Host names of a test's own.
#[derive(Default)]
struct Hosts(HashMap<&'static str, Vec<SocketAddr>>);

impl Resolver for Hosts {
    fn resolve(&self, host: &str) -> ResolvedAddresses {
        let found = self.0.get(host).cloned().ok_or(std::io::ErrorKind::NotFound.into());
        Box::pin(std::future::ready(found))
    }
}

/// A way out with these host names, and with changed settings.
fn outbound(hosts: &[(&'static str, &[&str])], change: impl FnOnce(&mut Config)) -> Outbound {
    let mut config = Config::default();
    change(&mut config);
    let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
    let hosts = hosts.iter().map(|(host, addresses)| (*host, addresses.iter().map(address).collect()));
    Outbound::with_resolver(&config.http, &config.email, Arc::new(Hosts(hosts.collect()))).unwrap()
}

fn grants(http: &[&str], email: &[&str]) -> Grants {
    let all = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect();
    let plugin = PluginName::new("sms").unwrap();
    Grants {
        plugin,
        http: all(http),
        credentials: Vec::new(),
        email: all(email),
        emit: Vec::new(),
        webhooks: WebhookGrants::default(),
    }
}

/// The first attempt at a request.
async fn send(out: &Outbound, grants: &Grants, key: &str, request: &HttpRequest) -> EffectResult {
    let (mask, progress) = (Mask::default(), Progress::default());
    out.send(&EffectContext { grants, mask: &mask, key, progress: &progress, trace: None }, request).await
}

/// The first attempt at an email.
async fn mail(out: &Outbound, grants: &Grants, key: &str, email: &Email) -> EffectResult {
    let (mask, progress) = (Mask::default(), Progress::default());
    out.mail(&EffectContext { grants, mask: &mask, key, progress: &progress, trace: None }, email).await
}

/// An address without a listener.
fn nobody() -> SocketAddr {
    crate::support::free_address()
}

fn request(method: &str, url: &str, body: &str) -> HttpRequest {
    HttpRequest { method: method.into(), url: url.into(), headers: Vec::new(), body: body.into() }
}
