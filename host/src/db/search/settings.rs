//! What is indexed: the configured part.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, FieldPlaces, Pointer, Search, Source};
use crate::event::SourceName;

/// The form of the terms. An index with another one is made anew.
const FORM: u32 = 2;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) struct SearchSettings {
    /// The pointers of each source, without those of values that are indexed anyway.
    sources: BTreeMap<Arc<str>, Vec<Pointer>>,
    /// The pointer to the ordering key of each source that has one.
    ordering_keys: BTreeMap<Arc<str>, Pointer>,
    pub(in crate::db) value_max_bytes: usize,
    pub(in crate::db) values_max: usize,
    pub(in crate::db) scan_max_events: u32,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self::new(BTreeMap::new(), BTreeMap::new(), &Search::default())
    }
}

impl From<&Config> for SearchSettings {
    fn from(config: &Config) -> Self {
        let pointers = config.sources.iter().map(|(name, source)| {
            // Only where the value can come from nowhere else is it indexed in any case.
            let [key, id] = [&source.ordering_key, &source.id].map(FieldPlaces::only_pointer);
            let is_new = |pointer: &&Pointer| Some(*pointer) != key && Some(*pointer) != id;
            let pointers = source.search.iter().filter(is_new).cloned().collect();
            (Arc::from(name.as_str()), pointers)
        });
        // A key that is made of headers or of several values is at no place.
        let ordering_key = |(name, source): (&SourceName, &Source)| {
            Some((Arc::from(name.as_str()), source.ordering_key.as_pointer()?.clone()))
        };
        let ordering_keys = config.sources.iter().filter_map(ordering_key).collect();
        Self::new(pointers.collect(), ordering_keys, &config.search)
    }
}

impl SearchSettings {
    fn new(
        mut sources: BTreeMap<Arc<str>, Vec<Pointer>>,
        ordering_keys: BTreeMap<Arc<str>, Pointer>,
        limits: &Search,
    ) -> Self {
        sources.retain(|_, pointers| !pointers.is_empty());
        Self {
            sources,
            ordering_keys,
            value_max_bytes: limits.value_max_bytes,
            values_max: limits.values_max,
            scan_max_events: limits.scan_max_events,
        }
    }

    /// The pointers of a source.
    pub(in crate::db) fn pointers(&self, source: &str) -> Option<(&Arc<str>, &[Pointer])> {
        self.sources.get_key_value(source).map(|(source, pointers)| (source, pointers.as_slice()))
    }

    /// Where the ordering keys of a source's events are now.
    pub(in crate::db) fn ordering_key(&self, source: &str) -> Option<&Pointer> {
        self.ordering_keys.get(source)
    }

    /// A text that differs if the terms of any event may differ.
    pub(in crate::db) fn fingerprint(&self) -> String {
        let pointers = |pointers: &Vec<Pointer>| pointers.iter().map(ToString::to_string).collect::<Vec<_>>();
        let sources = self.sources.iter().map(|(source, at)| (source.to_string(), pointers(at).into()));
        let sources: serde_json::Map<String, serde_json::Value> = sources.collect();
        let keys = self.ordering_keys.iter().map(|(source, at)| (source.to_string(), at.to_string()));
        let keys: BTreeMap<_, _> = keys.collect();
        serde_json::json!([sources, keys, self.value_max_bytes, self.values_max, FORM]).to_string()
    }
}
