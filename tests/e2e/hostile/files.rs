//! A table of files, each with the reaction of the host or of a command.

use std::fs::{self, File as Handle};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::bystander::{self, Bystander};
use crate::compile::monster;
use crate::support::{CommandOutput, CoreGuest, HostDir, RunningHost, distinct_copy, example, wait_until};

/// Longest time of a command that gets a hostile file.
const COMMAND_MAX: Duration = Duration::from_secs(10);

/// A file and its expected outcome.
struct File {
    name: &'static str,
    make: fn(&Path),
    outcome: Outcome,
}

/// The expected outcome of a file.
enum Outcome {
    /// As `plugins/NAME.wasm` it is refused, and the reason has these parts.
    Refused(&'static [&'static str]),
    /// As `plugins/NAME.wasm` it is a plugin.
    Runs,
    /// In `plugins/` it is no plugin, and the host's log has these parts in one line, if any.
    Ignored(&'static [&'static str]),
    /// This command, given the file's name, ends with 1, and says this.
    Fails(&'static [&'static str], &'static [&'static str]),
}

use Outcome::{Fails, Ignored, Refused, Runs};

impl File {
    fn new(name: &'static str, make: fn(&Path), outcome: Outcome) -> Self {
        Self { name, make, outcome }
    }

    async fn check(&self, host: &RunningHost<'_>) {
        let file = host.dir().plugin_file(self.name);
        match &self.outcome {
            Refused(parts) => {
                (self.make)(&file);
                let is_refused = |plugin: &serde_json::Value| !plugin["refusal"].is_null();
                let plugin = host.wait_plugin(self.name, "it is refused", is_refused).await;
                self.has(plugin["refusal"].as_str().unwrap(), parts);
                assert!(plugin["revision"].is_null(), "{plugin}");
            }
            Runs => {
                (self.make)(&file);
                host.wait_plugin(self.name, "it runs", |plugin| plugin["state"] == "running").await;
                // Removed with a delivery under way, it would hold that for ever.
                fs::remove_file(&file).unwrap();
                host.wait_removed(self.name).await;
            }
            Ignored(parts) => {
                (self.make)(&file);
                // What comes later is there, so this one was looked at.
                let marker = host.dir().plugin_file("marker");
                fs::write(&marker, nothing()).unwrap();
                host.wait_plugin("marker", "it runs", |plugin| plugin["state"] == "running").await;
                fs::remove_file(marker).unwrap();
                host.wait_removed("marker").await;
                assert!(host.plugin(self.name).await.is_none(), "{}", self.name);
                if !parts.is_empty() {
                    host.wait_log(parts).await;
                }
            }
            Fails(command, parts) => self.check_command(command, parts).await,
        }
        let _gone = fs::remove_dir_all(&file).or_else(|_| fs::remove_file(&file));
    }

    /// The command is given up after a while, and must not be waiting then.
    async fn check_command(&self, command: &[&str], parts: &[&str]) {
        let dir = HostDir::new("");
        (self.make)(&dir.path("file"));
        let mut limited = Command::new("timeout");
        let program = dir.command(&[]);
        limited.arg(COMMAND_MAX.as_secs().to_string()).arg(program.get_program()).args(command);
        limited.current_dir(&dir).stdin(std::process::Stdio::null());
        let started = Instant::now();
        let output = tokio::task::spawn_blocking(move || CommandOutput::run(&mut limited)).await.unwrap();
        assert_eq!(output.code, 1, "{} after {:?}: {output:?}", self.name, started.elapsed());
        self.has(&output.err, parts);
    }

    fn has(&self, text: &str, parts: &[&str]) {
        eprintln!("    {}", text.chars().take(300).collect::<String>());
        for part in parts {
            assert!(text.contains(part), "{}: {text} lacks {part}", self.name);
        }
        assert!(text.len() < 20_000, "{}: a reason of {} bytes", self.name, text.len());
    }
}

