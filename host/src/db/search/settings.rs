//! What is indexed: the configured part.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, FieldPlaces, Pointer, SEARCH_POINTERS_MAX, Search, Source};
use crate::pick::Picker;

/// The form of the terms. An index with another one is made anew.
const FORM: u32 = 2;

/// The values that are picked from a body: those to be indexed, and last the ordering key.
const PICKED: usize = SEARCH_POINTERS_MAX + 1;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) struct SearchSettings {
    /// The sources with values in their bodies.
    sources: BTreeMap<Arc<str>, SourceValues>,
    pub(in crate::db) value_max_bytes: usize,
    pub(in crate::db) values_max: usize,
    pub(in crate::db) scan_max_events: u32,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self::new(BTreeMap::new(), &Search::default())
    }
}

/// The values of a source's bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) struct SourceValues {
    /// The source's name.
    pub(in crate::db) name: Arc<str>,
    /// The pointers, without those of values that are indexed anyway.
    pub(in crate::db) pointers: Vec<Arc<str>>,
    /// The pointer to the ordering key now, if it is one value of the body.
    pub(in crate::db) ordering_key: Option<Arc<str>>,
    picker: Picker<PICKED>,
}

/// Values of a body, as JSON.
#[derive(Debug)]
pub(in crate::db) struct BodyValues<'a>([Option<&'a str>; PICKED]);

impl From<&Config> for SearchSettings {
    fn from(config: &Config) -> Self {
        let sources = config.sources.iter().map(|(name, source)| SourceValues::of(name.as_str(), source));
        let has_any = |of: &SourceValues| !of.pointers.is_empty() || of.ordering_key.is_some();
        let sources = sources.filter(has_any).map(|of| (Arc::clone(&of.name), of));
        Self::new(sources.collect(), &config.search)
    }
}

impl SearchSettings {
    fn new(sources: BTreeMap<Arc<str>, SourceValues>, limits: &Search) -> Self {
        Self {
            sources,
            value_max_bytes: limits.value_max_bytes,
            values_max: limits.values_max,
            scan_max_events: limits.scan_max_events,
        }
    }

    /// The values in the bodies of a source.
    pub(in crate::db) fn source(&self, source: &str) -> Option<&SourceValues> {
        self.sources.get(source)
    }

    /// A text that differs if the terms of any event may differ.
    pub(in crate::db) fn fingerprint(&self) -> String {
        let with_pointers = self.sources.iter().filter(|(_, of)| !of.pointers.is_empty());
        let sources: BTreeMap<_, _> = with_pointers.map(|(name, of)| (name, &of.pointers)).collect();
        let keys = self.sources.iter().filter_map(|(name, of)| Some((name, of.ordering_key.as_ref()?)));
        let keys: BTreeMap<_, _> = keys.collect();
        serde_json::json!([sources, keys, self.value_max_bytes, self.values_max, FORM]).to_string()
    }
}

impl SourceValues {
    fn of(name: &str, source: &Source) -> Self {
        // Only where the value can come from nowhere else is it indexed in any case.
        let [key, id] = [&source.ordering_key, &source.id].map(FieldPlaces::only_pointer);
        let is_new = |pointer: &&Pointer| Some(*pointer) != key && Some(*pointer) != id;
        let pointers: Vec<_> = source.search.iter().filter(is_new).take(SEARCH_POINTERS_MAX).collect();
        // A key that is made of headers or of several values is at no place.
        let ordering_key = source.ordering_key.as_pointer();
        let mut picked = [None; PICKED];
        picked.iter_mut().zip(&pointers).for_each(|(slot, pointer)| *slot = Some(*pointer));
        picked[SEARCH_POINTERS_MAX] = ordering_key;
        let text = |pointer: &Pointer| Arc::from(pointer.to_string());
        Self {
            name: name.into(),
            picker: Picker::new(picked),
            pointers: pointers.into_iter().map(text).collect(),
            ordering_key: ordering_key.map(text),
        }
    }

    /// Finds the values in a body; none if it is no JSON.
    pub(in crate::db) fn pick<'a>(&self, body: &'a str) -> BodyValues<'a> {
        BodyValues(self.picker.pick(body).unwrap_or([None; PICKED]))
    }
}

impl<'a> BodyValues<'a> {
    /// The value at the pointer with this number.
    pub(in crate::db) fn at(&self, pointer: usize) -> Option<&'a str> {
        self.0.get(pointer).copied().flatten()
    }

    /// The value at the ordering key's pointer.
    pub(in crate::db) fn ordering_key(&self) -> Option<&'a str> {
        self.at(SEARCH_POINTERS_MAX)
    }
}
