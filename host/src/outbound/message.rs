//! An email as it is sent: addresses, headers and parts checked.

use lettre::address::Envelope;
use lettre::message::header::{self, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Mailboxes, MultiPart, SinglePart};
use lettre::{Address, Message};
use url::Host;

use super::failure::{Failure, Kind};
use super::grants::Grants;
use crate::effect::Email;

/// The name of the header with the effect's key.
/// As HTTP requests carry it; lettre wants a name of its own type.
const KEY_HEADER: HeaderName = HeaderName::new_from_ascii_str("Idempotency-Key");

/// An email that was taken apart.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    email: &'a Email,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    bcc: Vec<Mailbox>,
    reply_to: Option<Mailbox>,
    types: Vec<ContentType>,
}

impl<'a> Letter<'a> {
    /// Checks everything that a plugin decides.
    pub(super) fn of(email: &'a Email) -> Result<Self, Failure> {
        line("the subject", &email.subject)?;
        let all = |texts: &[String]| texts.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>();
        let types = email.attachments.iter().map(|attachment| {
            line("an attachment's name", &attachment.filename)?;
            line("an attachment's type", &attachment.content_type)?;
            let wrong = || {
                let what = &attachment.content_type;
                malformed(format!("an attachment's type is {what:?}, which is no media type"))
            };
            // These hold parts, which the host makes.
            let parts = attachment.content_type.to_ascii_lowercase().starts_with("multipart/");
            ContentType::parse(&attachment.content_type).ok().filter(|_| !parts).ok_or_else(wrong)
        });
        let letter = Self {
            email,
            to: all(&email.to)?,
            cc: all(&email.cc)?,
            bcc: all(&email.bcc)?,
            reply_to: email.reply_to.as_deref().map(mailbox).transpose()?,
            types: types.collect::<Result<_, _>>()?,
        };
        if letter.recipients().next().is_none() {
            return Err(malformed("the email has no recipient"));
        }
        Ok(letter)
    }

    /// Whether every recipient is granted.
    pub(super) fn check(&self, grants: &Grants) -> Result<(), Failure> {
        let missing = self.recipients().find(|to| !grants.recipient(to.email.as_ref()));
        let refused = missing.map(|to| grants.missing(to.email.as_ref(), "email"));
        refused.map_or(Ok(()), |why| Err(Failure::new(Kind::NotGranted, why)))
    }

    /// The whole of it. The same effect has the same `Message-ID`, by which mail programs and servers know
    /// what they get twice.
    pub(super) fn message(&self, from: &Mailbox, key: &str) -> Result<Message, Failure> {
        let recipients = self.recipients().map(|to| to.email.clone()).collect();
        let envelope = Envelope::new(Some(from.email.clone()), recipients)
            .map_err(|error| malformed(format!("no email can be made of it: {error}")))?;
        let list = |all: &[Mailbox]| all.iter().cloned().collect::<Mailboxes>();
        let mut message = Message::builder()
            .from(from.clone())
            .subject(&self.email.subject)
            .message_id(Some(format!("<{key}@{}>", from.email.domain())))
            .raw_header(HeaderValue::new(KEY_HEADER, key.to_owned()))
            .envelope(envelope);
        if !self.to.is_empty() {
            message = message.header(header::To::from(list(&self.to)));
        }
        if !self.cc.is_empty() {
            message = message.header(header::Cc::from(list(&self.cc)));
        }
        if let Some(reply_to) = &self.reply_to {
            message = message.header(header::ReplyTo::from(list(std::slice::from_ref(reply_to))));
        }
        let built = self.parts(message);
        built.map_err(|error| malformed(format!("no email can be made of it: {error}")))
    }

    fn parts(&self, message: lettre::message::MessageBuilder) -> Result<Message, lettre::error::Error> {
        let text = self.email.text.clone();
        let both = self
            .email
            .html
            .as_ref()
            .map(|html| MultiPart::alternative_plain_html(text.clone(), html.clone()));
        if self.types.is_empty() {
            return match both {
                Some(both) => message.multipart(both),
                None => message.singlepart(SinglePart::plain(text)),
            };
        }
        let mixed = MultiPart::mixed();
        let mut mixed = match both {
            Some(both) => mixed.multipart(both),
            None => mixed.singlepart(SinglePart::plain(text)),
        };
        for (attachment, content_type) in self.email.attachments.iter().zip(&self.types) {
            let part = Attachment::new(attachment.filename.clone());
            mixed = mixed.singlepart(part.body(attachment.content.clone(), content_type.clone()));
        }
        message.multipart(mixed)
    }

    fn recipients(&self) -> impl Iterator<Item = &Mailbox> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

/// `ADDRESS` or `NAME <ADDRESS>`, one of them.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, Failure> {
    line("an address", text)?;
    let wrong = || malformed(format!("{text:?} is no address: write NAME@HOST or NAME <NAME@HOST>"));
    let text = text.trim();
    let (name, address) = match text.strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<').ok_or_else(wrong)?,
        None => ("", text),
    };
    let name = name.trim();
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    };
    if name.contains(['<', '>']) {
        return Err(wrong());
    }
    let address = address.trim().parse::<Address>().map_err(|_| wrong())?;
    Ok(Mailbox::new(Some(name).filter(|name| !name.is_empty()), ascii_host(address)))
}

/// With the host as the mail system knows it, where it is written in other letters.
fn ascii_host(address: Address) -> Address {
    if address.domain().is_ascii() {
        return address;
    }
    let ascii = Host::parse(address.domain()).ok().map(|host| host.to_string());
    ascii.and_then(|host| Address::new(address.user(), host).ok()).unwrap_or(address)
}

