//! What `serve` and `dev` say first: secrets made just now, where they listen, and where the secret and
//! the token are.

use std::net::SocketAddr;

use super::failure::Failure;
use super::out;
use super::send::base_url;
use super::settings::{Made, Settings};
use crate::Host;

/// Prints what was made just now, on stdout, and never again: before the host starts, since it may not.
pub(super) fn print_made(made: &[Made]) -> Result<(), Failure> {
    made.iter().try_for_each(|made| {
        let Made { what, value, place } = made;
        out::line(&format!(
            "A new {what} was made, and is kept in {}:\n  {}\n",
            place.display(),
            value.expose()
        ))
    })
}

/// Prints where the host is, on stdout.
pub(super) fn print(settings: &Settings, host: &Host) -> Result<(), Failure> {
    out::line(&told(settings, host.webhook_addr(), host.admin_addr()))
}

fn told(settings: &Settings, webhooks: SocketAddr, admin: SocketAddr) -> String {
    let config = settings.config();
    let names: Vec<_> = config.sources.keys().map(ToString::to_string).collect();
    let sources = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let secret = settings.secret_place().map(|place| format!("   secret: {place}")).unwrap_or_default();
    let (webhooks, admin) = (base_url(webhooks), base_url(admin));
    let lines = [
        format!("hookyard {}", env!("CARGO_PKG_VERSION")),
        format!("  config     {}", settings.file_or_default()),
        format!("  webhooks   {webhooks}/webhooks/{{source}}   sources: {sources}{secret}"),
        format!("  pages      {admin}/"),
        format!("  admin API  {admin}/api/v1   token: {}", settings.token_place()),
        format!("  plugins    {}", config.plugins.dir.display()),
    ];
    lines.join("\n")
}
