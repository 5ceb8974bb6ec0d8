//! The life of deliveries against a model of it: random sequences of events, outcomes, crashes, replays,
//! pauses, skips and plugins that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::Fixture;
use crate::db::tests::{Window, attempt, event, name};
use crate::db::{Db, Discard, Hold};
use crate::delivery::Order;
use crate::delivery::{Delivery, DeliveryId, Next, Recipient, State};
use crate::event::{Digest, Event};
use crate::replay::{Action, Again, Of, Request, Selection, Step};
use std::sync::Arc;

const PLUGINS: [&str; 2] = ["p", "q"];

/// Something that happens. Numbers choose among what there is, whatever there is.
#[derive(Debug, Clone)]
enum Happens {
    /// An event with one of a few ordering keys, or without, for one plugin or both.
    Event { key: Option<u8>, plugins: usize },
    /// Deliveries are leased.
    Lease { plugin: usize, limit: usize },
    /// One that is in hand is tried.
    Attempt { which: usize, next: usize },
    /// One that is in hand is given back, as by a plugin that goes.
    GiveBack { which: usize },
    /// A closed one runs again.
    Replay { which: usize },
    /// Any is skipped or dealt with.
    Discard { which: usize },
    /// A plugin is paused, goes, or is back.
    Hold { plugin: usize, why: bool, held: bool },
    /// The process is killed.
    Crash,
}

fn happens() -> impl Strategy<Value = Happens> {
    let plugin = 0..PLUGINS.len();
    prop_oneof![
        6 => (proptest::option::of(0..3_u8), 1..=PLUGINS.len())
            .prop_map(|(key, plugins)| Happens::Event { key, plugins }),
        4 => (plugin.clone(), 1..4_usize).prop_map(|(plugin, limit)| Happens::Lease { plugin, limit }),
        10 => (any::<usize>(), 0..4_usize).prop_map(|(which, next)| Happens::Attempt { which, next }),
        1 => any::<usize>().prop_map(|which| Happens::GiveBack { which }),
        2 => any::<usize>().prop_map(|which| Happens::Replay { which }),
        1 => any::<usize>().prop_map(|which| Happens::Discard { which }),
        2 => (plugin, any::<bool>(), any::<bool>())
            .prop_map(|(plugin, why, held)| Happens::Hold { plugin, why, held }),
        1 => Just(Happens::Crash),
    ]
}

/// What a delivery should be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Is {
    Open,
    Done,
    Dead { settled: bool },
}

