//! Help, exit codes, and errors of commands that reach no host.

use crate::support::{CommandOutput, Event, HostDir};

/// The names under `Commands:` of a help page.
fn verbs(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_help_page_with_an_example() {
    let dir = HostDir::new("");
    let mut open = vec![Vec::new()];
    let mut leaves = Vec::new();
    while let Some(path) = open.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let output = dir.run(&arguments);
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{arguments:?}: {output:?}");
        let name = path.join(" ");
        assert!(output.out.contains(format!("Usage: hookyard {name}").trim_end()), "{name}: {output:?}");
        let below = verbs(&output.out);
        if below.is_empty() {
            assert!(output.out.contains(&format!("Examples:\n  hookyard {name}")), "{name}: {output:?}");
            leaves.push(name);
        }
        open.extend(below.into_iter().map(|verb| [path.clone(), vec![verb]].concat()));
    }
    leaves.sort();
    let known = [
        "alert list",
        "alert test",
        "audit export",
        "audit list",
        "audit verify",
        "backup",
        "completions",
        "config check",
        "config init",
        "delivery discard",
        "delivery list",
        "delivery replay",
        "delivery retry",
        "delivery show",
        "dev",
        "doctor",
        "effect discard",
        "effect list",
        "effect replay",
        "effect show",
        "event erase",
        "event export",
        "event list",
        "event replay",
        "event send",
        "event show",
        "log level",
        "man",
        "plugin approve",
        "plugin attempt",
        "plugin build",
        "plugin check",
        "plugin diff",
        "plugin disable",
        "plugin enable",
        "plugin history",
        "plugin list",
        "plugin matrix",
        "plugin new",
        "plugin pause",
        "plugin pin",
        "plugin push",
        "plugin reject",
        "plugin resume",
        "plugin retry",
        "plugin rollback",
        "plugin run",
        "plugin show",
        "plugin test",
        "plugin unpin",
        "replay list",
        "replay show",
        "replay stop",
        "restore",
        "serve",
        "session list",
        "session revoke",
        "source approve",
        "source confirmations",
        "source list",
        "source reject",
        "source test",
        "store get",
        "store list",
        "token create",
        "token list",
        "token revoke",
        "verifier check",
        "verifier list",
        "wit check",
        "wit decode",
        "wit export",
        "wit generate",
    ];
    assert_eq!(leaves, known);
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let dir = HostDir::new("");
    dir.replace("hookyard.toml", b"not TOML");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = dir.run(&["completions", shell]);
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{shell}: {output:?}");
        for part in ["hookyard", "event", "discard", "secret-file"] {
            assert!(output.out.contains(part), "{shell}: {part}");
        }
    }
    assert_eq!(dir.run(&["completions", "cmd"]).code, 2);
    let page = dir.run(&["man"]);
    assert!(page.code == 0 && page.out.contains(".TH hookyard 1"), "{page:?}");
    let output = dir.run(&["man", "--out", "man"]);
    assert_eq!(output.code, 0, "{output:?}");
    let page = std::fs::read_to_string(dir.path("man/hookyard-event-send.1")).unwrap();
    assert!(page.contains("hookyard event send") && page.contains("secret\\-file"), "{page}");
    let pages = std::fs::read_dir(dir.path("man")).unwrap().count();
    assert!(pages > 30 && output.out == format!("man: {pages} pages\n"), "{pages}: {output:?}");
}

#[test]
fn the_version_says_which_build_it_is() {
    let output = HostDir::new("").run(&["--version"]);
    let build = output.out.strip_prefix(&format!("hookyard {}", env!("CARGO_PKG_VERSION")));
    let build = build.unwrap_or_else(|| panic!("{output:?}")).trim_end();
    let is_commit = |text: &str| text.len() == 12 && text.chars().all(|c| c.is_ascii_hexdigit());
    let build = build.strip_prefix(" (").and_then(|build| build.strip_suffix(')'));
    assert!(build.is_none_or(|build| build == "debug build" || is_commit(build)), "{output:?}");
}

