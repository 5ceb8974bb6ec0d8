//! The audit log: what it has, and what of a change of it is noticed.

use std::process::Command;

use serde_json::Value;

use super::{create, run_as, stop, with_admin_keys};
use crate::support::{Event, HostDir, example, wait_until};

fn actions(dir: &HostDir) -> Vec<String> {
    let listed = dir.run(&["audit", "list", "--json"]).json();
    let items = listed["items"].as_array().unwrap().iter().rev();
    items.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_decision_is_on_record_with_who_from_where_what_and_why() {
    let dir = HostDir::new("");
    dir.install("desk", &example("statistics"));
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    let token = create(&dir, &["ops", "--role", "operate"]);
    let paused = run_as(&dir, &token, &["plugin", "pause", "desk", "--note", "attente\ndu fournisseur é"]);
    assert_eq!(paused.code, 0, "{paused:?}");
    let listed = dir.run(&["audit", "list", "--action", "plugin.pause", "--json"]).json();
    let entry = &listed["items"][0];
    for (member, value) in [
        ("kind", "token"),
        ("actor", "ops"),
        ("address", "127.0.0.1"),
        ("target", "desk"),
        ("note", "attente du fournisseur é"),
        ("result", "done"),
    ] {
        assert_eq!(entry[member], value, "{entry}");
    }
    assert_eq!((&entry["before"]["paused"], &entry["after"]["paused"]), (&false.into(), &true.into()));
    run_as(&dir, &token, &["delivery", "retry", "--all"]);
    run_as(&dir, &token, &["event", "replay", "evt_1", "--to", "desk"]);
    let replayed = wait_until("the replay has ended", async || {
        let listed = dir.run(&["audit", "list", "--action", "replay", "--json"]).json();
        (listed["items"][0]["action"] == "replay.end").then_some(listed)
    })
    .await;
    assert_eq!(replayed["items"][1]["action"], "replay.begin");
    assert_eq!(replayed["items"][1]["after"]["request"]["to"], "desk");
    let table = dir.run(&["audit", "list", "--actor", "ops"]).out;
    assert!(table.contains("delivery.retry") && table.contains("token ops"), "{table}");
    assert!(!table.contains(&token) && !dir.run(&["audit", "export"]).out.contains(&token));
}

/// The entries with this action, the oldest first, once there are `count` of them.
async fn entries(dir: &HostDir, action: &str, count: usize) -> Vec<Value> {
    wait_until(&format!("there are {count} entries {action}"), async || {
        let listed = dir.run(&["audit", "list", "--action", action, "--json"]).json();
        let mut items = listed["items"].as_array().unwrap().clone();
        items.reverse();
        assert!(items.len() <= count, "{items:#?}");
        (items.len() == count).then_some(items)
    })
    .await
}

#[tokio::test]
async fn a_changed_file_is_on_record_once() {
    let dir = HostDir::new("");
    let (first, second) = (example("statistics"), example("event-log"));
    dir.install("desk", &first);
    let host = dir.start().await;
    entries(&dir, "plugin.file", 1).await;
    entries(&dir, "config.change", 1).await;
    stop(host).await;
    // A start without a change has no entry.
    let host = dir.start().await;
    dir.install("desk", &second);
    let files = entries(&dir, "plugin.file", 2).await;
    assert_eq!((&files[1]["kind"], &files[1]["actor"]), (&"file".into(), &"desk.wasm".into()));
    let digest = |bytes: &[u8]| Value::from(hookyard::event::Digest::of(bytes).to_string());
    assert_eq!(files[1]["before"]["revision"], digest(&first));
    assert_eq!(
        (&files[1]["after"]["revision"], &files[1]["after"]["state"]),
        (&digest(&second), &"loaded".into())
    );
    dir.install("desk", b"no wasm");
    let files = entries(&dir, "plugin.file", 3).await;
    assert_eq!((&files[2]["after"]["state"], &files[2]["target"]), (&"refused".into(), &"desk".into()));
    std::fs::remove_file(dir.plugin_file("desk")).unwrap();
    let files = entries(&dir, "plugin.file", 4).await;
    assert_eq!(files[3]["after"]["state"], "removed");

    let config = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let secret = "whsec_new_and_secret";
    dir.replace(
        "hookyard.toml",
        format!("{config}\n[sources.b]\nscheme = \"hmac\"\nsecrets = [\"{secret}\"]\n").as_bytes(),
    );
    let changes = entries(&dir, "config.change", 2).await;
    assert_eq!((&changes[1]["kind"], &changes[1]["result"]), (&"config".into(), &"sources.b".into()));
    assert!(!dir.run(&["audit", "export"]).out.contains(secret));
    dir.install("desk", &first);
    entries(&dir, "plugin.file", 5).await;
    stop(host).await;
    std::fs::remove_file(dir.plugin_file("desk")).unwrap();
    let host = dir.start().await;
    let files = entries(&dir, "plugin.file", 6).await;
    assert_eq!(files[5]["after"]["state"], "removed", "it was removed while no host ran");
    assert_eq!(dir.run(&["audit", "verify"]).code, 0);
    drop(host);
}

#[tokio::test]
async fn the_log_is_whole_and_another_program_can_verify_its_export() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for name in ["a", "b", "é-wrong"] {
        dir.run(&["token", "create", name, "--role", "read", "--note", "\"quoted\" \\ \u{1f600} \u{7f}"]);
    }
    let verified = dir.run(&["audit", "verify"]);
    assert_eq!((verified.code, verified.err.as_str()), (0, ""), "{verified:?}");
    let check = dir.run(&["audit", "verify", "--json"]).json();
    let (number, hash) = (check["head"]["number"].as_i64().unwrap(), check["head"]["hash"].as_str().unwrap());
    assert!(number >= 3 && verified.out.contains(&format!("{number}:{hash}")), "{verified:?}");
    let expected = format!("{number}:{hash}");
    assert_eq!(dir.run(&["audit", "verify", "--expect", &expected]).code, 0);
    let other = format!("{number}:{}", "00".repeat(32));
    assert_eq!(dir.run(&["audit", "verify", "--expect", &other]).code, 1);
    assert_eq!(dir.run(&["audit", "verify", "--expect", "x"]).code, 2);

    let export = dir.run(&["audit", "export"]).out;
    std::fs::write(dir.path("audit.jsonl"), &export).unwrap();
    let program = "
import hashlib, json, sys
last = bytes(32)
for line in open(sys.argv[1], encoding='utf-8'):
    e = json.loads(line)
    text = lambda v: None if v is None else json.dumps(v, separators=(',', ':'), ensure_ascii=False)
    row = [e['number'], e['at'], e['kind'], e['actor'], e['address'], e['action'], e['target'],
           text(e['before']), text(e['after']), e['note'], e['result']]
    last = hashlib.sha256(last + json.dumps(row, separators=(',', ':'), ensure_ascii=False).encode()).digest()
    assert last.hex() == e['hash'], e
print(e['number'], last.hex())";
    let python = Command::new("python3").args(["-c", program]).arg(dir.path("audit.jsonl")).output().unwrap();
    let printed = String::from_utf8(python.stdout).unwrap();
    assert_eq!(printed.trim(), format!("{number} {hash}"), "{}", String::from_utf8_lossy(&python.stderr));
    drop(host);
}