struct Model {
    fixture: Fixture,
    db: Db,
    window: Arc<Window>,
    deliveries: BTreeMap<DeliveryId, (Is, Option<Order>, &'static str)>,
    in_hand: BTreeMap<DeliveryId, Delivery>,
    held: BTreeSet<(&'static str, bool)>,
    events: i64,
    done: BTreeMap<DeliveryId, u32>,
}

impl Model {
    async fn new(fixture: Fixture) -> Self {
        let window = Window::new(3);
        let db = fixture.open(&window).await;
        Self {
            fixture,
            db,
            window,
            deliveries: BTreeMap::new(),
            in_hand: BTreeMap::new(),
            held: BTreeSet::new(),
            events: 0,
            done: BTreeMap::new(),
        }
    }

    async fn happen(&mut self, happens: &Happens) {
        match *happens {
            Happens::Event { key, plugins } => self.event(key, plugins).await,
            Happens::Lease { plugin, limit } => self.lease(PLUGINS[plugin], limit).await,
            Happens::Attempt { which, next } => self.attempt(which, next).await,
            Happens::GiveBack { which } => {
                if let Some(id) = nth(&self.in_hand, which) {
                    self.in_hand.remove(&id);
                    self.db.release_deliveries(vec![id]);
                }
            }
            Happens::Replay { which } => self.replay(which).await,
            Happens::Discard { which } => self.discard(which).await,
            Happens::Hold { plugin, why, held } => self.hold(PLUGINS[plugin], why, held).await,
            Happens::Crash => self.crash().await,
        }
        self.settle().await;
        assert_eq!(self.db.backlog(), self.open());
    }

    /// Whatever follows from a commit has been handed over once the writer answers again.
    async fn settle(&mut self) {
        self.db.ping().await.unwrap();
        let offered = std::mem::take(&mut *self.window.taken.lock().unwrap());
        for delivery in offered {
            self.take(delivery);
        }
    }

    fn open(&self) -> u64 {
        self.deliveries.values().filter(|(is, ..)| *is == Is::Open).count() as u64
    }

    async fn event(&mut self, key: Option<u8>, plugins: usize) {
        self.events += 1;
        let ordering_key = key.map(|key| key.to_string());
        let event = Event { ordering_key, ..event(&format!("evt_{}", self.events), "{}") };
        let to = PLUGINS[..plugins].iter().map(|plugin| Recipient { plugin: name(plugin), ordered: true });
        for (number, plugin) in (1..).zip(&PLUGINS[..plugins]) {
            let key = event.ordering_key.as_deref();
            let order = key.map(|key| Order::of(&event.source, key, &name(plugin)));
            let id = DeliveryId { event: self.events, number };
            self.deliveries.insert(id, (Is::Open, order, plugin));
        }
        self.db.accept(event, to.collect()).await.unwrap();
    }

    async fn lease(&mut self, plugin: &str, limit: usize) {
        let lease = self.db.lease(name(plugin), limit, Duration::MAX).await.unwrap();
        let held = self.held.iter().any(|(held, _)| *held == plugin);
        assert!(!held || lease.deliveries.is_empty(), "{plugin} is held");
        for delivery in lease.deliveries {
            self.take(delivery);
        }
    }

    async fn attempt(&mut self, which: usize, next: usize) {
        let Some(id) = nth(&self.in_hand, which) else { return };
        let delivery = self.in_hand.remove(&id).unwrap();
        let (next, is) = match next {
            0 => (Next::Wait(1), Is::Open),
            1 => (Next::Dead, Is::Dead { settled: false }),
            _ => (Next::Done, Is::Done),
        };
        self.db.started(&delivery, Digest::of(b"plugin"));
        self.db.finished(attempt(&delivery, next)).await.unwrap();
        if is == Is::Done {
            *self.done.entry(id).or_default() += 1;
        }
        self.deliveries.get_mut(&id).unwrap().0 = is;
    }

    async fn replay(&mut self, which: usize) {
        let Some(id) = nth(&self.deliveries, which) else { return };
        let (is, order, plugin) = self.deliveries[&id].clone();
        let dead = is == Is::Dead { settled: false };
        let again = Again { event: id.event, plugin: name(plugin), order, of: Some(id.number), dead };
        let open = |(other, (is, _, to)): (&DeliveryId, &(Is, _, &str))| {
            other.event == id.event && *to == plugin && *is == Is::Open
        };
        let refused = self.deliveries.iter().any(open);
        let (of, action, selection) = (Of::Deliveries, Action::Replay, Selection::default());
        let request = Request { of, action, selection, to: None, again: false, dry_run: false };
        let replay = self.db.begin_replay(request).await.unwrap();
        self.db.replay_step(Step { replay, again: vec![again], ..Step::default() }).await.unwrap();
        let made = self.db.replay(replay).await.unwrap().unwrap().made;
        assert_eq!(made, u64::from(!refused), "{id} {is:?}");
        if refused {
            return;
        }
        if dead {
            self.deliveries.get_mut(&id).unwrap().0 = Is::Dead { settled: true };
        }
        let of_event = self.deliveries.keys().filter(|other| other.event == id.event);
        let number = of_event.map(|other| other.number).max().unwrap() + 1;
        self.deliveries.insert(DeliveryId { number, ..id }, (Is::Open, order, plugin));
    }

    async fn discard(&mut self, which: usize) {
        let Some(id) = nth(&self.deliveries, which) else { return };
        let is = &mut self.deliveries.get_mut(&id).unwrap().0;
        let expected = match is {
            Is::Open if self.in_hand.contains_key(&id) => Discard::Busy,
            Is::Open => Discard::Skipped,
            Is::Dead { settled: false } => Discard::Resolved,
            Is::Done | Is::Dead { .. } => Discard::Closed,
        };
        assert_eq!(self.db.discard(id).await, Ok(expected), "{id} {is:?}");
        if matches!(expected, Discard::Skipped | Discard::Resolved) {
            *is = Is::Dead { settled: true };
        }
    }

    async fn hold(&mut self, plugin: &'static str, paused: bool, held: bool) {
        let why = if paused { Hold::Paused } else { Hold::Absent };
        if held {
            self.db.hold(&name(plugin), why).await.unwrap();
            self.held.insert((plugin, paused));
        } else {
            self.db.end_hold(&name(plugin), why).await.unwrap();
            self.held.remove(&(plugin, paused));
        }
    }

    async fn crash(&mut self) {
        let left = self.fixture.as_killed();
        self.window = Window::new(3);
        self.db = left.open(&self.window).await;
        self.fixture = left;
        self.in_hand.clear();
    }

    /// A delivery may come in hand only if it is open, nobody has it, and it is the first of its order.
    fn take(&mut self, delivery: Delivery) {
        let id = delivery.id;
        let (is, order, _) = &self.deliveries[&id];
        assert_eq!(*is, Is::Open, "{id}");
        assert!(!self.in_hand.contains_key(&id), "{id} is in hand");
        let of_order = |(_, (is, other, _)): &(&DeliveryId, &(Is, Option<Order>, _))| {
            order.is_some() && other == order && *is == Is::Open
        };
        let mut others = self.deliveries.iter().filter(of_order).map(|(other, _)| *other);
        // A replay of an earlier event does not overtake what was leading when it was asked for.
        assert!(others.all(|other| other == id || !self.in_hand.contains_key(&other)), "{id} is not alone");
        self.in_hand.insert(id, delivery);
    }

    /// Everything that is open comes to its end, in the order of its key.
    async fn drain(&mut self) {
        for plugin in PLUGINS {
            for paused in [true, false] {
                self.hold(plugin, paused, false).await;
            }
        }
        while self.open() > 0 {
            for plugin in PLUGINS {
                self.lease(plugin, 100).await;
            }
            assert!(!self.in_hand.is_empty(), "something open cannot be leased: {:?}", self.deliveries);
            while !self.in_hand.is_empty() {
                self.attempt(0, 3).await;
                self.settle().await;
            }
        }
        assert!(self.done.values().all(|times| *times == 1));
        for (id, (is, ..)) in &self.deliveries {
            let shown = self.db.event(None, &format!("evt_{}", id.event)).await.unwrap().remove(0);
            let shown = shown.deliveries.iter().find(|delivery| delivery.id == id.to_string()).unwrap();
            let expected = match is {
                Is::Open => unreachable!(),
                Is::Done => (State::Done, false),
                Is::Dead { settled } => (State::Dead, *settled),
            };
            assert_eq!((shown.state, shown.settled.is_some()), expected, "{id}");
        }
    }
}

fn nth<V>(of: &BTreeMap<DeliveryId, V>, which: usize) -> Option<DeliveryId> {
    if of.is_empty() { None } else { of.keys().nth(which % of.len()).copied() }
}

/// As many as `PROPTEST_CASES` says, and otherwise fewer than by default: each opens databases.
fn cases() -> u32 {
    const DEFAULT: u32 = 256;
    match ProptestConfig::default().cases {
        DEFAULT => 48,
        asked => asked,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_nothing_is_lost_or_done_twice_or_out_of_turn(
        story in proptest::collection::vec(happens(), 1..60)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            for fixture in Fixture::each() {
                let mut model = Model::new(fixture).await;
                for happens in &story {
                    model.happen(happens).await;
                }
                model.drain().await;
            }
        });
    }
}
