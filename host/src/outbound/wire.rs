//! The transfer form of an email (RFC 5321, RFC 5322). No server can read a part of it as a command.

use lettre::message::Body;
use lettre::message::header::ContentTransferEncoding;

/// The longest line, in octets, without its end (RFC 5322, 2.1.1).
const LINE_MAX_BYTES: usize = 998;

/// The reason for refusing a non-ASCII address.
pub(super) const NO_UTF8: &str = "the SMTP server does not support non-ASCII addresses (SMTPUTF8)";

/// A text as the body of a part. Lines end with CRLF, and a text with control characters is encoded.
pub(super) fn text(text: &str) -> Body {
    // Lettre does this too, in quadratic time.
    let text = crlf(text);
    let plain = |byte: u8| byte >= 0x80 || matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    if text.bytes().all(plain) {
        return Body::new(text);
    }
    // Lettre does not encode control characters by itself.
    Body::new_with_encoding(text, ContentTransferEncoding::Base64)
        .unwrap_or_else(|bytes| Body::new(String::from_utf8_lossy(&bytes).into_owned()))
}

fn crlf(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 32);
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        lines.push_str(&rest[..at]);
        lines.push_str("\r\n");
        let end = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + end..];
    }
    lines.push_str(rest);
    lines
}

/// Checks that a message can be sent as it is.
pub(super) fn check(message: &[u8], utf8: bool) -> Result<(), String> {
    if !utf8 && !message.is_ascii() {
        return Err("a header has characters that are not encoded".into());
    }
    let mut rest = message;
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0)).unwrap_or(rest.len());
        if end > LINE_MAX_BYTES {
            let start = String::from_utf8_lossy(&rest[..40]);
            return Err(format!("a line of more than {LINE_MAX_BYTES} bytes, which begins with {start:?}"));
        }
        rest = match &rest[end..] {
            [] => return Ok(()),
            [b'\r', b'\n', after @ ..] => after,
            _ => return Err("a header has a line break or a zero byte".into()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_ending_end_with_crlf() {
        for (text, expected) in [
            ("", ""),
            ("a", "a"),
            ("\n\r\n\r", "\r\n\r\n\r\n"),
            ("a\nb\r\nc\rd\n\re\r\r\n", "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\n"),
        ] {
            assert_eq!(crlf(text), expected, "{text:?}");
        }
    }

    #[test]
    fn only_plain_text_is_sent_unencoded() {
        use ContentTransferEncoding::{Base64, QuotedPrintable, SevenBit};
        for (written, encoding) in [
            ("Bonjour,\n.\n", SevenBit),
            ("\u{e9}t\u{e9} et le reste du texte", QuotedPrintable),
            ("a\0b", Base64),
            ("a\u{1b}[31mb", Base64),
            ("a\u{7f}", Base64),
        ] {
            assert_eq!(text(written).encoding(), encoding, "{written:?}");
        }
        // In linear time.
        assert!(text(&"\n".repeat(1 << 20)).len() >= 2 << 20);
    }

    #[test]
    fn invalid_line_endings_are_found() {
        let long = "x".repeat(998);
        assert_eq!(check(format!("a: b\r\n{long}\r\n").as_bytes(), false), Ok(()));
        for (message, utf8) in [
            (format!("{long}x\r\n"), false),
            ("a\nb\r\n".into(), false),
            ("a\rb\r\n".into(), false),
            ("a\r\r\n".into(), false),
            ("a\0\r\n".into(), false),
            ("\u{e9}\r\n".into(), false),
        ] {
            assert!(check(message.as_bytes(), utf8).is_err(), "{message:?}");
        }
        assert_eq!(check("\u{e9}\r\n".as_bytes(), true), Ok(()));
    }
}
