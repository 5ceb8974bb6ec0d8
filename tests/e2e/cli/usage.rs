//! Help, exit codes, and what is said when the host cannot be asked.

use crate::support::{Bed, Event, Ran};

/// The names under `Commands:` of a help page.
fn verbs(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_verb_has_a_help_page_with_an_example() {
    let bed = Bed::new("");
    let mut open = vec![Vec::new()];
    let mut leaves = Vec::new();
    while let Some(path) = open.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let ran = bed.run(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}: {ran:?}");
        let name = path.join(" ");
        assert!(ran.out.contains(format!("Usage: hookyard {name}").trim_end()), "{name}: {ran:?}");
        let below = verbs(&ran.out);
        if below.is_empty() {
            assert!(ran.out.contains(&format!("Examples:\n  hookyard {name}")), "{name}: {ran:?}");
            leaves.push(name);
        }
        open.extend(below.into_iter().map(|verb| [path.clone(), vec![verb]].concat()));
    }
    leaves.sort();
    let known = [
        "backup",
        "config check",
        "delivery discard",
        "delivery list",
        "delivery replay",
        "delivery show",
        "dev",
        "effect discard",
        "effect list",
        "effect replay",
        "event list",
        "event replay",
        "event send",
        "event show",
        "plugin build",
        "plugin check",
        "plugin list",
        "plugin new",
        "plugin pause",
        "plugin resume",
        "plugin retry",
        "plugin run",
        "restore",
        "serve",
    ];
    assert_eq!(leaves, known);
}

#[test]
fn wrong_usage_ends_with_2_and_says_so_on_stderr() {
    let bed = Bed::new("");
    for wrong in [
        &[][..],
        &["event"],
        &["nonsense"],
        &["event", "send"],
        &["event", "send", "appointment.created", "--count", "0"],
        &["event", "send", "--file", "x", "--id", "y"],
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
        let ran = bed.run(wrong);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong:?}: {ran:?}");
        assert!(!ran.err.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_type_without_a_sample_is_told_which_types_have_one() {
    // No configuration, no data directory: what was typed is what is wrong.
    let bed = Bed::new("");
    std::fs::remove_file(bed.path("hookyard.toml")).unwrap();
    let ran = bed.run(&["event", "send", "appointment.moved"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    for part in ["`appointment.moved`", "appointment.validated", "--file"] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
}

const ASKING: [&[&str]; 3] = [&["event", "list"], &["event", "show", "evt_1"], &["plugin", "list"]];

#[test]
fn where_no_host_ever_ran_commands_say_what_is_missing() {
    let bed = Bed::new("");
    for asking in ASKING {
        let ran = bed.run(asking);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        for part in ["hookyard-data/admin-token", "HOOKYARD_TOKEN", "--token-file"] {
            assert!(ran.err.contains(part), "{part}: {ran:?}");
        }
    }
    assert!(!bed.path("hookyard-data").exists(), "commands that ask make nothing");
}

#[tokio::test]
async fn where_the_host_is_gone_commands_say_where_they_looked() {
    let bed = Bed::new("");
    let host = bed.start().await;
    let (webhooks, admin) = (host.webhooks().to_owned(), host.admin().to_owned());
    host.kill();
    for asking in ASKING {
        let ran = bed.run(asking);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(
            ran.err.contains(&format!("nothing answers at {admin}: is `hookyard serve` running")),
            "{ran:?}"
        );
    }
    let ran = bed.run(&["event", "send", "appointment.created"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains(&format!("nothing answers at {webhooks}/webhooks/moncreneau")), "{ran:?}");
    assert!(ran.err.contains("hookyard serve"), "{ran:?}");
}

#[tokio::test]
async fn a_wrong_token_is_refused_by_the_name_of_where_it_was_found() {
    let bed = Bed::new("");
    let _host = bed.start().await;
    bed.replace("other-token", b"0badt0ken\n");
    bed.replace("empty-token", b"\n");
    for asking in ASKING {
        let with_file = [asking, &["--token-file", "other-token"]].concat();
        let in_variable = Ran::of(bed.command(asking).env("HOOKYARD_TOKEN", "0badt0ken"));
        for (ran, origin) in [(bed.run(&with_file), "other-token"), (in_variable, "HOOKYARD_TOKEN")] {
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
            assert!(ran.err.contains(&format!("refuses the token from {origin};")), "{ran:?}");
            assert!(!ran.err.contains("0badt0ken"), "{ran:?}");
        }
    }
    for (file, why) in [("no-token", "No such file"), ("empty-token", "the token is empty")] {
        let ran = bed.run(&["event", "list", "--token-file", file]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(file) && ran.err.contains(why), "{ran:?}");
    }
    // The right one is taken from any of the three places.
    let token = std::fs::read_to_string(bed.path("hookyard-data/admin-token")).unwrap();
    std::fs::copy(bed.path("hookyard-data/admin-token"), bed.path("right-token")).unwrap();
    assert_eq!(bed.run(&["plugin", "list", "--token-file", "right-token"]).code, 0);
    assert_eq!(Ran::of(bed.command(&["plugin", "list"]).env("HOOKYARD_TOKEN", token)).code, 0);
    assert_eq!(bed.run(&["plugin", "list"]).code, 0);
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_error() {
    let bed = Bed::new("");
    let host = bed.start().await;
    host.send(&Event::created("evt_1")).await;
    for verb in
        [&["event", "list"][..], &["event", "list", "--json"], &["event", "show", "evt_1"], &["--help"]]
    {
        // What `| head` leaves behind when it has seen enough: a pipe that nobody reads.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(bed.command(verb).stdout(writer));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{verb:?}: {ran:?}");
    }
}
