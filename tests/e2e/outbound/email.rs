//! Effects by email.

use std::sync::atomic::{AtomicBool, Ordering};

use hookyard::config::{Config, Secret};
use hookyard::effect::{Attachment, EffectOutcome, Email, Progress};
use hookyard::outbound::{EffectContext, EffectResult, Outbound};
use hookyard::secrets::Mask;

use super::{grants, mail as mail_to, nobody, outbound};
use crate::support::Smtp;

fn email(to: &str) -> Email {
    Email {
        to: vec![to.into()],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: None,
        subject: "Rendez-vous confirmé".into(),
        text: "Bonjour,\n.un point\n".into(),
        html: None,
        attachments: Vec::new(),
    }
}

/// A way out by this server.
fn by(url: String, change: impl FnOnce(&mut Config)) -> Outbound {
    outbound(&[], |config| {
        config.email.smtp = Some(Secret::new(url));
        config.email.from = Some("Service des passeports <no-reply@example.gn>".into());
        change(config);
    })
}

async fn mail(out: &Outbound, key: &str, email: &Email) -> EffectResult {
    mail_to(out, &grants(&[], &["*"]), key, email).await
}

#[tokio::test]
async fn an_email_arrives_with_all_its_headers_and_parts() {
    let smtp = Smtp::start().await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let mut whole = email("Aïssatou Diallo <aissatou@example.gn>");
    whole.cc.push("desk@example.gn".into());
    whole.bcc.push("archive@example.gn".into());
    whole.reply_to = Some("Accueil <accueil@example.gn>".into());
    whole.html = Some("<p>Bonjour</p>".into());
    whole.attachments.push(Attachment {
        filename: "reçu n° 1.ics".into(),
        content_type: "text/calendar; charset=utf-8".into(),
        content: b"BEGIN:VCALENDAR".to_vec(),
    });
    let sent = mail(&out, "00ff.2", &whole).await;
    assert_eq!((sent.outcome, sent.detail.as_str()), (EffectOutcome::Done, "250 2.0.0 queued"));
    let got = smtp.received().pop().unwrap();
    assert_eq!(got.from, "no-reply@example.gn");
    assert_eq!(got.to, ["aissatou@example.gn", "desk@example.gn", "archive@example.gn"]);
    for (name, value) in [
        ("Message-ID", "<00ff.2@example.gn>"),
        ("Idempotency-Key", "00ff.2"),
        ("Cc", "desk@example.gn"),
        ("From", "\"Service des passeports\" <no-reply@example.gn>"),
        ("Reply-To", "Accueil <accueil@example.gn>"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(got.header(name), value, "{}", got.data);
    }
    assert!(got.header("Subject").starts_with("Rendez-vous =?utf-8?"), "{}", got.data);
    assert!(got.header("To").ends_with("<aissatou@example.gn>"), "{}", got.data);
    assert!(got.header("Content-Type").starts_with("multipart/mixed"), "{}", got.data);
    for part in [
        "Content-Type: multipart/alternative",
        "<p>Bonjour</p>",
        "\r\n.un point\r\n",
        "Content-Type: text/calendar; charset=utf-8\r\n",
        "filename*0*=utf-8''re%C3%A7u%20n%C2%B0%201.ics",
    ] {
        assert!(got.data.contains(part), "{part}: {}", got.data);
    }
    assert!(!got.data.contains("archive@"), "{}", got.data);
}

#[tokio::test]
async fn the_servers_reply_decides_the_outcome() {
    use EffectOutcome::{Refused, Retry};
    for (line, says, outcome, detail) in [
        ("RCPT", "450 4.2.1 try later", Retry, "450 4.2.1 try later"),
        ("RCPT", "550 5.1.1 nobody here", Refused, "550 5.1.1 nobody here"),
        ("MAIL", "530 5.7.0 authenticate", Retry, "530 5.7.0 authenticate"),
        (".", "554 5.6.0 spam", Refused, "554 5.6.0 spam"),
        (".", "452 4.3.1 disk full", Retry, "452 4.3.1 disk full"),
        ("CONNECT", "554 go away", Retry, "the SMTP server refuses this host: 554 go away"),
        ("AUTH", "535 5.7.8 wrong", Retry, "the SMTP server refuses this host: 535 5.7.8 wrong"),
    ] {
        let smtp = Smtp::start_with(move |_, got| got.starts_with(line).then(|| says.to_owned())).await;
        let out = by(format!("smtp://user:hunter2@{}", smtp.address()), |_| {});
        let sent = mail(&out, "00ff.1", &email("a@example.gn")).await;
        assert_eq!((sent.outcome, sent.detail.as_str()), (outcome, detail), "{line}");
        assert!(smtp.received().is_empty());
    }
}

#[tokio::test]
async fn a_connection_is_reused_and_a_lost_one_is_replaced() {
    let smtp = Smtp::start_with(|count, line| (count == 2 && line == "NOOP").then(|| "421 bye".into())).await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    for number in 1..=3 {
        let sent = mail(&out, &format!("00ff.{number}"), &email("a@example.gn")).await;
        assert_eq!(sent.outcome, EffectOutcome::Done, "{sent:?}");
    }
    let connections: Vec<usize> = smtp.received().iter().map(|email| email.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_silent_server_times_out_and_its_connection_is_closed() {
    let silent = AtomicBool::new(true);
    let says = move |_, line: &str| (line == "." && silent.swap(false, Ordering::Relaxed)).then(String::new);
    let smtp = Smtp::start_with(says).await;
    let out = by(format!("smtp://{}", smtp.address()), |config| config.email.timeout_ms = 2000);
    let sent = mail(&out, "00ff.1", &email("a@example.gn")).await;
    assert_eq!(sent.outcome, EffectOutcome::Retry, "{sent:?}");
    assert!(sent.detail.contains("within 2000 ms (email.timeout_ms)"), "{sent:?}");
    assert_eq!(mail(&out, "00ff.1", &email("a@example.gn")).await.outcome, EffectOutcome::Done);
    let connections: Vec<usize> = smtp.received().iter().map(|email| email.connection).collect();
    assert_eq!(connections, [1]);
}

#[tokio::test]
async fn an_unreachable_server_is_retried() {
    let sent = mail(&by(format!("smtp://{}", nobody()), |_| {}), "00ff.1", &email("a@example.gn")).await;
    assert_eq!(sent.outcome, EffectOutcome::Retry, "{sent:?}");
    assert!(sent.detail.contains("refused"), "{sent:?}");
}

#[tokio::test]
async fn credentials_are_used_and_never_disclosed() {
    let smtp = Smtp::start().await;
    let out = by(format!("smtp://us%40er:p%3Ass@{}", smtp.address()), |_| {});
    assert_eq!(mail(&out, "00ff.1", &email("a@example.gn")).await.outcome, EffectOutcome::Done);
    let line = smtp.lines().into_iter().find(|line| line.starts_with("AUTH PLAIN ")).unwrap();
    let token = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &line[11..]).unwrap();
    assert_eq!(token, b"\0us@er\0p:ss");
}

#[tokio::test]
async fn only_granted_recipients_get_email() {
    let smtp = Smtp::start().await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let grants = grants(&[], &["*@example.gn"]);
    let mut to_two = email("a@example.gn");
    to_two.bcc.push("spy@elsewhere.example".into());
    let missing = "spy@elsewhere.example is not granted: add it to `email` in [plugin.sms]";
    assert_eq!(out.check_email(&grants, &to_two), Err(missing.into()));
    let sent = mail_to(&out, &grants, "00ff.1", &to_two).await;
    assert_eq!((sent.outcome, sent.detail.as_str()), (EffectOutcome::Refused, missing));
    assert!(smtp.lines().is_empty());
    assert_eq!(out.check_email(&grants, &email("a@example.gn")), Ok(()));
}

#[tokio::test]
async fn a_missing_server_is_named_and_can_be_configured_while_the_host_runs() {
    let smtp = Smtp::start().await;
    let out = outbound(&[], |_| {});
    let why = out.check_email(&grants(&[], &["*"]), &email("a@example.gn")).unwrap_err();
    assert!(why.contains("set `email.smtp`"), "{why}");
    let mut config = Config::default();
    config.email.smtp = Some(Secret::new(format!("smtp://{}", smtp.address())));
    config.email.from = Some("no-reply@example.gn".into());
    out.configure(&config.http, &config.email);
    assert_eq!(mail(&out, "00ff.1", &email("a@example.gn")).await.outcome, EffectOutcome::Done);
    // An invalid section is not applied.
    config.email.from = Some("nobody".into());
    out.configure(&config.http, &config.email);
    assert_eq!(mail(&out, "00ff.2", &email("a@example.gn")).await.outcome, EffectOutcome::Done);
}

#[test]
fn a_malformed_section_names_its_key_and_no_password() {
    for (smtp, from, part) in [
        ("http://u:hunter2@mail.example", "a@example.gn", "`email.smtp`"),
        ("smtp://mail.example", "nobody", "`email.from`"),
    ] {
        let mut config = Config::default();
        config.email.smtp = Some(Secret::new(smtp.into()));
        config.email.from = Some(from.into());
        let why = Outbound::new(&config.http, &config.email).err().unwrap().to_string();
        assert!(why.contains(part) && !why.contains("hunter2"), "{why}");
    }
}

/// An attempt after others with this progress.
async fn mail_after(out: &Outbound, progress: &Progress, email: &Email) -> EffectResult {
    let (grants, mask) = (grants(&[], &["*"]), Mask::default());
    out.mail(&EffectContext { grants: &grants, mask: &mask, key: "00ff.1", progress, trace: None }, email)
        .await
}

/// Who got emails, one entry for each of them.
fn recipients(smtp: &Smtp) -> Vec<Vec<String>> {
    smtp.received().into_iter().map(|email| email.to).collect()
}

#[tokio::test]
async fn no_part_of_an_email_ends_it_or_becomes_a_command() {
    let smtp = Smtp::start().await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let smuggled = "MAIL FROM:<a@evil.example>\r\nRCPT TO:<victim@elsewhere.example>\r\nDATA\r\nhi";
    let ends = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\n.\r", "\r.\n", "\0\n.\r\n"];
    for (number, end) in ends.into_iter().enumerate() {
        let text = format!("a{end}{smuggled}{end}");
        let mut email = email("a@example.gn");
        email.text.clone_from(&text);
        email.html = Some(text.clone());
        for content_type in ["text/plain", "text/plain; charset=utf-8", "application/octet-stream"] {
            let content_type = content_type.into();
            email.attachments.push(Attachment {
                filename: "a".into(),
                content_type,
                content: text.clone().into(),
            });
        }
        let sent = mail(&out, &format!("00ff.{number}"), &email).await;
        assert_eq!(sent.outcome, EffectOutcome::Done, "{sent:?}");
        assert_eq!(smtp.received().len(), number + 1, "{end:?}");
    }
    for got in smtp.received() {
        assert_eq!(got.to, ["a@example.gn"], "{}", got.data);
        let lines = got.data.split("\r\n");
        assert!(lines.clone().all(|line| !line.contains(['\r', '\n', '\0'])), "{:?}", got.data);
        assert!(lines.clone().all(|line| line.len() <= 998));
        assert!(got.data.matches("Content-Transfer-Encoding: base64").count() >= 3, "{}", got.data);
    }
    assert!(!smtp.lines().iter().any(|line| line.contains("evil")), "{:?}", smtp.lines());
}

#[tokio::test]
async fn one_refused_recipient_is_named_and_the_others_get_it_once() {
    let smtp = Smtp::start_with(|_, line| line.contains("<b@").then(|| "550 5.1.1 nobody here".into())).await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let mut three = email("a@example.gn");
    three.cc.push("b@example.gn".into());
    three.bcc.extend(["c@example.gn".into(), "A <a@EXAMPLE.gn>".into()]);
    let sent = mail_after(&out, &Progress::default(), &three).await;
    assert_eq!(sent.outcome, EffectOutcome::Refused, "{sent:?}");
    let detail =
        "250 2.0.0 queued for a@example.gn, c@example.gn; refused for b@example.gn: 550 5.1.1 nobody here";
    assert_eq!(sent.detail, detail);
    assert_eq!(recipients(&smtp), [["a@example.gn", "c@example.gn"]]);
    // After an operator's replay, only the refused recipient is included.
    let mut progress = sent.progress.unwrap();
    progress.refused.clear();
    let again = mail_after(&out, &progress, &three).await;
    assert_eq!((again.outcome, recipients(&smtp).len()), (EffectOutcome::Refused, 1), "{again:?}");
    let asked = smtp.lines().into_iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!(asked, 4, "{:?}", smtp.lines());
}

#[tokio::test]
async fn a_deferred_recipient_is_retried_alone() {
    let waits = AtomicBool::new(true);
    let smtp = Smtp::start_with(move |_, line| match line {
        line if line.contains("<b@") => Some("550 5.1.1 nobody here".into()),
        line if line.contains("<c@") && waits.swap(false, Ordering::Relaxed) => {
            Some("451 4.7.1 greylisted".into())
        }
        _ => None,
    })
    .await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let mut three = email("a@example.gn");
    three.to.extend(["b@example.gn".into(), "c@example.gn".into()]);
    let first = mail_after(&out, &Progress::default(), &three).await;
    assert_eq!(first.outcome, EffectOutcome::Retry, "{first:?}");
    for part in
        ["queued for a@example.gn", "refused for b@example.gn: 550", "not yet for c@example.gn: 451 4.7.1"]
    {
        assert!(first.detail.contains(part), "{part}: {first:?}");
    }
    let second = mail_after(&out, &first.progress.unwrap(), &three).await;
    // The one who was refused is still to be told of.
    assert_eq!(second.outcome, EffectOutcome::Refused, "{second:?}");
    assert!(second.detail.contains("refused for b@example.gn"), "{second:?}");
    assert_eq!(recipients(&smtp), [["a@example.gn"], ["c@example.gn"]]);
    let all = second.progress.unwrap();
    assert_eq!(all.delivered, ["a@example.gn", "c@example.gn"]);
    let third = mail_after(&out, &all, &three).await;
    assert_eq!((third.outcome, smtp.received().len()), (EffectOutcome::Refused, 2));
}

#[tokio::test]
async fn an_address_unsupported_by_the_server_is_refused_and_the_others_get_the_email() {
    let smtp = Smtp::start().await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let alone = mail(&out, "00ff.1", &email("aïssatou@example.gn")).await;
    assert_eq!((alone.outcome, smtp.received().len()), (EffectOutcome::Refused, 0), "{alone:?}");
    assert!(alone.detail.contains("SMTPUTF8"), "{alone:?}");
    let mut both = email("aïssatou@example.gn");
    both.cc.push("b@example.gn".into());
    let sent = mail(&out, "00ff.2", &both).await;
    assert_eq!(
        (sent.outcome, recipients(&smtp)),
        (EffectOutcome::Refused, vec![vec!["b@example.gn".to_owned()]])
    );
    assert!(sent.detail.contains("refused for aïssatou@example.gn"), "{sent:?}");
    assert!(smtp.received()[0].data.is_ascii());
}

#[tokio::test]
async fn a_server_that_supports_every_address_gets_the_email() {
    let hello = "250-test.example\r\n250-8BITMIME\r\n250 SMTPUTF8";
    let smtp = Smtp::start_with(move |_, line| line.starts_with("EHLO").then(|| hello.to_owned())).await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let sent = mail(&out, "00ff.1", &email("aïssatou@préfecture.example")).await;
    assert_eq!(sent.outcome, EffectOutcome::Done, "{sent:?}");
    assert_eq!(recipients(&smtp), [["aïssatou@xn--prfecture-c4a.example"]]);
    let from = smtp.lines().into_iter().find(|line| line.starts_with("MAIL")).unwrap();
    assert!(from.ends_with("BODY=8BITMIME SMTPUTF8"), "{from}");
}

#[tokio::test]
async fn a_reply_to_another_command_is_not_taken_for_the_emails() {
    // Two answers to one command: from then on, each is that to the command before.
    let smtp = Smtp::start_with(|_, line| line.starts_with("MAIL").then(|| "250 ok\r\n250 ok".into())).await;
    let out = by(format!("smtp://{}", smtp.address()), |_| {});
    let sent = mail(&out, "00ff.1", &email("a@example.gn")).await;
    assert_eq!(sent.outcome, EffectOutcome::Retry, "{sent:?}");
    assert!(sent.detail.contains("said 250 where 354 is due"), "{sent:?}");
    assert!(smtp.received().is_empty());
}

#[tokio::test]
async fn an_endless_line_fails_long_before_the_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = 0;
        while tokio::io::AsyncWriteExt::write_all(&mut stream, &[b'2'; 8192]).await.is_ok() {
            sent += 8192;
        }
        sent
    });
    let sent = mail(&by(format!("smtp://{address}"), |_| {}), "00ff.1", &email("a@example.gn")).await;
    assert_eq!(sent.outcome, EffectOutcome::Retry, "{sent:?}");
    assert!(sent.detail.contains("more than 4096 bytes"), "{sent:?}");
    // The kernel's buffers add to it.
    let sent = server.await.unwrap();
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes");
}
