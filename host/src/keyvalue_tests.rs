use super::*;

fn key(bucket: &str, key: &str) -> EntryKey {
    EntryKey { bucket: bucket.into(), key: key.into() }
}

fn entry(version: u64, value: &'static str) -> Entry {
    Entry { version, value: Bytes::from_static(value.as_bytes()) }
}

fn bytes(value: &'static str) -> Bytes {
    Bytes::from_static(value.as_bytes())
}

#[test]
fn a_call_finds_its_own_writes_before_what_is_committed() {
    let mut call = Transaction::default();
    call.see(key("b", "a"), Some(entry(3, "old")));
    assert_eq!(call.get(&key("b", "a")).unwrap(), "old");
    call.set(key("b", "a"), Some(bytes("new")));
    assert_eq!(call.get(&key("b", "a")).unwrap(), "new");
    call.set(key("b", "a"), None);
    assert_eq!(call.get(&key("b", "a")), None);
    call.see(key("b", "a"), Some(entry(9, "later")));
    let changes = call.end().unwrap();
    assert_eq!(changes.seen, [(key("b", "a"), Some(3))], "the first look counts");
    assert_eq!(changes.writes, [(key("b", "a"), None)]);
}

#[test]
fn keys_and_bytes_are_counted_as_they_will_be() {
    let mut call = Transaction::default();
    for (name, found) in
        [("there", Some(entry(1, "x"))), ("gone", Some(entry(2, "x"))), ("new", None), ("never", None)]
    {
        call.see(key("b", name), found);
    }
    call.set(key("b", "there"), Some(bytes("four")));
    call.set(key("b", "there"), Some(bytes("two")));
    call.set(key("b", "gone"), None);
    call.set(key("b", "new"), Some(bytes("1")));
    call.set(key("b", "never"), Some(bytes("12")));
    call.set(key("b", "never"), None);
    assert_eq!((call.bytes(), call.added_keys()), (4, 0));
    // `there` is 2 longer; `gone` had 1 + 4 + 1 + 64, and `new` has 1 + 3 + 1 + 64.
    assert_eq!(call.added_bytes(), 2 - 70 + 69);
    assert_eq!(call.growth(&key("b", "there"), None), -(1 + 5 + 3 + 64));
}

#[test]
fn a_page_of_keys_has_the_calls_own_writes_in_it() {
    let mut call = Transaction::default();
    for (name, value) in [("a", Some(bytes(""))), ("c", None), ("d", Some(bytes(""))), ("z", Some(bytes("")))]
    {
        call.see(key("b", name), None);
        call.set(key("b", name), value);
    }
    call.set(key("other", "b"), Some(bytes("")));
    let found = |more| Keys { keys: ["b", "c", "e"].map(Arc::from).to_vec(), more, version: 7 };
    let bucket: Arc<str> = "b".into();
    let mut names = |after, more, limit| {
        let page = call.list(&bucket, after, found(more), limit);
        let keys = page.keys.iter().map(ToString::to_string).collect::<String>();
        (keys, page.cursor.map(|key| key.to_string()))
    };
    assert_eq!(names(None, true, 9), ("abde".into(), Some("e".into())), "z is on a later page");
    assert_eq!(names(Some("a"), false, 9), ("bdez".into(), None));
    assert_eq!(names(None, true, 3), ("abd".into(), Some("d".into())), "a page has a limit");
    assert_eq!(names(Some("d"), false, 9).0, "bez", "the rest of a cut page");
    assert_eq!(call.end().unwrap().listed, Some(7));
}

#[test]
fn each_write_costs_the_same_however_many_came_before() {
    let mut call = Transaction::default();
    let started = std::time::Instant::now();
    for number in 0..200_000 {
        let key = key("b", &number.to_string());
        call.see(key.clone(), None);
        call.set(key, Some(bytes("x")));
        assert_eq!(call.added_keys(), number + 1);
    }
    // 40 ms here; a walk over all earlier writes takes minutes.
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_call_that_touched_nothing_changes_nothing() {
    assert_eq!(Transaction::default().end(), None);
}
