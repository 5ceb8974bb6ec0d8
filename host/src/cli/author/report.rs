//! The report of a run without a host, for people and as JSON.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::cli::{out, visible};
use crate::delivery::{Cause, Outcome};
use crate::effect::{Effect, EffectOutcome, Email, HttpRequest, KEY_HEADER};

/// One run.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Report {
    /// The plugin, and its revision.
    pub(in crate::cli) plugin: String,
    pub(in crate::cli) revision: String,
    /// The event.
    pub(in crate::cli) source: String,
    pub(in crate::cli) event: String,
    #[serde(rename = "type")]
    pub(in crate::cli) event_type: String,
    /// The attempt's number in the run.
    pub(in crate::cli) attempt: u32,
    /// The export that was called; `None` = there is none for this event.
    pub(in crate::cli) handler: Option<String>,
    pub(in crate::cli) outcome: Outcome,
    /// The cause, the reason, and the handler's requested wait before the next attempt.
    pub(in crate::cli) cause: Option<Cause>,
    pub(in crate::cli) reason: Option<String>,
    pub(in crate::cli) after_ms: Option<u64>,
    pub(in crate::cli) duration_us: u64,
    pub(in crate::cli) peak_memory_bytes: u64,
    /// Instructions, if they were counted.
    pub(in crate::cli) fuel: Option<u64>,
    /// `LEVEL text`.
    pub(in crate::cli) logs: Vec<String>,
    pub(in crate::cli) writes: Vec<StoreWrite>,
    pub(in crate::cli) effects: Vec<EffectReport>,
}

/// An entry of the store that was written.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct StoreWrite {
    pub(in crate::cli) bucket: String,
    pub(in crate::cli) key: String,
    #[serde(flatten)]
    pub(in crate::cli) value: WrittenValue,
}

/// A written value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum WrittenValue {
    /// Text.
    #[serde(rename = "value")]
    Text(String),
    /// Bytes that are none.
    Base64(String),
    /// Deleted: always true.
    Deleted(bool),
}

impl WrittenValue {
    /// The value after a write.
    pub(in crate::cli) fn from_write(written: Option<&[u8]>) -> Self {
        match written.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => Self::Deleted(true),
            Some((_, Ok(text))) => Self::Text(text.to_owned()),
            Some((bytes, Err(_))) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// The same with changed text, if it is text.
    pub(in crate::cli) fn map_text(self, change: impl Fn(&str) -> String) -> Self {
        if let Self::Text(text) = self { Self::Text(change(&text)) } else { self }
    }
}

/// An effect, without secrets.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct EffectReport {
    pub(in crate::cli) key: String,
    #[serde(flatten)]
    pub(in crate::cli) effect: Effect,
    /// The reason why a host with this config would reject the effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) refused: Option<String>,
    /// The result, if it was performed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) performed: Option<EffectResult>,
}

/// The result of an effect.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct EffectResult {
    pub(in crate::cli) outcome: EffectOutcome,
    pub(in crate::cli) detail: String,
}

impl Report {
    /// Whether the delivery would be done, each performed effect succeeded, and a host would take the others.
    pub(in crate::cli) fn is_success(&self) -> bool {
        let failed = |effect: &EffectReport| match &effect.performed {
            Some(performed) => performed.outcome != EffectOutcome::Done,
            None => effect.refused.is_some(),
        };
        self.outcome == Outcome::Done && !self.effects.iter().any(failed)
    }

    /// Formats the whole report for people.
    pub(in crate::cli) fn describe(&self) -> String {
        let handler = self.handler.as_deref().unwrap_or("no handler");
        let mut text =
            format!("{}  {}\n  {}", out::escape(&self.event_type), out::escape(&self.event), handler);
        for line in &self.logs {
            let _ = write!(text, "\n  | {}", visible::escape_continued(line, "  |   "));
        }
        for write in &self.writes {
            let _ = write!(text, "\n  {}", write.describe());
        }
        for effect in &self.effects {
            let _ = write!(text, "\n  {}", effect.describe().replace('\n', "\n    "));
        }
        let _ = write!(text, "\n{}", self.describe_outcome());
        text
    }

