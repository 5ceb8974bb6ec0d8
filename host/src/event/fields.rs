//! Finds the fields of a JSON text to which paths of names lead, without building a tree of it.
//!
//! A name in a path means every key that is the same by [`super::is_same_name`], however it is escaped and as often as
//! it is repeated: whatever reads the text later, the field is found as it will be read. A number means the item of an
//! array too, and `*` every item of an array and every member of an object.

use std::fmt;
use std::ops::Range;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as _, Deserializer as _};
use serde_json::value::RawValue;

use super::{is_same_name, normalize_name, replace_lone_surrogates};

/// Paths of names, as one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPaths {
    nodes: Vec<Node>,
}

/// The part of the paths that begin alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    /// The paths that end here.
    ends: Vec<usize>,
    /// The nodes below, by normalized name.
    names: Vec<(String, usize)>,
    /// The node below `*`.
    every: Option<usize>,
}

/// A value to which a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundField {
    /// The number of the path, from 0.
    pub path: usize,
    /// The value's place in the text.
    pub value: Range<usize>,
    /// Where its key begins, if it is a member of an object.
    pub key: Option<usize>,
}

impl FieldPaths {
    /// Paths, each of its names from the outermost on.
    pub fn new<P, N>(paths: impl IntoIterator<Item = P>) -> Self
    where
        P: IntoIterator<Item = N>,
        N: AsRef<str>,
    {
        let mut nodes = vec![Node::default()];
        for (number, path) in paths.into_iter().enumerate() {
            let mut at = 0;
            for name in path {
                at = child(&mut nodes, at, name.as_ref());
            }
            nodes[at].ends.push(number);
        }
        Self { nodes }
    }

    /// Whether there is no path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.iter().all(|node| node.ends.is_empty())
    }

    /// Finds the fields, in the order of the text. One that is part of another follows it.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn find(&self, text: &str) -> Result<Vec<FoundField>, serde_json::Error> {
        // As long as the text, so the positions are the same.
        let readable = replace_lone_surrogates(text);
        let start = readable.len() - readable.trim_start_matches('\u{feff}').len();
        let json: &RawValue = serde_json::from_str(readable.get(start..).unwrap_or_default())?;
        let mut search = Search { paths: self, whole: &readable, found: Vec::new() };
        search.value(json, None, &[0])?;
        Ok(search.found)
    }

    /// The nodes below some nodes to which a key leads.
    fn below(&self, nodes: &[usize], key: &str) -> Vec<usize> {
        let of_names = nodes.iter().flat_map(|at| &self.nodes[*at].names);
        // Most keys are of no path.
        let mut below: Vec<_> =
            of_names.filter(|(name, _)| is_same_name(key, name)).map(|(_, at)| *at).collect();
        below.extend(nodes.iter().filter_map(|at| self.nodes[*at].every));
        below
    }
}

/// The node below a node, made if it is not there.
fn child(nodes: &mut Vec<Node>, at: usize, name: &str) -> usize {
    let next = nodes.len();
    let node = &mut nodes[at];
    let found = if name == "*" {
        *node.every.get_or_insert(next)
    } else {
        let name = normalize_name(name);
        let known = node.names.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
        known.unwrap_or_else(|| {
            node.names.push((name, next));
            next
        })
    };
    if found == next {
        nodes.push(Node::default());
    }
    found
}

struct Search<'s, 'a> {
    paths: &'s FieldPaths,
    whole: &'a str,
    found: Vec<FoundField>,
}

impl<'a> Search<'_, 'a> {
    /// Looks at a value to which these nodes belong.
    fn value(
        &mut self,
        json: &'a RawValue,
        key: Option<usize>,
        nodes: &[usize],
    ) -> Result<(), serde_json::Error> {
        let text = json.get();
        let start = self.offset(text);
        let ends = nodes.iter().flat_map(|at| &self.paths.nodes[*at].ends);
        self.found.extend(ends.map(|path| FoundField { path: *path, value: start..start + text.len(), key }));
        let has_below = |at: &usize| {
            let node = &self.paths.nodes[*at];
            node.every.is_some() || !node.names.is_empty()
        };
        let nodes: Vec<_> = nodes.iter().copied().filter(has_below).collect();
        if nodes.is_empty() || !text.starts_with(['{', '[']) {
            return Ok(());
        }
        (&mut serde_json::Deserializer::from_str(text)).deserialize_any(Members { search: self, nodes })
    }

    /// The place of a part of the text.
    fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.whole.as_ptr().addr()
    }
}

