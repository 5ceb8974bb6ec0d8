//! The API answers as its description says: schemathesis makes requests from the description, right ones and
//! wrong ones, and checks each answer against it.
//!
//! A run of the tests has the same requests each time. For a longer run by hand, with others:
//! `HOOKYARD_API_EXAMPLES=500 HOOKYARD_API_SEED=7 cargo nextest run -E 'test(described)' --no-capture`.

use std::env;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::token;
use crate::support::{CommandOutput, Event, HostDir, RunningHost, guest, put_switch, test_python};

/// Cases that are generated for each operation, beside those of the boundaries of each schema.
const EXAMPLES: &str = "15";

/// Every kind of row that the API shows: outcomes of all kinds, a replay, a release, tokens, revisions, alerts.
async fn fill(dir: &HostDir, host: &RunningHost<'_>) {
    for plugin in ["actor", "outbox"] {
        let waits = |of: &Value| of["waiting"]["digest"].is_string();
        let digest =
            json!({ "digest": host.wait_plugin(plugin, "it waits", waits).await["waiting"]["digest"] });
        let path = format!("/api/v1/plugins/{plugin}/approve");
        let (code, answer) = host.api_post(&path, &digest, &[]).await;
        assert_eq!(code, 200, "{answer}");
    }
    for (id, act) in [("evt_1", "well"), ("evt_2", "reject"), ("evt_3", "reject"), ("evt_4", "well")] {
        host.send(&Event::with_act(1, id, act)).await;
        host.wait_finished(id).await;
    }
    for id in ["told_1", "told_2"] {
        let payload = json!({ "do": "http", "url": "http://127.0.0.1:9/sms", "text": "x" });
        host.send(&Event::with_payload("told", id, &payload)).await;
        host.wait_event(id, "its effect is dead", |event| {
            event["deliveries"].as_array().unwrap().iter().any(|of| of["effects"][0]["state"] == "dead")
        })
        .await;
    }
    for on in [false, true] {
        let (code, answer) = put_switch(host, "actor", &json!({ "on": on }), None).await.unwrap();
        assert_eq!(code, 200, "{answer}");
    }
    for (path, body) in [
        ("/api/v1/replays", json!({ "of": "deliveries", "dry_run": true })),
        ("/api/v1/tokens", json!({ "name": "ci", "role": "deploy", "plugins": ["actor"] })),
        ("/api/v1/tokens", json!({ "name": "old", "role": "read" })),
        ("/api/v1/plugins/actor/pin", json!({})),
        ("/api/v1/plugins/actor/unpin", json!({})),
    ] {
        let (code, answer) = host.api_post(path, &body, &[("x-hookyard-note", "a test")]).await;
        assert!(code.is_success(), "{path}: {answer}");
    }
    let output = dir.run(&["token", "revoke", "old"]);
    assert_eq!(output.code, 0, "{output:?}");
}

fn run_schemathesis(dir: &HostDir, host: &RunningHost<'_>) -> CommandOutput {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/api");
    let mut command = Command::new(test_python());
    command.current_dir(dir.path("")).args(["-m", "schemathesis.cli", "--config-file"]);
    command.arg(own.join("schemathesis.toml")).arg("run");
    command.arg(format!("{}/api/v1/openapi.json", host.admin()));
    command.args(["--header", &format!("Authorization: Bearer {}", token(dir))]);
    command.args(["--checks", "all", "--continue-on-failure", "--no-color", "--request-timeout", "60"]);
    command.args(["--max-examples", &env::var("HOOKYARD_API_EXAMPLES").unwrap_or_else(|_| EXAMPLES.into())]);
    // The changes have no end. `changes.rs` tests them.
    command.args(["--exclude-path", "/api/v1/changes"]);
    match env::var("HOOKYARD_API_SEED") {
        Ok(seed) => command.args(["--seed", &seed]),
        Err(_) => command.arg("--generation-deterministic"),
    };
    // Proxies are for other machines.
    command.env("PYTHONPATH", own).env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("NO_PROXY", "*");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    CommandOutput::run(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_described() {
    let dir = HostDir::new(
        "personal = [\"/data/object/phone\"]\n[plugins]\napproval = \"all\"\n[effects]\nattempts_max = 1\n\
         [[alerts]]\nname = \"ops\"\non = [\"dead-letter\"]\nwebhook = \"http://127.0.0.1:9/hook\"\n\
         webhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n\
         [plugin.outbox]\nhttp = [\"http://127.0.0.1:9\"]\n",
    );
    dir.replace("hookyard.toml", with_failures(&dir).as_bytes());
    dir.install("actor", &guest("actor"));
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    fill(&dir, &host).await;

    let run = run_schemathesis(&dir, &host);
    assert_eq!(run.code, 0, "{}\n{}", run.out, run.err);
    assert!(run.out.contains("Fuzzing") && run.out.contains("Stateful"), "{}", run.out);
    if env::var_os("HOOKYARD_API_EXAMPLES").is_some() {
        println!("{}", run.out);
    }

    // The host is whole, and so is what it recorded meanwhile.
    assert_eq!(host.admin_get("/readyz", None).await.status(), 200);
    let (_, check) = host.api_get("/api/v1/audit/verify").await;
    assert_eq!(check["problem"], Value::Null, "{check}");
    let log = host.flushed_log().await;
    assert!(!log.contains("panicked"), "{log}");
    host.stop().await;
}

/// The configuration, in which requests without a valid token are not limited: the run makes hundreds.
fn with_failures(dir: &HostDir) -> String {
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    text.replacen("[admin]\n", "[admin]\nauth_failures_per_minute_max = 1000000\n", 1)
}
