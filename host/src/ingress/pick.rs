//! Finds places in a JSON text by pointer, without building a tree. Pure.
//!
//! One pass reads the whole text and so proves that it is JSON; what is picked are slices of it. Of a
//! key given twice the last one counts, as for every parser that builds maps.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::Pointer;

/// Pointers made into a tree of steps, so that one pass serves them all.
#[derive(Debug)]
pub(super) struct Picker<const N: usize> {
    /// The first one is the root.
    nodes: Vec<Node>,
}

/// A place that some pointer leads to or through.
#[derive(Debug, Default)]
struct Node {
    /// Which pointers end here.
    slots: Vec<usize>,
    children: Vec<Child>,
}

#[derive(Debug)]
struct Child {
    key: String,
    /// The same key as a place in an array, if it can be one.
    index: Option<usize>,
    node: usize,
}

/// What was found: for each pointer, in its order, the text of the value.
pub(super) type Found<'de, const N: usize> = [Option<&'de str>; N];

impl<const N: usize> Picker<N> {
    /// Prepares to pick what these point to; nothing is picked for `None`.
    pub(super) fn new(pointers: [Option<&Pointer>; N]) -> Self {
        let mut nodes = vec![Node::default()];
        for (slot, pointer) in pointers.iter().enumerate() {
            let Some(pointer) = pointer else { continue };
            let end = pointer.segments().iter().fold(0, |node, key| child(&mut nodes, node, key));
            nodes[end].slots.push(slot);
        }
        Self { nodes }
    }

    /// Reads all of the text.
    pub(super) fn pick<'de>(&self, text: &'de str) -> Result<Found<'de, N>, serde_json::Error> {
        let mut found = [None; N];
        let mut deserializer = serde_json::Deserializer::from_str(text);
        At { picker: self, node: 0, found: &mut found }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }

    /// Forgets what was found at a place and below.
    fn forget(&self, node: usize, found: &mut Found<'_, N>) {
        for &slot in &self.nodes[node].slots {
            found[slot] = None;
        }
        for child in &self.nodes[node].children {
            self.forget(child.node, found);
        }
    }
}

/// The node one step below, made where it is not there.
fn child(nodes: &mut Vec<Node>, above: usize, key: &str) -> usize {
    if let Some(child) = nodes[above].children.iter().find(|child| child.key == key) {
        return child.node;
    }
    let node = nodes.len();
    nodes.push(Node::default());
    // RFC 6901: digits, and no zero in front of others.
    let digits = key.bytes().all(|byte| byte.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    let index = key.parse().ok().filter(|_| digits);
    nodes[above].children.push(Child { key: key.to_owned(), index, node });
    node
}

/// Reading a value that some pointer leads to or through.
struct At<'p, 'f, 'de, const N: usize> {
    picker: &'p Picker<N>,
    node: usize,
    found: &'f mut Found<'de, N>,
}

impl<'de, const N: usize> DeserializeSeed<'de> for At<'_, '_, 'de, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let node = &self.picker.nodes[self.node];
        if node.slots.is_empty() {
            return deserializer.deserialize_any(Below(self));
        }
        let text = <&'de RawValue>::deserialize(deserializer)?.get();
        for &slot in &node.slots {
            self.found[slot] = Some(text);
        }
        if node.children.is_empty() || !text.starts_with(['{', '[']) {
            return Ok(());
        }
        // Another pointer leads further: only this part of the text is read again.
        let mut again = serde_json::Deserializer::from_str(text);
        again.deserialize_any(Below(self)).map_err(D::Error::custom)
    }
}

/// Reading what is inside of such a value.
struct Below<'p, 'f, 'de, const N: usize>(At<'p, 'f, 'de, N>);

impl<'de, const N: usize> Visitor<'de> for Below<'_, '_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let At { picker, node, found } = self.0;
        let children = &picker.nodes[node].children;
        while let Some(child) = map.next_key_seed(Key(children))? {
            match child {
                Some(node) => {
                    picker.forget(node, found);
                    map.next_value_seed(At { picker, node, found: &mut *found })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let At { picker, node, found } = self.0;
        let children = &picker.nodes[node].children;
        for index in 0.. {
            let more = match children.iter().find(|child| child.index == Some(index)) {
                Some(&Child { node, .. }) => {
                    seq.next_element_seed(At { picker, node, found: &mut *found })?.is_some()
                }
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Reading a key: which child it leads to. The key is compared unescaped and never kept.
struct Key<'p>(&'p [Child]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|child| child.key == key).map(|child| child.node))
    }
}

#[cfg(test)]
mod tests;
