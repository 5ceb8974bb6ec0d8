//! Tokens: made, used, listed and revoked.

use std::fs;

use super::audit::tamper;
use super::{create, run_as, stop, with_admin_keys};
use crate::support::{CommandOutput, Event, HostDir, example};

#[tokio::test]
async fn a_role_may_do_what_its_permissions_allow_and_nothing_else() {
    let dir = HostDir::new("");
    dir.install("desk", &example("statistics"));
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let operate = create(&dir, &["night-shift", "--role", "operate", "--expires", "30d"]);
    let deploy = create(&dir, &["pipeline", "--role", "deploy", "--plugins", "desk"]);
    let admin = create(&dir, &["boss", "--role", "admin"]);
    for (arguments, codes) in [
        (&["plugin", "list"][..], [0, 0, 0, 0]),
        (&["event", "list"], [0, 0, 1, 0]),
        (&["event", "show", "evt_1"], [0, 0, 1, 0]),
        (&["event", "show", "evt_1", "--unmasked"], [1, 0, 1, 0]),
        (&["event", "export", "evt_1", "--unmasked"], [1, 0, 1, 0]),
        (&["plugin", "pause", "desk"], [1, 0, 1, 0]),
        (&["plugin", "resume", "desk"], [1, 0, 1, 0]),
        (&["token", "list"], [1, 1, 1, 0]),
        (&["audit", "list"], [1, 1, 1, 0]),
        (&["audit", "verify"], [1, 1, 1, 0]),
    ] {
        for (token, code) in [&read, &operate, &deploy, &admin].into_iter().zip(codes) {
            let output = run_as(&dir, token, arguments);
            assert_eq!(output.code, code, "{arguments:?}: {output:?}");
            assert_eq!(output.err.is_empty(), code == 0, "{arguments:?}: {output:?}");
        }
    }
    let refused = run_as(&dir, &read, &["plugin", "pause", "desk"]).err;
    assert!(
        refused.contains("`dashboard`") && refused.contains("`read`") && refused.contains("`operate`"),
        "{refused}"
    );
}

#[tokio::test]
async fn tokens_are_listed_with_their_last_use_and_never_with_their_secret() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let secret = create(
        &dir,
        &["ci", "--role", "deploy", "--plugins", "sms-*", "--plugins", "desk", "--expires", "12h"],
    );
    assert_eq!(run_as(&dir, &secret, &["plugin", "list"]).code, 0);
    let listed = dir.run(&["token", "list", "--json"]).json();
    let find =
        |name: &str| listed["items"].as_array().unwrap().iter().find(|token| token["name"] == name).unwrap();
    let ci = find("ci");
    assert_eq!((ci["role"].as_str(), ci["state"].as_str()), (Some("deploy"), Some("valid")));
    assert_eq!(ci["plugins"], serde_json::json!(["sms-*", "desk"]));
    assert_eq!(ci["created_by"], "first-start");
    let lifetime = ci["expires_at"].as_u64().unwrap() - ci["created_at"].as_u64().unwrap();
    assert!((43_199_000..=43_201_000).contains(&lifetime), "{lifetime}");
    assert!(ci["used_at"].is_u64(), "{ci}");
    assert_eq!(find("first-start")["role"], "admin");
    let table = dir.run(&["token", "list"]).out;
    assert!(table.starts_with("NAME") && table.contains("sms-*, desk"), "{table}");
    stop(host).await;
    let everything = [listed.to_string(), table, dir.log(), dir.run(&["token", "list"]).err];
    assert!(everything.iter().all(|text| !text.contains(&secret)));
    let database = fs::read(dir.path("hookyard-data/hookyard.db")).unwrap();
    assert!(!database.windows(secret.len()).any(|part| part == secret.as_bytes()), "the secret is stored");
    // The last use was written when the host stopped.
    let host = dir.start().await;
    let listed = dir.run(&["token", "list", "--json"]).json();
    let ci = listed["items"].as_array().unwrap().iter().find(|token| token["name"] == "ci").unwrap();
    assert!(ci["used_at"].is_u64(), "{ci}");
    drop(host);
}

#[tokio::test]
async fn a_revoked_token_is_refused_also_after_a_restart_and_the_file_does_not_bring_it_back() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let boss = create(&dir, &["boss", "--role", "admin"]);
    let other = create(&dir, &["other", "--role", "read"]);
    assert_eq!(run_as(&dir, &boss, &["token", "revoke", "other", "--note", "it leaked"]).code, 0);
    assert_eq!(run_as(&dir, &other, &["plugin", "list"]).code, 1);
    assert_eq!(run_as(&dir, &boss, &["token", "revoke", "other"]).code, 1, "it is revoked");
    assert_eq!(run_as(&dir, &boss, &["token", "revoke", "first-start"]).code, 0);
    host.kill();
    let host = dir.start().await;
    let refused = dir.run(&["plugin", "list"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("`first-start` was revoked") && refused.err.contains("does not bring it back"),
        "{refused:?}"
    );
    assert_eq!(run_as(&dir, &other, &["plugin", "list"]).code, 1);
    stop(host).await;
    // A new file is a new token, and the old one stays revoked.
    let old = fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap();
    fs::remove_file(dir.path("hookyard-data/admin-token")).unwrap();
    let _host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "list"]).code, 0);
    assert_eq!(run_as(&dir, old.trim(), &["plugin", "list"]).code, 1);
}

