//! The plugins in `plugins/other-languages` in a real host: Zig, `AssemblyScript` and C++; and the page about them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{
    CommandOutput, Event, HostDir, Partner, Reply, RunningHost, Smtp, is_other_language_built,
    other_language, wait_until,
};

const PLUGINS: [&str; 3] = ["zig", "assemblyscript", "cpp"];

/// Whether a test is skipped, with a note: outside CI, a machine may lack the compilers of these languages.
fn is_skipped() -> bool {
    let missing: Vec<_> = PLUGINS.into_iter().filter(|plugin| !is_other_language_built(plugin)).collect();
    let is_skipped = !missing.is_empty() && std::env::var_os("CI").is_none_or(|value| value.is_empty());
    if is_skipped {
        eprintln!(
            "skipped: {} not built; `make test` builds what it has the compilers for",
            missing.join(", ")
        );
    }
    is_skipped
}

/// A host with all three.
fn host_dir(config: &str) -> HostDir {
    let dir = HostDir::new(config);
    for plugin in PLUGINS {
        dir.install(plugin, &other_language(plugin));
    }
    dir
}

/// The deliveries of an event when all are done or dead.
async fn deliver(host: &RunningHost<'_>, event: &Event) -> Vec<Value> {
    host.send(event).await;
    host.wait_finished(&event.id).await["deliveries"].as_array().unwrap().clone()
}

fn of<'a>(deliveries: &'a [Value], plugin: &str) -> &'a Value {
    deliveries.iter().find(|delivery| delivery["plugin"] == plugin).unwrap()
}

fn last_attempt(delivery: &Value) -> &Value {
    delivery["attempts"].as_array().unwrap().last().unwrap()
}

fn logged(delivery: &Value) -> String {
    last_attempt(delivery)["logs"].to_string()
}

