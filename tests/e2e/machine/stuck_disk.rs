//! A disk that does not answer: the host says so, acknowledges nothing, and goes on when it answers again.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Bed, Event, guest, until, until_within};

/// The file while which `fdatasync` and `fsync` do not return.
const STUCK: &str = "stuck";

/// Interposed before libc's functions (ld.so(8), `LD_PRELOAD`).
const DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int sync_with(const char *name, int fd) {
    const char *file = getenv("STUCK_WHILE");
    while (file && access(file, F_OK) == 0) usleep(10000);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}
int fdatasync(int fd) { return sync_with("fdatasync", fd); }
int fsync(int fd) { return sync_with("fsync", fd); }
"#;

/// A host whose disk does not answer while there is a file named [`STUCK`].
fn serve(bed: &Bed) -> Command {
    bed.replace("disk.c", DISK.as_bytes());
    let library = bed.path("disk.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(bed.path("disk.c")).arg("-ldl");
    assert!(compiler.status().unwrap().success());
    let mut command = bed.command(&["serve"]);
    command.env("LD_PRELOAD", library).env("STUCK_WHILE", bed.path(STUCK));
    command
}

#[tokio::test]
async fn a_disk_that_does_not_answer_stops_acceptance_until_it_does() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start_with(serve(&bed)).await;
    assert_eq!(host.send(&Event::about(1, "evt_before", "well")).await.code, 202);
    host.settled("evt_before").await;

    bed.replace(STUCK, b"");
    let sender = host.sender();
    let waiting = tokio::spawn(async move { sender.try_send(&Event::about(1, "evt_waiting", "well")).await });
    let why = "a transaction has not ended for 10 s";
    until_within(Duration::from_secs(30), "health says so", async || {
        let answer = host.ask("/readyz", None).await;
        let code = answer.status();
        let detail: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        (code == 503 && detail["detail"].as_str().unwrap().contains(why)).then_some(())
    })
    .await;
    assert_eq!(host.ask("/healthz", None).await.status(), 200);
    host.logged(&["ERROR", "nothing is accepted", why]).await;
    let answer = host.send(&Event::about(1, "evt_refused", "well")).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");

    fs::remove_file(bed.path(STUCK)).unwrap();
    until("it is ready again", async || (host.ask("/readyz", None).await.status() == 200).then_some(()))
        .await;
    // What was sent meanwhile was refused, or is there once; and what was refused is taken.
    let waited = waiting.await.unwrap().unwrap();
    assert!([202, 503].contains(&waited.code.as_u16()), "{waited:?}");
    let again = host.send(&Event::about(1, "evt_waiting", "well")).await;
    assert!(["duplicate", "accepted"].contains(&again.status()), "{again:?}");
    assert_eq!(host.send(&Event::about(1, "evt_refused", "well")).await.status(), "accepted");
    host.drained().await;
    for id in ["evt_waiting", "evt_refused"] {
        let event = host.settled(id).await;
        assert_eq!(event["deliveries"][0]["attempts"].as_array().unwrap().len(), 1, "{event}");
    }
}
