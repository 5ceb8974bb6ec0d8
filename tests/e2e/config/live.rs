//! Changes of the configuration while a host runs.

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest, sign, wait_until};

async fn actor(dir: &HostDir) -> RunningHost<'_> {
    dir.install("actor", &guest("actor"));
    dir.start().await
}

/// Writes these lines of configuration, and waits until the host says that it took a key of them.
async fn change(dir: &HostDir, host: &RunningHost<'_>, more: &str, key: &str) {
    let before = dir.log().matches("configuration changed").count();
    dir.configure(more);
    wait_until(&format!("{key} is taken"), async || {
        let log = dir.log();
        let taken: Vec<&str> = log.lines().filter(|line| line.contains("configuration changed")).collect();
        taken.get(before).map(|line| assert!(line.contains(key), "{line}"))
    })
    .await;
    let _alive = host.pid();
}

/// Has the actor do something, and gives its only attempt.
async fn act(host: &RunningHost<'_>, id: &str, act: &str) -> Value {
    host.send(&Event::with_payload("shop.opened", id, &json!({ "act": act }))).await;
    host.wait_finished(id).await["deliveries"][0]["attempts"][0].clone()
}

#[tokio::test]
async fn changed_plugin_settings_apply_to_the_next_event() {
    let dir = HostDir::new("[plugin.actor]\nconfig = { language = \"fr\" }\n");
    let host = actor(&dir).await;
    assert_eq!(act(&host, "a", "config").await["logs"][1], "INFO language = fr");
    let more = "[plugin.actor]\nconfig = { language = \"en\", open = true }\n";
    change(&dir, &host, more, "plugin.actor").await;
    let logs = act(&host, "b", "config").await["logs"].clone();
    assert_eq!((&logs[1], &logs[2]), (&"INFO language = en".into(), &"INFO open = true".into()));
}

#[tokio::test]
async fn changed_subscriptions_apply_to_the_next_event() {
    let dir = HostDir::new("");
    let host = actor(&dir).await;
    let deliveries = async |id: &str| {
        host.send(&Event::with_payload("shop.opened", id, &json!({}))).await.json["deliveries"].clone()
    };
    assert_eq!(deliveries("a").await, 1);
    change(&dir, &host, "[plugin.actor]\nevents = [\"till.*\"]\n", "plugin.actor").await;
    assert_eq!(deliveries("b").await, 0);
    change(&dir, &host, "[plugin.actor]\nevents = [\"shop.opened\"]\n", "plugin.actor").await;
    assert_eq!(deliveries("c").await, 1);
}

#[tokio::test]
async fn a_shorter_call_timeout_applies_to_the_next_call() {
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 1\ncall_timeout_ms = 60000\n");
    let host = actor(&dir).await;
    assert_eq!(act(&host, "a", "busy 300").await["outcome"], "done");
    change(&dir, &host, "[plugin.actor]\nattempts_max = 1\ncall_timeout_ms = 50\n", "plugin.actor").await;
    let attempt = act(&host, "b", "loop").await;
    assert_eq!(attempt["cause"], "timeout", "{attempt}");
    assert!(attempt["reason"].as_str().unwrap().contains("call_timeout_ms (50 ms)"), "{attempt}");
}

#[tokio::test]
async fn added_and_removed_secrets_and_sources_apply_at_once() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let event = Event::created("evt_1");
    let bare = |secret: &str| sign(secret, &event.body).strip_prefix("sha256=").unwrap().to_owned();
    let post = async |source: &str, secret: &str| {
        host.post(source, &event.body, &[("X-Webhook-Signature", &bare(secret))]).await.code.as_u16()
    };
    assert_eq!(post("shop", "old").await, 404);
    let shop = |secrets: &str| format!("[sources.shop]\nscheme = \"hmac\"\nsecrets = {secrets}\n");
    change(&dir, &host, &shop("[\"old\"]"), "sources.shop").await;
    assert_eq!((post("shop", "old").await, post("shop", "new").await), (202, 401));
    // Rotation: both, then the new one only.
    change(&dir, &host, &shop("[\"new\", \"old\"]"), "sources.shop").await;
    assert_eq!((post("shop", "old").await, post("shop", "new").await), (200, 200));
    change(&dir, &host, &shop("[\"new\"]"), "sources.shop").await;
    assert_eq!((post("shop", "old").await, post("shop", "new").await), (401, 200));
    change(&dir, &host, "", "sources.shop").await;
    assert_eq!(post("shop", "new").await, 404);
}

#[tokio::test]
async fn changed_body_limits_apply_to_the_next_request() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let event = Event::created("evt_1");
    assert_eq!(host.send(&event).await.code, 202);
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    dir.replace("hookyard.toml", text.replacen("[admin]", "body_max_bytes = 100\n[admin]", 1).as_bytes());
    host.wait_log(&["configuration changed: server.body_max_bytes"]).await;
    let answer = host.send(&event).await;
    assert_eq!((answer.code.as_u16(), answer.reason()), (413, "the body is larger than 100 bytes"));
}

#[tokio::test]
async fn a_key_that_needs_a_restart_is_named_and_the_other_keys_apply() {
    let dir = HostDir::new("");
    let host = actor(&dir).await;
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let text = text.replacen("127.0.0.1:0", "127.0.0.1:9", 1)
        + "[runtime]\ntick_ms = 7\n[plugin.actor]\nevents = []\n";
    dir.replace("hookyard.toml", text.as_bytes());
    for (key, why) in [("`server.listen`", "the address is bound"), ("`runtime.tick_ms`", "the engine")] {
        let line = host.wait_log(&[key, "keeps its value until a restart", why]).await;
        assert!(line.contains("\"ERROR\""), "{line}");
    }
    host.wait_log(&["configuration changed: plugin.actor"]).await;
    // It still listens where it did, and by the new rules.
    assert_eq!(host.send(&Event::created("evt_1")).await.json["deliveries"], 0);
}

