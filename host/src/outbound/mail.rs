//! Sends emails as `[email]` configures.

use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;

use super::failure::{FailureKind, OutboundFailure, excerpt};
use super::grants::Grants;
use super::outgoing_email::{OutgoingEmail, is_ascii, mailbox};
use super::smtp::{Server, TransmissionResult};
use super::{EffectContext, EffectResult, wire};
use crate::config;
use crate::effect::{EffectOutcome, Email, Progress};

/// The longest recorded reply, and the longest record of all replies to one email.
const EXCERPT_MAX_BYTES: usize = 500;
const DETAIL_MAX_BYTES: usize = 4000;

/// An invalid `[email]`. Its text contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {0}")]
pub struct InvalidEmailConfig(String);

/// A configuration, with its parsed sender and server.
pub(super) struct Mailer {
    pub(super) config: config::Email,
    /// The sender and the server; `None` if `email.smtp` is not set.
    by: Option<(Mailbox, Server)>,
}

impl Mailer {
    /// Parses the configuration. It opens no connection.
    ///
    /// # Errors
    /// [`InvalidEmailConfig`], which names the key.
    pub(super) fn new(config: config::Email) -> Result<Self, InvalidEmailConfig> {
        let by = match (&config.smtp, &config.from) {
            (Some(smtp), Some(from)) => {
                let server = Server::of(smtp.expose()).map_err(|why| {
                    InvalidEmailConfig(format!("`email.smtp` is not the URL of an SMTP server: {why}"))
                })?;
                Some((sender(from)?, server))
            }
            _ => None,
        };
        Ok(Self { config, by })
    }

    /// Checks an email without the network.
    pub(super) fn check(&self, grants: &Grants, email: &Email) -> Result<(), OutboundFailure> {
        let letter = OutgoingEmail::of(email)?;
        letter.check(grants)?;
        let (from, _) = self.by()?;
        letter.check_headers(from)
    }

    /// Sends an email to the recipients that have neither received nor refused it.
    pub(super) async fn send(&self, context: &EffectContext<'_>, email: &Email) -> EffectResult {
        let mut sent = self.try_to_send(context, email).await.unwrap_or_else(EffectResult::from);
        sent.detail = excerpt(context.mask, &sent.detail, false, DETAIL_MAX_BYTES);
        sent
    }

    async fn try_to_send(
        &self,
        context: &EffectContext<'_>,
        email: &Email,
    ) -> Result<EffectResult, OutboundFailure> {
        let letter = OutgoingEmail::of(email)?;
        letter.check(context.grants)?;
        let (from, server) = self.by()?;
        if let Some(failure) = server.unusable() {
            return Err(failure);
        }
        let ms = self.config.timeout_ms;
        let sent = transmit(context, &letter, from, server);
        tokio::time::timeout(Duration::from_millis(ms), sent).await.unwrap_or_else(|_| {
            let detail =
                format!("the SMTP server did not accept the email within {ms} ms (email.timeout_ms)");
            Err(OutboundFailure::new(FailureKind::Timeout, detail))
        })
    }

    fn by(&self) -> Result<&(Mailbox, Server), OutboundFailure> {
        self.by.as_ref().ok_or_else(|| {
            OutboundFailure::new(
                FailureKind::Host,
                "this host sends no email: set `email.smtp` in its configuration",
            )
        })
    }
}

async fn transmit(
    context: &EffectContext<'_>,
    letter: &OutgoingEmail<'_>,
    from: &Mailbox,
    server: &Server,
) -> Result<EffectResult, OutboundFailure> {
    let mut progress = context.progress.clone();
    let all = letter.recipients();
    let is_open = |to: &&Address| {
        let to: &str = to.as_ref();
        !progress.refused.contains_key(to) && !progress.delivered.iter().any(|delivered| delivered == to)
    };
    let open: Vec<Address> = all.iter().filter(is_open).cloned().collect();
    let session = server.session().await?;
    let utf8 = session.supports_utf8();
    let (open, unfit): (Vec<_>, Vec<_>) = open.into_iter().partition(|to| utf8 || is_ascii(to));
    progress.refused.extend(unfit.iter().map(|to| (to.to_string(), wire::NO_UTF8.to_owned())));
    if !utf8 && !is_ascii(&from.email) {
        return Err(OutboundFailure::new(FailureKind::Host, format!("`email.from`: {}", wire::NO_UTF8)));
    }
    let handed = if open.is_empty() {
        TransmissionResult::without_recipients()
    } else {
        session.transmit(&from.email, &open, &letter.message(from, context.key, utf8)?).await?
    };
    let said = |said: &str| excerpt(context.mask, said, false, EXCERPT_MAX_BYTES);
    progress.refused.extend(handed.refused.iter().map(|(to, why)| (to.to_string(), said(why))));
    let deferred: Vec<_> = handed.deferred.iter().map(|(to, why)| (to.to_string(), said(why))).collect();
    let answer = match handed.answer {
        Ok(answer) => {
            progress.delivered.extend(handed.accepted.iter().map(ToString::to_string));
            said(&answer)
        }
        // The other recipients keep their results.
        Err(failure) => return Ok(EffectResult { progress: Some(progress), ..failure.into() }),
    };
    let outcome = match (deferred.is_empty(), progress.refused.is_empty()) {
        (false, _) => EffectOutcome::Retry,
        (true, false) => EffectOutcome::Refused,
        (true, true) => EffectOutcome::Done,
    };
    let detail = if all.len() == 1 {
        let alone = deferred.first().map(|(_, why)| why).or_else(|| progress.refused.values().next());
        alone.cloned().unwrap_or(answer)
    } else {
        describe(&answer, &handed.accepted, &deferred, &progress)
    };
    Ok(EffectResult { outcome, detail, after: None, progress: Some(progress) })
}

/// Lists the results for each recipient.
fn describe(
    answer: &str,
    accepted: &[Address],
    deferred: &[(String, String)],
    progress: &Progress,
) -> String {
    let mut parts = Vec::new();
    if !accepted.is_empty() {
        let others = !deferred.is_empty() || !progress.refused.is_empty();
        let to: Vec<&str> = accepted.iter().map(AsRef::as_ref).collect();
        parts.push(if others { format!("{answer} for {}", to.join(", ")) } else { answer.to_owned() });
    }
    parts.extend(progress.refused.iter().map(|(to, why)| format!("refused for {to}: {why}")));
    parts.extend(deferred.iter().map(|(to, why)| format!("not yet for {to}: {why}")));
    if parts.is_empty() { "accepted before".into() } else { parts.join("; ") }
}

/// Parses the sender, and checks that a message can have it.
fn sender(from: &str) -> Result<Mailbox, InvalidEmailConfig> {
    let unusable = |failure: OutboundFailure| InvalidEmailConfig(format!("`email.from`: {failure}"));
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
    OutgoingEmail::of(&sample).and_then(|letter| letter.check_headers(&from)).map_err(unusable)?;
    Ok(from)
}
