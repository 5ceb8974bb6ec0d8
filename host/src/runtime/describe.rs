//! What a file says about itself beside its code: origins that it names, and the tools that made it.

use std::collections::BTreeSet;

use wasmparser::{KnownCustom, Parser, Payload};

use super::text;
use crate::revision::BuildFact;

/// Most origins that are read of a file.
const ORIGINS_MAX: usize = 64;
/// Longest origin, in bytes.
const ORIGIN_MAX_BYTES: usize = 200;
/// Most tools that are read of a file.
const TOOLS_MAX: usize = 32;
/// Longest text about a tool, in bytes.
const TOOL_MAX_BYTES: usize = 100;

/// Texts in a file that look like origins, such as `https://sms.example.gn`. Code may also put them together from
/// parts, and may name some that it never asks: a hint, not a promise.
#[must_use]
pub fn origins_in(bytes: &[u8]) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b':') {
        let (before, after) = rest.split_at(at);
        rest = after.get(1..).unwrap_or_default();
        let scheme = ["https", "http"].into_iter().find(|scheme| before.ends_with(scheme.as_bytes()));
        let (Some(scheme), Some(host)) = (scheme, after.strip_prefix(b"://")) else { continue };
        if let Some(origin) = origin(scheme, host) {
            found.insert(origin);
        }
        if found.len() >= ORIGINS_MAX {
            break;
        }
    }
    found.into_iter().collect()
}

fn origin(scheme: &str, rest: &[u8]) -> Option<String> {
    let rest = rest.get(..rest.len().min(ORIGIN_MAX_BYTES))?;
    let end = |part: &[u8], is_part: fn(&u8) -> bool| part.iter().take_while(|byte| is_part(byte)).count();
    let length = end(rest, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let host = std::str::from_utf8(rest.get(..length)?).ok()?.trim_end_matches(['.', '-']);
    let is_host =
        host == "localhost" || host.contains('.') && host.starts_with(|c: char| c.is_ascii_alphanumeric());
    let port = rest.get(length..)?.strip_prefix(b":").unwrap_or_default();
    let port = std::str::from_utf8(port.get(..end(port, u8::is_ascii_digit).min(5))?).ok()?;
    let port = if port.is_empty() { String::new() } else { format!(":{port}") };
    is_host.then(|| format!("{scheme}://{}{port}", host.to_ascii_lowercase()))
}

/// The tools that made a file, of its `producers` sections.
#[must_use]
pub fn tools_of(bytes: &[u8]) -> Vec<BuildFact> {
    let mut found = BTreeSet::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { break };
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Producers(fields) = section.as_known() else { continue };
        for field in fields {
            let Ok(field) = field else { break };
            for value in field.values {
                let Ok(value) = value else { break };
                if found.len() < TOOLS_MAX {
                    let short = |text: &str| text::truncate(text, TOOL_MAX_BYTES).to_string();
                    let (field, name) = (short(field.name), short(value.name));
                    found.insert(BuildFact { field, name, version: short(value.version) });
                }
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_like_origins_are_found_in_any_bytes() {
        for (text, expected) in [
            (
                "\0https://sms.example.gn/send\0http://10.0.0.1:8080x",
                vec!["http://10.0.0.1:8080", "https://sms.example.gn"],
            ),
            ("https://A.Example.", vec!["https://a.example"]),
            ("http://localhost:80/ https://https://a.b", vec!["http://localhost:80", "https://a.b"]),
            ("https:// http://x ftp://a.b ://a.b https:/a.b", vec![]),
            ("https", vec![]),
            ("xhttps://a.b:", vec!["https://a.b"]),
        ] {
            assert_eq!(origins_in(text.as_bytes()), expected, "{text:?}");
        }
        let many: Vec<_> = (0..100).map(|n| format!("http://{n}.example")).collect();
        assert_eq!(origins_in(many.join(" ").as_bytes()).len(), ORIGINS_MAX);
    }

    #[test]
    fn the_tools_of_a_module_are_read_and_damage_is_none() {
        let module =
            "(module (@producers (language \"Rust\" \"1.95\") (processed-by \"wit-component\" \"0.254\")))";
        let bytes = wat::parse_str(module).unwrap();
        let fact = |field: &str, name: &str, version: &str| BuildFact {
            field: field.into(),
            name: name.into(),
            version: version.into(),
        };
        assert_eq!(
            tools_of(&bytes),
            [fact("language", "Rust", "1.95"), fact("processed-by", "wit-component", "0.254")]
        );
        for damaged in [&b""[..], b"\0asm", &bytes[..bytes.len() - 3], b"x"] {
            let _ = tools_of(damaged);
        }
    }
}
