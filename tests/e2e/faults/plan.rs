//! The plan of each round of the fault harness, drawn from a seed.

use hookyard::failpoint::Point;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Rounds after which everything drains and is checked.
pub(super) const CYCLE: usize = 20;

/// Points that a host under load passes.
const POINTS: [Point; 10] = [
    Point::BeforeCommit,
    Point::AfterCommit,
    Point::AfterHandler,
    Point::BeforeEffect,
    Point::AfterEffect,
    Point::Swap,
    Point::PruneStep,
    Point::ReplayStep,
    Point::MatchStep,
    Point::HeldStep,
];

/// How a host ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// By SIGKILL, when so many events were answered.
    Killed(usize),
    /// By SIGKILL, when the partner was asked so often.
    KilledAtPartner(usize),
    /// By SIGKILL of its own, at this passing of a point.
    At(Point, u64),
    /// By SIGTERM, when so many events were answered.
    Stopped(usize),
    /// SIGKILL during the shutdown that SIGTERM begins.
    Cut(usize),
}

/// One host's life.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub(super) struct Round {
    pub(super) end: End,
    /// A plugin is swapped when so many events were answered.
    pub(super) swap_at: usize,
    /// There are old events for it to prune.
    pub(super) prunes: bool,
    /// An operator then asks for all dead letters to be run again.
    pub(super) replays: bool,
    /// A plugin is switched off for a while.
    pub(super) switches: bool,
    /// A revision is pushed, or an operator goes back to the one before.
    pub(super) instructs: bool,
    /// No plugin is compiled yet, so the first events are accepted before any is loaded.
    pub(super) cold: bool,
}

/// The rounds of a run.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) rounds: Vec<Round>,
}

impl Plan {
    /// Of the length that `HOOKYARD_FAULT_ROUNDS` says, 20 without it, and with the seed
    /// `HOOKYARD_FAULT_SEED`, another each time without it.
    pub(super) fn from_env() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`: it takes a number")))
        };
        let rounds = number("HOOKYARD_FAULT_ROUNDS").map_or(CYCLE, |rounds: u64| rounds.try_into().unwrap());
        Self::new(number("HOOKYARD_FAULT_SEED").unwrap_or_else(rand::random), rounds)
    }

    /// Half of the rounds end at a named point, each of these about as often; most others by a kill from
    /// outside.
    fn new(seed: u64, rounds: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut all: Vec<Round> = (0..rounds).map(|number| Round::draw(number, &mut random)).collect();
        all.shuffle(&mut random);
        Self { seed, rounds: all }
    }
}

impl Round {
    fn draw(number: usize, random: &mut StdRng) -> Self {
        let end = match number % 10 {
            1 => End::Stopped(random.random_range(1..150)),
            3 => End::KilledAtPartner(random.random_range(1..100)),
            5 => End::Cut(random.random_range(1..150)),
            7 | 9 => End::Killed(random.random_range(1..150)),
            _ => match POINTS[number / 2 % POINTS.len()] {
                // There is one swap in each round, and one page of a replay and of a release at most.
                point @ (Point::Swap | Point::ReplayStep | Point::MatchStep | Point::HeldStep) => {
                    End::At(point, 1)
                }
                // From how many tables an event is removed.
                Point::PruneStep => End::At(Point::PruneStep, random.random_range(1..=8)),
                point => End::At(point, random.random_range(1..60)),
            },
        };
        let at = |point| matches!(end, End::At(at, _) if at == point);
        let swap_at = random.random_range(0..80);
        let (prunes, replays) = (random.random_bool(0.3), random.random_bool(0.3));
        let (prunes, replays) = (prunes || at(Point::PruneStep), replays || at(Point::ReplayStep));
        let switches = random.random_bool(0.5) || at(Point::HeldStep);
        let instructs = random.random_bool(0.6);
        // A plugin that is not loaded yet is not swapped.
        let cold = random.random_bool(0.2) && !at(Point::Swap) || at(Point::MatchStep);
        Self { end, swap_at, prunes, replays, switches, instructs, cold }
    }
}
