//! Nobody reads what the host writes: it works on, and says later how much nobody read.

use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _, pipe};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bed, Event, Host, Load, Sent, guest, until};

/// Nothing that is asked of the host waits for a reader.
const SOON: Duration = Duration::from_secs(10);
/// What a pipe takes on Linux, pipe(7).
const PIPE_BYTES: usize = 65_536;

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let filler = [vec![b'.'; PIPE_BYTES - 1], b"\n".to_vec()].concat();
    writer.write_all(&filler).unwrap();
    (reader, writer)
}

fn bed() -> Bed {
    let bed = Bed::new("[log]\nbuffer_max_bytes = 65536\n");
    bed.install("actor", &guest("actor"));
    bed
}

/// A host whose standard output and standard error nobody reads.
async fn unread(bed: &Bed) -> (Host<'_>, [PipeReader; 2]) {
    let (out, err) = (full_pipe(), full_pipe());
    let began = Instant::now();
    let host = bed.try_start_to(bed.command(&["serve"]), out.1.into(), err.1.into()).await.unwrap();
    assert!(began.elapsed() < SOON * 2, "{:?}", began.elapsed());
    (host, [out.0, err.0])
}

async fn dropped(host: &Host<'_>) -> u64 {
    let page = host.ask("/metrics", None).await.text().await.unwrap();
    let name = "hookyard_log_lines_dropped_total ";
    page.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

/// Has plugins log more than the pipe and the queue take.
async fn flood(host: &Host<'_>) {
    let events = (0..1000).map(|n| Event::about(n, &format!("evt_{n}"), "well")).collect();
    let sent = Load::start(host, 8, events).finish().await;
    assert!(sent.iter().all(Sent::accepted), "every sender is answered");
    host.drained().await;
}

#[tokio::test]
async fn unread_output_holds_up_no_event_no_refusal_no_health_and_no_stop() {
    let bed = bed();
    let (host, _unread) = unread(&bed).await;
    flood(&host).await;
    for _ in 0..20 {
        let refused = host.post("moncreneau", "{}", &[("X-Moncreneau-Signature", "sha256=00")]).await;
        assert_eq!(refused.code, 401);
    }
    assert_eq!(host.ask("/readyz", None).await.status(), 200);
    assert!(dropped(&host).await > 0);
    host.terminate();
    let asked = Instant::now();
    assert_eq!(host.ended().await.code(), Some(0));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_reader_that_comes_back_is_told_how_many_lines_were_dropped() {
    let bed = bed();
    let (host, [_unread, err]) = unread(&bed).await;
    flood(&host).await;
    let before = dropped(&host).await;
    let lines =
        std::thread::spawn(move || BufReader::new(err).lines().map(Result::unwrap).collect::<Vec<_>>());
    until("nothing is dropped any more", async || {
        host.post("moncreneau", "{}", &[("X-Moncreneau-Signature", "sha256=00")]).await;
        let told = host.ask("/readyz", None).await.status() == 200;
        told.then_some(())
    })
    .await;
    host.terminate();
    assert_eq!(host.ended().await.code(), Some(0));
    let lines = lines.join().unwrap();
    let log: Vec<Value> = lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: u64 = log.iter().filter_map(|line| line["dropped"].as_u64()).sum();
    assert!(told >= before, "{told} of {before}");
    let logged = log.iter().filter(|line| line["target"] == "plugin").count() as u64;
    assert!(logged < 1000 && logged + told >= 1000, "{logged} lines, {told} dropped");
    assert_eq!(log.last().unwrap()["message"], "stopped", "the end is told");
}

#[tokio::test]
async fn a_start_that_fails_ends_although_nobody_reads_why() {
    let bed = bed();
    bed.replace("hookyard-data", b"no directory");
    let (out, err) = (full_pipe(), full_pipe());
    let ended = bed.try_start_to(bed.command(&["serve"]), out.1.into(), err.1.into()).await;
    assert_eq!(ended.map(drop).unwrap_err().code(), Some(1));
    let bed = self::bed();
    std::fs::create_dir_all(bed.path("hookyard-data/hookyard.db")).unwrap();
    let began = Instant::now();
    let (out, err) = (full_pipe(), full_pipe());
    let ended = bed.try_start_to(bed.command(&["serve"]), out.1.into(), err.1.into()).await;
    assert_eq!(ended.map(drop).unwrap_err().code(), Some(1));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
