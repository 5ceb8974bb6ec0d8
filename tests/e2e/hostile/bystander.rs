//! A well-behaved plugin, and the time that its events take.
//!
//! Other programs may load the machine, so an absolute time says little. A second host with the same plugin
//! and no hostile neighbour runs beside the first. The usual time is the median before the first row, or the
//! time of the second host at about the same moment if that is longer.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{CoreGuest, Event, HostDir, RunningHost};

/// The plugin's name and the type of its events.
const NAME: &str = "bystander";
/// Events whose median is the usual time.
const SAMPLES: usize = 9;
/// Events of the second host whose longest time is compared with an event of the first host that took long.
const BUSY_SAMPLES: usize = 20;
/// What the scheduler of a busy machine, and the disk, add now and then to an event of some 5 ms.
const NOISE: Duration = Duration::from_millis(100);
/// How much larger the host may be after a table: code of guests that are still loaded, and memory that the
/// allocator keeps.
const GROWTH_MAX_BYTES: u64 = 192 << 20;

/// A directory with the plugin and this configuration.
pub(super) fn host_dir(config: &str) -> HostDir {
    let dir = HostDir::new(&format!(
        "{config}\n[plugin.{NAME}]\nevents = [\"{NAME}\"]\ncall_timeout_ms = 60_000\n"
    ));
    let counts = CoreGuest {
        handle: "
            (call $store.open (i32.const 1024) (i32.const 6) (i32.const 256))
            (call $atomics.increment (i32.load (i32.const 260)) (i32.const 1024) (i32.const 6)
              (i64.const 1) (i32.const 512))
            (call $logging.log (i32.const 2) (i32.const 1024) (i32.const 0) (i32.const 1024) (i32.const 6))
            i32.const 0",
        fields: r#"(data (i32.const 1024) "counts")"#,
        ..CoreGuest::default()
    };
    dir.install(NAME, &counts.module());
    dir
}

/// The plugin beside a table's rows.
pub(super) struct Bystander<'a> {
    host: &'a RunningHost<'a>,
    undisturbed: &'a RunningHost<'a>,
    usual: Duration,
    resident_bytes: u64,
}

impl<'a> Bystander<'a> {
    /// Measures the usual time in both hosts.
    pub(super) async fn measure(host: &'a RunningHost<'a>, undisturbed: &'a RunningHost<'a>) -> Self {
        let mut times = Vec::new();
        for _ in 0..SAMPLES {
            times.push(time(host).await);
            time(undisturbed).await;
        }
        times.sort();
        let usual = times[SAMPLES / 2];
        Self { host, undisturbed, usual, resident_bytes: memory(host, "VmRSS") }
    }

    /// Checks rows one after the other, and the plugin after each; fails with all that went wrong.
    pub(super) async fn check_rows<R: Future<Output = ()>>(&self, rows: impl Iterator<Item = (&str, R)>) {
        let mut failures = Vec::new();
        for (name, row) in rows {
            eprintln!("row {name}");
            for checked in [caught(row).await, caught(self.goes_on(name)).await] {
                failures.extend(checked.err().map(|why| format!("{name}: {why}")));
            }
        }
        self.ends().await;
        assert!(failures.is_empty(), "{} checks failed:\n{}", failures.len(), failures.join("\n"));
    }

    /// The next event is done within twice the usual time.
    pub(super) async fn goes_on(&self, row: &str) {
        let times = Box::pin(async { tokio::join!(time(self.host), time(self.undisturbed)) });
        let ((took, undisturbed), stall) = longest_stall(times).await;
        let most = |undisturbed| 2 * self.usual.max(undisturbed) + NOISE + stall;
        if took <= most(undisturbed) {
            return;
        }
        // On a busy machine events of any host take long now and then.
        let mut longest = undisturbed;
        for _ in 0..BUSY_SAMPLES {
            longest = longest.max(time(self.undisturbed).await);
        }
        assert!(
            took <= most(longest),
            "after {row} the next event of another plugin took {took:?}; usual are {:?}, and up to {longest:?} \
             in another host",
            self.usual
        );
    }

    /// The host is the same process, ready, and no larger than it may be.
    async fn ends(&self) {
        let grown = memory(self.host, "VmRSS").saturating_sub(self.resident_bytes);
        assert!(grown <= GROWTH_MAX_BYTES, "the host has grown by {grown} bytes");
        assert_eq!(self.host.admin_get("/readyz", None).await.status(), 200);
        let listening = std::fs::read(self.host.dir().path("hookyard-data/listening.json")).unwrap();
        let listening: serde_json::Value = serde_json::from_slice(&listening).unwrap();
        assert_eq!(listening["pid"], self.host.pid(), "another process took over");
    }
}

/// Runs to the end, and returns for how long this process stood still meanwhile, at most.
async fn longest_stall<T>(mut run: impl Future<Output = T> + Unpin) -> (T, Duration) {
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    loop {
        tokio::select! {
            output = &mut run => return (output, longest.max(last.elapsed())),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
}

/// Runs to the end, or to a panic: what that said.
async fn caught(check: impl Future<Output = ()>) -> Result<(), String> {
    let mut check = std::pin::pin!(check);
    let poll = std::future::poll_fn(|context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    });
    poll.await.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}

/// How long an event takes from its sending to the moment at which operators see it done.
async fn time(host: &RunningHost<'_>) -> Duration {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = format!("evt_innocent_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let started = Instant::now();
    let answer = host.send(&Event::with_payload(NAME, &id, &json!({}))).await;
    assert_eq!(answer.status(), "accepted", "{answer:?}");
    loop {
        let event = host.event(&id).await.unwrap();
        // A plugin that was just removed may have a delivery of this event, too.
        let deliveries = event["deliveries"].as_array().unwrap();
        let delivery = deliveries.iter().find(|delivery| delivery["plugin"] == NAME).unwrap();
        if delivery["state"] == "done" {
            assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1, "{event}");
            return started.elapsed();
        }
        assert!(started.elapsed() < crate::support::LIMIT, "an bystander plugin's event hangs: {event}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A line of the host's `/proc/PID/status`, in bytes: `VmRSS`, what it has in memory; `VmHWM`, the most it had.
pub(super) fn memory(host: &RunningHost<'_>, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib: u64 = found.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// Begins to count `VmHWM` anew.
pub(super) fn forget_peak(host: &RunningHost<'_>) {
    // proc(5): 5 resets the peak.
    std::fs::write(format!("/proc/{}/clear_refs", host.pid()), "5").unwrap();
}