/// Visits the members of a value to which nodes belong, one after the other.
struct Members<'m, 's, 'a> {
    search: &'m mut Search<'s, 'a>,
    nodes: Vec<usize>,
}

impl<'a> Visitor<'a> for Members<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&RawValue>()? {
            let name = String::deserialize(&mut serde_json::Deserializer::from_str(key.get()));
            let below = self.search.paths.below(&self.nodes, &name.map_err(A::Error::custom)?);
            if below.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                let at = self.search.offset(key.get());
                let json = map.next_value::<&RawValue>()?;
                self.search.value(json, Some(at), &below).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        // Most paths do not distinguish the items.
        let nodes = &self.search.paths.nodes;
        let of_all = self.nodes.iter().all(|at| nodes[*at].names.is_empty());
        let every = self.search.paths.below(&self.nodes, "");
        for index in 0_usize.. {
            let other =
                if of_all { Vec::new() } else { self.search.paths.below(&self.nodes, &index.to_string()) };
            let below = if of_all { &every } else { &other };
            if below.is_empty() {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    break;
                }
            } else {
                let Some(json) = list.next_element::<&RawValue>()? else { break };
                self.search.value(json, None, below).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The found values, with the numbers of their paths.
    fn found(paths: &[&[&str]], text: &str) -> Vec<(usize, String)> {
        let found = FieldPaths::new(paths.iter().map(|path| path.iter())).find(text).unwrap();
        found.into_iter().map(|field| (field.path, text[field.value].to_owned())).collect()
    }

    #[test]
    fn finds_fields_however_their_names_are_written() {
        let text = r#"{"phone":1,"phone":2,"\u0070hone":3,"PHONE":4,"p_hone":5,"phones":6,"x":{"phone":7}}"#;
        let all: Vec<_> = ["1", "2", "3", "4", "5"].iter().map(|value| (0, (*value).to_owned())).collect();
        assert_eq!(found(&[&["phone"]], text), all);
    }

    #[test]
    fn finds_items_of_arrays_by_number_and_by_star() {
        let text = r#"{"list":[{"a":1},{"a":2},3],"map":{"x":{"a":4},"*":{"a":5}}}"#;
        let values = |paths: &[&[&str]]| found(paths, text).into_iter().map(|(_, value)| value).collect();
        let values: &dyn Fn(&[&[&str]]) -> Vec<String> = &values;
        assert_eq!(values(&[&["list", "1", "a"]]), ["2"]);
        assert_eq!(values(&[&["list", "*", "a"]]), ["1", "2"]);
        assert_eq!(values(&[&["list", "*"]]), [r#"{"a":1}"#, r#"{"a":2}"#, "3"]);
        assert_eq!(values(&[&["map", "*", "a"]]), ["4", "5"]);
        assert_eq!(values(&[&["list", "*", "a"], &["list", "0"]]), [r#"{"a":1}"#, "1", "2"]);
        assert_eq!(values(&[&["list", "01"], &["list", "9"]]), Vec::<String>::new());
    }

    #[test]
    fn deep_and_long_texts_are_read() {
        let deep = format!(r#"{{"x":{}{},"a":1}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(found(&[&["a"]], &deep), [(0, "1".to_owned())]);
        let long = format!(r#"{{"list":[{}{{"a":1}}]}}"#, r#"{"b":0},"#.repeat(200_000));
        assert_eq!(found(&[&["list", "*", "a"]], &long), [(0, "1".to_owned())]);
    }

    #[test]
    fn the_place_of_a_key_is_given() {
        let text = r#" {"b":0, "a" : [1]}"#;
        let found = FieldPaths::new([["a"].as_slice(), &["a", "0"]]).find(text).unwrap();
        assert_eq!((found[0].key, &text[found[0].value.clone()]), (Some(9), "[1]"));
        assert_eq!((found[1].key, &text[found[1].value.clone()]), (None, "1"));
    }

    #[test]
    fn text_that_is_no_json_is_an_error() {
        for text in ["", "{", r#"{"a":1} {"#, "{\"a\":\"\n\"}"] {
            assert!(FieldPaths::new([["a"]]).find(text).is_err(), "{text}");
        }
    }
}
