//! `env:NAME` and `file:PATH`.

use serde_json::json;

use crate::support::{Bed, Event, guest, sign};

const CONFIG: &str = "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"env:SHOP_SECRET\", \"file:keys/shop\"]\n\
                      [plugin.actor]\nconfig = { sender = \"env:SENDER\", key = \"file:keys/api\" }\nsecrets = { api_key = \"file:keys/api\" }\n";

#[tokio::test]
async fn variables_and_files_stand_in_for_values() {
    let bed = Bed::new(CONFIG);
    bed.install("actor", &guest("actor"));
    std::fs::create_dir(bed.path("keys")).unwrap();
    bed.replace("keys/shop", b"in the file\n");
    bed.replace("keys/api", b"key 1\r\n");
    let mut command = bed.command(&["serve"]);
    command.env("SHOP_SECRET", "in the variable").env("SENDER", "Passport Service");
    let host = bed.start_with(command).await;

    let event = Event::of("shop.opened", "evt_1", &json!({ "act": "config" }));
    let mut codes = Vec::new();
    for secret in ["in the variable", "in the file", "env:SHOP_SECRET", "in the file\n"] {
        let signature = sign(secret, &event.body);
        let bare = signature.strip_prefix("sha256=").unwrap();
        codes.push(host.post("shop", &event.body, &[("X-Webhook-Signature", bare)]).await.code.as_u16());
    }
    assert_eq!(codes, [202, 200, 401, 401]);
    host.send(&event).await;
    let logs = host.settled("evt_1").await["deliveries"][0]["attempts"][0]["logs"].clone();
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
    bed.replace("keys/api", b"ney");
    bed.configure(&format!("{CONFIG}# changed\n"));
    host.logged(&["configuration changed: plugin.actor"]).await;
    host.send(&Event::of("shop.opened", "evt_2", &json!({ "act": "config" }))).await;
    let logs = host.settled("evt_2").await["deliveries"][0]["attempts"][0]["logs"].clone();
    assert_eq!(logs[1], "INFO api_key = ney", "too short to be told from other text");
}

#[tokio::test]
async fn a_touched_configuration_reads_its_files_again() {
    let bed = Bed::new(CONFIG);
    std::fs::create_dir(bed.path("keys")).unwrap();
    bed.replace("keys/shop", b"old");
    bed.replace("keys/api", b"key");
    let mut command = bed.command(&["serve"]);
    command.env("SHOP_SECRET", "in the variable").env("SENDER", "Passport Service");
    let host = bed.start_with(command).await;
    bed.replace("keys/shop", b"new");
    let config = std::fs::File::options().append(true).open(bed.path("hookyard.toml")).unwrap();
    config.set_modified(std::time::SystemTime::now()).unwrap();
    host.logged(&["configuration changed: sources.shop"]).await;
    let event = Event::created("evt_1");
    let signature = sign("new", &event.body);
    let bare = signature.strip_prefix("sha256=").unwrap();
    assert_eq!(host.post("shop", &event.body, &[("X-Webhook-Signature", bare)]).await.code, 202);
}

#[test]
fn paths_start_at_the_configuration_file_and_not_where_the_command_runs() {
    let bed = Bed::new("");
    std::fs::create_dir(bed.path("below")).unwrap();
    let config = "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"file:shop-secret\"]\n";
    bed.replace("below/hookyard.toml", config.as_bytes());
    bed.replace("below/shop-secret", b"s");
    let summary = bed.run(&["config", "check", "--json", "--config", "below/hookyard.toml"]).json();
    assert_eq!(
        (&summary["plugins"], &summary["database"]),
        (&"below/plugins".into(), &"sqlite:below/hookyard-data/hookyard.db".into())
    );
}
