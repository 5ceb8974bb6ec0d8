//! `hookyard:plugin/outbox`: effects, kept until the call has ended well.

use wasmtime::component::{ComponentType, Lift, Linker};
use wasmtime::{Result, StoreContextMut};

use crate::config::EVENT_TYPE_MAX_BYTES;
use crate::effect::{self, Effect, Emitted};
use crate::runtime::guest::Guest;

/// The interface's `http-request`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct HttpRequest {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The interface's `attachment`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Attachment {
    filename: String,
    #[component(name = "content-type")]
    content_type: String,
    content: Vec<u8>,
}

/// The interface's `email`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Email {
    to: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
    #[component(name = "reply-to")]
    reply_to: Option<String>,
    subject: String,
    text: String,
    html: Option<String>,
    attachments: Vec<Attachment>,
}

type Context<'a> = StoreContextMut<'a, Guest>;
/// The effect's idempotency key, or why it is refused.
type Answer = (std::result::Result<String, String>,);

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    let mut outbox = linker.instance("hookyard:plugin/outbox@0.1.0")?;
    outbox.func_wrap("send-http", |context: Context<'_>, (request,): (HttpRequest,)| -> Result<Answer> {
        Ok((send_http(context, request),))
    })?;
    outbox.func_wrap("send-email", |context: Context<'_>, (email,): (Email,)| -> Result<Answer> {
        Ok((send_email(context, email),))
    })?;
    outbox.func_wrap(
        "emit-event",
        |context: Context<'_>, (event_type, data): (String, String)| -> Result<Answer> {
            Ok((emit_event(context, event_type, data),))
        },
    )
}

fn send_http(mut context: Context<'_>, request: HttpRequest) -> std::result::Result<String, String> {
    let HttpRequest { method, url, headers, body } = request;
    let request = effect::HttpRequest { method, url, headers, body };
    context.data_mut().work.ask(Effect::Http(request))
}

fn send_email(mut context: Context<'_>, email: Email) -> std::result::Result<String, String> {
    let Email { to, cc, bcc, reply_to, subject, text, html, attachments } = email;
    let attachments = attachments.into_iter().map(|file| effect::Attachment {
        filename: file.filename,
        content_type: file.content_type,
        content: file.content,
    });
    let attachments = attachments.collect();
    let email = effect::Email { to, cc, bcc, reply_to, subject, text, html, attachments };
    context.data_mut().work.ask(Effect::Email(email))
}

fn emit_event(
    mut context: Context<'_>,
    event_type: String,
    data: String,
) -> std::result::Result<String, String> {
    let fit = |c: char| !c.is_whitespace() && !c.is_control() && c != '*';
    if event_type.is_empty() || event_type.len() > EVENT_TYPE_MAX_BYTES || !event_type.chars().all(fit) {
        return Err(format!("`{event_type}` is no event type: write one such as `invoice.created`"));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&data) {
        return Err(format!("the event's data is not JSON: {error}"));
    }
    context.data_mut().work.ask(Effect::Event(Emitted { event_type, data }))
}
