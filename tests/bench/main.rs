//! Benchmarks. Each figure is a ratio measured in one run, with its reference.
//!
//! `cargo bench -p hookyard --bench bench [-- FIGURE…]` with the figures `throughput`, `latency`,
//! `isolation`, `attempt`, `transaction`, `order`, `drain`, `backlog`, `retention`, `backup`, `growth`,
//! `languages`, `language-events`, `swap`, `start`, `cold`, `search`, `search-ingest`, `live-pages`,
//! `telemetry`, `schemes`, `verifier`, `builds`. How to read them: README.md beside this file.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot run says so by panicking; its numbers are rounded when printed"
)]
#![allow(unreachable_pub, reason = "nothing is reached from outside of a program")]

mod attempt;
mod backlog;
mod backup;
mod builds;
mod child;
mod cold;
mod figures;
mod growth;
mod http;
mod isolation;
mod languages;
mod load;
mod many_events;
mod native;
mod order;
mod pages;
mod retention;
mod schemes;
mod search;
mod start;
mod swap;
mod telemetry;
mod throughput;
mod transaction;
mod verifier;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [role, runner, dir] = arguments.as_slice()
        && role == child::ROLE
    {
        return child::run(runner, dir.as_ref());
    }
    // The compiler process that a host starts for each plugin file.
    if let [verb, setup] = arguments.as_slice()
        && verb == hookyard::runtime::COMPILE_COMMAND
    {
        // The parent reads its output.
        let _ = hookyard::runtime::compile_from_stdin(setup);
        return;
    }
    let all: [(&str, fn()); 23] = [
        ("attempt", attempt::run),
        ("throughput", throughput::run),
        ("latency", throughput::latency),
        ("isolation", isolation::run),
        ("transaction", transaction::run),
        ("order", order::run),
        ("drain", backlog::drain),
        ("backlog", backlog::run),
        ("retention", retention::run),
        ("backup", backup::run),
        ("languages", languages::run),
        ("language-events", languages::run_events),
        ("swap", swap::run),
        ("start", start::run),
        ("cold", cold::run),
        ("growth", growth::run),
        ("search", search::run),
        ("search-ingest", search::ingest),
        ("live-pages", pages::live),
        ("telemetry", telemetry::run),
        ("schemes", schemes::run),
        ("verifier", verifier::run),
        ("builds", builds::run),
    ];
    for (name, run) in all {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            run();
        }
    }
}
