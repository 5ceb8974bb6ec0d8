//! The fault harness: hosts under load, one after the other on the same database, each killed at another
//! moment. It compares their promises with the results.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Instant;

use hookyard::failpoint::Point;
use reqwest::StatusCode;
use serde_json::json;

use super::check;
use super::ledger::{Appointment, Senders, settle};
use super::plan::{CYCLE, End, Plan, Round};
use super::revising::Revising;
use super::switching::Switching;
use crate::support::{HostDir, Partner, Reply, RunningHost, distinct_copy, guest, wait_until};

/// Both are the guest `audit`.
pub(super) const PLUGINS: [&str; 2] = ["desk", "archive"];

/// Marks copies of the guest that no host has seen, beside those of the swaps.
const NEW_COPIES: usize = 1_000_000;
/// In a round that has some.
const OLD_EVENTS: usize = 30;
/// Answered events of a round that ends neither by its plan nor by a named point.
const MATCHED: usize = 40;
/// Of all events that come in: the old ones are before them.
const FIRST_NUMBER: usize = 1_000_000;

async fn host_dir(partner: &Partner) -> HostDir {
    let plugin = |name| {
        format!(
            "[plugin.{name}]\nhttp = [\"{0}\"]\nconfig = {{ url = \"{0}/{name}\" }}\n\
             concurrency = 4\nbackoff_base_ms = 1\nbackoff_max_ms = 50\n",
            partner.origin()
        )
    };
    let dir = HostDir::new(&format!(
        "ordering_key = \"/data/object/id\"\n[plugins]\ndebounce_ms = 1\nstart_wait_ms = 0\n\
         [dispatch]\ncrashes_max = 1000\n\
         [effects]\nbackoff_base_ms = 1\nbackoff_max_ms = 50\nattempts_max = 1000\n{}",
        PLUGINS.map(plugin).concat()
    ));
    for name in PLUGINS {
        dir.install(name, &guest("audit"));
    }
    dir.start().await.kill();
    dir.alter(&old_events(FIRST_NUMBER)).await;
    dir
}

#[tokio::test]
async fn hosts_killed_at_any_moment_lose_repeat_and_reorder_nothing() {
    let plan = Plan::from_env();
    println!("faults: {} rounds, HOOKYARD_FAULT_SEED={}", plan.rounds.len(), plan.seed);
    let began = Instant::now();
    // An eighth of the requests fail.
    let partner = Partner::start(|number, _| match number % 8 {
        5 => Reply::text(503, "busy"),
        _ => Reply::text(200, ""),
    })
    .await;
    let dir = host_dir(&partner).await;
    let mut appointments = Appointment::all();
    let mut checked = check::Checker::default();
    let mut operators = Operators::default();
    for plugin in PLUGINS {
        operators.revising.file(plugin, &guest("audit"));
    }
    for (number, round) in plan.rounds.iter().enumerate() {
        let round = possible(round, &operators.revising);
        println!("round {number}: {round:?}");
        appointments = live((&dir, &partner), &round, number, appointments, &mut operators).await;
        if (number + 1) % CYCLE == 0 || number + 1 == plan.rounds.len() {
            let host = dir.start().await;
            operators.revising.synchronize(&host).await;
            settle(&host, &mut appointments).await;
            assert!(operators.switching.turn_on(&host).await);
            checked.check((&dir, &host), &partner, &appointments, &operators).await;
        }
    }
    let (instructions, pins, replaced) = operators.revising.counts();
    assert!(instructions > 0 && replaced > 0, "the sixth count had something to find");
    println!("faults: plugins were off {} times", operators.switching.count());
    println!(
        "faults: {instructions} instructions about revisions were answered ({pins} pins), {replaced} revisions were replaced"
    );
    println!("faults: {checked} in {:.0?}", began.elapsed());
}

/// What operators do over all rounds.
#[derive(Debug, Default)]
pub(super) struct Operators {
    pub(super) switching: Switching,
    pub(super) revising: Revising,
}

/// A round whose end is reached: while a plugin is pinned, new files of it are not loaded, and a host without compiled
/// plugins cannot lift the pin before its first events.
fn possible(round: &Round, revising: &Revising) -> Round {
    let needs_files = matches!(round.end, End::At(Point::MatchStep, _));
    let end = if needs_files && revising.may_be_pinned() { End::Killed(MATCHED) } else { round.end };
    Round { end, ..*round }
}

