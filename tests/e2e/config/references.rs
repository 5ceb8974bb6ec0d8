//! `env:NAME` and `file:PATH`.

use serde_json::json;

use crate::support::{Event, HostDir, guest, sign};

const CONFIG: &str = "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"env:SHOP_SECRET\", \"file:keys/shop\"]\n\
                      [plugin.actor]\nconfig = { sender = \"env:SENDER\", key = \"file:keys/api\" }\nsecrets = { api_key = \"file:keys/api\" }\n";

#[tokio::test]
async fn env_and_file_references_become_their_values() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    std::fs::create_dir(dir.path("keys")).unwrap();
    dir.replace("keys/shop", b"in the file\n");
    dir.replace("keys/api", b"key 1\r\n");
    let mut command = dir.command(&["serve"]);
    command.env("SHOP_SECRET", "in the variable").env("SENDER", "Passport Service");
    let host = dir.start_with(command).await;

    let event = Event::with_payload("shop.opened", "evt_1", &json!({ "act": "config" }));
    let mut codes = Vec::new();
    for secret in ["in the variable", "in the file", "env:SHOP_SECRET", "in the file\n"] {
        let signature = sign(secret, &event.body);
        let bare = signature.strip_prefix("sha256=").unwrap();
        codes.push(host.post("shop", &event.body, &[("X-Webhook-Signature", bare)]).await.code.as_u16());
    }
    assert_eq!(codes, [202, 200, 401, 401]);
    host.send(&event).await;
    let logs = host.wait_finished("evt_1").await["deliveries"][0]["attempts"][0]["logs"].clone();
    assert_eq!(
        logs,
        json!([
            "INFO evt_1 attempt 1: config",
            // The secret has the same value, and no line has it.
            "INFO api_key = {secret:api_key}",
            "INFO key = {secret:api_key}",
            "INFO sender = Passport Service"
        ])
    );

    // They are read again with the file.
    dir.replace("keys/api", b"ney");
    dir.configure(&format!("{CONFIG}# changed\n"));
    host.wait_log(&["configuration changed: plugin.actor"]).await;
    host.send(&Event::with_payload("shop.opened", "evt_2", &json!({ "act": "config" }))).await;
    let logs = host.wait_finished("evt_2").await["deliveries"][0]["attempts"][0]["logs"].clone();
    assert_eq!(logs[1], "INFO api_key = ney", "too short to be told from other text");
}

#[tokio::test]
async fn a_touched_configuration_rereads_referenced_files() {
    let dir = HostDir::new(CONFIG);
    std::fs::create_dir(dir.path("keys")).unwrap();
    dir.replace("keys/shop", b"old");
    dir.replace("keys/api", b"key");
    let mut command = dir.command(&["serve"]);
    command.env("SHOP_SECRET", "in the variable").env("SENDER", "Passport Service");
    let host = dir.start_with(command).await;
    dir.replace("keys/shop", b"new");
    let config = std::fs::File::options().append(true).open(dir.path("hookyard.toml")).unwrap();
    config.set_modified(std::time::SystemTime::now()).unwrap();
    host.wait_log(&["configuration changed: sources.shop"]).await;
    let event = Event::created("evt_1");
    let signature = sign("new", &event.body);
    let bare = signature.strip_prefix("sha256=").unwrap();
    assert_eq!(host.post("shop", &event.body, &[("X-Webhook-Signature", bare)]).await.code, 202);
}

#[test]
fn relative_paths_start_at_the_configuration_file() {
    let dir = HostDir::new("");
    std::fs::create_dir(dir.path("below")).unwrap();
    let config = "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"file:shop-secret\"]\n";
    dir.replace("below/hookyard.toml", config.as_bytes());
    dir.replace("below/shop-secret", b"s");
    let summary = dir.run(&["config", "check", "--json", "--config", "below/hookyard.toml"]).json();
    assert_eq!(
        (&summary["plugins"], &summary["database"]),
        (&"below/plugins".into(), &"sqlite:below/hookyard-data/hookyard.db".into())
    );
}
