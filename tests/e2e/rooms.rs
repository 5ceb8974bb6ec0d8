//! Keeps libraries in their rooms, dependencies pointing one way, and files small: the map in
//! `ARCHITECTURE.md`, held.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Names, and the only places in `host/src` where code may use them.
const LIBRARIES: [(&[&str], &[&str]); 22] = [
    (&["flate2::"], &["ingress/gzip.rs"]),
    (
        &["aws_lc_rs::", "rustls_pki_types::", "webpki::", "crc32fast::"],
        &["config/scheme.rs", "ingress/verify/"],
    ),
    (&["wasmtime::", "wasmtime_wasi::", "wasmtime_wasi_http::"], &["runtime/"]),
    (&["wit_component::", "wit_parser::"], &["runtime/", "wit/"]),
    (&["wasm_encoder::"], &["cli/author/build/", "runtime/compile/merge/", "wit/"]),
    (&["wasmparser::"], &["cli/author/build/", "runtime/compile/merge/", "runtime/describe.rs", "wit/"]),
    (&["sqlx::"], &["db/"]),
    (&["axum::"], &["admin/", "ingress/"]),
    (&["askama::", "tower_http::"], &["admin/pages/"]),
    (&["utoipa::", "utoipa_axum::"], &["admin/"]),
    (&["hyper::", "hyper_util::"], &["ingress/", "admin/changes/client.rs"]),
    (&["notify::"], &["plugins/"]),
    (&["clap::"], &["cli/"]),
    (&["reqwest::"], &["cli/", "outbound/", "telemetry/"]),
    (&["opentelemetry_proto::", "prost::"], &["telemetry/"]),
    (&["lettre::", "httpdate::", "idna::"], &["outbound/"]),
    (&["aho_corasick::"], &["secrets.rs", "secrets/", "admin/personal/"]),
    (&["toml::"], &["config/"]),
    // Clocks, signals, priorities, limits of processes and sockets, and directories held by their descriptors.
    (
        &["rustix::"],
        &[
            "admin/doctor/disk.rs",
            "clock.rs",
            "failpoint.rs",
            "dispatch/workers.rs",
            "runtime/engine.rs",
            "runtime/trap.rs",
            "config/private_dir.rs",
            "db/sqlite/backup.rs",
            "ingress/serve.rs",
            "runtime/compile/",
        ],
    ),
    (&["env::var", "env::vars"], &["config/"]),
    (&["unsafe {", "unsafe fn", "unsafe impl"], &["runtime/precompiled.rs"]),
    (&["println!", "eprintln!"], &["cli/progress.rs"]),
];

/// What a room may use besides `event`, `clock`, `delivery`, `erasure`, `effect`, `completion`, `keyvalue`, `replay`, `revision`,
/// `audit`, `token`, `trace`, `secrets`, `personal`, `pick`, `switch`, `verifier`, `confirmation`, `config` and `failpoint`.
const DEPENDENCIES: [(&str, &[&str]); 8] = [
    ("ingress", &["db", "telemetry"]),
    ("plugins", &["outbound", "runtime"]),
    ("verifiers", &["plugins", "runtime"]),
    ("dispatch", &["db", "outbound", "plugins", "runtime", "telemetry"]),
    ("alerts", &["db", "outbound", "plugins"]),
    ("admin", &["alerts", "db", "plugins", "telemetry", "verifiers"]),
    ("db", &[]),
    ("runtime", &["outbound"]),
];
/// Rooms that know no other: what everybody uses, and the way out.
const LEAVES: [(&str, &[&str]); 23] = [
    ("audit", &["effect", "event", "replay"]),
    ("confirmation", &["event"]),
    ("token", &["event"]),
    ("event", &["trace"]),
    ("erasure", &["event", "replay"]),
    ("clock", &["event"]),
    ("delivery", &["clock", "event"]),
    ("effect", &["delivery", "event", "trace"]),
    ("completion", &["delivery", "effect", "event", "keyvalue", "trace"]),
    ("keyvalue", &["event"]),
    ("replay", &["delivery", "effect", "event"]),
    ("revision", &["audit", "event"]),
    ("secrets", &["effect"]),
    ("personal", &["config", "event", "secrets"]),
    ("pick", &["config"]),
    ("switch", &["delivery", "event"]),
    ("verifier", &["event"]),
    ("wit", &["event"]),
    ("failpoint", &["config"]),
    ("config", &["effect", "event"]),
    ("outbound", &["event", "effect", "config", "secrets", "trace"]),
    ("telemetry", &["config", "trace"]),
    ("trace", &[]),
];
/// The only place between the command line and wasm.
const INSPECT: &str = "cli/inspect/";

const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All `.rs` files below a directory of the repository, with their paths there, sources only.
fn sources(dir: &str) -> Vec<(String, String)> {
    fn look(dir: &Path, below: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                look(&path, below, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(below).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    let (mut found, dir) = (Vec::new(), root().join(dir));
    look(&dir, &dir, &mut found);
    assert!(!found.is_empty(), "{}", dir.display());
    found.sort();
    found
}

/// The code of the host, file by file, without comments and tests.
fn host() -> Vec<(String, String)> {
    let all = sources("host/src").into_iter();
    let own = all.filter(|(path, _)| !path.contains("tests"));
    own.map(|(path, text)| (path, code(&text))).collect()
}

fn code(text: &str) -> String {
    let mut lines = Vec::new();
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        // Tests stand at the end of a file; a `mod tests;` is a file of its own.
        let is_tests = |line: &str| line.trim_start().starts_with("mod ") && line.ends_with('{');
        if line == "#[cfg(test)]" {
            while rest.next_if(|line| line.starts_with("#[")).is_some() {}
            if rest.peek().is_some_and(|line| is_tests(line)) {
                break;
            }
            continue;
        }
        let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with([':', '"']));
        lines.push(&line[..comment.map_or(line.len(), |(at, _)| at)]);
    }
    lines.join("\n")
}