/// Opens the database beside the host and runs statements, as someone who may write the file.
pub(super) fn tamper(dir: &HostDir, statements: &str) {
    let program = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
triggers = db.execute(\"SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'\").fetchall()
for name, _ in triggers: db.execute('DROP TRIGGER ' + name)
db.executescript(sys.argv[2])
for _, sql in triggers: db.execute(sql)
db.commit()
db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
db.close()";
    let mut python = Command::new("python3");
    let output =
        python.args(["-c", program]).arg(dir.path("hookyard-data/hookyard.db")).arg(statements).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_changed_a_missing_and_a_cut_entry_are_found_by_their_number() {
    for (statements, number) in [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 2", 2),
        ("UPDATE audit SET after = replace(after, 'read', 'admin') WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number >= 3", 3),
        (
            "UPDATE audit SET number = -1 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = -1",
            2,
        ),
        ("DELETE FROM audit", 1),
        ("UPDATE audit_head SET number = 3, hash = (SELECT hash FROM audit WHERE number = 3)", 4),
        (
            "UPDATE audit_head SET number = 2, hash = (SELECT hash FROM audit WHERE number = 2); DELETE FROM audit WHERE number = 2",
            2,
        ),
    ] {
        let dir = HostDir::new("");
        let host = dir.start().await;
        for name in ["a", "b", "c", "d"] {
            create(&dir, &[name, "--role", "read"]);
        }
        stop(host).await;
        let database = dir.path("hookyard-data/hookyard.db");
        let file = database.to_str().unwrap();
        assert_eq!(dir.run(&["audit", "verify", "--database", file]).code, 0);
        tamper(&dir, statements);
        let offline = dir.run(&["audit", "verify", "--database", file, "--json"]);
        let found: Value = serde_json::from_str(&offline.out).unwrap();
        assert_eq!((offline.code, &found["first_wrong"]), (1, &number.into()), "{statements}: {found}");
        let host = dir.start().await;
        let online = dir.run(&["audit", "verify"]);
        assert_eq!(online.code, 1, "{statements}");
        assert!(online.out.contains(&format!("entry {number}:")), "{statements}: {online:?}");
        drop(host);
    }
}

#[tokio::test]
async fn no_statement_changes_the_log_while_its_triggers_are_there() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    create(&dir, &["a", "--role", "read"]);
    stop(host).await;
    let program = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for sql in ['UPDATE audit SET actor = 1', 'DELETE FROM audit', 'DELETE FROM audit_head',
            'UPDATE audit_head SET number = 0', 'INSERT OR REPLACE INTO audit_head VALUES (1, 0, x\\'00\\')',
            'INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE number = 1',
            \"INSERT INTO audit SELECT 9, at, actor_kind, actor, address, action, target, before, after, note, result, hash FROM audit WHERE number = 1\"]:
    try:
        db.execute(sql)
        print('done:', sql)
    except sqlite3.IntegrityError as error:
        pass
db.rollback()";
    let mut python = Command::new("python3");
    let output = python.args(["-c", program]).arg(dir.path("hookyard-data/hookyard.db")).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[tokio::test]
async fn a_backup_has_the_log_and_is_verified_without_a_host() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    create(&dir, &["a", "--role", "read"]);
    assert_eq!(dir.run(&["backup", "copy.db"]).code, 0);
    let whole = dir.run(&["audit", "verify", "--database", "copy.db"]);
    assert!(whole.code == 0 && whole.out.contains("whole"), "{whole:?}");
    let running = dir.run(&["audit", "verify", "--database", "hookyard-data/hookyard.db"]);
    assert!(running.code == 1 && running.err.contains("a host runs with it"), "{running:?}");
    let missing = dir.run(&["audit", "verify", "--database", "none.db"]);
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(actions(&dir).contains(&"token.create".into()));
    drop(host);
}

#[tokio::test]
async fn failures_of_authentication_are_on_record_with_their_number() {
    let dir = with_admin_keys("auth_failures_per_minute_max = 3");
    let host = dir.start().await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(host.admin_get("/api/v1/plugins", Some("wrong")).await.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert_eq!(dir.run(&["plugin", "list"]).code, 0, "the right token is answered");
    stop(host).await;
    let host = dir.start().await;
    let listed = dir.run(&["audit", "list", "--action", "auth.failure", "--json"]).json();
    let counted: u64 = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["after"]["count"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 5, "{listed}");
    assert_eq!(listed["items"][0]["address"], "127.0.0.1");
    drop(host);
}
