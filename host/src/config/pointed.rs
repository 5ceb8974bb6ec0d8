//! Finds the values in a body to which pointers lead.

use std::fmt;
use std::ops::Range;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::values::Pointer;
use crate::event::replace_lone_surrogates;

/// A value in a body to which a pointer points.
pub struct FoundValue {
    /// The pointer's index.
    pub pointer: usize,
    /// Its bytes in the body.
    pub range: Range<usize>,
}

/// The rest of a pointer below the value that is read.
type Rest = (usize, Vec<String>);

/// Finds the values at the pointers, each as often as a name is repeated.
///
/// # Errors
/// When the text is no JSON.
pub fn find_values(text: &str, personal: &[Pointer]) -> Result<Vec<FoundValue>, serde_json::Error> {
    // As long as the body, so the positions are the same.
    let readable = replace_lone_surrogates(text);
    let start = readable.len() - readable.trim_start_matches('\u{feff}').len();
    let json: &RawValue = serde_json::from_str(readable.get(start..).unwrap_or_default())?;
    let rests =
        personal.iter().map(|pointer| pointer.tokens().map(|token| token.decoded().into_owned()).collect());
    let rests: Vec<Rest> = rests.enumerate().collect();
    let mut search = Search { whole: &readable, found: Vec::new() };
    search.value(json, rests)?;
    Ok(search.found)
}

struct Search<'a> {
    whole: &'a str,
    found: Vec<FoundValue>,
}

impl<'a> Search<'a> {
    fn value(&mut self, json: &'a RawValue, rests: Vec<Rest>) -> Result<(), serde_json::Error> {
        let text = json.get();
        let start = text.as_ptr().addr() - self.whole.as_ptr().addr();
        let (here, below): (Vec<_>, Vec<_>) = rests.into_iter().partition(|(_, rest)| rest.is_empty());
        self.found.extend(
            here.into_iter().map(|(pointer, _)| FoundValue { pointer, range: start..start + text.len() }),
        );
        if below.is_empty() || !text.starts_with(['{', '[']) {
            return Ok(());
        }
        let children = Children { search: self, rests: below };
        (&mut serde_json::Deserializer::from_str(text)).deserialize_any(children)
    }
}

/// Visits the members of a value to which pointers lead, one after the other.
struct Children<'s, 'a> {
    search: &'s mut Search<'a>,
    rests: Vec<Rest>,
}

impl Children<'_, '_> {
    /// The pointers that lead to a member, without its name.
    fn below(&self, name: &str) -> Vec<Rest> {
        let leads = self.rests.iter().filter(|(_, rest)| rest.first().is_some_and(|token| token == name));
        leads.map(|(pointer, rest)| (*pointer, rest[1..].to_vec())).collect()
    }
}

impl<'a> Visitor<'a> for Children<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let below = self.below(&name);
            if below.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                self.search.value(map.next_value::<&RawValue>()?, below).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            let below = self.below(&index.to_string());
            if below.is_empty() {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    break;
                }
            } else {
                let Some(json) = list.next_element::<&RawValue>()? else { break };
                self.search.value(json, below).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}
