//! Payloads as JSON that their sender could have written, so that a host decodes them to the same value. Names need no
//! other form than the WIT's: a host compares them without case and separators. Generated modules call this.

use std::fmt::{Display, Write as _};

/// A value of a payload.
pub trait Sent {
    /// Appends the value as JSON.
    fn write(&self, json: &mut String);
}

/// Writes one value.
pub type Writer<'a> = &'a dyn Fn(&mut String);

/// Appends an object.
pub fn object(json: &mut String, members: &[(&str, Writer<'_>)]) {
    json.push('{');
    for (at, (name, write)) in members.iter().enumerate() {
        separate(json, at);
        name.write(json);
        json.push(':');
        write(json);
    }
    json.push('}');
}

/// Appends an array.
pub fn array(json: &mut String, items: &[Writer<'_>]) {
    json.push('[');
    for (at, write) in items.iter().enumerate() {
        separate(json, at);
        write(json);
    }
    json.push(']');
}

/// Appends a list.
pub fn list<T>(items: &[T], json: &mut String, write: impl Fn(&T, &mut String)) {
    json.push('[');
    for (at, item) in items.iter().enumerate() {
        separate(json, at);
        write(item, json);
    }
    json.push(']');
}

/// Appends a list of pairs that is an object.
pub fn map<K: Display, V>(pairs: &[(K, V)], json: &mut String, write: impl Fn(&V, &mut String)) {
    json.push('{');
    for (at, (name, value)) in pairs.iter().enumerate() {
        separate(json, at);
        name.to_string().write(json);
        json.push(':');
        write(value, json);
    }
    json.push('}');
}

/// Appends a value or null.
pub fn option<T>(value: &Option<T>, json: &mut String, write: impl Fn(&T, &mut String)) {
    match value {
        Some(value) => write(value, json),
        None => json.push_str("null"),
    }
}

fn separate(json: &mut String, at: usize) {
    if at > 0 {
        json.push(',');
    }
}

impl Sent for str {
    fn write(&self, json: &mut String) {
        json.push('"');
        for character in self.chars() {
            match character {
                '"' | '\\' => json.extend(['\\', character]),
                '\0'..='\u{1f}' => {
                    let _ = write!(json, "\\u{:04x}", u32::from(character));
                }
                other => json.push(other),
            }
        }
        json.push('"');
    }
}

impl Sent for String {
    fn write(&self, json: &mut String) {
        self.as_str().write(json);
    }
}

impl Sent for char {
    fn write(&self, json: &mut String) {
        self.encode_utf8(&mut [0; 4]).write(json);
    }
}

macro_rules! displayed {
    ($($scalar:ty)*) => {
        $(impl Sent for $scalar {
            fn write(&self, json: &mut String) {
                let _ = write!(json, "{self}");
            }
        })*
    };
}
displayed!(bool u8 u16 u32 u64 i8 i16 i32 i64);

macro_rules! floats {
    ($($float:ty)*) => {
        $(impl Sent for $float {
            fn write(&self, json: &mut String) {
                assert!(self.is_finite(), "a sender cannot write {self}");
                let _ = write!(json, "{self}");
            }
        })*
    };
}
floats!(f32 f64);

#[cfg(test)]
mod tests {
    use super::*;

    fn json(write: impl Fn(&mut String)) -> String {
        let mut json = String::new();
        write(&mut json);
        json
    }

    #[test]
    fn values_are_written_as_json() {
        assert_eq!(json(|json| "a\"\\\n\u{1}é".write(json)), r#""a\"\\\u000a\u0001é""#);
        let numbers = [Some(u64::MAX), None];
        let number = |value: &_, json: &mut String| option(value, json, Sent::write);
        assert_eq!(json(|json| list(&numbers, json, number)), "[18446744073709551615,null]");
        let pairs = [("a".to_owned(), 1_i8), ("b\"".to_owned(), -2)];
        assert_eq!(json(|json| map(&pairs, json, Sent::write)), r#"{"a":1,"b\"":-2}"#);
        let members: [(&str, Writer<'_>); 2] = [
            ("t", &|json| array(json, &[&|json| true.write(json), &|json| 'x'.write(json)])),
            ("f", &|json| 1.5_f64.write(json)),
        ];
        assert_eq!(json(|json| object(json, &members)), r#"{"t":[true,"x"],"f":1.5}"#);
    }
}
