//! Email, as `[email]` says.

use std::time::Duration;

use lettre::message::Mailbox;

use super::Sent;
use super::failure::{Failure, Kind};
use super::grants::Grants;
use super::message::{Letter, mailbox};
use super::smtp::Server;
use crate::config;
use crate::effect::{Email, TryOutcome};

/// A configuration that no email can be sent with. Names no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {0}")]
pub struct Unusable(String);

/// A configuration, and what was made of it.
pub(super) struct Mailer {
    pub(super) config: config::Email,
    /// The sender and the server; `None` = this host sends no email.
    by: Option<(Mailbox, Server)>,
}

impl Mailer {
    /// Connects to nothing.
    ///
    /// # Errors
    /// [`Unusable`], which names the key.
    pub(super) fn new(config: config::Email) -> Result<Self, Unusable> {
        let by = match (&config.smtp, &config.from) {
            (Some(smtp), Some(from)) => {
                let server = Server::of(smtp.expose())
                    .map_err(|why| Unusable(format!("`email.smtp` is no server's URL: {why}")))?;
                Some((sender(from)?, server))
            }
            _ => None,
        };
        Ok(Self { config, by })
    }

    /// Everything that can be known without the network.
    pub(super) fn check(&self, grants: &Grants, email: &Email) -> Result<(), Failure> {
        Letter::of(email)?.check(grants)?;
        self.by().map(drop)
    }

    /// Hands an email over.
    pub(super) async fn send(&self, grants: &Grants, key: &str, email: &Email) -> Sent {
        self.try_to_send(grants, key, email).await.unwrap_or_else(Sent::from)
    }

    async fn try_to_send(&self, grants: &Grants, key: &str, email: &Email) -> Result<Sent, Failure> {
        let letter = Letter::of(email)?;
        letter.check(grants)?;
        let (from, server) = self.by()?;
        if let Some(failure) = server.unusable() {
            return Err(failure);
        }
        let message = letter.message(from, key)?;
        let ms = self.config.timeout_ms;
        let sent = tokio::time::timeout(Duration::from_millis(ms), server.send(&message)).await;
        let late = |_| {
            let detail = format!("the SMTP server did not take it within {ms} ms (email.timeout_ms)");
            Err(Failure::new(Kind::Timeout, detail))
        };
        Ok(Sent { outcome: TryOutcome::Done, detail: sent.unwrap_or_else(late)?, after: None })
    }

    fn by(&self) -> Result<&(Mailbox, Server), Failure> {
        self.by.as_ref().ok_or_else(|| {
            Failure::new(Kind::Host, "this host sends no email: `email.smtp` is not set in its configuration")
        })
    }
}

/// The sender, if a message can have it.
fn sender(from: &str) -> Result<Mailbox, Unusable> {
    let unusable = |failure: Failure| Unusable(format!("`email.from`: {failure}"));
    let from = mailbox(from).map_err(unusable)?;
    let sample = Email {
        to: vec![from.email.to_string()],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: None,
        subject: String::new(),
        text: String::new(),
        html: None,
        attachments: Vec::new(),
    };
    Letter::of(&sample).and_then(|letter| letter.message(&from, "0.1")).map_err(unusable)?;
    Ok(from)
}
