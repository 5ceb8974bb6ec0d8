//! Performs the act that a test names: a success, a failure, or something that the host must contain. Typed
//! handlers read the act from the key `act` of the configuration. The generic handler reads it from `act` in the
//! payload, or else from the configuration.

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
            fn handle(ctx: Context, payload: $payload) -> Result {
                if config::get("act").is_some_and(|act| act == "show") {
                    info!("{payload:?}");
                    return Ok(());
                }
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

#[inline(never)]
fn perform(act: &str, ctx: &Context) -> Result {
    info!("{} attempt {}: {act}", ctx.event_id, ctx.attempt);
    let (act, number) = act.split_once(' ').unwrap_or((act, "0"));
    let number: u64 = number.parse()?;
    match act {
        "loop" => loop_for_ever(),
        "busy" => busy(Duration::from_millis(number)),
        "allocate" => allocate_for_ever(),
        "ask-too-much" => {
            info!("asked and refused: {}", Vec::<u8>::new().try_reserve_exact(1 << 30).is_err())
        }
        "recurse" => drop(black_box(recurse(1))),
        "descend" => drop(black_box(descend(1))),
        "flood" => (0..number).for_each(|line| info!("line {line} of a flood that has no end")),
        "trap" => panic!("told to"),
        "print" => print(),
        "retry" => return Err(Failure::retry("told to")),
        "retry-after" => return Err(Failure::retry_after("told to", Duration::from_millis(number))),
        "retry-until" if u64::from(ctx.attempt) < number => return Err(Failure::retry("not yet")),
        "" | "well" | "retry-until" => {}
        "reject" => return Err(Failure::reject("told to")),
        "reject-long" => return Err(Failure::reject("é".repeat(usize::try_from(number)?))),
        "remember" => remember(),
        "stain" => stain(),
        "look-for-stains" => look_for_stains(),
        "config" => config::all().iter().for_each(|(key, value)| info!("{key} = {value}")),
        "clock" => info!("{} {}", clock::now().as_millis(), hookyard_plugin::random::u64()),
        other => return Err(Failure::reject(format!("what is `{other}`?"))),
    }
    Ok(())
}

// Not inlined: the host must name the function that fails, and an inlined one loses its module.

#[inline(never)]
fn loop_for_ever() {
    while black_box(true) {}
}

fn busy(time: Duration) {
    let end = clock::monotonic() + time;
    while clock::monotonic() < end {}
}

#[inline(never)]
fn allocate_for_ever() {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(vec![1; 1 << 20]);
        black_box(&all);
    }
}

/// Reads the array after the call, so that the optimiser does not turn the recursion into a loop.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    let below = recurse(depth + 1);
    here[usize::try_from(below % 64).unwrap_or(0)] + below
}

/// Recurses without the guest's own stack, because all values are in registers. So the host's limit ends it.
#[inline(never)]
fn descend(depth: u32) -> u32 {
    if depth == u32::MAX { 0 } else { descend(depth + 1).rotate_left(depth) ^ depth }
}

/// `wasm32-unknown-unknown` has no standard output, so this must have no effect.
fn print() {
    println!("printed");
}

/// Logs the number of the call in this instance.
fn remember() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    info!("call {} of this instance", CALLS.fetch_add(1, Ordering::Relaxed) + 1);
}

const STAIN: u64 = 0x5741_5348_204d_4521;
const PAGE: usize = 64 * 1024;
const PAGES: usize = 64;

/// Overwrites pages that this instance has just added.
fn stain() {
    new_memory().for_each(|word| unsafe { word.write_volatile(STAIN) });
    info!("stained");
}

/// Counts the words that another instance left in the same pages.
fn look_for_stains() {
    let stains = new_memory().filter(|word| unsafe { word.read_volatile() } != 0).count();
    info!("{stains} stains");
}

/// Words of pages that the host has just added.
fn new_memory() -> impl Iterator<Item = *mut u64> {
    let first = core::arch::wasm32::memory_grow(0, PAGES) * PAGE;
    (first..first + PAGES * PAGE).step_by(8).map(|at| at as *mut u64)
}
