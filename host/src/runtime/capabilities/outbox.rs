//! `hookyard:plugin/outbox`: effects, which are queued until the call has ended well.

use wasmtime::component::{ComponentType, Lift, Linker};
use wasmtime::{Result, StoreContextMut};

use crate::effect::{self, Effect, Emitted};
use crate::runtime::state::{InstanceState, update_lift_limit};
use crate::runtime::transaction::HostCallError;

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

type Context<'a> = StoreContextMut<'a, InstanceState>;
/// The effect's idempotency key, or why it is refused.
type Answer = (std::result::Result<String, String>,);

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    let mut outbox = linker.instance("hookyard:plugin/outbox@0.1.0")?;
    outbox.func_wrap("send-http", |context: Context<'_>, (request,): (HttpRequest,)| {
        let HttpRequest { method, url, headers, body } = request;
        ask(context, Effect::Http(effect::HttpRequest { method, url, headers, body }))
    })?;
    outbox.func_wrap("send-email", |context: Context<'_>, (email,): (Email,)| ask(context, email.into()))?;
    outbox.func_wrap("emit-event", |context: Context<'_>, (event_type, data): (String, String)| {
        ask(context, Effect::Event(Emitted { event_type, data }))
    })
}

fn ask(mut context: Context<'_>, effect: Effect) -> Result<Answer> {
    let answer = match context.data_mut().transaction.queue_effect(effect) {
        Ok(key) => Ok(key),
        Err(HostCallError::Refused(reason)) => Err(reason),
        Err(HostCallError::Trap(error)) => return Err(error),
    };
    update_lift_limit(&mut context);
    Ok((answer,))
}

impl From<Email> for Effect {
    fn from(email: Email) -> Self {
        let Email { to, cc, bcc, reply_to, subject, text, html, attachments } = email;
        let attachments = attachments.into_iter().map(|file| effect::Attachment {
            filename: file.filename,
            content_type: file.content_type,
            content: file.content,
        });
        let attachments = attachments.collect();
        Self::Email(effect::Email { to, cc, bcc, reply_to, subject, text, html, attachments })
    }
}