/// What stands in a header may not begin another one.
fn line(what: &str, text: &str) -> Result<(), Failure> {
    if text.contains(char::is_control) {
        return Err(malformed(format!("{what} has a line break or another control character")));
    }
    Ok(())
}

fn malformed(why: impl Into<String>) -> Failure {
    Failure::new(Kind::Malformed, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect;
    use crate::event::PluginName;

    fn email(to: &[&str]) -> Email {
        Email {
            to: to.iter().map(|&to| to.into()).collect(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: None,
            subject: "Rendez-vous confirmé".into(),
            text: "Bonjour".into(),
            html: None,
            attachments: Vec::new(),
        }
    }

    fn grants(email: &[&str]) -> Grants {
        let email = email.iter().map(|&to| to.into()).collect();
        Grants { plugin: PluginName::new("team.mail").unwrap(), http: Vec::new(), email }
    }

    #[test]
    fn addresses_are_read_with_and_without_a_name() {
        for (text, name, address) in [
            ("a@example.gn", None, "a@example.gn"),
            (" Aïssatou Diallo <aissatou@example.gn> ", Some("Aïssatou Diallo"), "aissatou@example.gn"),
            ("\"Diallo, \\\"Aï\\\"\" <a@example.gn>", Some("Diallo, \"Aï\""), "a@example.gn"),
            ("Diallo, Aïssatou <a@example.gn>", Some("Diallo, Aïssatou"), "a@example.gn"),
            ("<a@example.gn>", None, "a@example.gn"),
            ("a@préfecture.example", None, "a@xn--prfecture-c4a.example"),
        ] {
            let mailbox = mailbox(text).unwrap();
            assert_eq!((mailbox.name.as_deref(), mailbox.email.as_ref()), (name, address), "{text}");
        }
        for text in
            ["", "a", "a@", "@b", "a@b@c", "a@x.gn, b@y.gn", "A <a@x.gn>, B <b@y.gn>", "a@x.gn>", "A <a@x.gn"]
        {
            assert!(mailbox(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_recipient_has_to_be_granted() {
        let some = grants(&["*@example.gn", "desk@example.org"]);
        for (to, missing) in [
            ("Somebody <A@Example.gn>", None),
            ("desk@example.org", None),
            ("front.desk@example.org", Some("front.desk@example.org")),
            ("a@example.org", Some("a@example.org")),
            ("a@sub.example.gn", Some("a@sub.example.gn")),
            ("a@notexample.gn", Some("a@notexample.gn")),
        ] {
            for place in 0..3 {
                let mut email = email(&["desk@example.org"]);
                [&mut email.to, &mut email.cc, &mut email.bcc][place].push(to.into());
                let refused = Letter::of(&email).unwrap().check(&some).map_err(|failure| failure.detail);
                let section = "add it to `email` in [plugin.\"team.mail\"]";
                let expected = missing.map_or(Ok(()), |to| Err(format!("{to} is not granted: {section}")));
                assert_eq!(refused, expected, "{to}");
            }
        }
        let all = email(&["who@ever.example"]);
        assert!(Letter::of(&all).unwrap().check(&grants(&["*"])).is_ok());
        assert!(Letter::of(&all).unwrap().check(&grants(&[])).is_err());
    }

    /// A part of the refusal, and what is done to an email.
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Email));

    #[test]
    fn nothing_can_be_put_into_a_header_that_would_begin_another() {
        let evil = "x\r\nBcc: evil@example.org";
        let attachment = |name: &str, kind: &str| effect::Attachment {
            filename: name.into(),
            content_type: kind.into(),
            content: Vec::new(),
        };
        let changes: [Change<'_>; 9] = [
            ("line break", &|email| email.subject = evil.into()),
            ("line break", &|email| email.to.push(format!("{evil} <a@example.gn>"))),
            ("line break", &|email| email.bcc.push("a@example.gn\r\nRCPT TO:<b@example.gn>".into())),
            ("line break", &|email| email.reply_to = Some("a@example.gn\n".into())),
            ("line break", &|email| email.attachments.push(attachment(evil, "text/plain"))),
            ("line break", &|email| email.attachments.push(attachment("a", "text/plain\r\nX: y"))),
            ("media type", &|email| email.attachments.push(attachment("a", "anything"))),
            ("media type", &|email| email.attachments.push(attachment("a", "multipart/mixed; boundary=x"))),
            ("no recipient", &|email| email.to.clear()),
        ];
        for (part, change) in changes {
            let mut email = email(&["a@example.gn"]);
            change(&mut email);
            let failure = Letter::of(&email).unwrap_err();
            assert!(failure.detail.contains(part), "{failure}");
        }
    }

    #[test]
    fn a_message_has_a_stable_id_and_no_trace_of_blind_recipients() {
        let mut email = email(&["Aïssatou <a@example.gn>", "b@example.gn"]);
        email.bcc.push("hidden@example.gn".into());
        let from = mailbox("Service des passeports <no-reply@example.gn>").unwrap();
        let message = Letter::of(&email).unwrap().message(&from, "00ff.3").unwrap();
        assert_eq!(message.envelope().to().len(), 3);
        let text = String::from_utf8(message.formatted()).unwrap();
        for part in [
            "Message-ID: <00ff.3@example.gn>\r\n",
            "Idempotency-Key: 00ff.3\r\n",
            "Subject: Rendez-vous =?utf-8?b?",
            "b@example.gn",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("hidden") && text.is_ascii(), "{text}");
    }
}