#[tokio::test]
async fn an_invalid_token_request_is_an_error_with_its_remedy() {
    let dir = with_admin_keys("tokens_max = 2");
    let _host = dir.start().await;
    create(&dir, &["a", "--role", "read"]);
    for (arguments, code, why) in [
        (&["a", "--role", "read"][..], 1, "there is a token `a`"),
        (&["b", "--role", "read"], 1, "`admin.tokens_max`"),
        (&["b", "--role", "root"], 2, "read, operate, deploy, admin"),
        (&["b"], 2, "--role"),
        (&["-b", "--role", "read"], 2, "unexpected argument"),
        (&["b/c", "--role", "read"], 2, "is not a name"),
        (&[&"x".repeat(65), "--role", "read"], 2, "is not a name"),
        (&["b", "--role", "deploy"], 2, "--plugins PATTERN"),
        (&["b", "--role", "read", "--plugins", "a*b"], 2, "is not a pattern"),
        (&["b", "--role", "read", "--expires", "0d"], 2, "30d"),
        (&["b", "--role", "read", "--note", &"x".repeat(1001)], 2, "1000"),
    ] {
        let output = dir.run(&[&["token", "create"], arguments].concat());
        assert_eq!((output.code, output.out.as_str()), (code, ""), "{arguments:?}: {output:?}");
        assert!(output.err.contains(why), "{arguments:?}: {output:?}");
    }
    assert_eq!(dir.run(&["token", "revoke", "a"]).code, 0);
    create(&dir, &["a", "--role", "admin"]);
}

#[tokio::test]
async fn commands_work_from_another_machine_with_an_address_and_a_token() {
    let dir = HostDir::new("");
    dir.install("desk", &example("confirmation-sms"));
    let host = dir.start().await;
    let token = create(&dir, &["remote", "--role", "operate"]);
    // Without a config, and with another host's data directory.
    let elsewhere = HostDir::new("");
    let local = elsewhere.start().await;
    let url = host.admin();
    let run = |arguments: &[&str], token: Option<&str>| {
        let mut command = elsewhere.command(arguments);
        token.map(|token| command.env("HOOKYARD_TOKEN", token));
        CommandOutput::run(&mut command)
    };
    host.send(&Event::created("evt_remote")).await;
    let listed = run(&["event", "list", "--url", url], Some(&token));
    assert!(listed.code == 0 && listed.out.contains("evt_remote"), "{listed:?}");
    let by_variable = CommandOutput::run(
        elsewhere.command(&["event", "list"]).env("HOOKYARD_URL", url).env("HOOKYARD_TOKEN", &token),
    );
    assert!(by_variable.out.contains("evt_remote"), "{by_variable:?}");
    let by_config = CommandOutput::run(
        elsewhere.command(&["event", "list", "--config", "hookyard.toml"]).env("HOOKYARD_URL", url),
    );
    assert!(
        by_config.code == 0 && !by_config.out.contains("evt_remote"),
        "a named config goes before the variable: {by_config:?}"
    );
    for arguments in [
        &["plugin", "list"][..],
        &["plugin", "matrix"],
        &["plugin", "disable", "desk"],
        &["plugin", "enable", "desk"],
        &["delivery", "list"],
        &["effect", "list"],
        &["alert", "list"],
    ] {
        let output = run(&[arguments, &["--url", url]].concat(), Some(&token));
        assert!(output.code == 0, "{arguments:?}: {output:?}");
    }
    let without = run(&["event", "list", "--url", url], None);
    assert!(
        without.code == 1 && without.err.contains("HOOKYARD_TOKEN"),
        "the local token is not sent: {without:?}"
    );
    for (arguments, why) in [
        (&["event", "list", "--url", "nowhere"][..], "no address of a host"),
        (&["event", "list", "--url", "ftp://x"], "no address of a host"),
        (&["event", "list", "--url", "https://x/path"], "no user, path or query"),
        (&["event", "list", "--url", "https://x/?a=b"], "no user, path or query"),
        (&["event", "list", "--url", "https://me:secret@x"], "no user, path or query"),
        (&["config", "check", "--url", url], "on this machine"),
    ] {
        let output = run(arguments, Some(&token));
        assert!(output.code == 2 && output.err.contains(why), "{arguments:?}: {output:?}");
    }
    drop((local, host));
}

#[tokio::test]
async fn a_damaged_token_is_not_valid_and_stops_nothing() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let (whole, damaged) =
        (create(&dir, &["whole", "--role", "read"]), create(&dir, &["bad", "--role", "read"]));
    stop(host).await;
    tamper(&dir, "UPDATE token SET role = 'boss' WHERE name = 'bad'");
    let host = dir.start().await;
    assert_eq!(run_as(&dir, &whole, &["plugin", "list"]).code, 0);
    assert_eq!(run_as(&dir, &damaged, &["plugin", "list"]).code, 1);
    // Changes of the others are in force.
    let later = create(&dir, &["later", "--role", "read"]);
    assert_eq!(run_as(&dir, &later, &["plugin", "list"]).code, 0);
    assert_eq!(dir.run(&["token", "revoke", "whole"]).code, 0);
    assert_eq!(run_as(&dir, &whole, &["plugin", "list"]).code, 1);
    assert_eq!(dir.run(&["token", "revoke", "bad"]).code, 0);
    stop(host).await;
    assert_eq!(dir.log().matches("the token `bad` is not valid").count(), 1, "{}", dir.log());
}
