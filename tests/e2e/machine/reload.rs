//! SIGHUP reloads the configuration and the files that it references.

use crate::support::{Event, HostDir, sign, wait_until};

#[tokio::test]
async fn sighup_rereads_the_files_that_the_configuration_references() {
    let dir = HostDir::new("[sources.other]\nscheme = \"moncreneau\"\nsecrets = [\"file:secret\"]\n");
    // Changed, and so read, is the configuration only.
    dir.replace("secret", b"first");
    let host = dir.start().await;
    let event = Event::created("evt_1");
    let send = async |secret: &str| {
        let signature = sign(secret, &event.body);
        host.post("other", &event.body, &[("X-Moncreneau-Signature", &signature)]).await.code.as_u16()
    };
    assert_eq!(send("first").await, 202);
    dir.replace("secret", b"second");
    assert_eq!(send("second").await, 401);
    host.signal("HUP");
    wait_until("the new secret holds", async || (send("second").await == 200).then_some(())).await;
    assert_eq!(send("first").await, 401);
    host.wait_log(&["configuration changed", "sources.other"]).await;
}

#[tokio::test]
async fn sighup_with_an_invalid_or_missing_configuration_changes_nothing() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    dir.replace("hookyard.toml", b"[server\n");
    host.signal("HUP");
    host.wait_log(&["the changed configuration is rejected"]).await;
    std::fs::remove_file(dir.path("hookyard.toml")).unwrap();
    host.signal("HUP");
    assert_eq!(host.send(&Event::created("evt_1")).await.code, 202);
    host.terminate();
    assert_eq!(host.wait_exit().await.code(), Some(0));
}
