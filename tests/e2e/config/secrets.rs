//! Secrets appear in no log, error or response, and in no file but those that are meant to hold them.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{CommandOutput, Event, HostDir, guest, wait_until};

/// In the configuration, of a source.
const WRITTEN: &str = "whsec_5ecret_written";
/// In a file, of a source.
const IN_FILE: &str = "whsec_5ecret_in_a_file";
/// In a variable, of a plugin.
const IN_VARIABLE: &str = "api_5ecret_in_a_variable";
/// The operators'.
const TOKEN: &str = "admin_5ecret_token";
/// A part of all secrets.
const MARK: &str = "5ecret";

/// Everything that the host says, and the libraries that see its secrets.
const LOG: &str =
    "hookyard=trace,hyper=trace,hyper_util=trace,reqwest=trace,sqlx=trace,toml=trace,plugin=trace";

/// Where a secret belongs.
const HOMES: [&str; 3] = ["hookyard.toml", "shop-secret", "hookyard-data/admin-token"];

fn config(more: &str) -> String {
    format!(
        "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"{WRITTEN}\", \"file:shop-secret\"]\n\
         [plugin.actor]\nattempts_max = 2\nbackoff_base_ms = 1\nsecrets = {{ api_key = \"env:API_KEY\", other = \"{WRITTEN}\" }}\n{more}"
    )
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn run(dir: &HostDir, arguments: &[&str]) -> CommandOutput {
    CommandOutput::run(dir.command(arguments).env("API_KEY", IN_VARIABLE).env("HOOKYARD_LOG", LOG))
}

#[tokio::test]
async fn no_secret_appears_in_files_responses_or_output() {
    let dir = HostDir::new(&config(""));
    dir.replace("shop-secret", IN_FILE.as_bytes());
    std::fs::create_dir(dir.path("hookyard-data")).unwrap();
    dir.replace("hookyard-data/admin-token", TOKEN.as_bytes());
    dir.install("actor", &guest("actor"));
    let mut command = dir.command(&["serve"]);
    command.env("API_KEY", IN_VARIABLE).env("HOOKYARD_LOG", LOG);
    let host = dir.start_with(command).await;
    let mut seen = Vec::new();

    for act in ["well", "retry", "reject", "trap", "what is this"] {
        host.send(&Event::with_payload("shop.opened", act, &json!({ "act": act }))).await;
        host.wait_finished(act).await;
        seen.push(run(&dir, &["event", "show", act]).out);
    }
    let event = Event::created("evt_1");
    for secret in [WRITTEN, IN_FILE, "wrong"] {
        dir.replace("event.json", event.body.as_bytes());
        dir.replace("signing.txt", secret.as_bytes());
        let arguments =
            ["event", "send", "--file", "event.json", "--source", "shop", "--secret-file", "signing.txt"];
        let sent = run(&dir, &arguments);
        std::fs::remove_file(dir.path("signing.txt")).unwrap();
        seen.extend([sent.out, sent.err]);
    }
    assert!(
        seen.iter().any(|text| text.contains("202 accepted")) && seen.iter().any(|text| text.contains("401"))
    );

    // Changed, and invalid at the places of secrets.
    for (number, broken) in [
        "[sources]\nother = \"whsec_5ecret_misplaced\"\n".to_owned(),
        "[sources.other]\nscheme = \"hmac\"\nsecrets = \"whsec_5ecret_misplaced\"\n".to_owned(),
        "[sources.other]\nscheme = \"hmac\"\nsecrets = [\"whsec_5ecret\", 5]\n".to_owned(),
        "[plugin.other]\nsecrets = { a = \"whsec_5ecret\", b = 5 }\n".to_owned(),
        "[plugin.other]\nsecrets = \"whsec_5ecret\"\n".to_owned(),
        "[plugin.other]\nsecrets = { a = \"whsec_5ecret }\n".to_owned(),
        "[sources.other]\nscheme = \"hmac\"\nsecrets = [\"whsec_5ecret\"\n".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        dir.configure(&config(&broken));
        wait_until("the broken file is refused", async || {
            (dir.log().matches("the previous one stays").count() > number).then_some(())
        })
        .await;
        let checked = run(&dir, &["config", "check"]);
        assert_eq!(checked.code, 1, "{checked:?}");
        seen.extend([checked.out, checked.err]);
    }
    dir.configure(&config("[sources.other]\nscheme = \"hmac\"\nsecrets = [\"whsec_5ecret_new\"]\n"));
    host.wait_log(&["configuration changed: sources.other"]).await;

    for arguments in [&["config", "check", "--json"][..], &["event", "list"], &["plugin", "list", "--json"]] {
        let asked = run(&dir, arguments);
        assert_eq!(asked.code, 0, "{asked:?}");
        seen.extend([asked.out, asked.err]);
    }
    for path in
        ["/", "/metrics", "/readyz", "/api/v1/plugins", "/api/v1/openapi.json", "/api/v1/events?limit=500"]
    {
        seen.push(host.admin_get(path, Some(TOKEN)).await.text().await.unwrap());
    }
    seen.push(format!("{:?}", host.admin_get("/api/v1/events", Some("wr0ng_5ecre")).await.text().await));
    host.terminate();
    assert!(host.wait_exit().await.success());

    for text in seen {
        assert!(!text.contains(MARK), "{text}");
    }
    let homes = HOMES.map(|home| dir.path(home));
    let others: Vec<PathBuf> = files(dir.as_ref()).into_iter().filter(|file| !homes.contains(file)).collect();
    for name in ["host.log", "host.out", "hookyard.db"] {
        assert!(others.iter().any(|file| file.ends_with(name)), "{name} was looked at");
    }
    for file in others {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(MARK.len()).position(|window| window == MARK.as_bytes());
        let around = found
            .map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 80).min(bytes.len())]));
        assert!(around.is_none(), "{}: …{}…", file.display(), around.unwrap_or_default());
    }
}
