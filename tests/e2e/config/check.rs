//! `hookyard config check` in a shell. The values of each key are tested beside the code.

use crate::support::{CommandOutput, HostDir, example};

fn check(text: &str) -> CommandOutput {
    let dir = HostDir::new("");
    dir.replace("hookyard.toml", text.as_bytes());
    dir.run(&["config", "check"])
}

#[test]
fn a_valid_configuration_is_summarised_as_text_and_json() {
    let dir = HostDir::new(
        "[database]\nurl = \"sqlite:events/e.db\"\n[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n",
    );
    let output = dir.run(&["config", "check"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    for line in
        ["config    hookyard.toml", "database  sqlite:events/e.db", "sources   moncreneau, shop", "ok"]
    {
        assert!(output.out.lines().any(|l| l == line), "{line}: {output:?}");
    }
    let summary = dir.run(&["config", "check", "--json"]).json();
    assert_eq!(summary["sources"], serde_json::json!(["moncreneau", "shop"]), "{summary}");
    assert!(!dir.path("events").exists(), "a check makes nothing");
}

#[test]
fn an_invalid_configuration_is_rejected_with_key_value_and_line() {
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
        let output = check(text);
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{text}: {output:?}");
        assert!(output.err.contains(told), "{told}: {output:?}");
        assert!(!output.err.contains("struct "), "no words of the programming language: {output:?}");
    }
}

#[test]
fn a_host_rejects_each_configuration_that_the_check_rejects() {
    let dir = HostDir::new("[server]\nlisten_on = 1\n");
    let checked = dir.run(&["config", "check"]);
    for verb in [&["serve"][..], &["dev"], &["event", "list"]] {
        let output = dir.run(verb);
        assert_eq!((output.code, &output.err), (1, &checked.err), "{verb:?}: {output:?}");
    }
    assert!(!dir.path("hookyard-data").exists());
}

const ACME: &str = "[sources.acme]\nscheme = \"hmac\"\nsecrets = [\"s\"]\npackage = \"acme:order\"\n";

#[test]
fn a_package_that_no_plugin_handles_is_an_error_that_names_the_packages_of_the_plugins() {
    let dir = HostDir::new(ACME);
    let check = || dir.run(&["config", "check"]);
    let output = check();
    assert!(output.code == 0 && output.err.contains("no plugin is in plugins that could have"), "{output:?}");
    dir.install("event-log", &example("event-log"));
    let output = check();
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    let told = "hookyard.toml:11: `sources.acme.package = \"acme:order\"`: no plugin in plugins has handlers of this \
                package (packages of the plugins there: none)";
    assert!(output.err.contains(told), "{output:?}");
    dir.install("appointment-desk", &example("appointment-desk"));
    dir.replace("plugins/broken.wasm", b"no plugin");
    let output = check();
    assert!(output.code == 1 && output.err.contains("there: moncreneau:events)"), "{output:?}");
    // A misspelt package needs no plugins to be found.
    std::fs::remove_dir_all(dir.path("plugins")).unwrap();
    dir.configure(&ACME.replace("acme:order", "moncreneau:event"));
    let output = check();
    assert!(output.code == 1 && output.err.contains("; did you mean `moncreneau:events`?"), "{output:?}");
    dir.configure(&ACME.replace("acme:order", "moncreneau:events"));
    assert_eq!(check().code, 0);
}

#[test]
fn a_configuration_to_begin_with_is_written_once() {
    let dir = HostDir::new("");
    std::fs::remove_file(dir.path("hookyard.toml")).unwrap();
    let output = dir.run(&["config", "init"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    assert!(text.contains("\n#[server]\n") && text.contains("\n#listen = \"127.0.0.1:8080\"\n"), "{text}");
    assert_eq!(dir.run(&["config", "check"]).code, 0, "every key is in a comment");
    dir.replace("hookyard.toml", b"mine");
    let output = dir.run(&["config", "init"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.err.contains("hookyard.toml is there already; nothing was changed (--force"),
        "{output:?}"
    );
    assert_eq!(std::fs::read(dir.path("hookyard.toml")).unwrap(), b"mine");
    assert_eq!(dir.run(&["config", "init", "--force"]).code, 0);
    assert_eq!(std::fs::read_to_string(dir.path("hookyard.toml")).unwrap(), text);
    assert_eq!(dir.run(&["config", "init", "--config", "other.toml"]).code, 0);
    assert!(dir.path("other.toml").is_file());
}

#[test]
fn a_missing_configuration_file_is_an_error() {
    let dir = HostDir::new("");
    for verb in [&["config", "check"][..], &["serve"], &["event", "list"]] {
        let output = dir.run(&[verb, &["--config", "other.toml"]].concat());
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
        assert!(output.err.contains("other.toml"), "{output:?}");
    }
}

#[test]
fn a_configuration_without_sources_is_explained() {
    let output = check("[server]\nlisten = \"127.0.0.1:8080\"\n");
    assert!(
        output.code == 0
            && output.out.contains("sources   moncreneau, with a secret that `hookyard serve` makes"),
        "{output:?}"
    );
}
