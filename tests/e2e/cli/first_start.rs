//! What a host makes once, and tells once.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use crate::support::{Bed, Ran, until};

/// Without a configuration a host listens on its default ports: one test at a time may have them.
fn default_ports() -> File {
    let lock = File::create(std::env::temp_dir().join("hookyard-e2e-default-ports.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// A directory with nothing in it.
fn empty() -> Bed {
    let bed = Bed::new("");
    fs::remove_file(bed.path("hookyard.toml")).unwrap();
    fs::remove_dir(bed.path("plugins")).unwrap();
    bed
}

fn mode(bed: &Bed, path: &str) -> u32 {
    fs::metadata(bed.path(path)).unwrap().permissions().mode() & 0o7777
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `hookyard serve` until it serves, or until it ended because somebody else has its ports.
async fn serve(bed: &Bed, out: &str) -> (Serving, bool) {
    let [out_file, err_file] = [out, "err"].map(|name| File::create(bed.path(name)).unwrap());
    let mut command = bed.command(&["serve"]);
    let mut serving =
        Serving(command.stdout(out_file).stderr(err_file).stdin(Stdio::null()).spawn().unwrap());
    let started = until("the host serves or ends", async || {
        let text = fs::read_to_string(bed.path(out)).unwrap();
        let ended = serving.0.try_wait().unwrap();
        if let Some(ended) = ended {
            let err = fs::read_to_string(bed.path("err")).unwrap();
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
async fn without_a_configuration_all_that_is_needed_is_made_once_and_told_once() {
    let _ports = default_ports();
    let bed = empty();
    let (serving, started) = serve(&bed, "first").await;
    drop(serving);
    let secret = fs::read_to_string(bed.path("hookyard-data/webhook-secret")).unwrap();
    let token = fs::read_to_string(bed.path("hookyard-data/admin-token")).unwrap();
    let (secret, token) = (secret.trim(), token.trim());
    assert!(
        secret.starts_with("whsec_") && secret.len() > 60 && token.len() >= 64,
        "long enough not to be guessed"
    );
    let first = fs::read_to_string(bed.path("first")).unwrap();
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
    assert_eq!(mode(&bed, "hookyard-data"), 0o700);
    assert_eq!(
        (mode(&bed, "hookyard-data/webhook-secret"), mode(&bed, "hookyard-data/admin-token")),
        (0o600, 0o600)
    );
    assert!(bed.path("hookyard-data/hookyard.db").is_file());

    let (serving, started_again) = serve(&bed, "second").await;
    let second = fs::read_to_string(bed.path("second")).unwrap();
    let log = fs::read_to_string(bed.path("err")).unwrap();
    assert!(![secret, token].iter().any(|made| second.contains(made) || log.contains(made)), "{second}{log}");
    assert_eq!(
        fs::read_to_string(bed.path("hookyard-data/webhook-secret")).unwrap().trim(),
        secret,
        "it is kept"
    );
    if !(started && started_again) {
        return eprintln!("not tried further: somebody else has port 8080 or 8081");
    }
    assert!(second.contains("token: hookyard-data/admin-token"), "{second}");
    assert!(second.contains("secret: hookyard-data/webhook-secret"), "{second}");
    // Commands find secret, token and addresses by themselves.
    let ran = bed.run(&["event", "send", "appointment.created", "--id", "evt_1"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "evt_1  202 accepted, 0 deliveries\n"), "{ran:?}");
    assert_eq!(bed.run(&["event", "show", "evt_1", "--json"]).json()["state"], "unhandled");
    drop(serving);
}

#[test]
fn a_command_before_the_first_start_says_what_to_do_and_makes_nothing() {
    let bed = empty();
    let ran = bed.run(&["event", "send", "appointment.created"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("hookyard serve"), "{ran:?}");
    let ran = bed.run(&["config", "check"]);
    assert!(
        ran.code == 0 && ran.out.contains("moncreneau, with a secret that `hookyard serve` makes"),
        "{ran:?}"
    );
    assert_eq!(fs::read_dir(bed.path("")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_taken_address_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (section, key) in [("server", "server.listen"), ("admin", "admin.listen")] {
        let other = if section == "server" { "admin" } else { "server" };
        let bed = Bed::new("");
        let config = format!("[{section}]\nlisten = \"{address}\"\n[{other}]\nlisten = \"127.0.0.1:0\"\n");
        bed.replace("hookyard.toml", config.as_bytes());
        let ran = bed.run(&["serve"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(&format!("error: cannot listen on {address} ({key})")), "{ran:?}");
    }
}

#[tokio::test]
async fn a_second_host_on_the_same_database_is_refused() {
    let bed = Bed::new("");
    let host = bed.start().await;
    let ran = bed.run(&["serve"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("in use by another hookyard host"), "{ran:?}");
    assert_eq!(host.ask("/readyz", None).await.status(), 200, "the first one goes on");
}

#[tokio::test]
async fn a_database_beside_the_configuration_needs_no_directory() {
    let bed = Bed::new("");
    let config = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
                  [database]\nurl = \"sqlite:events.db\"\n";
    bed.replace("hookyard.toml", config.as_bytes());
    let mut child =
        Serving(bed.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("the host says where it is", async || {
        assert!(child.0.try_wait().unwrap().is_none(), "the host ended");
        bed.path("listening.json").is_file().then_some(())
    })
    .await;
    let ran = Ran::of(&mut bed.command(&["plugin", "list"]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(bed.path("events.db").is_file() && bed.path("admin-token").is_file());
    for file in ["events.db", "events.db-wal", "admin-token"] {
        assert_eq!(mode(&bed, file), 0o600, "{file}: the directory is open to others");
    }
}
