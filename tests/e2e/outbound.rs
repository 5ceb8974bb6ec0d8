//! What leaves the host on a plugin's behalf, against real servers.

mod email;
mod fetch;
mod forbidden;
mod http;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use hookyard::config::Config;
use hookyard::effect::HttpRequest;
use hookyard::event::PluginName;
use hookyard::outbound::{Found, Grants, Names, Outbound};

/// Host names of a test's own.
#[derive(Default)]
struct Hosts(HashMap<&'static str, Vec<SocketAddr>>);

impl Names for Hosts {
    fn find(&self, host: &str) -> Found {
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
    Outbound::with_names(&config.http, &config.email, Arc::new(Hosts(hosts.collect()))).unwrap()
}

fn grants(http: &[&str], email: &[&str]) -> Grants {
    let all = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect();
    Grants { plugin: PluginName::new("sms").unwrap(), http: all(http), email: all(email) }
}

/// A port where nobody listens.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn request(method: &str, url: &str, body: &str) -> HttpRequest {
    HttpRequest { method: method.into(), url: url.into(), headers: Vec::new(), body: body.into() }
}
