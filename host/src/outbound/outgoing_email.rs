//! Checks and builds an email: addresses, headers and parts.

use std::collections::BTreeSet;

use lettre::message::header::{self, ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, Mailboxes, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::failure::{FailureKind, OutboundFailure};
use super::grants::{Grants, ascii_domain};
use super::wire;
use crate::effect::Email;

/// The header with the effect's key, as in HTTP requests, in lettre's own type.
const KEY_HEADER: HeaderName = HeaderName::new_from_ascii_str("Idempotency-Key");

/// A parsed email.
#[derive(Debug)]
pub(super) struct OutgoingEmail<'a> {
    email: &'a Email,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    bcc: Vec<Mailbox>,
    reply_to: Option<Mailbox>,
    types: Vec<ContentType>,
}

/// The parts of a message to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageParts {
    Whole,
    /// Only the headers, for the check at the call.
    Headers,
}

impl<'a> OutgoingEmail<'a> {
    /// Parses and checks the plugin's fields.
    pub(super) fn of(email: &'a Email) -> Result<Self, OutboundFailure> {
        line("the subject", &email.subject)?;
        let all = |texts: &[String]| texts.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>();
        let types = email.attachments.iter().map(|attachment| {
            line("an attachment's name", &attachment.filename)?;
            line("an attachment's type", &attachment.content_type)?;
            let wrong = || {
                let what = &attachment.content_type;
                malformed(format!("an attachment's type is {what:?}, which is no media type of a file"))
            };
            // Emails and parts of emails may not be in base64 (RFC 2046, 5.1 and 5.2.1).
            let lower = attachment.content_type.trim_start().to_ascii_lowercase();
            let parts = lower.starts_with("multipart/") || lower.starts_with("message/");
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
        if letter.mailboxes().next().is_none() {
            return Err(malformed("the email has no recipient"));
        }
        Ok(letter)
    }

    /// Checks that every recipient is granted.
    pub(super) fn check(&self, grants: &Grants) -> Result<(), OutboundFailure> {
        let missing = self.mailboxes().find(|to| !grants.recipient(to.email.user(), to.email.domain()));
        let refused = missing.map(|to| grants.missing(to.email.as_ref(), "email"));
        refused.map_or(Ok(()), |why| Err(OutboundFailure::new(FailureKind::NotGranted, why)))
    }

    /// Checks that its headers can be sent.
    pub(super) fn check_headers(&self, from: &Mailbox) -> Result<(), OutboundFailure> {
        self.build(from, "0.1", true, MessageParts::Headers).map(drop)
    }

    /// The addresses of the envelope, each once.
    pub(super) fn recipients(&self) -> Vec<Address> {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        let addresses = self.mailboxes().filter(|to| known.insert(to.email.as_ref()));
        addresses.map(|to| to.email.clone()).collect()
    }

    /// Builds the message. An effect always has the same `Message-ID`, by which mail programs and servers recognise a
    /// duplicate. `utf8`: whether the server supports non-ASCII addresses; otherwise no header contains them.
    pub(super) fn message(&self, from: &Mailbox, key: &str, utf8: bool) -> Result<Vec<u8>, OutboundFailure> {
        self.build(from, key, utf8, MessageParts::Whole)
    }

    fn build(
        &self,
        from: &Mailbox,
        key: &str,
        utf8: bool,
        extent: MessageParts,
    ) -> Result<Vec<u8>, OutboundFailure> {
        let failed = |error| malformed(format!("no email can be made of it: {error}"));
        let fits = |mailbox: &&Mailbox| utf8 || is_ascii(&mailbox.email);
        let list = |all: &[Mailbox]| all.iter().filter(fits).cloned().collect::<Mailboxes>();
        let mut message = Message::builder()
            .from(from.clone())
            .subject(&self.email.subject)
            .message_id(Some(format!("<{key}@{}>", from.email.domain())))
            .raw_header(HeaderValue::new(KEY_HEADER, key.to_owned()))
            // The session sends its own recipients; lettre requires one here.
            .envelope(lettre::address::Envelope::new(None, vec![from.email.clone()]).map_err(failed)?);
        if self.to.iter().any(|to| fits(&to)) {
            message = message.header(header::To::from(list(&self.to)));
        }
        if self.cc.iter().any(|cc| fits(&cc)) {
            message = message.header(header::Cc::from(list(&self.cc)));
        }
        if let Some(reply_to) = &self.reply_to {
            if !fits(&reply_to) {
                return Err(OutboundFailure::new(
                    FailureKind::Refused,
                    format!("{}: {}", reply_to.email, wire::NO_UTF8),
                ));
            }
            message = message.header(header::ReplyTo::from(list(std::slice::from_ref(reply_to))));
        }
        let bytes = self.parts(message, extent).map_err(failed)?.formatted();
        let is_utf8 = utf8 && self.mailboxes().chain(&self.reply_to).any(|mailbox| !is_ascii(&mailbox.email));
        wire::check(&bytes, is_utf8).map_err(malformed)?;
        Ok(bytes)
    }

    fn parts(&self, message: MessageBuilder, extent: MessageParts) -> Result<Message, lettre::error::Error> {
        let whole = extent == MessageParts::Whole;
        let plain = SinglePart::plain(wire::text(if whole { &self.email.text } else { "" }));
        let html =
            self.email.html.as_ref().map(|html| SinglePart::html(wire::text(if whole { html } else { "" })));
        if self.types.is_empty() {
            return match html {
                Some(html) => message.multipart(MultiPart::alternative().singlepart(plain).singlepart(html)),
                None => message.singlepart(plain),
            };
        }
        let mixed = MultiPart::mixed();
        let mut mixed = match html {
            Some(html) => mixed.multipart(MultiPart::alternative().singlepart(plain).singlepart(html)),
            None => mixed.singlepart(plain),
        };
        for (attachment, content_type) in self.email.attachments.iter().zip(&self.types) {
            let content = if whole { attachment.content.clone() } else { Vec::new() };
            // Base64, so that no line of a file reads as a command or a header.
            let body = Body::new_with_encoding(content, ContentTransferEncoding::Base64);
            let body = body.map_err(|_| lettre::error::Error::NonAsciiChars)?;
            mixed = mixed
                .singlepart(Attachment::new(attachment.filename.clone()).body(body, content_type.clone()));
        }
        message.multipart(mixed)
    }

    fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

/// Whether every server supports this address.
pub(super) fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

/// Parses one `ADDRESS` or `NAME <ADDRESS>`.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, OutboundFailure> {
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
    let address = canonical(address.trim()).ok_or_else(wrong)?;
    Ok(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address))
}

/// Parses an address, with its domain in the form in which grants are compared. So the email goes to the granted
/// address. Quoted local parts are rejected, because servers differ in where such an address ends.
fn canonical(text: &str) -> Option<Address> {
    let (user, domain) = text.rsplit_once('@')?;
    let odd = |c: char| c.is_whitespace() || "\"\\<>()[],;:@".contains(c);
    if user.contains(odd) {
        return None;
    }
    Address::new(user, ascii_domain(domain)?).ok()
}

/// Checks that a text cannot begin another header.
fn line(what: &str, text: &str) -> Result<(), OutboundFailure> {
    if text.contains(char::is_control) {
        return Err(malformed(format!("{what} has a line break or another control character")));
    }
    Ok(())
}

fn malformed(why: impl Into<String>) -> OutboundFailure {
    OutboundFailure::new(FailureKind::Malformed, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect;
    use crate::event::PluginName;
    use crate::outbound::grants::WebhookGrants;

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
        let plugin = PluginName::new("team.mail").unwrap();
        Grants {
            plugin,
            http: Vec::new(),
            credentials: Vec::new(),
            email,
            emit: Vec::new(),
            webhooks: WebhookGrants::default(),
        }
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
    fn every_recipient_needs_a_grant() {
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
                let refused =
                    OutgoingEmail::of(&email).unwrap().check(&some).map_err(|failure| failure.detail);
                let section = "add it to `email` in [plugin.\"team.mail\"]";
                let expected = missing.map_or(Ok(()), |to| Err(format!("{to} is not granted: {section}")));
                assert_eq!(refused, expected, "{to}");
            }
        }
        let all = email(&["who@ever.example"]);
        assert!(OutgoingEmail::of(&all).unwrap().check(&grants(&["*"])).is_ok());
        assert!(OutgoingEmail::of(&all).unwrap().check(&grants(&[])).is_err());
    }

