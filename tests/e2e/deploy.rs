//! The files of `deploy/`: alert rules and dashboard with a real Prometheus, the unit with systemd's own check, the
//! package's list of files.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::documents::document;
use crate::support::{CommandOutput, Event, HostDir, free_address, guest, wait_until};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Whether a program is installed. `scripts/test` installs it where it can.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        eprintln!("not tried: there is no {program}");
    }
    found.is_ok()
}

fn run(program: &str, arguments: &[&str]) -> CommandOutput {
    CommandOutput::run(Command::new(program).args(arguments).current_dir(ROOT))
}

/// The names of metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let names = text.match_indices("hookyard_").map(|(at, _)| {
        let rest = &text[at..];
        &rest[..rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len())]
    });
    names.collect()
}

/// The expressions of the dashboard's panels, with its variables replaced.
fn dashboard_expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&document("deploy/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let replaced = targets.map(|target| {
        let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m");
        expression.replace("$instance", ".*").replace("$plugin", ".*")
    });
    replaced.collect()
}

#[test]
fn promtool_accepts_the_alert_rules_and_their_tests_pass() {
    if !has("promtool") {
        return;
    }
    for arguments in
        [["check", "rules", "deploy/prometheus-rules.yml"], ["test", "rules", "tests/deploy/rules.test.yml"]]
    {
        let output = run("promtool", &arguments);
        assert_eq!(output.code, 0, "{output:?}");
    }
}

#[test]
fn every_metric_in_dashboard_and_rules_is_one_that_the_host_exposes() {
    let code = document("host/src/admin/metrics.rs");
    for file in ["deploy/grafana-dashboard.json", "deploy/prometheus-rules.yml"] {
        let text = document(file);
        let found = metrics_in(&text);
        assert!(found.len() > 8, "{found:?}");
        for name in found {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            let kinds: &[&str] = if family == name { &["counter", "gauge"] } else { &["histogram"] };
            let quoted = format!("\"{family}\"");
            let is_described = code.match_indices(&quoted).any(|(at, _)| {
                let before = code[..at].trim_end();
                kinds.iter().any(|kind| before.ends_with(&format!("describe_{kind}!(")))
            });
            assert!(is_described, "{file}: {name}");
        }
    }
    // Each stage of an event's way is on the dashboard.
    let dashboard = document("deploy/grafana-dashboard.json");
    for stage in ["verify", "commit", "wait", "instantiate", "call", "finish", "effect"] {
        assert!(dashboard.contains(&format!("hookyard_{stage}_seconds_bucket")), "{stage}");
    }
}

/// The list of the Debian package's files in `host/Cargo.toml`: source, destination, mode.
fn package_assets() -> (toml::Table, Vec<[String; 3]>) {
    let manifest: toml::Table = document("host/Cargo.toml").parse().unwrap();
    let package = manifest["package"]["metadata"]["deb"].as_table().unwrap().clone();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let asset = |asset: &toml::Value| [0, 1, 2].map(|part| text(&asset[part]));
    let assets = package["assets"].as_array().unwrap().iter().map(asset).collect();
    (package, assets)
}

/// The path in the package of a file that an asset names.
fn destination(asset: &[String; 3]) -> String {
    let [source, destination, _] = asset;
    let name = if destination.ends_with('/') { source.rsplit('/').next().unwrap() } else { "" };
    format!("{destination}{name}")
}

#[test]
fn the_debian_package_has_the_program_its_unit_and_its_configuration() {
    let (package, assets) = package_assets();
    let destinations: Vec<_> = assets.iter().map(destination).collect();
    for conf_file in package["conf-files"].as_array().unwrap() {
        let path = conf_file.as_str().unwrap().trim_start_matches('/');
        assert!(destinations.iter().any(|destination| destination == path), "{path}");
    }
    let unit = document("deploy/hookyard.service");
    for path in ["/usr/bin/hookyard", "/etc/hookyard/hookyard.toml"] {
        assert!(unit.contains(path) && destinations.iter().any(|to| format!("/{to}") == path), "{path}");
    }
    assert!(document("deploy/debian/postinst").contains("/usr/lib/sysusers.d/hookyard.conf"));
    // cargo-deb's part of that script asks for the source's name.
    let users = assets.iter().find(|asset| destination(asset) == "usr/lib/sysusers.d/hookyard.conf").unwrap();
    assert!(users[0].ends_with("/hookyard.conf"), "{users:?}");
    assert!(fs::exists(format!("{ROOT}/deploy/hookyard.service")).unwrap());
    if !has("dpkg-deb") {
        return;
    }
    // The same files, packed by Debian's own tool.
    let (stage, built) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for asset in
        assets.iter().filter(|[source, ..]| !source.contains("target/docs/") && !source.contains('*'))
    {
        let [source, _, mode] = asset;
        let from = match source.strip_prefix("target/") {
            Some(_) => env!("CARGO_BIN_EXE_hookyard").to_owned(),
            None => format!("{ROOT}/host/{source}"),
        };
        let to = stage.path().join(destination(asset));
        assert!(["644", "755"].contains(&mode.as_str()), "{mode}");
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        // The program of a test build is large.
        if source.starts_with("target/") {
            std::os::unix::fs::symlink(&from, &to).unwrap();
        } else {
            fs::copy(&from, &to).unwrap();
        }
        assert!(fs::exists(&to).unwrap(), "{from}");
    }
    fs::create_dir(stage.path().join("DEBIAN")).unwrap();
    let control =
        "Package: hookyard\nVersion: 0\nArchitecture: all\nMaintainer: nobody <a@b.c>\nDescription: test\n";
    fs::write(stage.path().join("DEBIAN/control"), control).unwrap();
    let conf_files = "/etc/hookyard/hookyard.toml\n";
    fs::write(stage.path().join("DEBIAN/conffiles"), conf_files).unwrap();
    let (stage, file) = (stage.path().to_str().unwrap(), built.path().join("hookyard.deb"));
    let file = file.to_str().unwrap();
    let output = run("dpkg-deb", &["--root-owner-group", "--build", stage, file]);
    assert_eq!(output.code, 0, "{output:?}");
    let listed = run("dpkg-deb", &["--contents", file]).out;
    assert!(destinations.iter().filter(|to| listed.contains(to.as_str())).count() >= 8, "{listed}");
}

