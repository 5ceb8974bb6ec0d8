//! `hookyard config check`. What each key takes is tested beside the code; here is what a shell sees.

use crate::support::{Bed, Ran};

fn check(text: &str) -> Ran {
    let bed = Bed::new("");
    bed.replace("hookyard.toml", text.as_bytes());
    bed.run(&["config", "check"])
}

#[test]
fn a_good_configuration_is_told_in_short_and_as_json() {
    let bed = Bed::new(
        "[database]\nurl = \"sqlite:events/e.db\"\n[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n",
    );
    let ran = bed.run(&["config", "check"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    for line in
        ["config    hookyard.toml", "database  sqlite:events/e.db", "sources   moncreneau, shop", "ok"]
    {
        assert!(ran.out.lines().any(|l| l == line), "{line}: {ran:?}");
    }
    let summary = bed.run(&["config", "check", "--json"]).json();
    assert_eq!(summary["sources"], serde_json::json!(["moncreneau", "shop"]), "{summary}");
    assert!(!bed.path("events").exists(), "a check makes nothing");
}

#[test]
fn a_wrong_configuration_is_refused_with_key_value_and_line() {
    for (text, told) in [
        ("[server]\n\nlisten_on = 1\n", "hookyard.toml:3: `server.listen_on`: unknown key `listen_on`"),
        ("[sever]\n", "hookyard.toml:1: `sever`: unknown key `sever`"),
        (
            "[server]\nlisten = \"localhost:80\"\n",
            "hookyard.toml:2: `server.listen = \"localhost:80\"`: not an address",
        ),
        (
            "[server]\nbody_max_bytes = 0\n",
            "hookyard.toml:2: `server.body_max_bytes = 0`: must be 1 to 67108864",
        ),
        (
            "[plugin.a]\ncall_timeout_ms = \"2s\"\n",
            "hookyard.toml:2: `plugin.a.call_timeout_ms = \"2s\"`: invalid type",
        ),
        (
            "[sources.a]\nscheme = \"hmac\"\nsecrets = [\n  \"env:HOOKYARD_TEST_UNSET\",\n]\n",
            "hookyard.toml:4: `sources.a.secrets.0`: environment variable `HOOKYARD_TEST_UNSET` is not set",
        ),
        (
            "[plugin.a]\nsecrets = { key = \"file:no-such\" }\n",
            "hookyard.toml:2: `plugin.a.secrets.key`: file `no-such` cannot be read",
        ),
        ("[server]\n[plugin.a]\n[server]\n", "hookyard.toml:3: duplicate key `server`"),
        ("[server\n", "hookyard.toml:1: "),
    ] {
        let ran = check(text);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{text}: {ran:?}");
        assert!(ran.err.contains(told), "{told}: {ran:?}");
        assert!(!ran.err.contains("struct "), "no words of the programming language: {ran:?}");
    }
}

#[test]
fn a_host_does_not_start_with_what_a_check_refuses() {
    let bed = Bed::new("[server]\nlisten_on = 1\n");
    let checked = bed.run(&["config", "check"]);
    for verb in [&["serve"][..], &["dev"], &["event", "list"]] {
        let ran = bed.run(verb);
        assert_eq!((ran.code, &ran.err), (1, &checked.err), "{verb:?}: {ran:?}");
    }
    assert!(!bed.path("hookyard-data").exists());
}

#[test]
fn a_file_that_is_named_and_not_there_is_an_error() {
    let bed = Bed::new("");
    for verb in [&["config", "check"][..], &["serve"], &["event", "list"]] {
        let ran = bed.run(&[verb, &["--config", "other.toml"]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(ran.err.contains("other.toml"), "{ran:?}");
    }
}

#[test]
fn a_host_without_sources_is_told_what_that_means() {
    let ran = check("[server]\nlisten = \"127.0.0.1:8080\"\n");
    assert!(ran.code == 0 && ran.out.contains("sources   none: every webhook is answered 404"), "{ran:?}");
}