#[tokio::test]
async fn each_reads_its_config_logs_and_has_its_effect() {
    if is_skipped() {
        return;
    }
    for instances in ["fresh", "reused"] {
        let partner = Partner::start(|_, _| Reply::text(200, "ok")).await;
        let smtp = Smtp::start().await;
        let (origin, mail) = (partner.origin(), smtp.address());
        let dir = host_dir(&format!(
            "[plugin.zig]\nconfig = {{ limit = \"2\" }}\nemit = [\"day.*\"]\ninstances = \"{instances}\"\n\
             [plugin.assemblyscript]\nconfig = {{ url = \"{origin}/hooks\" }}\nhttp = [\"{origin}\"]\n\
             instances = \"{instances}\"\n\
             [plugin.cpp]\nconfig = {{ desk = \"a@example.gn, b@example.gn\" }}\nemail = [\"*@example.gn\"]\n\
             instances = \"{instances}\"\n\
             [email]\nsmtp = \"smtp://{mail}\"\nfrom = \"office@example.gn\"\n"
        ));
        let host = dir.start().await;
        // The host asks for no memory for an empty text.
        for (id, count, name) in [("evt_1", 1, "Jean Dupont"), ("evt_2", 2, "Jean Dupont"), ("evt_3", 3, "")]
        {
            let Event { id: _, body } = Event::created(id);
            assert!(body.contains("\"Jean Dupont\""), "{body}");
            let body = body.replacen("Jean Dupont", name, 1);
            let deliveries = deliver(&host, &Event { id: id.into(), body }).await;
            let line = format!("office 5 has {count} of 2 on 2026-01-25");
            assert!(logged(of(&deliveries, "zig")).contains(&line), "{deliveries:#?}");
            let line = format!("{id} goes to {origin}/hooks/appointment/created");
            assert!(logged(of(&deliveries, "assemblyscript")).contains(&line), "{deliveries:#?}");
        }
        assert_eq!(
            dir.bucket("zig", "days").await.into_iter().collect::<Vec<_>>(),
            [("5/2026-01-25".to_owned(), "3".to_owned())]
        );
        let deliveries = deliver(&host, &Event::sample("appointment.cancelled", "evt_4")).await;
        let line = "told 2 desks of appointment 12345";
        assert!(logged(of(&deliveries, "cpp")).contains(line), "{deliveries:#?}");

        let requests = wait_until("five requests came", async || {
            Some(partner.requests()).filter(|requests| requests.len() == 5)
        })
        .await;
        let full = requests.iter().find(|request| request.path == "/hooks/day/full").unwrap();
        assert_eq!(full.text(), r#"{"office":5,"day":"2026-01-25"}"#);
        assert_eq!(full.header("content-type"), "application/json");
        let cancelled =
            requests.iter().find(|request| request.path == "/hooks/appointment/cancelled").unwrap();
        assert_eq!(serde_json::from_str::<Value>(cancelled.text()).unwrap()["id"], json!(12345));
        let email = wait_until("an email came", async || smtp.received().pop()).await;
        assert_eq!(email.to, ["a@example.gn", "b@example.gn"]);
        assert_eq!(email.header("Subject"), "Cancelled: Jean Dupont");
        let text = "2026-01-25T14:30:00 is free again.\r\nReason: Last minute impediment";
        assert!(email.data.contains(text), "{}", email.data);
    }
}

#[tokio::test]
async fn each_rejects_with_its_own_reason_and_a_panic_is_the_reason_of_its_trap() {
    if is_skipped() {
        return;
    }
    let section = |plugin: &str| {
        format!("[plugin.{plugin}]\nattempts_max = 1\ninstances = \"reused\"\nemit = [\"*\"]\n")
    };
    let sections: String = PLUGINS.map(section).concat();
    let dir = host_dir(&sections);
    let host = dir.start().await;
    let created = deliver(&host, &Event::created("evt_1")).await;
    let cancelled = deliver(&host, &Event::sample("appointment.cancelled", "evt_2")).await;
    for (deliveries, plugin, key) in
        [(&created, "zig", "limit"), (&created, "assemblyscript", "url"), (&cancelled, "cpp", "desk")]
    {
        let attempt = last_attempt(of(deliveries, plugin));
        let reason = attempt["reason"].as_str().unwrap();
        assert!(reason.ends_with(&format!("config `{key}` is not set")), "{attempt}");
        assert_eq!((&attempt["outcome"], &attempt["cause"]), (&json!("rejected"), &json!("handler")));
    }

    dir.configure(&format!("{sections}[plugin.zig.config]\nlimit = \"2\"\n"));
    host.wait_log(&["configuration changed: plugin.zig"]).await;
    let body = Event::created("evt_3").body.replacen("2026-01-25T14:30:00", "soon", 1);
    let deliveries = deliver(&host, &Event { id: "evt_3".into(), body }).await;
    let attempt = last_attempt(of(&deliveries, "zig"));
    let reason = attempt["reason"].as_str().unwrap();
    let panic = "trap: panic: index out of bounds: index 10, len 4; then wasm `unreachable` instruction executed in \
                 main.handle at ";
    assert!(reason.contains(panic) && reason.contains("/zig/src/main.zig:"), "{reason}");
    assert_eq!(attempt["cause"], "trap");
    // The next event finds a fresh instance, and nothing of the failed call.
    let deliveries = deliver(&host, &Event::created("evt_4")).await;
    assert!(logged(of(&deliveries, "zig")).contains("office 5 has 1 of 2"), "{deliveries:#?}");

    dir.configure(&format!("{sections}[plugin.zig.config]\nlimit = \"\"\n"));
    wait_until("the configuration changed again", async || {
        (dir.log().matches("configuration changed: plugin.zig").count() == 2).then_some(())
    })
    .await;
    let deliveries = deliver(&host, &Event::created("evt_5")).await;
    let reason = last_attempt(of(&deliveries, "zig"))["reason"].to_string();
    assert!(reason.contains("config `limit` is no number"), "{reason}");
}

const PAGE: &str = include_str!("../../docs/other-languages.md");

/// The blocks of the page in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let blocks = PAGE.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/other-languages")
}

#[test]
fn the_code_on_the_page_is_that_of_the_plugins() {
    let sources = [
        ("zig", &["zig/src/main.zig", "zig/src/hookyard.zig"][..]),
        ("typescript", &["assemblyscript/assembly/plugin.ts"]),
        ("cpp", &["cpp/src/plugin.cpp"]),
    ];
    for (language, files) in sources {
        let texts = files.iter().map(|file| std::fs::read_to_string(folder().join(file)).unwrap());
        let texts: Vec<_> = texts.collect();
        let excerpts = blocks(language);
        assert!(!excerpts.is_empty(), "{language}");
        for excerpt in excerpts {
            assert!(texts.iter().any(|text| text.contains(excerpt)), "{language}: {excerpt}");
        }
    }
}

#[test]
fn the_runs_on_the_page_end_as_it_says() {
    if is_skipped() {
        return;
    }
    let dir = HostDir::new("");
    let shown = blocks("sh").concat();
    let runs: Vec<_> = shown.lines().filter(|line| line.starts_with("hookyard plugin run ")).collect();
    assert_eq!(runs.len(), 4, "{runs:?}");
    let trap = blocks("text").pop().unwrap();
    for run in runs {
        let arguments: Vec<_> = run.split(' ').skip(1).collect();
        let output = CommandOutput::run(dir.command(&arguments).current_dir(folder()));
        let traps = run.ends_with("soon.json");
        assert_eq!(output.code, i32::from(traps), "{run}: {output:?}");
        assert_eq!(output.out.contains(trap.trim_end()), traps, "{run}: {output:?}");
    }
}
