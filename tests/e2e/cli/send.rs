//! `hookyard event send`.

use std::io::Write as _;
use std::process::Stdio;

use hookyard::event::Digest;
use serde_json::Value;

use crate::support::{Bed, Host, Ran, SECRET, example};

async fn logging(bed: &Bed) -> Host<'_> {
    bed.install("event-log", &example("event-log"));
    bed.start().await
}

#[tokio::test]
async fn samples_are_signed_sent_and_told_one_by_one() {
    let bed = Bed::new("");
    let host = logging(&bed).await;
    let ran = bed.run(&["event", "send", "appointment.created", "--count", "3"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let mut ids: Vec<&str> = Vec::new();
    for line in ran.out.lines() {
        let id = line.strip_suffix("  202 accepted, 1 delivery").unwrap_or_else(|| panic!("{ran:?}"));
        assert_eq!(host.settled(id).await["type"], "appointment.created");
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has an id of its own: {ran:?}");
}

#[tokio::test]
async fn many_are_counted_by_what_was_answered() {
    let bed = Bed::new("");
    let host = logging(&bed).await;
    let ran = bed.run(&["event", "send", "appointment.updated", "--count", "40"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "40 sent\n      40 × 202 accepted\n"), "{ran:?}");
    assert_eq!(host.events("&type=appointment.updated").await.len(), 40);
    // Of the same event forty times, one is new.
    let ran = bed.run(&["event", "send", "appointment.updated", "--id", "evt_same", "--count", "40"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for line in ["40 sent", "39 × 200 duplicate: ", "1 × 202 accepted"] {
        assert!(ran.out.contains(line), "{line}: {ran:?}");
    }
}

#[tokio::test]
async fn the_same_id_again_is_a_duplicate() {
    let bed = Bed::new("");
    let _host = logging(&bed).await;
    let send = ["event", "send", "appointment.created", "--id", "evt \"1\"/é", "--json"];
    let first = bed.run(&send).json();
    assert_eq!((&first[0]["status"], &first[0]["deliveries"]), (&"accepted".into(), &1.into()), "{first}");
    assert_eq!(
        (&first[0]["event"], &first[0]["http_status"]),
        (&"evt \"1\"/é".into(), &202.into()),
        "{first}"
    );
    let second = bed.run(&send).json();
    assert_eq!(
        (&second[0]["status"], &second[0]["http_status"]),
        (&"duplicate".into(), &200.into()),
        "{second}"
    );
    assert_eq!(bed.run(&["event", "show", "evt \"1\"/é", "--json"]).json()["id"], "evt \"1\"/é");
}

#[tokio::test]
async fn a_file_and_standard_input_are_sent_byte_by_byte() {
    let bed = Bed::new("");
    let host = logging(&bed).await;
    // Without an id, the id is the digest of the body: any byte that was changed shows.
    let body = "{ \"type\" : \"shop.opened\",\r\n\t\"data\": {\"object\": {\"é\": 1.0}} }\n\n";
    bed.replace("event.json", body.as_bytes());
    let ran = bed.run(&["event", "send", "--file", "event.json"]);
    let id = Digest::of(body.as_bytes()).to_string();
    assert_eq!((ran.code, ran.out), (0, format!("{id}  202 accepted, 1 delivery\n")));
    assert_eq!(host.settled(&id).await["type"], "shop.opened");

    let mut command = bed.command(&["event", "send", "--file", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && out.starts_with(&format!("{id}  200 duplicate")), "{out}");

    bed.replace("no-event.json", b"{\"type\":");
    let ran = bed.run(&["event", "send", "--file", "no-event.json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.starts_with("-  400 invalid: the body is not JSON"), "{ran:?}");
    let ran = bed.run(&["event", "send", "--file", "nowhere.json"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("nowhere.json"), "{ran:?}");
}

#[tokio::test]
async fn another_host_is_sent_to_by_its_address_or_a_whole_url() {
    let here = Bed::new("");
    let there = Bed::new("[plugin.event-log]\nevents = []\n");
    let host = logging(&there).await;
    let address = host.webhooks().to_owned();
    let url = format!("{address}/webhooks/moncreneau");
    for (id, to) in [("evt_a", &address), ("evt_b", &format!("{address}/")), ("evt_c", &url)] {
        let ran = here.run(&["event", "send", "appointment.created", "--id", id, "--to", to]);
        assert_eq!((ran.code, ran.out), (0, format!("{id}  202 accepted, 0 deliveries\n")));
        assert!(host.event(id).await.is_some());
    }
    let ran = here.run(&["event", "send", "appointment.created", "--to", &format!("{address}/elsewhere")]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("404 not-found"), "{ran:?}");
}

#[tokio::test]
async fn a_wrong_secret_is_unauthorized_and_exit_code_1() {
    let bed = Bed::new("");
    let host = logging(&bed).await;
    bed.replace("wrong.txt", b"wr0ng\n");
    let send = ["event", "send", "appointment.created", "--id", "evt_1", "--secret-file", "wrong.txt"];
    let ran = bed.run(&send);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
    assert_eq!(ran.out, "evt_1  401 unauthorized: signature does not match\n");
    assert!(host.event("evt_1").await.is_none());
    let ran = bed.run(&[&send[..], &["--json"]].concat());
    let answers: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &answers[0]["status"]), (1, &"unauthorized".into()), "{ran:?}");
}

#[tokio::test]
async fn a_secret_comes_from_a_file_standard_input_or_a_variable_and_not_from_the_list_of_processes() {
    let (there, here) = (Bed::new(""), Bed::new(""));
    let host = logging(&there).await;
    let url = format!("{}/webhooks/moncreneau", host.webhooks());
    let send = ["event", "send", "appointment.created", "--source", "moncreneau", "--to", &url];
    // Its own configuration has another one.
    let own = std::fs::read_to_string(here.path("hookyard.toml")).unwrap();
    here.replace("hookyard.toml", own.replace(SECRET, "another").as_bytes());
    assert_eq!(here.run(&send).code, 1);
    here.replace("secret.txt", format!("{SECRET}\n").as_bytes());
    assert_eq!(here.run(&[&send[..], &["--secret-file", "secret.txt"]].concat()).code, 0);
    let with_input = |args: &[&str], input: &str| {
        let mut command = here.command(&[&send[..], args].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let ran = with_input(&["--secret-file", "-"], &format!("{SECRET}\n"));
    assert!(ran.status.success(), "{ran:?}");
    let ran = with_input(&["--secret-file", "-"], "\n");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("a secret has 1 to"), "{ran:?}");
    let mut command = here.command(&send);
    let ran = Ran::of(command.env("HOOKYARD_SECRET", SECRET));
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = here.run(&[&send[..], &["--secret", SECRET]].concat());
    assert!(ran.code == 0 && ran.err.contains("list of processes"), "{ran:?}");
    let help = here.run(&["event", "send", "--help"]).out;
    assert!(help.contains("--secret-file") && !help.contains("--secret <"), "{help}");
}

#[tokio::test]
async fn one_of_several_sources_is_named() {
    let bed = Bed::new("");
    let sources = "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s1\"]\nheader = \"X-Shop\"\nencoding = \"base64\"\n\
                   [sources.till]\nscheme = \"hmac\"\nsecrets = [\"s2\"]\n";
    let listens = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    bed.replace("hookyard.toml", format!("{listens}{sources}").as_bytes());
    let _host = bed.start().await;
    let ran = bed.run(&["event", "send", "appointment.created"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.contains("--source one of: shop, till"), "{ran:?}");
    let ran = bed.run(&["event", "send", "appointment.created", "--source", "market"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("no source `market`; it has: shop, till"), "{ran:?}");
    for source in ["shop", "till"] {
        let ran = bed.run(&["event", "send", "appointment.created", "--id", source, "--source", source]);
        assert_eq!((ran.code, ran.out), (0, format!("{source}  202 accepted, 0 deliveries\n")));
    }
    // A source of the name that everybody starts with needs no naming.
    bed.configure(sources);
    let ran = bed.run(&["event", "send", "appointment.created", "--to", "http://127.0.0.1:1"]);
    assert!(ran.err.contains("/webhooks/moncreneau"), "{ran:?}");
}