/// Whether code has this name, and not only as the end of a longer one.
fn has(code: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| !code[..at].ends_with(inside))
}

/// The rooms that code names: `crate::db::…`, and each in `crate::{…}`.
fn used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| {
            text.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().map(str::to_owned)
        };
        let Some(group) = rest.strip_prefix('{') else {
            rooms.extend(word(rest));
            continue;
        };
        let mut depth = 0;
        let own = group.chars().take_while(|c| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            depth >= 0
        });
        let mut depth = 0;
        let top: String = own
            .filter(|c| {
                depth -= i32::from(*c == '}');
                let keep = depth == 0 && *c != '}';
                depth += i32::from(*c == '{');
                keep
            })
            .collect();
        rooms.extend(top.split(',').filter_map(word).filter(|word| !word.is_empty()));
    }
    rooms
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn each_library_stays_in_its_room() {
    let mut strays = Vec::new();
    for (path, code) in host() {
        for (names, rooms) in LIBRARIES {
            let at_home = rooms.iter().any(|room| path.starts_with(room));
            let stray = names.iter().filter(|name| !at_home && has(&code, name));
            strays.extend(stray.map(|name| format!("{path} uses {name}, which belongs into {rooms:?}")));
        }
    }
    assert!(strays.is_empty(), "{strays:#?}");
    // A room that uses its library no longer would make its rule a dead letter.
    for (names, rooms) in LIBRARIES.iter().filter(|(names, _)| names[0] != "println!") {
        let alive = host().iter().any(|(path, code)| {
            rooms.iter().any(|room| path.starts_with(room)) && names.iter().any(|name| has(code, name))
        });
        assert!(alive, "nobody uses {names:?} any more");
    }
}

#[test]
fn dependencies_point_one_way() {
    let everybody = [
        "event",
        "clock",
        "delivery",
        "effect",
        "completion",
        "keyvalue",
        "erasure",
        "replay",
        "revision",
        "audit",
        "token",
        "trace",
        "secrets",
        "personal",
        "pick",
        "switch",
        "verifier",
        "confirmation",
        "config",
        "failpoint",
    ];
    let mut wrong = Vec::new();
    for (path, code) in host() {
        let own = room(&path);
        let leaf = LEAVES.iter().find(|(name, _)| *name == own).map(|(_, may)| may.to_vec());
        let inner =
            DEPENDENCIES.iter().find(|(name, _)| *name == own).map(|(_, may)| [may, &everybody[..]].concat());
        // The command line and the wiring know everybody, but wasm is one call away.
        let Some(may) = leaf.or(inner) else {
            let known = ["cli", "host", "lib", "main"];
            assert!(known.contains(&own), "{path}: a new room has a rule here and a row in ARCHITECTURE.md");
            if own == "cli" && !path.starts_with(INSPECT) && used(&code).contains("runtime") {
                wrong.push(format!("{path} uses runtime: only {INSPECT} may"));
            }
            continue;
        };
        let stray = used(&code).into_iter().filter(|used| used != own && !may.contains(&used.as_str()));
        wrong.extend(stray.map(|used| format!("{path} uses crate::{used}; {own} may use {may:?}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let told = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap().replace('\n', " ");
    for (room, may) in DEPENDENCIES.iter().filter(|(_, may)| !may.is_empty()) {
        let arrow = format!("`{room} → {}`", may.join(", "));
        assert!(told.contains(&arrow), "ARCHITECTURE.md says {arrow}");
    }
}

#[test]
fn files_are_small_and_have_module_docs() {
    let mut wrong = Vec::new();
    for dir in ["host/src", "plugin-sdk/rust/src", "plugins", "tests"] {
        for (path, text) in sources(dir) {
            let is_generated = text.starts_with("//! Generated by `hookyard wit generate`");
            let lines = if is_generated { 0 } else { text.lines().count() };
            if lines > LINES_MAX {
                wrong.push(format!("{dir}/{path} has {lines} lines, {LINES_MAX} are many"));
            }
            if dir == "host/src" && !path.contains("tests") && !text.starts_with("//!") {
                wrong.push(format!("{dir}/{path} does not begin with what it is for"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_code_map_lists_each_room() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rooms: BTreeSet<String> = host().iter().map(|(path, _)| room(path).to_owned()).collect();
    for room in rooms.iter().filter(|room| !["lib", "main"].contains(&room.as_str())) {
        let named = [format!("`host/src/{room}/`"), format!("`host/src/{room}.rs`"), format!("`{room}.rs`")];
        assert!(named.iter().any(|name| map.contains(name)), "ARCHITECTURE.md has no row for {room}");
    }
}

#[test]
fn code_is_told_from_comments_and_strings() {
    let text = "use crate::db::Db; // crate::runtime\nlet url = \"http://sqlx::\";\n#[cfg(test)]\nmod more;\n\
                use crate::{admin::{self, Problem}, event, plugins::ActivePlugin};\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use crate::cli;\n";
    let code = code(text);
    let rooms: Vec<String> = used(&code).into_iter().collect();
    assert_eq!(rooms, ["admin", "db", "event", "plugins"]);
    assert!(has("use sqlx::Row;", "sqlx::") && !has("use my_sqlx::Row;", "sqlx::"));
}