fn nothing() -> Vec<u8> {
    CoreGuest::default().module()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

fn beside(path: &Path, name: &[u8]) -> std::path::PathBuf {
    path.with_file_name(std::ffi::OsStr::from_bytes(name))
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Another program's database.
fn database(path: &Path, sql: &str) {
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2]).close()";
    let made = Command::new("python3").args(["-c", script]).arg(path).arg(sql).status().unwrap();
    assert!(made.success());
}

fn plugins() -> Vec<File> {
    vec![
        File::new("is-empty", |path| write(path, b""), Refused(&["the file is empty"])),
        File::new(
            "is-a-script",
            |path| write(path, b"#!/bin/sh\nreboot\n"),
            Refused(&["not a WebAssembly file"]),
        ),
        File::new(
            "is-a-program",
            |path| write(path, &fs::read("/bin/true").unwrap()),
            Refused(&["not a WebAssembly file"]),
        ),
        File::new(
            "is-half-a-plugin",
            |path| write(path, &example("event-log")[..5000]),
            Refused(&["out of bounds"]),
        ),
        File::new("is-two-plugins", |path| write(path, &nothing().repeat(2)), Refused(&[])),
        File::new("ends-in-zeros", |path| write(path, &[nothing(), vec![0; 1000]].concat()), Refused(&[])),
        File::new(
            "has-a-section-beyond-its-end",
            |path| write(path, &[nothing(), b"\0\xff\xff\xff\xff\x0f".to_vec()].concat()),
            Refused(&[]),
        ),
        File::new(
            "has-a-hundred-thousand-sections",
            |path| write(path, &[nothing(), b"\0\x02\x01x".repeat(100_000)].concat()),
            Runs,
        ),
        File::new("has-another-mark", |path| write(path, &distinct_copy(&example("event-log"), 7)), Runs),
        File::new(
            "is-too-large",
            |path| Handle::create(path).unwrap().set_len(1 << 40).unwrap(),
            Refused(&["plugins.file_max_bytes"]),
        ),
        File::new(
            "is-large-and-empty",
            |path| Handle::create(path).unwrap().set_len(60 << 20).unwrap(),
            Refused(&["not a WebAssembly file"]),
        ),
        File::new(
            "compiles-for-a-minute",
            |path| write(path, &monster()),
            Refused(&["takes longer than runtime.compile_timeout_ms"]),
        ),
        File::new("is-a-directory", |path| fs::create_dir(path).unwrap(), Ignored(&[])),
        File::new("is-a-pipe", fifo, Ignored(&[])),
        File::new("leads-to-zeros-without-end", |path| symlink("/dev/zero", path).unwrap(), Ignored(&[])),
        File::new("leads-to-itself", |path| symlink(path, path).unwrap(), Ignored(&[])),
        File::new("leads-nowhere", |path| symlink("/nowhere", path).unwrap(), Ignored(&[])),
        File::new(
            "leads-to-the-database",
            |path| symlink("../hookyard-data/hookyard.db", path).unwrap(),
            Refused(&["not a WebAssembly file"]),
        ),
        File::new(
            "leads-to-the-token",
            |path| symlink("../hookyard-data/admin-token", path).unwrap(),
            Refused(&["not a WebAssembly file"]),
        ),
        File::new(
            "has-capitals",
            |path| write(&beside(path, b"HAS-CAPITALS.wasm"), &nothing()),
            Ignored(&["HAS-CAPITALS"]),
        ),
        File::new(
            "has-the-longest-name",
            |path| write(&beside(path, &[&b"x".repeat(250)[..], b".wasm"].concat()), &nothing()),
            Ignored(&["xxxx"]),
        ),
        File::new(
            "has-a-newline-in-its-name",
            |path| write(&beside(path, b"a\n{\"level\":\"ERROR\"}.wasm"), &nothing()),
            Ignored(&[]),
        ),
        File::new(
            "has-no-text-as-its-name",
            |path| write(&beside(path, b"\xff\xfe.wasm"), &nothing()),
            Ignored(&[]),
        ),
        File::new("climbs", |path| write(&beside(path, b"..wasm"), &nothing()), Ignored(&[])),
        File::new("has-no-name", |path| write(&beside(path, b".wasm"), &nothing()), Ignored(&[])),
        File::new(
            "comes-with-a-thousand-others",
            |path| {
                for n in 0..1000 {
                    write(&beside(path, format!("UPPER-{n}.wasm").as_bytes()), b"no plugin");
                }
                write(path, &nothing());
            },
            Runs,
        ),
        File::new(
            "changes-all-the-time",
            |path| {
                for n in 0..200 {
                    write(path, &distinct_copy(&nothing(), n));
                }
            },
            Runs,
        ),
    ]
}

