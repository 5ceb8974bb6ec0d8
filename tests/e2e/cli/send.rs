//! `hookyard event send`.

use std::io::Write as _;
use std::process::Stdio;

use hookyard::event::Digest;
use serde_json::Value;

use crate::support::{CommandOutput, HostDir, RunningHost, SECRET, example};

async fn logging(dir: &HostDir) -> RunningHost<'_> {
    dir.install("event-log", &example("event-log"));
    dir.start().await
}

#[tokio::test]
async fn samples_are_signed_sent_and_reported_one_by_one() {
    let dir = HostDir::new("");
    let host = logging(&dir).await;
    let output = dir.run(&["event", "send", "appointment.created", "--count", "3"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let mut ids: Vec<&str> = Vec::new();
    for line in output.out.lines() {
        let id = line.strip_suffix("  202 accepted, 1 delivery").unwrap_or_else(|| panic!("{output:?}"));
        assert_eq!(host.wait_finished(id).await["type"], "appointment.created");
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has an id of its own: {output:?}");
}

#[tokio::test]
async fn many_events_are_counted_by_response() {
    let dir = HostDir::new("");
    let host = logging(&dir).await;
    let output = dir.run(&["event", "send", "appointment.updated", "--count", "40"]);
    assert_eq!((output.code, output.out.as_str()), (0, "40 sent\n      40 × 202 accepted\n"), "{output:?}");
    assert_eq!(host.events("&type=appointment.updated").await.len(), 40);
    // Of the same event forty times, one is new.
    let output = dir.run(&["event", "send", "appointment.updated", "--id", "evt_same", "--count", "40"]);
    assert_eq!(output.code, 0, "{output:?}");
    for line in ["40 sent", "39 × 200 duplicate: ", "1 × 202 accepted"] {
        assert!(output.out.contains(line), "{line}: {output:?}");
    }
}

#[tokio::test]
async fn a_repeated_id_is_a_duplicate() {
    let dir = HostDir::new("");
    let _host = logging(&dir).await;
    let send = ["event", "send", "appointment.created", "--id", "evt \"1\"/é", "--json"];
    let first = dir.run(&send).json();
    assert_eq!((&first[0]["status"], &first[0]["deliveries"]), (&"accepted".into(), &1.into()), "{first}");
    assert_eq!(
        (&first[0]["event"], &first[0]["http_status"]),
        (&"evt \"1\"/é".into(), &202.into()),
        "{first}"
    );
    let second = dir.run(&send).json();
    assert_eq!(
        (&second[0]["status"], &second[0]["http_status"]),
        (&"duplicate".into(), &200.into()),
        "{second}"
    );
    assert_eq!(dir.run(&["event", "show", "evt \"1\"/é", "--json"]).json()["id"], "evt \"1\"/é");
}

#[tokio::test]
async fn a_file_and_standard_input_are_sent_byte_by_byte() {
    let dir = HostDir::new("");
    let host = logging(&dir).await;
    // Without an id, the id is the digest of the body: any byte that was changed shows.
    let body = "{ \"type\" : \"shop.opened\",\r\n\t\"data\": {\"object\": {\"é\": 1.0}} }\n\n";
    dir.replace("event.json", body.as_bytes());
    let output = dir.run(&["event", "send", "--file", "event.json"]);
    let id = Digest::of(body.as_bytes()).to_string();
    assert_eq!((output.code, output.out), (0, format!("{id}  202 accepted, 1 delivery\n")));
    assert_eq!(host.wait_finished(&id).await["type"], "shop.opened");

    let mut command = dir.command(&["event", "send", "--file", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && out.starts_with(&format!("{id}  200 duplicate")), "{out}");

    dir.replace("no-event.json", b"{\"type\":");
    let output = dir.run(&["event", "send", "--file", "no-event.json"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.starts_with("-  400 invalid: the body is not JSON"), "{output:?}");
    let output = dir.run(&["event", "send", "--file", "nowhere.json"]);
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert!(output.err.contains("nowhere.json"), "{output:?}");
}

#[tokio::test]
async fn an_id_and_values_are_replaced_in_samples_and_files() {
    let dir = HostDir::new("");
    let host = logging(&dir).await;
    let payload = async |id: &str| {
        let event = host.wait_finished(id).await;
        event["ordering_key"].as_str().unwrap().to_owned()
    };
    // Each sample is about an object of its own; the same id is the same event.
    let answers = dir.run(&["event", "send", "appointment.created", "--count", "2", "--json"]).json();
    let [first, second] = [0, 1].map(|at: usize| answers[at]["event"].as_str().unwrap().to_owned());
    assert_ne!(payload(&first).await, payload(&second).await);
    let changed = ["event", "send", "appointment.created", "--id", "evt_set", "--set", "/data/object/id=77"];
    assert_eq!(dir.run(&changed).code, 0);
    assert_eq!(payload("evt_set").await, "77");
    let output = dir.run(&[&changed[..6], &["/data/object/nam=Awa"]].concat());
    assert_eq!((output.code, output.out.as_str()), (2, ""), "{output:?}");
    for part in ["nothing is at `/data/object/nam`: /data/object is an object with ", "name, phone"] {
        assert!(output.err.contains(part), "{part}: {output:?}");
    }

    dir.replace("event.json", br#"{ "id": "evt_f", "type": "shop.opened", "data": {"object": {"id": 1}} }"#);
    let file = ["event", "send", "--file", "event.json"];
    let output = dir.run(&[&file[..], &["--id", "evt_g", "--set", "/data/object/id=2"]].concat());
    assert_eq!((output.code, output.out.as_str()), (0, "evt_g  202 accepted, 1 delivery\n"), "{output:?}");
    assert_eq!(payload("evt_g").await, "2");
    // Copies have ids of their own.
    let copies = dir.run(&[&file[..], &["--count", "3", "--json"]].concat()).json();
    let copies = copies.as_array().unwrap();
    assert!(copies.iter().all(|copy| copy["status"] == "accepted"), "{copies:?}");
    dir.replace("event.json", br#"{ "type": "shop.opened" }"#);
    let output = dir.run(&[&file[..], &["--count", "2"]].concat());
    assert!(output.code == 2 && output.err.contains("event.json: nothing is at `/id`"), "{output:?}");
}

#[tokio::test]
async fn another_host_is_reached_by_its_address_or_a_full_url() {
    let here = HostDir::new("");
    let there = HostDir::new("[plugin.event-log]\nevents = []\n");
    let host = logging(&there).await;
    let address = host.webhooks().to_owned();
    let url = format!("{address}/webhooks/moncreneau");
    for (id, to) in [("evt_a", &address), ("evt_b", &format!("{address}/")), ("evt_c", &url)] {
        let output = here.run(&["event", "send", "appointment.created", "--id", id, "--to", to]);
        assert_eq!(
            (output.code, output.out.lines().next()),
            (0, Some(&*format!("{id}  202 accepted, 0 deliveries")))
        );
        assert!(host.event(id).await.is_some());
    }
    let output = here.run(&["event", "send", "appointment.created", "--to", &format!("{address}/elsewhere")]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.out.contains("404 not-found"), "{output:?}");
}

#[tokio::test]
async fn a_wrong_secret_is_unauthorized_and_exit_code_1() {
    let dir = HostDir::new("");
    let host = logging(&dir).await;
    dir.replace("wrong.txt", b"wr0ng\n");
    let send = ["event", "send", "appointment.created", "--id", "evt_1", "--secret-file", "wrong.txt"];
    let output = dir.run(&send);
    assert_eq!((output.code, output.err.as_str()), (1, ""), "{output:?}");
    assert_eq!(output.out, "evt_1  401 unauthorized: signature does not match: no secret matched\n");
    assert!(host.event("evt_1").await.is_none());
    let output = dir.run(&[&send[..], &["--json"]].concat());
    let answers: Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!((output.code, &answers[0]["status"]), (1, &"unauthorized".into()), "{output:?}");
}

#[tokio::test]
async fn a_secret_is_read_from_a_file_standard_input_or_a_variable_and_no_argument() {
    let (there, here) = (HostDir::new(""), HostDir::new(""));
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
    let output = with_input(&["--secret-file", "-"], &format!("{SECRET}\n"));
    assert!(output.status.success(), "{output:?}");
    let output = with_input(&["--secret-file", "-"], "\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("a secret has 1 to"), "{output:?}");
    let mut command = here.command(&send);
    let output = CommandOutput::run(command.env("HOOKYARD_SECRET", SECRET));
    assert_eq!(output.code, 0, "{output:?}");
    let output = here.run(&[&send[..], &["--secret", SECRET]].concat());
    assert!(output.code == 0 && output.err.contains("list of processes"), "{output:?}");
    let help = here.run(&["event", "send", "--help"]).out;
    assert!(help.contains("--secret-file") && !help.contains("--secret <"), "{help}");
}

#[tokio::test]
async fn several_sources_require_the_name_of_one() {
    let dir = HostDir::new("");
    let sources = "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s1\"]\nheader = \"X-Shop\"\nencoding = \"base64\"\n\
                   [sources.till]\nscheme = \"hmac\"\nsecrets = [\"s2\"]\n";
    let listens = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    dir.replace("hookyard.toml", format!("{listens}{sources}").as_bytes());
    let _host = dir.start().await;
    let output = dir.run(&["event", "send", "appointment.created"]);
    assert_eq!((output.code, output.out.as_str()), (2, ""), "{output:?}");
    assert!(output.err.contains("--source one of: shop, till"), "{output:?}");
    let output = dir.run(&["event", "send", "appointment.created", "--source", "market"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("no source `market`; it has: shop, till"), "{output:?}");
    for source in ["shop", "till"] {
        let output = dir.run(&["event", "send", "appointment.created", "--id", source, "--source", source]);
        let accepted = format!("{source}  202 accepted, 0 deliveries");
        assert_eq!((output.code, output.out.lines().next()), (0, Some(&*accepted)));
    }
    // A source of the name that everybody starts with needs no naming.
    dir.configure(sources);
    let output = dir.run(&["event", "send", "appointment.created", "--to", "http://127.0.0.1:1"]);
    assert!(output.err.contains("/webhooks/moncreneau"), "{output:?}");
}

#[tokio::test]
async fn a_command_on_a_running_host_needs_no_secret_of_the_host_and_one_that_signs_names_the_missing_one() {
    let dir = HostDir::new(
        "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"env:HOOKYARD_TEST_SHOP_SECRET\"]\n\
         [plugin.event-log]\nsecrets = { key = \"file:key-of-the-host\" }\n",
    );
    std::fs::write(dir.path("key-of-the-host"), "hush").unwrap();
    let mut serve = dir.command(&["serve"]);
    serve.env("HOOKYARD_TEST_SHOP_SECRET", "whsec_shop");
    let host = dir.start_with(serve).await;
    std::fs::remove_file(dir.path("key-of-the-host")).unwrap();
    for arguments in [&["event", "list"][..], &["source", "list"], &["doctor", "--json"]] {
        let output = dir.run(arguments);
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{arguments:?}: {output:?}");
    }
    let event = r#"{"id":"o-1","type":"order.paid"}"#;
    std::fs::write(dir.path("order.json"), event).unwrap();
    let send = ["event", "send", "--file", "order.json", "--source", "shop"];
    let output = dir.run(&send);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("`HOOKYARD_TEST_SHOP_SECRET` is not set"), "{output:?}");
    assert!(output.err.contains("a running host sees a new variable after a restart only"), "{output:?}");
    assert_eq!(host.events("").await.len(), 0);
}