#[test]
fn invalid_usage_is_exit_code_2_with_a_message_on_stderr() {
    let dir = HostDir::new("");
    for wrong in [
        &[][..],
        &["event"],
        &["nonsense"],
        &["event", "send"],
        &["event", "send", "appointment.created", "--count", "0"],
        &["event", "send", "appointment.created", "--set", "name=Awa"],
        &["event", "send", "appointment.created", "--set", "/data/object/nam=Awa"],
        &["event", "send", "appointment.moved"],
        &["event", "send", "appointment.created", "--to", "localhost:1"],
        &["event", "list", "--limit", "501"],
        &["event", "list", "--surprise"],
        &["event", "show"],
        &["plugin", "check"],
        &["dev", "--once"],
        &["dev", "--watch", "src"],
        &["dev", "--build", "true"],
    ] {
        let output = dir.run(wrong);
        assert_eq!((output.code, output.out.as_str()), (2, ""), "{wrong:?}: {output:?}");
        assert!(!output.err.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_type_without_a_sample_is_an_error_that_lists_the_samples() {
    // No configuration, no data directory: what was typed is what is wrong.
    let dir = HostDir::new("");
    std::fs::remove_file(dir.path("hookyard.toml")).unwrap();
    let output = dir.run(&["event", "send", "appointment.moved"]);
    assert_eq!(output.code, 2, "{output:?}");
    for part in ["`appointment.moved`", "appointment.validated", "--file"] {
        assert!(output.err.contains(part), "{part}: {output:?}");
    }
}

const ASKING: [&[&str]; 3] = [&["event", "list"], &["event", "show", "evt_1"], &["plugin", "list"]];

#[test]
fn without_a_data_directory_commands_name_the_missing_file() {
    let dir = HostDir::new("");
    for asking in ASKING {
        let output = dir.run(asking);
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
        for part in ["hookyard-data/admin-token", "HOOKYARD_TOKEN", "--token-file"] {
            assert!(output.err.contains(part), "{part}: {output:?}");
        }
    }
    assert!(!dir.path("hookyard-data").exists(), "commands that ask make nothing");
}

#[tokio::test]
async fn without_a_running_host_commands_name_the_address_that_they_tried() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let (webhooks, admin) = (host.webhooks().to_owned(), host.admin().to_owned());
    host.kill();
    for asking in ASKING {
        let output = dir.run(asking);
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
        assert!(
            output.err.contains(&format!("nothing answers at {admin}: is `hookyard serve` running")),
            "{output:?}"
        );
    }
    let output = dir.run(&["event", "send", "appointment.created"]);
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert!(output.err.contains(&format!("nothing answers at {webhooks}/webhooks/moncreneau")), "{output:?}");
    assert!(output.err.contains("hookyard serve"), "{output:?}");
}

#[tokio::test]
async fn a_rejected_token_is_an_error_that_names_its_origin() {
    let dir = HostDir::new("");
    let _host = dir.start().await;
    dir.replace("other-token", b"0badt0ken\n");
    dir.replace("empty-token", b"\n");
    for asking in ASKING {
        let with_file = [asking, &["--token-file", "other-token"]].concat();
        let in_variable = CommandOutput::run(dir.command(asking).env("HOOKYARD_TOKEN", "0badt0ken"));
        for (output, origin) in [(dir.run(&with_file), "other-token"), (in_variable, "HOOKYARD_TOKEN")] {
            assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
            assert!(output.err.contains(&format!("refuses the token from {origin}:")), "{output:?}");
            assert!(!output.err.contains("0badt0ken"), "{output:?}");
        }
    }
    for (file, why) in [("no-token", "No such file"), ("empty-token", "the token is empty")] {
        let output = dir.run(&["event", "list", "--token-file", file]);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.err.contains(file) && output.err.contains(why), "{output:?}");
    }
    // The right one is taken from any of the three places.
    let token = std::fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap();
    std::fs::copy(dir.path("hookyard-data/admin-token"), dir.path("right-token")).unwrap();
    assert_eq!(dir.run(&["plugin", "list", "--token-file", "right-token"]).code, 0);
    assert_eq!(CommandOutput::run(dir.command(&["plugin", "list"]).env("HOOKYARD_TOKEN", token)).code, 0);
    assert_eq!(dir.run(&["plugin", "list"]).code, 0);
}

#[tokio::test]
async fn a_closed_output_pipe_is_no_error() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    for verb in
        [&["event", "list"][..], &["event", "list", "--json"], &["event", "show", "evt_1"], &["--help"]]
    {
        // What `| head` leaves behind when it has seen enough: a pipe that nobody reads.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = CommandOutput::run(dir.command(verb).stdout(writer));
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{verb:?}: {output:?}");
    }
}
