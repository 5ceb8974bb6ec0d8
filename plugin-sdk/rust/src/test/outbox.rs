//! An in-memory outbox. It refuses effects that no operator could grant, and keeps all others.

use super::Effect;
use super::world;
use crate::outbox::{EmailMessage, HttpRequest};

/// Headers that belong to the connection.
const CONNECTION: [&str; 8] =
    ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

pub(crate) fn send_http(request: &HttpRequest) -> Result<String, String> {
    if request.method.is_empty() || !request.method.bytes().all(is_token) {
        return Err(format!("{:?} is no HTTP method", request.method));
    }
    if !is_url(&request.url) {
        return Err(format!("{:?} is no http(s) URL", request.url));
    }
    for (name, value) in &request.headers {
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
            return Err(format!("the header {name:?} is malformed"));
        }
        if CONNECTION.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("the header {name:?} belongs to the connection"));
        }
    }
    ask(Effect::Http(request.clone()))
}

pub(crate) fn send_email(email: &EmailMessage) -> Result<String, String> {
    let recipients = || email.to.iter().chain(&email.cc).chain(&email.bcc);
    if recipients().next().is_none() {
        return Err("the email has no recipient".into());
    }
    match recipients().find(|address| !is_address(address)) {
        Some(address) => Err(format!("{address:?} is no email address")),
        None => ask(Effect::Email(email.clone())),
    }
}

pub(crate) fn emit_event(event_type: &str, data: &str) -> Result<String, String> {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && c != '*';
    if event_type.is_empty() || !event_type.chars().all(fits) {
        return Err(format!("{event_type:?} is no event type"));
    }
    #[cfg(feature = "json")]
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(data) {
        return Err(format!("the data of the event is no JSON: {error}"));
    }
    ask(Effect::Event { event_type: event_type.into(), data: data.into() })
}

fn ask(effect: Effect) -> Result<String, String> {
    world::with(|world| {
        if let Some(reason) = &world.refusal {
            return Err(reason.clone());
        }
        world.effects.push(effect);
        Ok(format!("{}.{}", world.delivery, world.effects.len()))
    })
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty()) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether a text is an address: `user@host` or `Name <user@host>`.
fn is_address(text: &str) -> bool {
    let bare = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')).map_or(text, |(_, bare)| bare);
    let parts = bare.split_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty());
    parts.is_some() && !bare.contains([' ', ',', '\r', '\n'])
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
