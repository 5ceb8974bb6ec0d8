//! The events of a body that has several. Pure.

use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::Pointer;
use crate::pick::Picker;

/// Finds the list of events in a body.
#[derive(Debug)]
pub(super) struct ItemReader {
    /// `None` = the whole body is the list.
    picker: Option<Picker<1>>,
    name: String,
}

impl ItemReader {
    pub(super) fn new(pointer: &Pointer) -> Self {
        let picker = (!pointer.is_root()).then(|| Picker::new([Some(pointer)]));
        Self { picker, name: pointer.to_string() }
    }

    /// The places of the items in a JSON text. A text without a list is one event.
    ///
    /// # Errors
    /// If it is not JSON, or has more items than allowed.
    pub(super) fn read(&self, text: &str, items_max: usize) -> Result<Option<Vec<Range<usize>>>, String> {
        let not_json = |error: serde_json::Error| format!("the body is not JSON: {error}");
        let list = match &self.picker {
            None => Some(text.trim()),
            Some(picker) => picker.pick(text).map_err(not_json)?[0],
        };
        if self.picker.is_some() && list == Some("null") {
            return Ok(Some(Vec::new()));
        }
        let Some(list) = list.filter(|list| list.starts_with('[')) else { return Ok(None) };
        let mut deserializer = serde_json::Deserializer::from_str(list);
        let items =
            FirstItems(items_max.saturating_add(1)).deserialize(&mut deserializer).map_err(not_json)?;
        if items.len() > items_max {
            return Err(format!(
                "the list of events at `{}` has more items than server.events_per_body_max, which is {items_max}",
                self.name
            ));
        }
        deserializer.end().map_err(not_json)?;
        let range = |item: &RawValue| {
            let at = item.get().as_ptr().addr() - text.as_ptr().addr();
            at..at + item.get().len()
        };
        Ok(Some(items.into_iter().map(range).collect()))
    }
}

/// Reads a list, and keeps so many of its items: a body has more of them than their places have room.
struct FirstItems(usize);

impl<'de> DeserializeSeed<'de> for FirstItems {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FirstItems {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.0 {
            let Some(item) = list.next_element()? else { return Ok(items) };
            items.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    fn items<'t>(pointer: &str, text: &'t str) -> Result<Option<Vec<&'t str>>, String> {
        let reader = ItemReader::new(&Pointer::parse(pointer).unwrap());
        let ranges = reader.read(text, 3)?;
        Ok(ranges.map(|ranges| ranges.into_iter().map(|range| &text[range]).collect()))
    }

    #[test]
    fn finds_the_items_of_a_list() {
        assert_eq!(items("", " [ {\"a\":1}, 2 ,[3] ] "), Ok(Some(vec!["{\"a\":1}", "2", "[3]"])));
        assert_eq!(
            items("/events", r#"{"events":[{"a":1},{"b":[]}]}"#),
            Ok(Some(vec![r#"{"a":1}"#, r#"{"b":[]}"#]))
        );
        assert_eq!(items("", "[]"), Ok(Some(vec![])));
        assert_eq!(items("/events", r#"{"events":null}"#), Ok(Some(vec![])));
    }

    #[test]
    fn a_body_without_a_list_is_one_event() {
        for (pointer, text) in
            [("", r#"{"a":[1]}"#), ("/events", "{}"), ("/events", r#"{"events":{}}"#), ("/e", "[1]")]
        {
            assert_eq!(items(pointer, text), Ok(None), "{text}");
        }
    }

    #[test]
    fn rejects_what_is_no_json_and_too_many_items() {
        for (pointer, text, part) in [
            ("", "[1,", "the body is not JSON"),
            ("", "[1] x", "the body is not JSON"),
            ("/e", r#"{"e":[1}"#, "the body is not JSON"),
            (
                "",
                "[1,2,3,4]",
                "the list of events at `` has more items than server.events_per_body_max, which is 3",
            ),
            ("", "[1,2,3,4,5", "the body is not JSON"),
        ] {
            let error = items(pointer, text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
