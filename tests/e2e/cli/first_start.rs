//! Files that a host creates at its first start, and secrets that it prints once.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use crate::support::{CommandOutput, HostDir, wait_until};

/// Without a configuration a host listens on its default ports: one test at a time may have them.
fn default_ports() -> File {
    let lock = File::create(std::env::temp_dir().join("hookyard-e2e-default-ports.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// A directory with nothing in it.
fn empty() -> HostDir {
    let dir = HostDir::new("");
    fs::remove_file(dir.path("hookyard.toml")).unwrap();
    fs::remove_dir(dir.path("plugins")).unwrap();
    dir
}

fn mode(dir: &HostDir, path: &str) -> u32 {
    fs::metadata(dir.path(path)).unwrap().permissions().mode() & 0o7777
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `hookyard serve` until it serves, or ends because its ports are in use.
async fn serve(dir: &HostDir, out: &str) -> (Serving, bool) {
    let [out_file, err_file] = [out, "err"].map(|name| File::create(dir.path(name)).unwrap());
    let mut command = dir.command(&["serve"]);
    let mut serving =
        Serving(command.stdout(out_file).stderr(err_file).stdin(Stdio::null()).spawn().unwrap());
    let started = wait_until("the host serves or ends", async || {
        let text = fs::read_to_string(dir.path(out)).unwrap();
        let ended = serving.0.try_wait().unwrap();
        if let Some(ended) = ended {
            let err = fs::read_to_string(dir.path("err")).unwrap();
            assert!(
                ended.code() == Some(1) && err.contains("cannot listen on 127.0.0.1:808"),
                "{ended}: {err}"
            );
        }
        (ended.is_some() || text.contains("  webhooks ")).then_some(ended.is_none())
    })
    .await;
    (serving, started)
}

#[tokio::test]
async fn without_a_configuration_secrets_are_created_and_printed_once() {
    let _ports = default_ports();
    let dir = empty();
    let (serving, started) = serve(&dir, "first").await;
    drop(serving);
    let secret = fs::read_to_string(dir.path("hookyard-data/webhook-secret")).unwrap();
    let token = fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap();
    let (secret, token) = (secret.trim(), token.trim());
    assert!(
        secret.starts_with("whsec_") && secret.len() > 60 && token.len() >= 64,
        "long enough not to be guessed"
    );
    let first = fs::read_to_string(dir.path("first")).unwrap();
    for made in [secret, token] {
        assert_eq!(
            first.matches(made).count(),
            1,
            "told where it was made, even if the ports are taken: {first}"
        );
    }
    for place in ["kept in hookyard-data/webhook-secret", "kept in hookyard-data/admin-token"] {
        assert!(first.contains(place), "{first}");
    }
    assert_eq!(mode(&dir, "hookyard-data"), 0o700);
    assert_eq!(
        (mode(&dir, "hookyard-data/webhook-secret"), mode(&dir, "hookyard-data/admin-token")),
        (0o600, 0o600)
    );
    assert!(dir.path("hookyard-data/hookyard.db").is_file());

    let (serving, started_again) = serve(&dir, "second").await;
    let second = fs::read_to_string(dir.path("second")).unwrap();
    let log = fs::read_to_string(dir.path("err")).unwrap();
    assert!(![secret, token].iter().any(|made| second.contains(made) || log.contains(made)), "{second}{log}");
    assert_eq!(
        fs::read_to_string(dir.path("hookyard-data/webhook-secret")).unwrap().trim(),
        secret,
        "it is kept"
    );
    if !(started && started_again) {
        return eprintln!("not tried further: somebody else has port 8080 or 8081");
    }
    assert!(second.contains("token: hookyard-data/admin-token"), "{second}");
    assert!(second.contains("secret: hookyard-data/webhook-secret"), "{second}");
    // Commands find secret, token and addresses by themselves.
    let output = dir.run(&["event", "send", "appointment.created", "--id", "evt_1"]);
    assert_eq!((output.code, output.out.as_str()), (0, UNHANDLED), "{output:?}");
    assert_eq!(dir.run(&["event", "show", "evt_1", "--json"]).json()["state"], "unhandled");
    drop(serving);
}

/// What `event send` prints without a plugin.
const UNHANDLED: &str =
    "evt_1  202 accepted, 0 deliveries\nNo plugin handles it. When one does: hookyard event replay evt_1\n";

/// Listens on free ports, and names no source.
const NO_SOURCE: &[u8] = b"[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";

#[tokio::test]
async fn a_configuration_that_names_no_source_keeps_the_one_of_the_first_start() {
    let dir = HostDir::new("");
    dir.replace("hookyard.toml", NO_SOURCE);
    let send = ["event", "send", "appointment.created", "--id", "evt_1"];
    let host = dir.start().await;
    let output = dir.run(&send);
    assert_eq!((output.code, output.out.as_str()), (0, UNHANDLED), "{output:?}");
    for part in [
        "A new webhook secret was made, and is kept in hookyard-data/webhook-secret:",
        "sources: moncreneau (hookyard.toml names none)   secret: hookyard-data/webhook-secret",
    ] {
        host.wait_out(part).await;
    }
    let checked = dir.run(&["config", "check"]);
    let told = "sources   moncreneau (the config names none), secret in hookyard-data/webhook-secret";
    assert!(checked.code == 0 && checked.out.contains(told), "{checked:?}");

    // A change of another key, and a source that comes and goes.
    let taken = async |what: &str, lines: &[&str]| {
        wait_until(what, async || {
            let log = dir.log();
            lines.iter().all(|line| log.contains(line)).then_some(())
        })
        .await;
    };
    let configure = |more: &str| dir.replace("hookyard.toml", &[NO_SOURCE, more.as_bytes()].concat());
    configure("[plugin.a]\nattempts_max = 2\n");
    taken("the first key", &["configuration changed: plugin.a", "hookyard.toml names no source"]).await;
    assert!(dir.run(&send).out.starts_with("evt_1  200 duplicate"));
    configure("[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n");
    taken("a source", &["sources.moncreneau, sources.shop"]).await;
    assert_eq!(host.post("moncreneau", "{}", &[]).await.code.as_u16(), 404);
    configure("");
    wait_until("the own source again", async || {
        (dir.log().matches("sources.moncreneau, sources.shop").count() == 2).then_some(())
    })
    .await;
    assert!(dir.run(&send).out.starts_with("evt_1  200 duplicate"));
}

#[tokio::test]
async fn a_configuration_file_that_appears_later_is_taken() {
    let _ports = default_ports();
    let dir = empty();
    let (serving, started) = serve(&dir, "first").await;
    if !started {
        return eprintln!("not tried: somebody else has port 8080 or 8081");
    }
    dir.replace("hookyard.toml", b"[plugin.a]\nattempts_max = 2\n");
    wait_until("the file is taken", async || {
        let log = fs::read_to_string(dir.path("err")).unwrap();
        log.contains("configuration changed: plugin.a").then_some(())
    })
    .await;
    let output = dir.run(&["event", "send", "appointment.created", "--id", "evt_1"]);
    assert_eq!((output.code, output.out.as_str()), (0, UNHANDLED), "{output:?}");
    drop(serving);
}

#[test]
fn a_command_before_the_first_start_fails_with_a_remedy_and_creates_nothing() {
    let dir = empty();
    let output = dir.run(&["event", "send", "appointment.created"]);
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert!(output.err.contains("hookyard serve"), "{output:?}");
    let output = dir.run(&["config", "check"]);
    assert!(
        output.code == 0 && output.out.contains("moncreneau, with a secret that `hookyard serve` makes"),
        "{output:?}"
    );
    assert_eq!(fs::read_dir(dir.path("")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (section, key) in [("server", "server.listen"), ("admin", "admin.listen")] {
        let other = if section == "server" { "admin" } else { "server" };
        let dir = HostDir::new("");
        let config = format!("[{section}]\nlisten = \"{address}\"\n[{other}]\nlisten = \"127.0.0.1:0\"\n");
        dir.replace("hookyard.toml", config.as_bytes());
        let output = dir.run(&["serve"]);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.err.contains(&format!("error: cannot listen on {address} ({key})")), "{output:?}");
    }
}

#[tokio::test]
async fn a_second_host_on_the_same_database_is_refused() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let output = dir.run(&["serve"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("in use by another hookyard host"), "{output:?}");
    assert_eq!(host.admin_get("/readyz", None).await.status(), 200, "the first one goes on");
}

#[tokio::test]
async fn a_database_beside_the_configuration_needs_no_directory() {
    let dir = HostDir::new("");
    let config = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
                  [database]\nurl = \"sqlite:events.db\"\n";
    dir.replace("hookyard.toml", config.as_bytes());
    let mut child =
        Serving(dir.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_until("the host says where it is", async || {
        assert!(child.0.try_wait().unwrap().is_none(), "the host ended");
        dir.path("listening.json").is_file().then_some(())
    })
    .await;
    let output = CommandOutput::run(&mut dir.command(&["plugin", "list"]));
    assert_eq!(output.code, 0, "{output:?}");
    assert!(dir.path("events.db").is_file() && dir.path("admin-token").is_file());
    for file in ["events.db", "events.db-wal", "admin-token"] {
        assert_eq!(mode(&dir, file), 0o600, "{file}: the directory is open to others");
    }
}
