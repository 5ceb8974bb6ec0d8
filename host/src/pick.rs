//! Finds values in a JSON text by pointer, without building a tree. Pure.
//!
//! One pass reads the whole text, which also checks that it is JSON. The results are slices of it. If a key is given
//! twice, the last one counts, as in every parser that builds maps.

use jsonptr::Token;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::Pointer;

/// A tree of the steps of all pointers, so that one pass finds them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picker<const N: usize> {
    /// The first one is the root.
    nodes: Vec<Node>,
}

/// A value that some pointer leads to or through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    /// The pointers that end here.
    slots: Vec<usize>,
    children: Vec<Child>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Child {
    key: String,
    /// The same key as an index of an array, if it can be one.
    index: Option<usize>,
    node: usize,
}

/// For each pointer, in order, the text of its value.
pub(crate) type PickedValues<'de, const N: usize> = [Option<&'de str>; N];

impl<const N: usize> Picker<N> {
    /// Prepares to pick the values of these pointers; nothing is picked for `None`.
    pub(crate) fn new(pointers: [Option<&Pointer>; N]) -> Self {
        let mut nodes = vec![Node::default()];
        for (slot, pointer) in pointers.iter().enumerate() {
            let Some(pointer) = pointer else { continue };
            let end = pointer.tokens().fold(0, |node, token| child_of(&mut nodes, node, &token));
            nodes[end].slots.push(slot);
        }
        Self { nodes }
    }

    /// Reads all of the text.
    pub(crate) fn pick<'de>(&self, text: &'de str) -> Result<PickedValues<'de, N>, serde_json::Error> {
        let mut found = [None; N];
        let mut deserializer = serde_json::Deserializer::from_str(text);
        NodeSeed { picker: self, node: 0, found: &mut found }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }

    /// Clears the values found at a node and below it.
    fn clear(&self, node: usize, found: &mut PickedValues<'_, N>) {
        for &slot in &self.nodes[node].slots {
            found[slot] = None;
        }
        for child in &self.nodes[node].children {
            self.clear(child.node, found);
        }
    }
}

/// The node one step below; creates it if necessary.
fn child_of(nodes: &mut Vec<Node>, above: usize, token: &Token<'_>) -> usize {
    let key = token.decoded();
    if let Some(child) = nodes[above].children.iter().find(|child| child.key == key) {
        return child.node;
    }
    let node = nodes.len();
    nodes.push(Node::default());
    let index = token.to_index().ok().and_then(|index| index.for_len(usize::MAX).ok());
    nodes[above].children.push(Child { key: key.into_owned(), index, node });
    node
}

/// Reads a value that some pointer leads to or through.
struct NodeSeed<'p, 'f, 'de, const N: usize> {
    picker: &'p Picker<N>,
    node: usize,
    found: &'f mut PickedValues<'de, N>,
}

impl<'de, const N: usize> DeserializeSeed<'de> for NodeSeed<'_, '_, 'de, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let node = &self.picker.nodes[self.node];
        if node.slots.is_empty() {
            return deserializer.deserialize_any(ContentVisitor(self));
        }
        let text = <&'de RawValue>::deserialize(deserializer)?.get();
        for &slot in &node.slots {
            self.found[slot] = Some(text);
        }
        if node.children.is_empty() || !text.starts_with(['{', '[']) {
            return Ok(());
        }
        // Another pointer leads further, so this part of the text is read again.
        let mut again = serde_json::Deserializer::from_str(text);
        again.deserialize_any(ContentVisitor(self)).map_err(D::Error::custom)
    }
}

/// Reads the content of such a value.
struct ContentVisitor<'p, 'f, 'de, const N: usize>(NodeSeed<'p, 'f, 'de, N>);

impl<'de, const N: usize> Visitor<'de> for ContentVisitor<'_, '_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let NodeSeed { picker, node, found } = self.0;
        let children = &picker.nodes[node].children;
        while let Some(child) = map.next_key_seed(KeySeed(children))? {
            match child {
                Some(node) => {
                    picker.clear(node, found);
                    map.next_value_seed(NodeSeed { picker, node, found: &mut *found })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let NodeSeed { picker, node, found } = self.0;
        let children = &picker.nodes[node].children;
        for index in 0.. {
            let more = match children.iter().find(|child| child.index == Some(index)) {
                Some(&Child { node, .. }) => {
                    seq.next_element_seed(NodeSeed { picker, node, found: &mut *found })?.is_some()
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

/// Reads a key, and finds the child that it leads to. The key is compared unescaped and not stored.
struct KeySeed<'p>(&'p [Child]);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
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