fn commands() -> Vec<File> {
    const RESTORE: &[&str] = &["restore", "file"];
    const CHECK: &[&str] = &["config", "check", "--config", "file"];
    vec![
        File::new("is-no-backup", |path| write(path, b"what is this?"), Fails(RESTORE, &["file"])),
        File::new("is-an-empty-backup", |path| write(path, b""), Fails(RESTORE, &["file"])),
        File::new("is-no-backup-at-all", |_| {}, Fails(RESTORE, &["file"])),
        File::new(
            "is-a-directory-of-backups",
            |path| fs::create_dir(path).unwrap(),
            Fails(RESTORE, &["file"]),
        ),
        File::new(
            "is-a-database-of-another",
            |path| database(path, "CREATE TABLE t (x)"),
            Fails(RESTORE, &["file"]),
        ),
        File::new(
            "is-a-backup-with-a-trigger",
            |path| {
                database(
                    path,
                    "CREATE TABLE event (x);
                     CREATE TRIGGER evil AFTER INSERT ON event BEGIN DELETE FROM event; END",
                );
            },
            Fails(RESTORE, &["file", "the trigger \"evil\""]),
        ),
        File::new(
            "is-a-backup-of-views",
            |path| database(path, "CREATE VIEW event AS SELECT 1"),
            Fails(RESTORE, &["file", "the view \"event\""]),
        ),
        File::new("is-a-pipe-of-backups", fifo, Fails(RESTORE, &["file is no regular file"])),
        File::new(
            "leads-to-a-backup",
            |path| symlink("/etc/passwd", path).unwrap(),
            Fails(RESTORE, &["file is a symbolic link"]),
        ),
        File::new(
            "is-a-huge-backup",
            |path| Handle::create(path).unwrap().set_len(1 << 40).unwrap(),
            Fails(RESTORE, &["file is not a database"]),
        ),
        File::new(
            "is-a-configuration-without-end",
            |path| symlink("/dev/zero", path).unwrap(),
            Fails(CHECK, &["file", "larger than"]),
        ),
        File::new(
            "is-a-configuration-of-garbage",
            |path| write(path, b"\0\xff\xfe"),
            Fails(CHECK, &["file"]),
        ),
        File::new(
            "is-a-configuration-of-brackets",
            |path| write(path, &[&b"x = "[..], &b"[".repeat(100_000)].concat()),
            Fails(CHECK, &[]),
        ),
        File::new(
            "is-a-directory-of-configurations",
            |path| fs::create_dir(path).unwrap(),
            Fails(CHECK, &["file"]),
        ),
    ]
}

async fn check(rows: Vec<File>) {
    let dir = bystander::host_dir(
        "[plugins]\ndebounce_ms = 5\nremoval_grace_ms = 10\n[runtime]\ncompile_quick_ms = 500\ncompile_timeout_ms = 10000\n\
         compile_memory_max_bytes = 8_589_934_592\n",
    );
    let undisturbed = bystander::host_dir("");
    let (host, undisturbed) = tokio::join!(dir.start(), undisturbed.start());
    let bystander = Bystander::measure(&host, &undisturbed).await;
    bystander.check_rows(rows.iter().map(|row| (row.name, row.check(&host)))).await;
    // Each line of the log is the host's own.
    wait_until("every line of the log is the host's", async || {
        dir.log().lines().all(|line| line.starts_with("{\"timestamp\"")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_hostile_file_among_plugins_is_refused_or_ignored() {
    check(plugins()).await;
}

#[tokio::test]
async fn a_hostile_file_given_to_a_command_is_refused() {
    check(commands()).await;
}