#[tokio::test]
async fn an_invalid_file_is_rejected_with_key_and_line_and_the_old_one_stays() {
    let good = "[plugin.actor]\nconfig = { language = \"fr\" }\n";
    let dir = HostDir::new(good);
    let host = actor(&dir).await;
    for (broken, told) in [
        (
            "[plugin.actor]\nconfig = { language = \"en\" }\ncall_timeout_ms = -1\n",
            &[":10: ", "plugin.actor.call_timeout_ms"][..],
        ),
        ("[plugin.actor]\nconfig = { language = \"en\" }\n[plugin.actor\n", &[":10: "]),
        (
            "[plugin.actor]\nconfig = { language = \"env:HOOKYARD_TEST_UNSET\" }\n",
            &[":9: ", "HOOKYARD_TEST_UNSET"],
        ),
    ] {
        dir.configure(broken);
        let line = host.wait_log(&[&["the previous one stays", "hookyard.toml"], told].concat()).await;
        assert!(line.contains("\"ERROR\""), "{line}");
    }
    assert_eq!(act(&host, "a", "config").await["logs"][1], "INFO language = fr");
    change(&dir, &host, &good.replace("fr", "en"), "plugin.actor").await;
    assert_eq!(act(&host, "b", "config").await["logs"][1], "INFO language = en");
}

#[tokio::test]
async fn a_change_while_the_host_starts_is_applied() {
    let dir = HostDir::new("[plugin.actor]\nevents = []\n");
    // There is much to compile between reading the configuration and following it.
    for number in 0..5 {
        dir.install(&format!("other-{number}"), &distinct_copy(&guest("actor"), number));
    }
    dir.install("actor", &guest("actor"));
    let change = async {
        wait_until("the configuration was read", async || {
            dir.path("hookyard-data/admin-token").exists().then_some(())
        })
        .await;
        dir.configure("[plugin.actor]\nevents = [\"shop.*\"]\n");
    };
    let (host, ()) = tokio::join!(dir.start(), change);
    host.wait_log(&["configuration changed: plugin.actor"]).await;
}

#[tokio::test]
async fn a_change_while_a_plugin_is_read_is_applied() {
    let dir = HostDir::new("[plugin.actor]\nconfig = { language = \"fr\" }\n");
    let host = actor(&dir).await;
    // It takes a while to read and is refused: no swap follows that would take the change along.
    dir.install("slow", &[&b"\0asm"[..], &vec![0; 60 << 20]].concat());
    change(&dir, &host, "[plugin.actor]\nconfig = { language = \"en\" }\n", "plugin.actor").await;
    host.wait_plugin("slow", "it is refused", |plugin| plugin["state"] == "refused").await;
    assert_eq!(act(&host, "a", "config").await["logs"][1], "INFO language = en");
}

#[tokio::test]
async fn a_removed_file_changes_nothing_until_it_is_back() {
    let dir =
        HostDir::new("[plugins]\nrescan_interval_ms = 50\n[plugin.actor]\nconfig = { language = \"fr\" }\n");
    let host = actor(&dir).await;
    std::fs::remove_file(dir.path("hookyard.toml")).unwrap();
    // A plugin that is put there after it is noticed after it: the host looked at both.
    let stats = guest("stats");
    dir.install("stats", &stats);
    host.wait_revision("stats", &stats).await;
    assert_eq!(act(&host, "a", "config").await["logs"][1], "INFO language = fr");
    let log = host.flushed_log().await;
    assert!(!log.contains("configuration changed"), "{log}");
    change(
        &dir,
        &host,
        "[plugins]\nrescan_interval_ms = 50\n[plugin.actor]\nconfig = { language = \"en\" }\n",
        "plugin.actor",
    )
    .await;
    assert_eq!(act(&host, "b", "config").await["logs"][1], "INFO language = en");
}

#[tokio::test]
async fn each_way_of_replacing_a_file_is_noticed() {
    let with = |number: u32| format!("[plugin.actor]\nconfig = {{ number = {number} }}\n");
    let dir = HostDir::new(&with(0));
    let path = dir.path("hookyard.toml");
    let host = actor(&dir).await;
    let text = |number: u32| {
        let old = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
        old.replace(&with(number - 1), &with(number))
    };
    let replaced = async |number: u32| {
        let id = number.to_string();
        wait_until(&format!("number {number} is taken"), async || {
            (dir.log().matches("configuration changed: plugin.actor").count() >= number as usize)
                .then_some(())
        })
        .await;
        assert_eq!(act(&host, &id, "config").await["logs"][1], format!("INFO number = {number}"));
    };
    // In place, as a shell's `>` does.
    std::fs::write(&path, text(1)).unwrap();
    replaced(1).await;
    // By unlink and create.
    let next = text(2);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, next).unwrap();
    replaced(2).await;
    // Through a symbolic link that is changed, as Kubernetes does.
    for number in [3, 4] {
        let file = format!("version-{number}.toml");
        std::fs::write(dir.path(&file), text(number)).unwrap();
        let _ = std::fs::remove_file(dir.path("link"));
        std::os::unix::fs::symlink(&file, dir.path("link")).unwrap();
        std::fs::rename(dir.path("link"), &path).unwrap();
        replaced(number).await;
    }
}
