//! Unread output: the host continues, and later reports the number of lost lines.

use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _, pipe};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Event, HostDir, Load, RunningHost, SentEvent, guest, wait_until};

/// Nothing that is asked of the host waits for a reader.
const SOON: Duration = Duration::from_secs(20);
/// The capacity of a pipe on Linux, pipe(7).
const PIPE_BYTES: usize = 65_536;

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let filler = [vec![b'.'; PIPE_BYTES - 1], b"\n".to_vec()].concat();
    writer.write_all(&filler).unwrap();
    (reader, writer)
}

fn host_dir() -> HostDir {
    let dir = HostDir::new("[log]\nbuffer_max_bytes = 65536\n");
    dir.install("actor", &guest("actor"));
    dir
}

/// A host with unread standard output and standard error.
async fn unread(dir: &HostDir) -> (RunningHost<'_>, [PipeReader; 2]) {
    let (out, err) = (full_pipe(), full_pipe());
    let began = Instant::now();
    let host = dir.try_start_to(dir.command(&["serve"]), out.1.into(), err.1.into()).await.unwrap();
    assert!(began.elapsed() < SOON * 2, "{:?}", began.elapsed());
    (host, [out.0, err.0])
}

async fn dropped(host: &RunningHost<'_>) -> u64 {
    let page = host.admin_get("/metrics", None).await.text().await.unwrap();
    let name = "hookyard_log_lines_dropped_total ";
    page.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

/// Has plugins log more than the pipe and the queue take.
async fn flood(host: &RunningHost<'_>) {
    let events = (0..1000).map(|n| Event::with_act(n, &format!("evt_{n}"), "well")).collect();
    let sent = Load::start(host, 8, events).finish().await;
    assert!(sent.iter().all(SentEvent::accepted), "every sender is answered");
    host.wait_drained().await;
}

#[tokio::test]
async fn unread_output_delays_no_event_no_rejection_no_health_check_and_no_stop() {
    let dir = host_dir();
    let (host, _unread) = unread(&dir).await;
    flood(&host).await;
    for _ in 0..20 {
        let refused = host.post("moncreneau", "{}", &[("X-Moncreneau-Signature", "sha256=00")]).await;
        assert_eq!(refused.code, 401);
    }
    assert_eq!(host.admin_get("/readyz", None).await.status(), 200);
    assert!(dropped(&host).await > 0);
    host.terminate();
    let asked = Instant::now();
    assert_eq!(host.wait_exit().await.code(), Some(0));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_returning_reader_gets_the_number_of_dropped_lines() {
    let dir = host_dir();
    let (host, [_unread, err]) = unread(&dir).await;
    flood(&host).await;
    let before = dropped(&host).await;
    let lines =
        std::thread::spawn(move || BufReader::new(err).lines().map(Result::unwrap).collect::<Vec<_>>());
    wait_until("nothing is dropped any more", async || {
        host.post("moncreneau", "{}", &[("X-Moncreneau-Signature", "sha256=00")]).await;
        let told = host.admin_get("/readyz", None).await.status() == 200;
        told.then_some(())
    })
    .await;
    host.terminate();
    assert_eq!(host.wait_exit().await.code(), Some(0));
    let lines = lines.join().unwrap();
    let log: Vec<Value> = lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: u64 = log.iter().filter_map(|line| line["dropped"].as_u64()).sum();
    assert!(told >= before, "{told} of {before}");
    let logged = log.iter().filter(|line| line["target"] == "plugin").count() as u64;
    assert!(logged < 1000 && logged + told >= 1000, "{logged} lines, {told} dropped");
    assert_eq!(log.last().unwrap()["message"], "stopped", "the end is told");
}

#[tokio::test]
async fn a_failed_start_ends_with_its_output_unread() {
    let dir = host_dir();
    dir.replace("hookyard-data", b"no directory");
    let (out, err) = (full_pipe(), full_pipe());
    let ended = dir.try_start_to(dir.command(&["serve"]), out.1.into(), err.1.into()).await;
    assert_eq!(ended.map(drop).unwrap_err().code(), Some(1));
    let dir = self::host_dir();
    std::fs::create_dir_all(dir.path("hookyard-data/hookyard.db")).unwrap();
    let began = Instant::now();
    let (out, err) = (full_pipe(), full_pipe());
    let ended = dir.try_start_to(dir.command(&["serve"]), out.1.into(), err.1.into()).await;
    assert_eq!(ended.map(drop).unwrap_err().code(), Some(1));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
