//! The fault harness: hosts under load, one after the other on the same database, each killed at another
//! moment. What they promised is compared to what they did.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Instant;

use reqwest::StatusCode;
use serde_json::json;

use super::check;
use super::ledger::{Appointment, Senders, settle};
use super::plan::{CYCLE, End, Plan, Round};
use crate::support::{Bed, Host, Partner, Reply, distinct, guest, until};

/// Both are the guest `clerk`.
pub(super) const PLUGINS: [&str; 2] = ["desk", "archive"];

/// In a round that has some.
const OLD_EVENTS: usize = 30;
/// Of all events that come in: the old ones are before them.
const FIRST_NUMBER: usize = 1_000_000;

async fn bed(partner: &Partner) -> Bed {
    let plugin = |name| {
        format!(
            "[plugin.{name}]\nhttp = [\"{0}\"]\nconfig = {{ url = \"{0}/{name}\" }}\n\
             concurrency = 4\nbackoff_base_ms = 1\nbackoff_max_ms = 50\n",
            partner.origin()
        )
    };
    let bed = Bed::new(&format!(
        "ordering_key = \"/data/object/id\"\n[plugins]\ndebounce_ms = 1\n\
         [dispatch]\ncrashes_max = 1000\n\
         [effects]\nbackoff_base_ms = 1\nbackoff_max_ms = 50\ntries_max = 1000\n{}",
        PLUGINS.map(plugin).concat()
    ));
    for name in PLUGINS {
        bed.install(name, &guest("clerk"));
    }
    bed.start().await.kill();
    bed.alter(&old_events(FIRST_NUMBER)).await;
    bed
}

#[tokio::test]
async fn wherever_hosts_end_nothing_is_lost_or_done_twice_or_out_of_order_or_without_its_commit() {
    let plan = Plan::from_env();
    println!("faults: {} rounds, HOOKYARD_FAULT_SEED={}", plan.rounds.len(), plan.seed);
    let began = Instant::now();
    // An eighth of the requests fail.
    let partner = Partner::start(|number, _| match number % 8 {
        5 => Reply::of(503, "busy"),
        _ => Reply::of(200, ""),
    })
    .await;
    let bed = bed(&partner).await;
    let mut appointments = Appointment::all();
    let mut checked = check::Checked::default();
    for (number, round) in plan.rounds.iter().enumerate() {
        println!("round {number}: {round:?}");
        appointments = live(&bed, &partner, round, number, appointments).await;
        if (number + 1) % CYCLE == 0 || number + 1 == plan.rounds.len() {
            let host = bed.start().await;
            settle(&host, &mut appointments).await;
            checked.check(&bed, &host, &partner, &appointments).await;
        }
    }
    println!("faults: {checked} in {:.0?}", began.elapsed());
}

/// A host's life, from its start to its end.
async fn live(
    bed: &Bed,
    partner: &Partner,
    round: &Round,
    number: usize,
    appointments: Vec<Appointment>,
) -> Vec<Appointment> {
    if round.prunes {
        bed.alter(&old_events(1 + number * OLD_EVENTS)).await;
    }
    let mut command = bed.command(&["serve"]);
    if let End::At(point, passing) = round.end {
        command.env("HOOKYARD_KILL_AT", format!("{}:{passing}", point.name()));
    }
    // At a point that is passed while the host starts, it ends before it takes events.
    let mut host = match bed.try_start_with(command).await {
        Ok(host) => host,
        Err(ended) => {
            assert!(matches!(round.end, End::At(..)) && killed(ended), "{ended:?}\n{}", bed.log());
            return appointments;
        }
    };
    let (asked_before, mut to_swap, mut replay) = (partner.asked_count(), true, None);
    let senders = Senders::start(&host, appointments);
    until(&format!("the host is at its end: {round:?}"), async || {
        if to_swap && senders.answered() >= round.swap_at {
            to_swap = false;
            bed.install(PLUGINS[number % PLUGINS.len()], &distinct(&guest("clerk"), number));
            let asked = || host.ask_for("/api/v1/replays", &json!({ "of": "deliveries" }));
            replay = round.replays.then(|| tokio::spawn(asked()));
        }
        let over = match round.end {
            End::Killed(answered) | End::Stopped(answered) | End::Cut(answered) => {
                senders.answered() >= answered
            }
            End::KilledAtPartner(asked) => partner.asked_count() >= asked_before + asked,
            End::At(..) => host.has_ended().is_some(),
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

/// Puts events there that are too old to be kept, from this number on.
fn old_events(first: usize) -> String {
    let last = first + OLD_EVENTS - 1;
    format!(
        "INSERT INTO event (seq, source, id, type, created, received_at, deliveries, payload_start, payload_end, digest, body)
         WITH RECURSIVE n(seq) AS (VALUES ({first}) UNION ALL SELECT seq + 1 FROM n WHERE seq < {last})
         SELECT seq, 'moncreneau', 'old_' || seq, 'old', '', 0, 0, 0, 2, zeroblob(32), x'7b7d' FROM n"
    )
}

async fn end(host: Host<'_>, end: End) {
    match end {
        End::Killed(_) | End::KilledAtPartner(_) => host.kill(),
        End::At(..) => assert!(killed(host.ended().await)),
        End::Stopped(_) => {
            host.terminate();
            assert_eq!(host.ended().await.code(), Some(0));
        }
        End::Cut(_) => {
            let stops = || host.bed().log().matches("\"stopping").count();
            let before = stops();
            host.terminate();
            until("it begins to stop", async || (stops() > before).then_some(())).await;
            host.kill();
        }
    }
}

fn killed(ended: ExitStatus) -> bool {
    // SIGKILL.
    ended.signal() == Some(9)
}
