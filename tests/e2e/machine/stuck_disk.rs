//! A disk that stalls: the host reports it, acknowledges nothing, and continues when the disk responds.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Event, HostDir, guest, wait_until, wait_until_within};

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

/// A host whose disk stalls while a file named [`STUCK`] exists.
fn serve(dir: &HostDir) -> Command {
    dir.replace("disk.c", DISK.as_bytes());
    let library = dir.path("disk.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(dir.path("disk.c")).arg("-ldl");
    assert!(compiler.status().unwrap().success());
    let mut command = dir.command(&["serve"]);
    command.env("LD_PRELOAD", library).env("STUCK_WHILE", dir.path(STUCK));
    command
}

#[tokio::test]
async fn a_stalled_disk_stops_acceptance_until_it_responds() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start_with(serve(&dir)).await;
    assert_eq!(host.send(&Event::with_act(1, "evt_before", "well")).await.code, 202);
    host.wait_finished("evt_before").await;

    dir.replace(STUCK, b"");
    let sender = host.sender();
    let waiting =
        tokio::spawn(async move { sender.try_send(&Event::with_act(1, "evt_waiting", "well")).await });
    let why = "a transaction has taken 10 s";
    wait_until_within(Duration::from_secs(30), "health says so", async || {
        let answer = host.admin_get("/readyz", None).await;
        let code = answer.status();
        let detail: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        (code == 503 && detail["detail"].as_str().unwrap().contains(why)).then_some(())
    })
    .await;
    assert_eq!(host.admin_get("/healthz", None).await.status(), 200);
    host.wait_log(&["ERROR", "events are accepted", why]).await;
    let answer = host.send(&Event::with_act(1, "evt_refused", "well")).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");

    fs::remove_file(dir.path(STUCK)).unwrap();
    wait_until("it is ready again", async || {
        (host.admin_get("/readyz", None).await.status() == 200).then_some(())
    })
    .await;
    // Events sent meanwhile were rejected or are stored once, and rejected ones are accepted now.
    let waited = waiting.await.unwrap().unwrap();
    assert!([202, 503].contains(&waited.code.as_u16()), "{waited:?}");
    let again = host.send(&Event::with_act(1, "evt_waiting", "well")).await;
    assert!(["duplicate", "accepted"].contains(&again.status()), "{again:?}");
    assert_eq!(host.send(&Event::with_act(1, "evt_refused", "well")).await.status(), "accepted");
    host.wait_drained().await;
    for id in ["evt_waiting", "evt_refused"] {
        let event = host.wait_finished(id).await;
        assert_eq!(event["deliveries"][0]["attempts"].as_array().unwrap().len(), 1, "{event}");
    }
}
