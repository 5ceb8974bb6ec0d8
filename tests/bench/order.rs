//! The cost of order: events per second where events of one appointment run one after the other, compared to
//! the same plugin without order.

use std::time::Instant;

use crate::child::{HostProcess, guest};
use crate::figures::{Spread, print};
use crate::load;

const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;

/// Appointments of their own, and a few that share all events, each ordered and not.
pub fn run() {
    for (appointments, name) in
        [(u32::MAX, "an appointment of its own"), (1000, "one of 1,000 appointments"), (10, "one of ten")]
    {
        let (mut ordered, mut free, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (with, without) = (round(appointments, true), round(appointments, false));
            ratios.push(with / without);
            ordered.push(with);
            free.push(without);
        }
        print(
            &format!("order: events/s until all are done, each of {name}"),
            &[
                format!("ratio    {}", Spread::of(ratios)),
                format!("ordered  {} events/s", Spread::of(ordered)),
                format!("not      {} events/s", Spread::of(free)),
            ],
        );
    }
}

fn round(appointments: u32, ordered: bool) -> f64 {
    let config = format!("[plugin.stats]\nordered = {ordered}\n");
    let host = HostProcess::configured(&config, &[("stats", &guest("stats"))]);
    load::closed(&host.webhooks, load::requests_about(appointments, 0, WARM_UP), CONNECTIONS);
    host.wait_done(WARM_UP);
    let requests = load::requests_about(appointments, WARM_UP, EVENTS);
    let started = Instant::now();
    load::closed(&host.webhooks, requests, CONNECTIONS);
    host.wait_done(WARM_UP + EVENTS);
    let per_second = EVENTS as f64 / started.elapsed().as_secs_f64();
    host.kill();
    per_second
}
