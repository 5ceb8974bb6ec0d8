//! Resources of the engine that plugins share: slots for instances, and address space for their memories.

use std::process::Command;

use serde_json::json;

use crate::support::{Event, Handwritten, HostDir, RunningHost, example, wait_until};

/// A plugin whose calls never end. `core` adds fields to its module, `first` is code before the loop.
fn endless(core: &str, first: &str) -> Vec<u8> {
    let handle = format!("{first} (loop (br 0)) unreachable");
    Handwritten { core, handle: &handle, ..Handwritten::default() }.component()
}

/// A plugin with eight memories whose calls never end.
fn endless_with_eight_memories() -> Vec<u8> {
    endless(&"(memory 1)".repeat(7), "")
}

/// Sends events to all plugins, and waits for each until the plugin `good` has handled it.
async fn good_handles(host: &RunningHost<'_>, ids: &[String]) {
    for id in ids {
        let sent = host.send(&Event::with_payload("any.type", id, &json!({}))).await;
        assert_eq!(sent.status(), "accepted", "{sent:?}");
    }
    for id in ids {
        let done = |delivery: &serde_json::Value| delivery["plugin"] == "good" && delivery["state"] == "done";
        let by_good = |event: &serde_json::Value| event["deliveries"].as_array().unwrap().iter().any(done);
        host.wait_event(id, "the good plugin has handled it", by_good).await;
    }
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("evt_{prefix}_{n}")).collect()
}

#[tokio::test]
async fn two_plugins_whose_endless_calls_take_eight_slots_each_block_no_other() {
    let endless = "concurrency = 64\ncall_timeout_ms = 600000\n";
    let dir = HostDir::new(&format!("[plugin.one]\n{endless}[plugin.two]\n{endless}"));
    dir.install("one", &endless_with_eight_memories());
    dir.install("two", &endless_with_eight_memories());
    dir.install("good", &Handwritten::default().component());
    let host = dir.start().await;
    good_handles(&host, &ids("first", 40)).await;
    // A plugin that is installed now gets a slot too.
    let late = example("event-log");
    dir.install("late", &late);
    host.wait_revision("late", &late).await;
    good_handles(&host, &ids("later", 5)).await;
}

#[tokio::test]
async fn a_plugin_that_needs_more_slots_than_exist_is_refused() {
    let dir = HostDir::new("[runtime]\ninstances_max = 7\n[dispatch]\nconcurrency = 7\n");
    dir.install("eight", &endless_with_eight_memories());
    let host = dir.start().await;
    let reason = "one instance takes 8 places, runtime.instances_max is 7";
    host.wait_plugin("eight", "it is refused", |plugin| plugin.to_string().contains(reason)).await;
}

#[tokio::test]
async fn a_garbage_collected_heap_takes_no_slot_of_another_plugin() {
    let dir = HostDir::new(
        "[runtime]\ninstances_max = 2\n[dispatch]\nconcurrency = 2\n\
         [plugin.collector]\nconcurrency = 1\ncall_timeout_ms = 600000\n",
    );
    let collector =
        endless("(type $bytes (array (mut i8)))", "(drop (array.new_default $bytes (i32.const 10)))");
    dir.install("collector", &collector);
    dir.install("good", &Handwritten::default().component());
    let host = dir.start().await;
    good_handles(&host, &ids("any", 5)).await;
}

/// A host with an address space of this many KiB.
async fn limited(dir: &HostDir, kib: u32) -> RunningHost<'_> {
    let program = dir.command(&["serve"]);
    let mut command = Command::new("bash");
    let script = format!("ulimit -v {kib}; exec \"$0\" serve");
    command.args(["-c", &script]).arg(program.get_program()).current_dir(dir).env_remove("HOOKYARD_LOG");
    dir.start_with(command).await
}

#[tokio::test]
async fn accesses_outside_of_memory_are_traps_with_guard_pages_and_with_checks() {
    for (kib, bounds) in [(None, "guard-pages"), (Some(4_000_000), "checks")] {
        let dir = HostDir::new(
            "[plugin.far]\nattempts_max = 1\ncall_timeout_ms = 60000\n[plugin.near]\nattempts_max = 1\ncall_timeout_ms = 60000\n",
        );
        let at = |address: u32| {
            let handle = format!("(i32.load (i32.const {address}))");
            Handwritten { handle: &handle, ..Handwritten::default() }.component()
        };
        // The last bytes of an access are outside; all of it is, as far as an index reaches.
        dir.install("near", &at(65533));
        dir.install("far", &at(0xffff_fff0));
        let grows = "(drop (memory.grow (i32.const 100))) (drop (i32.load (i32.const 6000000))) i32.const 0";
        dir.install("good", &Handwritten { handle: grows, ..Handwritten::default() }.component());
        let host = match kib {
            None => dir.start().await,
            Some(kib) => limited(&dir, kib).await,
        };
        host.wait_log(&["Spectre", bounds]).await;
        let metrics = host.admin_get("/metrics", None).await.text().await.unwrap();
        let gauge = format!("hookyard_memory_bounds{{kind=\"{bounds}\"}} 1");
        assert!(metrics.contains(&gauge), "{metrics} lacks {gauge}");
        good_handles(&host, &ids("good", 3)).await;
        for id in ids("good", 3) {
            let event = host.wait_finished(&id).await;
            for delivery in event["deliveries"].as_array().unwrap().iter().filter(|d| d["plugin"] != "good") {
                let reason = delivery["attempts"][0]["reason"].as_str().unwrap();
                assert!(reason.contains("out of bounds memory access"), "{bounds}: {reason}");
            }
        }
    }
}

#[tokio::test]
async fn a_host_with_little_address_space_runs_all_attempts_that_dispatch_allows() {
    let dir = HostDir::new("[plugin.slow]\nconcurrency = 32\ncall_timeout_ms = 600000\n");
    dir.install("slow", &endless_with_eight_memories());
    dir.install("good", &example("event-log"));
    let (host, ids) = (limited(&dir, 4_000_000).await, ids("any", 10));
    good_handles(&host, &ids).await;
    wait_until("half of the 64 places are taken, eight for each call", async || {
        let mut running = 0;
        for id in &ids {
            running += usize::from(host.event(id).await?.to_string().contains("\"running\""));
        }
        (running == 4).then_some(())
    })
    .await;
}
