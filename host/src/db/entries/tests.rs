//! The cache of plugins' stores.

use std::sync::Arc;

use super::*;

fn plugin() -> PluginName {
    PluginName::new("p").unwrap()
}

fn key(name: &str) -> EntryKey {
    EntryKey { bucket: Arc::from("b"), key: name.into() }
}

fn write(name: &str, seen: Option<u64>, value: &'static str) -> Changes {
    let value = Some(Bytes::from_static(value.as_bytes()));
    Changes { seen: vec![(key(name), seen)], writes: vec![(key(name), value)], ..Changes::default() }
}

fn submit(entries: &Entries, mut changes: Changes) -> Result<Changes, Conflict> {
    let mut sent = None;
    entries.submit(&plugin(), &mut changes, |changes| sent = Some(changes.clone()))?;
    Ok(sent.unwrap())
}

fn version(entries: &Entries, name: &str) -> Option<u64> {
    match entries.peek(&plugin(), &key(name)) {
        Peeked::Known(found) => found.map(|entry| entry.version),
        Peeked::Unknown => None,
    }
}

#[test]
fn whoever_built_on_what_is_lost_is_lost_too() {
    let entries = Entries::new(1 << 20, 7);
    let first = submit(&entries, write("a", None, "1")).unwrap();
    assert_eq!((first.version, version(&entries, "a")), (8, Some(8)));
    let second = submit(&entries, write("a", Some(8), "2")).unwrap();
    entries.lost(&plugin(), &first);
    assert_eq!(entries.peek(&plugin(), &key("a")), Peeked::Unknown, "the database has to be asked");
    entries.lost(&plugin(), &second);
    submit(&entries, write("a", None, "3")).unwrap();
}

#[test]
fn submitted_entries_stay_cached_in_a_cache_of_any_size() {
    let entries = Entries::new(1000, 0);
    let sent: Vec<_> =
        (0..50).map(|n| submit(&entries, write(&n.to_string(), None, "some value")).unwrap()).collect();
    assert!((0..50).all(|n| version(&entries, &n.to_string()).is_some()));
    for changes in &sent {
        entries.committed(&plugin(), changes);
    }
    for n in 50..100 {
        let changes = submit(&entries, write(&n.to_string(), None, "some value")).unwrap();
        entries.committed(&plugin(), &changes);
    }
    let known = (0..100).filter(|n| version(&entries, &n.to_string()).is_some()).count();
    assert!(known < 20, "{known} entries in 1000 bytes");
}

#[test]
fn of_a_store_that_was_empty_all_is_known_until_an_entry_makes_way() {
    let entries = Entries::new(1000, 0);
    let empty = StoreSummary { complete: true, ..StoreSummary::default() };
    entries.lock().summaries.insert(plugin(), empty);
    let peek = |name: &str| entries.peek(&plugin(), &key(name));
    assert_eq!(peek("a"), Peeked::Known(None), "the database need not be asked");
    let first = submit(&entries, write("a", None, "some value")).unwrap();
    assert_eq!(submit(&entries, write("a", None, "another")).unwrap_err(), Conflict);
    entries.committed(&plugin(), &first);
    for n in 0..50 {
        let changes = submit(&entries, write(&n.to_string(), None, "some value")).unwrap();
        entries.committed(&plugin(), &changes);
    }
    let gone = (0..50).filter(|n| peek(&n.to_string()) == Peeked::Unknown).count();
    assert!(gone > 30, "{gone} made way");
    assert_eq!(peek("never"), Peeked::Unknown);
}