    fn describe_outcome(&self) -> String {
        let (took, memory) =
            (out::format_duration(self.duration_us), out::format_size(self.peak_memory_bytes));
        let mut text = match self.outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Retry => "retry".to_owned(),
            Outcome::Rejected => "rejected".to_owned(),
        };
        let _ = write!(text, " in {took}, {memory}");
        if let Some(fuel) = self.fuel {
            let _ = write!(text, ", {fuel} instructions");
        }
        if let Some(after) = self.after_ms {
            let _ = write!(text, "; it asks for the next attempt after {after} ms");
        }
        if let Some(reason) = &self.reason {
            let _ = write!(text, "\n  ! {}", visible::escape_continued(reason, "  ! "));
        }
        if self.outcome != Outcome::Done {
            text.push_str("\n  nothing is written and nothing is sent");
        }
        let is_refused = |effect: &&EffectReport| effect.refused.is_some() && effect.performed.is_none();
        let refused = self.effects.iter().filter(is_refused).count() as u64;
        if refused > 0 {
            let effects = out::format_count(refused, "effect", "effects");
            let _ = write!(text, "\n  ! a host with this config would refuse {effects}");
        }
        text
    }
}

impl StoreWrite {
    fn describe(&self) -> String {
        let place = format!("{}/{}", out::escape(&self.bucket), out::escape(&self.key));
        match &self.value {
            WrittenValue::Text(text) => format!("store {place} = {}", out::escape(text)),
            WrittenValue::Base64(text) => format!("store {place} = base64 {text}"),
            WrittenValue::Deleted(_) => format!("store {place} is deleted"),
        }
    }
}

impl EffectReport {
    fn describe(&self) -> String {
        let mut text = format_effect(&self.effect, &self.key);
        if let Some(refused) = self.refused.as_ref().filter(|_| self.performed.is_none()) {
            let _ = write!(text, "\n→ a host would refuse it: {}", out::escape(refused));
        }
        if let Some(EffectResult { outcome, detail }) = &self.performed {
            let outcome = match outcome {
                EffectOutcome::Done => "sent",
                EffectOutcome::Retry | EffectOutcome::Crash => "not sent, a host would try again",
                EffectOutcome::Refused => "not sent, a host would not try again",
            };
            let _ = write!(text, "\n→ {outcome}: {}", out::escape(detail));
        }
        text
    }
}

/// Formats an effect's request for people.
pub(in crate::cli) fn format_effect(effect: &Effect, key: &str) -> String {
    match effect {
        Effect::Http(request) => format_http(request, key),
        Effect::Email(email) => format_email(email),
        Effect::Event(event) => {
            format!("event {}\n> {}", out::escape(&event.event_type), out::escape(&event.data))
        }
    }
}

fn format_http(request: &HttpRequest, key: &str) -> String {
    let HttpRequest { method, url, headers, body } = request;
    let mut text = format!("http {} {}", out::escape(method), out::escape(url));
    for (name, value) in headers {
        let _ = write!(text, "\n{}: {}", out::escape(name), out::escape(value));
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(KEY_HEADER)) {
        let _ = write!(text, "\nIdempotency-Key: {key}");
    }
    if !body.is_empty() {
        let _ = write!(text, "\n\n{}", format_content(body));
    }
    text
}

fn format_email(email: &Email) -> String {
    let Email { to, cc, bcc, reply_to, subject, text: plain, html, attachments } = email;
    let mut text = format!("email to {}", out::escape(&to.join(", ")));
    let some = |all: &[String]| Some(all.join(", ")).filter(|all| !all.is_empty());
    let headers = [
        ("Cc", some(cc)),
        ("Bcc", some(bcc)),
        ("Reply-To", reply_to.clone()),
        ("Subject", Some(subject.clone())),
    ];
    for (name, value) in headers.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        let _ = write!(text, "\n{name}: {}", out::escape(value));
    }
    let _ = write!(text, "\n\n{}", format_lines(plain));
    if let Some(html) = html {
        let _ = write!(text, "\n\nas HTML:\n{}", format_lines(html));
    }
    for file in attachments {
        let (name, kind) = (out::escape(&file.filename), out::escape(&file.content_type));
        let _ = write!(text, "\n\nfile {name} ({kind}):\n{}", format_content(&file.content));
    }
    text
}

fn format_content(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format_lines(text),
        Err(_) => format!("({} that are no text)", out::format_size(bytes.len() as u64)),
    }
}

fn format_lines(text: &str) -> String {
    format!("> {}", visible::escape_continued(text, "> "))
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
