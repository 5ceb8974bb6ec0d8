//! The first output of `serve` and `dev`: new secrets, addresses, and the files of the secret and the token.

use std::net::SocketAddr;

use super::failure::Failure;
use super::out;
use super::send::base_url;
use super::settings::{NewSecret, Settings};
use crate::Host;

/// Prints new secrets on stdout, once: before the host starts, since the start may fail.
pub(super) fn print_new_secrets(secrets: &[NewSecret]) -> Result<(), Failure> {
    secrets.iter().try_for_each(|secret| {
        let NewSecret { what, value, path } = secret;
        out::print(&format!(
            "A new {what} was made, and is kept in {}:\n  {}\n",
            path.display(),
            value.expose()
        ))
    })
}

/// Prints the addresses of the host on stdout.
pub(super) fn print(settings: &Settings, host: &Host) -> Result<(), Failure> {
    out::print(&describe(settings, host.webhook_addr(), host.admin_addr()))
}

fn describe(settings: &Settings, webhooks: SocketAddr, admin: SocketAddr) -> String {
    let config = settings.config();
    let names: Vec<_> = config.sources.keys().map(ToString::to_string).collect();
    let sources = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let secret = settings.secret_path().map(|path| format!("   secret: {path}")).unwrap_or_default();
    let own = settings.file().filter(|_| settings.secret_path().is_some());
    let own = own.map(|file| format!(" ({} names none)", file.display())).unwrap_or_default();
    let (webhooks, admin) = (base_url(webhooks), base_url(admin));
    let lines = [
        format!("hookyard {}", super::VERSION),
        format!("  config     {}", settings.file_or_default()),
        format!("  webhooks   {webhooks}/webhooks/{{source}}   sources: {sources}{own}{secret}"),
        format!("  pages      {admin}/"),
        format!("  admin API  {admin}/api/v1   token: {}", settings.token_path()),
        format!("  plugins    {}", config.plugins.dir.display()),
    ];
    lines.join("\n")
}