/// A Prometheus that scrapes one host. It ends when it is dropped.
struct Prometheus {
    child: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Prometheus {
    fn start(target: &str) -> Self {
        let (dir, address) = (tempfile::tempdir().unwrap(), free_address());
        let target = target.trim_start_matches("http://");
        let rules = fs::canonicalize(format!("{ROOT}/deploy/prometheus-rules.yml")).unwrap();
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "scrape_configs": [{ "job_name": "hookyard", "static_configs": [{ "targets": [target] }] }],
        });
        // JSON is YAML too.
        fs::write(dir.path().join("prometheus.yml"), config.to_string()).unwrap();
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://{address}/api/v1"), _dir: dir }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let response = client.get(format!("{}/{path}", self.url)).query(query).send().await.ok()?;
        response.json().await.ok()
    }

    /// The results of an expression; `None` while the server starts.
    async fn query(&self, expression: &str) -> Option<Vec<Value>> {
        let answer = self.get("query", &[("query", expression)]).await?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        Some(answer["data"]["result"].as_array().unwrap().clone())
    }
}

#[tokio::test]
async fn a_real_prometheus_scrapes_the_host_and_evaluates_dashboard_and_rules() {
    if !has("prometheus") {
        return;
    }
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 1\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for (id, act) in [("a", "well"), ("b", "well"), ("c", "reject")] {
        host.send(&Event::with_payload("shop.opened", id, &json!({ "act": act }))).await;
        host.wait_finished(id).await;
    }
    let prometheus = Prometheus::start(host.admin());
    let value = async |expression: &str| {
        let results = prometheus.query(expression).await?;
        results.first()?["value"][1].as_str()?.parse::<f64>().ok()
    };
    for (expression, expected) in [
        ("up{job=\"hookyard\"}", 1.0),
        ("hookyard_attempts_total{plugin=\"actor\",outcome=\"done\"}", 2.0),
        ("sum(hookyard_dead_letters)", 1.0),
        ("hookyard_verify_seconds_count{source=\"moncreneau\"}", 3.0),
        ("hookyard_wait_seconds_count{plugin=\"actor\"}", 3.0),
        ("hookyard_instantiate_seconds_count{plugin=\"actor\"}", 3.0),
        ("hookyard_call_seconds_count{plugin=\"actor\"}", 3.0),
        ("hookyard_finish_seconds_count", 3.0),
    ] {
        wait_until(&format!("{expression} is {expected}"), async || {
            ((value(expression).await? - expected).abs() < f64::EPSILON).then_some(())
        })
        .await;
    }
    for expression in dashboard_expressions() {
        prometheus.query(&expression).await.unwrap();
    }
    wait_until("all rules are evaluated", async || {
        let rules = prometheus.get("rules", &[]).await?;
        let rules = rules["data"]["groups"][0]["rules"].as_array()?.clone();
        assert!(rules.iter().all(|rule| rule["health"] != "err"), "{rules:?}");
        let all = document("deploy/prometheus-rules.yml").matches("- alert:").count();
        (rules.len() == all && rules.iter().all(|rule| rule["health"] == "ok")).then_some(())
    })
    .await;
    host.stop().await;
}

#[test]
fn the_unit_is_as_hardened_as_the_host_allows() {
    if !has("systemd-analyze") {
        return;
    }
    let output =
        run("systemd-analyze", &["security", "--offline=yes", "--threshold=19", "deploy/hookyard.service"]);
    assert_eq!(output.code, 0, "an exposure of at most 1.9: {output:?}");
    let unit = document("deploy/hookyard.service");
    assert!(unit.contains("\nMemoryDenyWriteExecute=no\n"), "plugins are compiled to machine code");
}

#[test]
fn the_configurations_in_deploy_pass_the_check() {
    for name in ["hookyard.toml", "container.toml"] {
        let dir = HostDir::new("");
        dir.replace("hookyard.toml", document(&format!("deploy/{name}")).as_bytes());
        let output = dir.run(&["config", "check"]);
        assert_eq!(output.code, 0, "{name}: {output:?}");
    }
}

#[test]
fn the_container_runs_without_root_and_every_file_that_it_copies_exists() {
    let text = document("deploy/Containerfile");
    let lines = || text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines().filter(|line| line.starts_with("FROM ")).count(), 2, "two stages");
    let user = lines().rfind(|line| line.starts_with("USER ")).unwrap();
    assert!(user.trim_start_matches("USER ").split(':').all(|id| id.parse::<u32>().unwrap() > 0), "{user}");
    for line in lines().filter(|line| line.contains("install -D")) {
        let source = words(line).into_iter().rev().nth(usize::from(line.ends_with('\\')) + 1).unwrap();
        if !source.starts_with("target/") {
            assert!(fs::exists(format!("{ROOT}/{source}")).unwrap(), "{line}");
        }
    }
}