/// A host's life, from its start to its end.
async fn live(
    (dir, partner): (&HostDir, &Partner),
    round: &Round,
    number: usize,
    appointments: Vec<Appointment>,
    Operators { switching, revising }: &mut Operators,
) -> Vec<Appointment> {
    if round.prunes {
        dir.alter(&old_events(1 + number * OLD_EVENTS)).await;
    }
    let cache = dir.path("hookyard-data/cache");
    if round.cold {
        fs::remove_dir_all(cache).unwrap();
        // Of half of them the host knows from before which events they handle.
        if number.is_multiple_of(2) || matches!(round.end, End::At(Point::MatchStep, _)) {
            for name in PLUGINS {
                let bytes = distinct_copy(&guest("audit"), NEW_COPIES + number);
                revising.file(name, &bytes);
                dir.install(name, &bytes);
            }
        }
    } else {
        forget_compilations(&cache);
    }
    let mut command = dir.command(&["serve"]);
    if let End::At(point, passing) = round.end {
        command.env("HOOKYARD_KILL_AT", format!("{}:{passing}", point.name()));
    }
    // At a point that is passed while the host starts, it ends before it takes events.
    let mut host = match dir.try_start_with(command).await {
        Ok(host) => host,
        Err(ended) => {
            assert!(matches!(round.end, End::At(..)) && killed(ended), "{ended:?}\n{}", dir.log());
            return appointments;
        }
    };
    if !round.cold {
        wait_until("pins are lifted, or the host is at its end", async || {
            (revising.unpin(&host).await || host.exit_status().is_some()).then_some(())
        })
        .await;
    }
    if matches!(round.end, End::At(Point::Swap, _)) {
        // What a lifted pin lets in may be the swap.
        wait_until("there is something to swap, or the host is at its end", async || {
            (host.has_loaded_plugins().await || host.exit_status().is_some()).then_some(())
        })
        .await;
    }
    if !round.cold {
        // A cold host takes its first events before its plugins are loaded.
        revising.synchronize(&host).await;
    }
    let mut to_instruct = round.instructs;
    let (asked_before, mut to_swap, mut replay) = (partner.request_count(), true, None);
    let mut switches = SwitchSteps::new(round);
    let senders = Senders::start(&host, appointments);
    wait_until(&format!("the host is at its end: {round:?}"), async || {
        if to_swap && senders.answered() >= round.swap_at {
            to_swap = false;
            let (name, bytes) = (PLUGINS[number % PLUGINS.len()], distinct_copy(&guest("audit"), number));
            revising.file(name, &bytes);
            dir.install(name, &bytes);
            let asked = || host.admin_post("/api/v1/replays", &json!({ "of": "deliveries" }));
            replay = round.replays.then(|| tokio::spawn(asked()));
        }
        if to_instruct && senders.answered() >= round.swap_at / 2 {
            to_instruct = false;
            revising.instruct(&host, number).await;
        }
        switches.advance(switching, &host, (number, senders.answered())).await;
        let over = match round.end {
            End::Killed(answered) | End::Stopped(answered) | End::Cut(answered) => {
                senders.answered() >= answered
            }
            End::KilledAtPartner(asked) => partner.request_count() >= asked_before + asked,
            End::At(..) => host.exit_status().is_some(),
        };
        over.then_some(())
    })
    .await;
    end(host, round.end).await;
    if let Some(replay) = replay {
        let answer = replay.await.unwrap();
        assert!(answer.is_none_or(|code| code == StatusCode::ACCEPTED), "{answer:?}");
    }
    senders.stop().await
}

/// Answered events during which a plugin is off.
const OFF_FOR: usize = 30;

/// What is left to do with switches in a round: turn all on that an earlier round left off, turn one off, and on again.
struct SwitchSteps {
    /// How many events are answered at the next step.
    next_at: usize,
    step: usize,
    steps: usize,
}

impl SwitchSteps {
    fn new(round: &Round) -> Self {
        Self { next_at: round.swap_at / 2, step: 0, steps: if round.switches { 3 } else { 1 } }
    }

    async fn advance(
        &mut self,
        switching: &mut Switching,
        host: &RunningHost<'_>,
        (round, answered): (usize, usize),
    ) {
        if self.step == self.steps || answered < self.next_at {
            return;
        }
        match self.step {
            1 => switching.turn_off(host, round).await,
            _ => _ = switching.turn_on(host).await,
        }
        (self.step, self.next_at) = (self.step + 1, answered + if self.step == 1 { OFF_FOR } else { 0 });
    }
}

/// Removes the marks of compilations that ended with their host: after three of them a file is refused, and plugins
/// that are refused get no new events.
fn forget_compilations(cache: &Path) {
    for entry in fs::read_dir(cache).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            forget_compilations(&path);
        } else if path.extension().is_some_and(|extension| extension == "compiling") {
            fs::remove_file(path).unwrap();
        }
    }
}

/// Puts events there that are too old to be kept, from this number on.
fn old_events(first: usize) -> String {
    let last = first + OLD_EVENTS - 1;
    format!(
        "INSERT INTO event (seq, source, id, type, created, received_at, deliveries, payload_start, payload_end, digest, body)
         WITH RECURSIVE n(seq) AS (VALUES ({first}) UNION ALL SELECT seq + 1 FROM n WHERE seq < {last})
         SELECT seq, 'moncreneau', 'old_' || seq, 'old', '', 0, 0, 0, 2, zeroblob(32), x'7b7d' FROM n"
    )
}

async fn end(host: RunningHost<'_>, end: End) {
    match end {
        End::Killed(_) | End::KilledAtPartner(_) => host.kill(),
        End::At(..) => assert!(killed(host.wait_exit().await)),
        End::Stopped(_) => {
            host.terminate();
            assert_eq!(host.wait_exit().await.code(), Some(0));
        }
        End::Cut(_) => {
            let stops = || host.dir().log().matches("\"stopping").count();
            let before = stops();
            host.terminate();
            wait_until("it begins to stop", async || (stops() > before).then_some(())).await;
            host.kill();
        }
    }
}

fn killed(ended: ExitStatus) -> bool {
    // SIGKILL.
    ended.signal() == Some(9)
}
