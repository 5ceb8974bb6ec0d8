//! Does what it is told, good or bad: typed handlers by the key `act` of the configuration, the generic
//! one by `act` in the payload, or by the configuration where that says nothing.

use std::hint::black_box;
use std::time::Duration;

use hookyard_plugin::log::info;
use hookyard_plugin::moncreneau::{
    AppointmentCancelled, AppointmentCompleted, AppointmentCreated, AppointmentUpdated, AppointmentValidated,
    Cancelled, Completed, Created, Updated, Validated,
};
use hookyard_plugin::{Context, EventHandler, Failure, OrReject as _, Result, clock, config, export};

struct Actor;

export!(Actor: EventHandler, AppointmentCreated, AppointmentUpdated, AppointmentCancelled,
    AppointmentValidated, AppointmentCompleted);

impl EventHandler for Actor {
    fn subscriptions() -> Vec<String> {
        vec!["*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result {
        let data: serde_json::Value = serde_json::from_str(&data).or_reject()?;
        match data["act"].as_str() {
            Some(act) => perform(act, &ctx),
            None => configured(&ctx),
        }
    }
}

macro_rules! typed {
    ($($handler:ident: $payload:ident),*) => {
        $(impl $handler for Actor {
            fn handle(ctx: Context, _: $payload) -> Result {
                configured(&ctx)
            }
        })*
    };
}

typed!(AppointmentCreated: Created, AppointmentUpdated: Updated, AppointmentCancelled: Cancelled,
    AppointmentValidated: Validated, AppointmentCompleted: Completed);

fn configured(ctx: &Context) -> Result {
    perform(&config::get("act").unwrap_or_default(), ctx)
}

fn perform(act: &str, ctx: &Context) -> Result {
    info!("{} attempt {}: {act}", ctx.event_id, ctx.attempt);
    let (act, number) = act.split_once(' ').unwrap_or((act, "0"));
    let number: u64 = number.parse()?;
    match act {
        "" | "well" => {}
        "loop" => loop_for_ever(),
        "busy" => busy(Duration::from_millis(number)),
        "allocate" => allocate_for_ever(),
        "recurse" => drop(black_box(recurse(1))),
        "flood" => (0..number).for_each(|line| info!("line {line} of a flood that has no end")),
        "trap" => panic!("told to"),
        "print" => print(),
        "retry" => return Err(Failure::retry("told to")),
        "retry-after" => return Err(Failure::retry_after("told to", Duration::from_millis(number))),
        "retry-until" if u64::from(ctx.attempt) < number => return Err(Failure::retry("not yet")),
        "retry-until" => {}
        "reject" => return Err(Failure::reject("told to")),
        "remember" => remember(),
        "config" => config::all().iter().for_each(|(key, value)| info!("{key} = {value}")),
        "clock" => info!("{} {}", clock::now().as_millis(), hookyard_plugin::random::u64()),
        other => return Err(Failure::reject(format!("what is `{other}`?"))),
    }
    Ok(())
}

fn loop_for_ever() {
    while black_box(true) {}
}

fn busy(time: Duration) {
    let end = clock::monotonic() + time;
    while clock::monotonic() < end {}
}

fn allocate_for_ever() {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(vec![1; 1 << 20]);
        black_box(&all);
    }
}

/// Not a loop after optimisation: the array is looked at after the call.
fn recurse(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    let below = recurse(depth + 1);
    here[usize::try_from(below % 64).unwrap_or(0)] + below
}

/// `wasm32-unknown-unknown` has no standard output: nothing is to appear, and nothing to break.
fn print() {
    println!("printed");
}

/// Tells whether an earlier call in this instance was here.
fn remember() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    info!("call {} of this instance", CALLS.fetch_add(1, Ordering::Relaxed) + 1);
}
