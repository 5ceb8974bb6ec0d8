//! A start that takes long: it is alive, not ready, says why, and ends when it is asked to.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{DatabaseLock, Event, HostDir, free_address, guest, wait_until};

const SOON: Duration = Duration::from_secs(30);

/// A host that starts. Dropped, it is killed.
struct Starting<'dir> {
    dir: &'dir HostDir,
    child: Child,
    webhooks: SocketAddr,
    admin: SocketAddr,
    http: reqwest::Client,
}

impl<'dir> Starting<'dir> {
    fn new(dir: &'dir HostDir) -> Self {
        let (webhooks, admin) = (free_address(), free_address());
        let text = fs::read_to_string(dir.path("hookyard.toml")).unwrap();
        let text = text.replacen("127.0.0.1:0", &webhooks.to_string(), 1);
        dir.replace("hookyard.toml", text.replacen("127.0.0.1:0", &admin.to_string(), 1).as_bytes());
        let log = File::options().create(true).append(true).open(dir.path("host.log")).unwrap();
        let child =
            dir.command(&["serve"]).stdout(File::create(dir.path("out")).unwrap()).stderr(log).spawn();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { dir, child: child.unwrap(), webhooks, admin, http }
    }

    async fn get(&self, path: &str) -> Option<(u16, Value)> {
        let response = self.http.get(format!("http://{}{path}", self.admin)).send().await.ok()?;
        let code = response.status().as_u16();
        Some((code, serde_json::from_slice(&response.bytes().await.ok()?).unwrap_or(Value::Null)))
    }

    /// Waits until it is not ready for this reason.
    async fn wait_reason(&mut self, reason: &str) {
        wait_until(&format!("it says {reason}"), async || {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.dir.log());
            let (code, body) = self.get("/readyz").await?;
            (code == 503 && body["detail"].as_str()?.contains(reason)).then_some(())
        })
        .await;
    }

    /// It is alive, and nobody sends to it.
    async fn is_not_ready(&self) {
        assert_eq!(self.get("/healthz").await.unwrap().0, 200);
        let response = self.http.get(format!("http://{}/readyz", self.admin)).send().await.unwrap();
        assert!(response.headers().contains_key("retry-after"));
        let metrics = self.http.get(format!("http://{}/metrics", self.admin)).send().await.unwrap();
        assert!(metrics.text().await.unwrap().contains("hookyard_build_info"));
        assert_eq!(self.get("/api/v1/events").await.unwrap().0, 503);
        assert!(TcpStream::connect(self.webhooks).is_err(), "a load balancer goes elsewhere");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    async fn wait_exit(&mut self) -> ExitStatus {
        let asked = Instant::now();
        let ended = wait_until("it ends", async || self.child.try_wait().unwrap()).await;
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        ended
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A database that another process has for itself.
async fn locked(dir: &HostDir) -> DatabaseLock {
    let host = dir.start().await;
    host.send(&Event::with_act(1, "evt_before", "well")).await;
    host.terminate();
    host.wait_exit().await;
    DatabaseLock::acquire(&dir.path("hookyard-data/hookyard.db"))
}

#[tokio::test]
async fn health_answers_from_the_first_moment_and_webhooks_when_the_host_is_ready() {
    let dir = HostDir::new("[database]\nbusy_timeout_ms = 600_000\n");
    dir.install("actor", &guest("actor"));
    let lock = locked(&dir).await;
    let mut starting = Starting::new(&dir);
    starting.wait_reason("starting: the database is opened").await;
    starting.is_not_ready().await;
    // It is not ended by a reload that it cannot do yet.
    starting.signal("HUP");
    starting.is_not_ready().await;
    drop(lock);
    wait_until("it is ready", async || (starting.get("/readyz").await?.0 == 200).then_some(())).await;
    assert!(TcpStream::connect(starting.webhooks).is_ok());
    starting.signal("TERM");
    assert_eq!(starting.wait_exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_stop_ends_a_start_at_once_whatever_it_waits_for() {
    let dir = HostDir::new("[database]\nbusy_timeout_ms = 600_000\n");
    dir.install("actor", &guest("actor"));
    let lock = locked(&dir).await;
    let mut starting = Starting::new(&dir);
    starting.wait_reason("starting: the database is opened").await;
    starting.signal("TERM");
    assert_eq!(starting.wait_exit().await.code(), Some(0), "{}", dir.log());
    assert!(dir.log().contains("stopped before the host had started"), "{}", dir.log());
    drop(lock);
    drop(starting);

    dir.configure("[plugins]\nstart_wait_ms = 600_000\n");
    dir.install("slow", &slow());
    let mut starting = Starting::new(&dir);
    starting.wait_reason("starting: the host finds out which events the plugins handle").await;
    starting.is_not_ready().await;
    starting.signal("INT");
    assert_eq!(starting.wait_exit().await.code(), Some(0), "{}", dir.log());
}

/// A plugin that takes seconds to compile: many functions, each with loops in loops.
fn slow() -> Vec<u8> {
    use std::fmt::Write as _;
    let mut core = String::new();
    for number in 0..1500 {
        let _ = write!(core, "(func $f{number} (param i32) (result i32) (local i32 i32 i32 i32)");
        for _ in 0..20 {
            core.push_str(
                "(loop $a (loop $b (local.set 1 (i32.add (local.get 1) (i32.mul (local.get 2) (local.get 0))))
                 (local.set 2 (i32.xor (local.get 1) (local.get 3)))
                 (br_if $b (local.get 1)) (br_if $a (i32.lt_u (local.get 2) (local.get 4)))))",
            );
        }
        core.push_str("(local.get 1))");
    }
    crate::support::Handwritten { core: &core, ..crate::support::Handwritten::default() }.component()
}
