//! A parser of emails, RFC 2045 to 2047, as far as the host uses them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A part that has no parts, decoded.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) head: String,
    pub(super) content: String,
}

/// All such parts, in order.
pub(super) fn parts(data: &str) -> Vec<Part> {
    let (head, body) = data.split_once("\r\n\r\n").unwrap();
    let Some((_, boundary)) = head.split_once("boundary=\"") else { return vec![part(head, body)] };
    let boundary = format!("--{}", boundary.split('"').next().unwrap());
    let inner = body.split(&*boundary).skip(1).filter(|inner| !inner.starts_with("--"));
    inner.flat_map(|inner| parts(inner.trim_start_matches("\r\n"))).collect()
}

fn part(head: &str, body: &str) -> Part {
    let body = body.strip_suffix("\r\n").unwrap_or(body);
    let encoding = head.lines().find_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
    let content = match encoding.unwrap_or("7bit") {
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        "quoted-printable" => quoted(&body.replace("=\r\n", "")),
        _ => body.into(),
    };
    Part { head: head.into(), content: String::from_utf8(content).unwrap() }
}

fn quoted(text: &str) -> Vec<u8> {
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    bytes
}

/// A header's value, with its encoded words decoded.
pub(super) fn words(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut encoded_before = false;
    for word in value.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        // White space between encoded words is none.
        let joined = encoded_before && encoded.is_some();
        if !bytes.is_empty() && !joined {
            bytes.push(b' ');
        }
        encoded_before = encoded.is_some();
        bytes.extend(encoded.map_or_else(|| word.into(), |word| STANDARD.decode(word).unwrap()));
    }
    String::from_utf8(bytes).unwrap()
}
