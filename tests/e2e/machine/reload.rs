//! SIGHUP has the configuration, and the files that it names, read again.

use crate::support::{Bed, Event, sign, until};

#[tokio::test]
async fn a_hangup_reads_the_files_that_the_configuration_names() {
    let bed = Bed::new("[sources.other]\nscheme = \"moncreneau\"\nsecrets = [\"file:secret\"]\n");
    // Changed, and so read, is the configuration only.
    bed.replace("secret", b"first");
    let host = bed.start().await;
    let event = Event::created("evt_1");
    let send = async |secret: &str| {
        let signature = sign(secret, &event.body);
        host.post("other", &event.body, &[("X-Moncreneau-Signature", &signature)]).await.code.as_u16()
    };
    assert_eq!(send("first").await, 202);
    bed.replace("secret", b"second");
    assert_eq!(send("second").await, 401);
    host.signal("HUP");
    until("the new secret holds", async || (send("second").await == 200).then_some(())).await;
    assert_eq!(send("first").await, 401);
    host.logged(&["configuration changed", "sources.other"]).await;
}

#[tokio::test]
async fn a_hangup_with_a_broken_configuration_or_none_ends_nothing() {
    let bed = Bed::new("");
    let host = bed.start().await;
    bed.replace("hookyard.toml", b"[server\n");
    host.signal("HUP");
    host.logged(&["the changed configuration is refused"]).await;
    std::fs::remove_file(bed.path("hookyard.toml")).unwrap();
    host.signal("HUP");
    assert_eq!(host.send(&Event::created("evt_1")).await.code, 202);
    host.terminate();
    assert_eq!(host.ended().await.code(), Some(0));
}
