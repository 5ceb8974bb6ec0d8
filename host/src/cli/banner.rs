//! What `serve` and `dev` say first: where they listen, and where the secret and the token are.

use std::net::SocketAddr;

use super::failure::Failure;
use super::out;
use super::send::reachable;
use super::settings::Settings;
use crate::Host;

/// An address as something to open.
pub(super) fn http(listen: SocketAddr) -> String {
    format!("http://{}", reachable(listen))
}

/// Prints it, on stdout. The secret and the token appear only when they were made just now.
pub(super) fn print(settings: &Settings, host: &Host) -> Result<(), Failure> {
    out::line(&told(settings, host.webhook_addr(), host.admin_addr()))
}

fn told(settings: &Settings, webhooks: SocketAddr, admin: SocketAddr) -> String {
    let config = settings.config();
    let names: Vec<_> = config.sources.keys().map(ToString::to_string).collect();
    let sources = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let (webhooks, admin) = (http(webhooks), http(admin));
    let mut lines = vec![
        format!("hookyard {}", env!("CARGO_PKG_VERSION")),
        format!("  config     {}", settings.file_or_default()),
        format!("  webhooks   {webhooks}/webhooks/{{source}}   sources: {sources}"),
        format!("  pages      {admin}/"),
        format!("  admin API  {admin}/api/v1   token: {}", settings.token_place()),
        format!("  plugins    {}", config.plugins.dir.display()),
    ];
    lines.extend(settings.made().iter().map(|made| {
        let super::settings::Made { what, value, place } = made;
        format!("\nA new {what} was made, and is kept in {}:\n  {}", place.display(), value.expose())
    }));
    lines.join("\n")
}
