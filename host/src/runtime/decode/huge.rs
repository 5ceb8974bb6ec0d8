//! Numbers beyond the range of a 64-bit float, such as `1e400`. serde stops at the first one that it reads,
//! so one field would fail the whole payload.

use std::ops::Range;

/// The JSON with quotes around such numbers, if it has any: numbers and numeric strings decode alike.
pub(super) fn quote_huge_numbers(json: &str) -> Option<String> {
    let (mut quoted, mut copied) = (String::new(), 0);
    for number in numbers(json) {
        let Some(text) = json.get(number.clone()) else { continue };
        if text.parse::<f64>().is_ok_and(f64::is_infinite) {
            quoted.push_str(json.get(copied..number.start)?);
            quoted.push('"');
            quoted.push_str(text);
            quoted.push('"');
            copied = number.end;
        }
    }
    quoted.push_str(json.get(copied..)?);
    (copied > 0).then_some(quoted)
}

/// The places of numbers outside of strings.
fn numbers(json: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            at += 1;
            if byte == b'"' {
                while let Some(&byte) = bytes.get(at) {
                    at += if byte == b'\\' { 2 } else { 1 };
                    if byte == b'"' {
                        break;
                    }
                }
            } else if byte == b'-' || byte.is_ascii_digit() {
                let rest = bytes.get(at..)?;
                at += rest.iter().take_while(|byte| b"+-.eE0123456789".contains(byte)).count();
                return Some(start..at);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::quote_huge_numbers;

    #[test]
    fn quotes_only_numbers_that_no_float_holds() {
        for (json, expected) in [
            (r#"{"a":1e400,"b":[-1E999,2]}"#, Some(r#"{"a":"1e400","b":["-1E999",2]}"#)),
            (r#"{"a":1e4,"b":30.5,"1e400":"1e400 \" 1e400"}"#, None),
            (r#""\\" 1e400"#, Some(r#""\\" "1e400""#)),
            ("1e", None),
            (r#"{"a":"1e400"#, None),
            (r#""\"#, None),
            ("é 1e400", Some(r#"é "1e400""#)),
        ] {
            assert_eq!(quote_huge_numbers(json).as_deref(), expected, "{json}");
        }
    }
}
