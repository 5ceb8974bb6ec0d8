//! Filters for the templates of typed handlers, beside those of `MiniJinja`.

use std::fmt::Write as _;

use heck::{ToLowerCamelCase as _, ToShoutySnakeCase as _, ToSnakeCase as _, ToUpperCamelCase as _};
use minijinja::Environment;

/// Adds them.
pub(in crate::cli::author) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("snake", |text: &str| text.to_snake_case());
    environment.add_filter("upper_snake", |text: &str| text.to_shouty_snake_case());
    environment.add_filter("pascal", |text: &str| text.to_upper_camel_case());
    environment.add_filter("camel", |text: &str| text.to_lower_camel_case());
    environment.add_filter("comment", comment);
    environment.add_filter("comment_c", comment_c);
    environment.add_filter("code_point", |text: &str| text.chars().next().map_or(0, u32::from));
    environment.add_filter("quote_rust", |text: &str| format!("{text:?}"));
    environment
        .add_filter("quote_rust_char", |text: &str| format!("{:?}", text.chars().next().unwrap_or_default()));
    environment.add_filter("quote_rust_raw", quote_rust_raw);
    environment.add_filter("quote_c", quote_c);
    // A string literal of JSON is one of Go.
    environment.add_filter("quote_go", |text: &str| serde_json::Value::from(text).to_string());
    environment.add_test("containing", |text: &str, part: &str| text.contains(part));
    environment.add_filter("bytes", |text: &str| text.len());
}

/// Each line of a text with a prefix, and a line break at its end; nothing for an empty text.
fn comment(text: &str, prefix: &str) -> String {
    let mut comment = String::new();
    let text = text.replace("\r\n", "\n");
    // A comment of Python or C ends at `\r` too, one of JavaScript at Unicode's separators.
    let lines = text.split_terminator(['\n', '\r', '\u{2028}', '\u{2029}']);
    for line in lines {
        comment.push_str(format!("{prefix}{line}").trim_end());
        comment.push('\n');
    }
    comment
}

/// The same in C, where a `\` at the end, also as trigraph, would continue the comment on the next line.
fn comment_c(text: &str, prefix: &str) -> String {
    let mut comment = String::new();
    for line in self::comment(text, prefix).lines() {
        comment.push_str(line);
        comment.push_str(if line.ends_with('\\') || line.ends_with("??/") { " .\n" } else { "\n" });
    }
    comment
}

/// A raw string literal of Rust.
fn quote_rust_raw(text: &str) -> String {
    let runs = text.split(|c| c != '#').map(str::len);
    let hashes = "#".repeat(runs.max().unwrap_or_default() + 1);
    format!("r{hashes}\"{text}\"{hashes}")
}

/// A string literal of C.
fn quote_c(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(char::from(byte));
            }
            // Three digits end an escape, whatever follows.
            _ if !(0x20..0x7f).contains(&byte) || byte == b'?' => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
            _ => quoted.push(char::from(byte)),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_have_a_prefix_on_each_line() {
        assert_eq!(comment("a\n\nb", "/// "), "/// a\n///\n/// b\n");
        assert_eq!(comment("", "/// "), "");
        assert_eq!(comment("a\r\nb\rc\u{2028}d\n", "# "), "# a\n# b\n# c\n# d\n");
    }

    #[test]
    fn no_comment_of_c_continues_on_the_next_line() {
        let comment = comment_c("C:\\  \n\nwhat??/\nend", "// ");
        assert_eq!(comment, "// C:\\ .\n//\n// what??/ .\n// end\n");
    }

    #[test]
    fn a_raw_literal_of_rust_has_more_hashes_than_its_text() {
        assert_eq!(quote_rust_raw("a\"##b"), "r###\"a\"##b\"###");
    }

    #[test]
    fn a_c_literal_has_the_bytes_of_the_text() {
        assert_eq!(quote_c("é\"\\\n1??"), r#""\303\251\"\\\0121\077\077""#);
    }
}