    /// A part of the refusal, and what is done to an email.
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Email));

    #[test]
    fn no_text_in_a_header_can_begin_another_header() {
        let evil = "x\r\nBcc: evil@example.org";
        let attachment = |name: &str, kind: &str| effect::Attachment {
            filename: name.into(),
            content_type: kind.into(),
            content: Vec::new(),
        };
        let changes: [Change<'_>; 11] = [
            ("line break", &|email| email.subject = evil.into()),
            ("line break", &|email| email.to.push(format!("{evil} <a@example.gn>"))),
            ("line break", &|email| email.bcc.push("a@example.gn\r\nRCPT TO:<b@example.gn>".into())),
            ("line break", &|email| email.reply_to = Some("a@example.gn\n".into())),
            ("line break", &|email| email.attachments.push(attachment(evil, "text/plain"))),
            ("line break", &|email| email.attachments.push(attachment("a", "text/plain\r\nX: y"))),
            ("media type", &|email| email.attachments.push(attachment("a", "anything"))),
            ("media type", &|email| email.attachments.push(attachment("a", "multipart/mixed; boundary=x"))),
            ("media type", &|email| email.attachments.push(attachment("a", "Message/RFC822"))),
            ("no address", &|email| email.to.push("\"a> b\"@example.gn".into())),
            ("no recipient", &|email| email.to.clear()),
        ];
        for (part, change) in changes {
            let mut email = email(&["a@example.gn"]);
            change(&mut email);
            let failure = OutgoingEmail::of(&email).unwrap_err();
            assert!(failure.detail.contains(part), "{failure}");
        }
    }

    #[test]
    fn a_message_has_a_stable_id_and_no_blind_recipients() {
        let mut email = email(&["Aïssatou <a@example.gn>", "b@example.gn"]);
        email.bcc.push("hidden@example.gn".into());
        email.cc.push("b@EXAMPLE.gn.".into());
        let from = mailbox("Service des passeports <no-reply@example.gn>").unwrap();
        let letter = OutgoingEmail::of(&email).unwrap();
        let recipients: Vec<String> = letter.recipients().iter().map(ToString::to_string).collect();
        assert_eq!(recipients, ["a@example.gn", "b@example.gn", "hidden@example.gn"]);
        let text = String::from_utf8(letter.message(&from, "00ff.3", false).unwrap()).unwrap();
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

    #[test]
    fn domains_are_compared_in_one_form() {
        for (granted, to, expected) in [
            ("*@préfecture.example", "a@xn--prfecture-c4a.example", true),
            ("*@xn--prfecture-c4a.example", "a@préfecture.example", true),
            ("*@XN--PRFECTURE-C4A.example", "a@PRÉFECTURE.example.", true),
            ("*@example.gn.", "a@example.gn", true),
            ("*@example.gn", "a@ｅxample。gn", true),
            ("Desk@Example.gn", "desk@example.GN", true),
            ("*@example.gn", "a@evil.gn.example", false),
            ("*@example.gn", "a@example.gn.evil", false),
            ("*@gn", "a@example.gn", false),
            ("desk@example.gn", "a@example.gn", false),
        ] {
            let email = email(&[to]);
            let checked = OutgoingEmail::of(&email).unwrap().check(&grants(&[granted]));
            assert_eq!(checked.is_ok(), expected, "{granted} {to}");
        }
    }

    #[test]
    fn without_smtputf8_a_message_contains_no_non_ascii_address() {
        let from = mailbox("no-reply@example.gn").unwrap();
        let mut email = email(&["aïssatou@example.gn", "b@example.gn"]);
        let letter = OutgoingEmail::of(&email).unwrap();
        let text = |utf8| String::from_utf8(letter.message(&from, "1.1", utf8).unwrap()).unwrap();
        assert!(text(false).is_ascii() && text(true).contains("aïssatou@example.gn"));
        email.reply_to = Some("aïssatou@example.gn".into());
        let failure = OutgoingEmail::of(&email).unwrap().message(&from, "1.1", false).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
    }

    #[test]
    fn no_line_of_a_message_exceeds_the_limit_of_smtp() {
        let from = mailbox("no-reply@example.gn").unwrap();
        let long = "x".repeat(3000);
        let attachment = |name: &str, kind: &str| effect::Attachment {
            filename: name.into(),
            content_type: kind.into(),
            content: b"\n.\r\nMAIL FROM:<a@b.example>\n".to_vec(),
        };
        let checked = |change: &dyn Fn(&mut Email)| {
            let mut email = email(&["a@example.gn"]);
            change(&mut email);
            let letter = OutgoingEmail::of(&email).unwrap();
            let headers = letter.check_headers(&from).is_ok();
            assert_eq!(letter.message(&from, "1.1", false).is_ok(), headers);
            headers
        };
        assert!(checked(&|email| email.text = format!("a\rb\nc\r\n\0\u{7f}{long}\r")));
        assert!(checked(&|email| email.html = Some(format!("<p>{long}</p>\n.\n"))));
        assert!(checked(&|email| email.attachments.push(attachment("a.txt", "text/plain"))));
        assert!(!checked(&|email| email.subject.clone_from(&long)));
        assert!(!checked(&|email| email
            .attachments
            .push(attachment("a", &format!("text/plain; name={long}")))));
    }
}
