//! Changes single values of a JSON text and leaves all other bytes as they are: the order of keys, the digits of
//! numbers and the white space stay the sender's. Pure.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::config::Pointer;

/// At most so many keys are named in an error.
const KEYS_SHOWN: usize = 20;

/// The text of the value at a pointer. If a key is given twice, the last one counts.
///
/// # Errors
/// When the text is not JSON, or nothing is at the pointer. The message names the last place that exists, and
/// what is there.
pub(in crate::cli) fn value_at<'t>(text: &'t str, pointer: &Pointer) -> Result<&'t str, String> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let (mut value, mut above) = (whole.get(), String::new());
    for token in pointer.tokens() {
        let missing = |what: String| {
            let place = if above.is_empty() { "the top" } else { &above };
            format!("nothing is at `{pointer}`: {place} is {what}")
        };
        value = match value.as_bytes().first() {
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> = parse(value)?;
                let member = members.get(token.decoded().as_ref()).map(|member| member.get());
                member.ok_or_else(|| missing(describe_keys(&members)))?
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = parse(value)?;
                let index = token.to_index().ok().and_then(|index| index.for_len(items.len()).ok());
                let item = index.and_then(|index| items.get(index)).map(|item| item.get());
                item.ok_or_else(|| missing(format!("a list of {} items", items.len())))?
            }
            _ => return Err(missing("neither an object nor a list".into())),
        };
        above.push('/');
        above.push_str(token.encoded());
    }
    Ok(value)
}

/// The text with another value at a pointer, which has to be there. `value` is JSON.
///
/// # Errors
/// As [`value_at`].
pub(in crate::cli) fn replace_at(text: &str, pointer: &Pointer, value: &str) -> Result<String, String> {
    let old = value_at(text, pointer)?;
    // The value is a slice of the text.
    let start = old.as_ptr().addr() - text.as_ptr().addr();
    let (before, after) = (&text[..start], &text[start + old.len()..]);
    Ok([before, value, after].concat())
}

fn parse<'t, T: serde::Deserialize<'t>>(value: &'t str) -> Result<T, String> {
    serde_json::from_str(value).map_err(|error| format!("it is not JSON: {error}"))
}

fn describe_keys(members: &BTreeMap<String, &RawValue>) -> String {
    if members.is_empty() {
        return "an object without keys".into();
    }
    let more = if members.len() > KEYS_SHOWN { ", …" } else { "" };
    let keys: Vec<_> = members.keys().take(KEYS_SHOWN).map(String::as_str).collect();
    format!("an object with {}{more}", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ \"id\" : \"a\",\n \"data\": {\"n\": 1.50, \"list\": [1, {\"x/y\": 2}], \"n\": 90071992547409931} }";

    fn replaced(pointer: &str, value: &str) -> Result<String, String> {
        replace_at(TEXT, &Pointer::parse(pointer).unwrap(), value)
    }

    #[test]
    fn one_value_changes_and_no_other_byte() {
        for (pointer, old, new) in [
            ("/id", "\"a\"", "null"),
            ("/data/n", "90071992547409931", "null"),
            ("/data/list/0", "[1,", "[null,"),
            ("/data/list/1/x~1y", ": 2}", ": null}"),
        ] {
            assert_eq!(replaced(pointer, "null").unwrap(), TEXT.replace(old, new), "{pointer}");
        }
        assert_eq!(replaced("", "[]").unwrap(), "[]");
    }

    #[test]
    fn a_pointer_to_nothing_names_the_last_place_that_exists() {
        for (pointer, part) in [
            ("/ids", "nothing is at `/ids`: the top is an object with data, id"),
            ("/data/m/x", "nothing is at `/data/m/x`: /data is an object with list, n"),
            ("/data/list/2", "/data/list is a list of 2 items"),
            ("/data/list/-", "/data/list is a list of 2 items"),
            ("/id/x", "/id is neither an object nor a list"),
        ] {
            let error = replaced(pointer, "1").unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(value_at("{", &Pointer::parse("/id").unwrap()).unwrap_err().contains("not JSON"));
    }
}
