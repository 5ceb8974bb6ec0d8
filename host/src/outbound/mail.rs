//! Email, as `[email]` says.

use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;

use super::failure::{Failure, Kind, excerpt};
use super::grants::Grants;
use super::message::{Letter, is_ascii, mailbox};
use super::smtp::{Handover, Server};
use super::{EffectContext, Sent, wire};
use crate::config;
use crate::effect::{Email, Progress, TryOutcome};

/// What is kept of one answer of a server, and of all to one email.
const EXCERPT_MAX_BYTES: usize = 500;
const DETAIL_MAX_BYTES: usize = 4000;

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
        let letter = Letter::of(email)?;
        letter.check(grants)?;
        let (from, _) = self.by()?;
        letter.check_headers(from)
    }

    /// Hands an email over to those recipients that have no part of it yet.
    pub(super) async fn send(&self, context: &EffectContext<'_>, email: &Email) -> Sent {
        let mut sent = self.try_to_send(context, email).await.unwrap_or_else(Sent::from);
        sent.detail = excerpt(context.mask, &sent.detail, false, DETAIL_MAX_BYTES);
        sent
    }

    async fn try_to_send(&self, context: &EffectContext<'_>, email: &Email) -> Result<Sent, Failure> {
        let letter = Letter::of(email)?;
        letter.check(context.grants)?;
        let (from, server) = self.by()?;
        if let Some(failure) = server.unusable() {
            return Err(failure);
        }
        let ms = self.config.timeout_ms;
        let sent = hand_over(context, &letter, from, server);
        tokio::time::timeout(Duration::from_millis(ms), sent).await.unwrap_or_else(|_| {
            let detail = format!("the SMTP server did not take it within {ms} ms (email.timeout_ms)");
            Err(Failure::new(Kind::Timeout, detail))
        })
    }

    fn by(&self) -> Result<&(Mailbox, Server), Failure> {
        self.by.as_ref().ok_or_else(|| {
            Failure::new(Kind::Host, "this host sends no email: `email.smtp` is not set in its configuration")
        })
    }
}

async fn hand_over(
    context: &EffectContext<'_>,
    letter: &Letter<'_>,
    from: &Mailbox,
    server: &Server,
) -> Result<Sent, Failure> {
    let mut progress = context.progress.clone();
    let all = letter.recipients();
    let is_open = |to: &&Address| {
        let to: &str = to.as_ref();
        !progress.refused.contains_key(to) && !progress.delivered.iter().any(|delivered| delivered == to)
    };
    let open: Vec<Address> = all.iter().filter(is_open).cloned().collect();
    let session = server.session().await?;
    let utf8 = session.takes_utf8();
    let (open, unfit): (Vec<_>, Vec<_>) = open.into_iter().partition(|to| utf8 || is_ascii(to));
    progress.refused.extend(unfit.iter().map(|to| (to.to_string(), wire::NO_UTF8.to_owned())));
    if !utf8 && !is_ascii(&from.email) {
        return Err(Failure::new(Kind::Host, format!("`email.from`: {}", wire::NO_UTF8)));
    }
    let handed = if open.is_empty() {
        Handover::to_nobody()
    } else {
        session.hand_over(&from.email, &open, &letter.message(from, context.key, utf8)?).await?
    };
    let said = |said: &str| excerpt(context.mask, said, false, EXCERPT_MAX_BYTES);
    progress.refused.extend(handed.refused.iter().map(|(to, why)| (to.to_string(), said(why))));
    let deferred: Vec<_> = handed.deferred.iter().map(|(to, why)| (to.to_string(), said(why))).collect();
    let answer = match handed.answer {
        Ok(answer) => {
            progress.delivered.extend(handed.accepted.iter().map(ToString::to_string));
            said(&answer)
        }
        // What is known of the others stays known.
        Err(failure) => return Ok(Sent { progress: Some(progress), ..failure.into() }),
    };
    let outcome = match (deferred.is_empty(), progress.refused.is_empty()) {
        (false, _) => TryOutcome::Retry,
        (true, false) => TryOutcome::Refused,
        (true, true) => TryOutcome::Done,
    };
    let detail = if all.len() == 1 {
        let alone = deferred.first().map(|(_, why)| why).or_else(|| progress.refused.values().next());
        alone.cloned().unwrap_or(answer)
    } else {
        describe(&answer, &handed.accepted, &deferred, &progress)
    };
    Ok(Sent { outcome, detail, after: None, progress: Some(progress) })
}

/// Who got it, who did not, and why.
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
    if parts.is_empty() { "handed over before".into() } else { parts.join("; ") }
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
    Letter::of(&sample).and_then(|letter| letter.check_headers(&from)).map_err(unusable)?;
    Ok(from)
}
