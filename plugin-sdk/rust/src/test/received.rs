//! Values of generated types from canonical JSON, the one strict form in which the host's program prints what it decoded.
//! Generated modules call this.

use std::fmt::Debug;
use std::str::FromStr;

pub use serde_json::Value as Json;

/// A value of a payload.
pub trait Received: Sized {
    /// Reads canonical JSON.
    ///
    /// # Panics
    /// Panics if it has another form.
    fn read(json: &Json) -> Self;
}

/// Reads a list.
///
/// # Panics
/// Panics if it is none.
pub fn list<T>(json: &Json, read: impl Fn(&Json) -> T) -> Vec<T> {
    items(json).iter().map(read).collect()
}

/// Reads a list of pairs.
///
/// # Panics
/// Panics if it is none.
pub fn map<K: Received, V>(json: &Json, read: impl Fn(&Json) -> V) -> Vec<(K, V)> {
    items(json).iter().map(|pair| (K::read(&pair[0]), read(&pair[1]))).collect()
}

/// Reads a value or null.
pub fn option<T>(json: &Json, read: impl Fn(&Json) -> T) -> Option<T> {
    (!json.is_null()).then(|| read(json))
}

/// Reads an option of an option.
pub fn nested<T>(json: &Json, read: impl Fn(&Json) -> T) -> Option<T> {
    (!json.is_null()).then(|| read(&json["some"]))
}

/// The name of a variant's case, and its value.
///
/// # Panics
/// Panics if it is no variant.
pub fn case(json: &Json) -> (&str, &Json) {
    let only = json.as_object().and_then(|members| members.iter().next());
    only.map_or_else(|| unknown(json), |(name, value)| (name.as_str(), value))
}

/// Ends the test at a value that has no such type.
///
/// # Panics
/// Panics always.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn unknown(json: impl Debug) -> ! {
    panic!(
        "{json:?} has another type than the plugin expects: `hookyard plugin build` generates its types again"
    )
}

fn items(json: &Json) -> &[Json] {
    json.as_array().unwrap_or_else(|| unknown(json))
}

/// Numbers that a float could round are strings.
fn scalar<T: FromStr>(json: &Json) -> T {
    let text = json.as_str().map_or_else(|| json.to_string(), Into::into);
    text.parse().unwrap_or_else(|_| unknown(json))
}

macro_rules! scalars {
    ($($scalar:ty)*) => {
        $(impl Received for $scalar {
            fn read(json: &Json) -> Self {
                scalar(json)
            }
        })*
    };
}
scalars!(bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 char);

impl Received for String {
    fn read(json: &Json) -> Self {
        json.as_str().unwrap_or_else(|| unknown(json)).into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_is_read() {
        assert_eq!(u64::read(&json!("18446744073709551615")), u64::MAX);
        assert_eq!(
            (i8::read(&json!(-8)), char::read(&json!("é")), bool::read(&json!(true))),
            (-8, 'é', true)
        );
        assert!(f64::read(&json!("NaN")).is_nan() && f64::read(&json!("-Infinity")).is_infinite());
        let pairs: Vec<(String, Option<u8>)> =
            map(&json!([["a", 1], ["b", null]]), |json| option(json, u8::read));
        assert_eq!(pairs, [("a".into(), Some(1)), ("b".into(), None)]);
        let deep = |json: &Json| nested(json, |json| option(json, u32::read));
        assert_eq!(
            (deep(&json!(null)), deep(&json!({ "some": null })), deep(&json!({ "some": 5 }))),
            (None, Some(None), Some(Some(5)))
        );
        assert_eq!(case(&json!({ "card": 1 })), ("card", &json!(1)));
    }

    #[test]
    #[should_panic(expected = "has another type than the plugin expects")]
    fn another_form_ends_the_test() {
        u8::read(&json!(256));
    }
}
