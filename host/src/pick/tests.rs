//! Compares the picked values with those of a parser that builds a tree.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

fn one(pointer: &str, text: &str) -> Option<String> {
    let pointer = Pointer::parse(pointer).unwrap();
    Picker::new([Some(&pointer)]).pick(text).unwrap()[0].map(ToOwned::to_owned)
}

#[test]
fn picks_values_by_pointer() {
    let table = [
        ("/a", r#"{"a":1}"#, Some("1")),
        ("/a", r#" { "b" : [ ] , "a" : { "x" : 1 } } "#, Some(r#"{ "x" : 1 }"#)),
        ("/a/b", r#"{"a":{"b":"x\"y"}}"#, Some(r#""x\"y""#)),
        ("/id", r#"{"\u0069d":"1"}"#, Some(r#""1""#)),
        ("/a", r#"{"a":1,"a":2}"#, Some("2")),
        ("/a/b", r#"{"a":{"b":1},"a":3}"#, None),
        ("/a/b", r#"{"a":{"b":1},"a":{"c":1}}"#, None),
        ("/a/1/b", r#"{"a":[{"b":1},{"b":2}]}"#, Some("2")),
        ("/a/01", r#"{"a":[1,2]}"#, None),
        ("/a/01", r#"{"a":{"01":2}}"#, Some("2")),
        ("/a/+1", r#"{"a":[1,2]}"#, None),
        ("/a/b", r#"{"a":"b"}"#, None),
        ("/a/b", r#"{"a":null}"#, None),
        ("/a~1b/~0", r#"{"a/b":{"~":true}}"#, Some("true")),
        ("/", r#"{"":5}"#, Some("5")),
        ("", " [1] ", Some("[1]")),
        ("/a", "[1]", None),
        ("/a", "7", None),
        ("/é", r#"{"\u00e9":1}"#, Some("1")),
        ("/a", r#"{"a":1e999,"b":"\ud800"}"#, Some("1e999")),
    ];
    for (pointer, text, expected) in table {
        assert_eq!(one(pointer, text).as_deref(), expected, "{pointer} in {text}");
    }
}

#[test]
fn rejects_what_is_not_json_anywhere_in_the_text() {
    let pointer = Pointer::parse("/a/b").unwrap();
    let picker = Picker::new([Some(&pointer)]);
    let table = [
        "",
        "{",
        r#"{"a":1"#,
        r#"{"a":1}}"#,
        r#"{"a":1} x"#,
        r#"{"a":{"b":1,}}"#,
        r#"{"x":[1,]}"#,
        r#"{"x":01}"#,
        r#"{"x":nul}"#,
        "{'a':1}",
        "{\"x\":\"\n\"}",
        "{\"a\nb\":1}",
        r#"{"x":"\q"}"#,
        "\u{feff}{}",
        "NaN",
        r#"{"a":{"b":tru}}"#,
        r#"{"a" 1}"#,
        "{1:1}",
        r#"{"x":.5}"#,
        r#"{"x":1.}"#,
        r#"{"x":+1}"#,
    ];
    for text in table {
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        let error = picker.pick(text).unwrap_err().to_string();
        assert!(error.contains("line"), "{text}: {error}");
    }
}

#[test]
fn depth_does_not_matter_outside_of_pointers() {
    let deep = format!(r#"{{"x":{}{},"a":1}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(one("/a", &deep).as_deref(), Some("1"));
}

/// Few keys and small arrays, so that pointers often hit; keys come twice and escaped.
fn generate(rng: &mut SmallRng, depth: u32, out: &mut String) {
    const KEYS: [&str; 6] = [r#""a""#, r#""b""#, r#""0""#, r#""1""#, r#""\u0061""#, r#""a\/b""#];
    const LEAVES: [&str; 7] = ["1", "-2.5e3", "true", "null", r#""x""#, r#""\ud83d\ude00\n""#, "\"é\""];
    const SPACES: [&str; 4] = ["", "", " ", "\n\t"];
    let kind = if depth == 0 { 0 } else { rng.random_range(0..3) };
    if kind == 0 {
        return out.push_str(LEAVES[rng.random_range(0..LEAVES.len())]);
    }
    out.push(if kind == 1 { '[' } else { '{' });
    for item in 0..rng.random_range(0..4) {
        if item > 0 {
            out.push(',');
        }
        out.push_str(SPACES[rng.random_range(0..SPACES.len())]);
        if kind == 2 {
            out.push_str(KEYS[rng.random_range(0..KEYS.len())]);
            out.push(':');
        }
        generate(rng, depth - 1, out);
        out.push_str(SPACES[rng.random_range(0..SPACES.len())]);
    }
    out.push(if kind == 1 { ']' } else { '}' });
}

#[test]
fn picks_the_same_values_as_a_parsed_tree() {
    let mut rng = SmallRng::seed_from_u64(7);
    let mut hits = 0;
    for _ in 0..20_000 {
        let mut text = String::new();
        generate(&mut rng, 4, &mut text);
        let pointers: [String; 4] = std::array::from_fn(|_| {
            let steps = rng.random_range(0..4);
            (0..steps).map(|_| ["/a", "/b", "/0", "/1", "/a~1b"][rng.random_range(0..5)]).collect()
        });
        let parsed = pointers.each_ref().map(|pointer| Pointer::parse(pointer).unwrap());
        let found = Picker::new(parsed.each_ref().map(Some)).pick(&text).unwrap();
        let tree: Value = serde_json::from_str(&text).unwrap();
        for (pointer, found) in pointers.iter().zip(found) {
            let found: Option<Value> = found.map(|found| serde_json::from_str(found).unwrap());
            assert_eq!(found.as_ref(), tree.pointer(pointer), "{pointer} in {text}");
            hits += u32::from(found.is_some());
        }
    }
    assert!(hits > 20_000, "too few pointers led anywhere: {hits}");
}
