//! The life of deliveries against a model of it: random sequences of events, outcomes, crashes, replays,
//! pauses, switches, skips, matches and plugins that come and go.

mod switches;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;

use super::Fixture;
use crate::audit::Decision;
use crate::db::tests::{Window, attempt, event, name};
use crate::db::{Db, Discard, EventFilter, EventState, MatchCount, MatchDecision};
use crate::delivery::{Delivery, DeliveryId, NextStep, OrderingHash, Recipient, State};
use crate::event::{Digest, Event};
use crate::replay::{Action, ReplayPage, ReplayTarget, ReplayedDelivery, Request, Selection};
use std::sync::Arc;

const PLUGINS: [&str; 2] = ["p", "q"];

/// A step of the model. Its numbers choose among the deliveries that exist at that moment.
#[derive(Debug, Clone)]
enum Operation {
    /// An event with one of a few ordering keys, or without, for one plugin or both. Which are matched.
    Event { key: Option<u8>, plugins: usize, matched: [bool; 2], kind: usize },
    /// Deliveries are leased.
    Lease { plugin: usize, limit: usize },
    /// An attempt at a leased delivery.
    Attempt { which: usize, next: usize },
    /// A leased delivery is released, as by a plugin that is removed.
    GiveBack { which: usize },
    /// A closed one runs again.
    Replay { which: usize, matched: bool },
    /// A delivery is skipped or resolved.
    Discard { which: usize },
    /// Unmatched deliveries of a plugin are matched. Which are handled.
    Match { plugin: usize, handled: [bool; 3] },
    /// A plugin is paused, goes, or is back.
    PluginHold { plugin: usize, why: bool, held: bool },
    /// An operator turns a switch on or off, and discards what it held or not.
    Switch { plugin: usize, pattern: usize, is_on: bool, discard: bool },
    /// A page of a release.
    Release { limit: usize },
    /// The process is killed.
    Crash,
}

fn operation() -> impl Strategy<Value = Operation> {
    let plugin = 0..PLUGINS.len();
    let matched = [proptest::bool::weighted(0.7), proptest::bool::weighted(0.7)];
    prop_oneof![
        6 => (proptest::option::of(0..3_u8), 1..=PLUGINS.len(), matched, 0..switches::TYPES.len())
            .prop_map(|(key, plugins, matched, kind)| Operation::Event { key, plugins, matched, kind }),
        4 => (plugin.clone(), 1..4_usize).prop_map(|(plugin, limit)| Operation::Lease { plugin, limit }),
        10 => (any::<usize>(), 0..4_usize).prop_map(|(which, next)| Operation::Attempt { which, next }),
        1 => any::<usize>().prop_map(|which| Operation::GiveBack { which }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, matched)| Operation::Replay { which, matched }),
        1 => any::<usize>().prop_map(|which| Operation::Discard { which }),
        3 => (plugin.clone(), any::<[bool; 3]>())
            .prop_map(|(plugin, handled)| Operation::Match { plugin, handled }),
        2 => (plugin.clone(), 0..switches::PATTERNS.len(), any::<bool>(), any::<bool>())
            .prop_map(|(plugin, pattern, is_on, discard)| Operation::Switch { plugin, pattern, is_on, discard }),
        2 => (1..4_usize).prop_map(|limit| Operation::Release { limit }),
        2 => (plugin, any::<bool>(), any::<bool>())
            .prop_map(|(plugin, why, held)| Operation::PluginHold { plugin, why, held }),
        1 => Just(Operation::Crash),
    ]
}

/// The expected state of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ExpectedState {
    Open,
    Unmatched,
    Done,
    Dead { is_resolved: bool },
}

impl ExpectedState {
    fn new(matched: bool) -> Self {
        if matched { Self::Open } else { Self::Unmatched }
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Unmatched)
    }
}

struct Model {
    fixture: Fixture,
    db: Db,
    window: Arc<Window>,
    deliveries: BTreeMap<DeliveryId, (ExpectedState, Option<OrderingHash>, &'static str)>,
    /// For each ordering key with open deliveries, the one that is not blocked.
    heads: HashMap<OrderingHash, DeliveryId>,
    in_hand: BTreeMap<DeliveryId, Delivery>,
    held: BTreeSet<(&'static str, bool)>,
    events: i64,
    /// The type of each event.
    types: BTreeMap<i64, &'static str>,
    instructions: Vec<switches::Instruction>,
    /// Open deliveries that a switch holds.
    switched_off: BTreeSet<DeliveryId>,
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
            heads: HashMap::new(),
            in_hand: BTreeMap::new(),
            held: BTreeSet::new(),
            events: 0,
            types: BTreeMap::new(),
            instructions: Vec::new(),
            switched_off: BTreeSet::new(),
            done: BTreeMap::new(),
        }
    }

    async fn happen(&mut self, happens: &Operation) {
        match *happens {
            Operation::Event { key, plugins, matched, kind } => {
                self.event(key, &matched[..plugins], switches::TYPES[kind]).await;
            }
            Operation::Lease { plugin, limit } => self.lease(PLUGINS[plugin], limit).await,
            Operation::Attempt { which, next } => self.attempt(which, next).await,
            Operation::GiveBack { which } => {
                if let Some(id) = nth(&self.in_hand, which) {
                    self.in_hand.remove(&id);
                    self.db.release_deliveries(vec![id]);
                }
            }
            Operation::Replay { which, matched } => self.replay(which, matched).await,
            Operation::Discard { which } => self.discard(which).await,
            Operation::Match { plugin, handled } => self.match_some(PLUGINS[plugin], &handled).await,
            Operation::PluginHold { plugin, why, held } => self.hold(PLUGINS[plugin], why, held).await,
            Operation::Switch { plugin, pattern, is_on, discard } => {
                self.switch(PLUGINS[plugin], pattern, is_on, discard).await;
            }
            Operation::Release { limit } => _ = self.release(limit).await,
            Operation::Crash => self.crash().await,
        }
        self.settle().await;
        assert_eq!(self.db.backlog(), self.open());
    }

    /// Waits until the consequences of earlier commits have been handed over: the writer answers
    /// after that.
    async fn settle(&mut self) {
        self.db.ping().await.unwrap();
        let offered = std::mem::take(&mut *self.window.taken.lock().unwrap());
        for delivery in offered {
            self.take(delivery);
        }
    }

    fn open(&self) -> u64 {
        self.deliveries.values().filter(|(is, ..)| is.is_open()).count() as u64
    }

    fn insert(
        &mut self,
        id: DeliveryId,
        is: ExpectedState,
        order: Option<OrderingHash>,
        plugin: &'static str,
    ) {
        if let Some(order) = order {
            self.heads.entry(order).or_insert(id);
        }
        if !self.switched(plugin, self.types[&id.event]).0 {
            self.switched_off.insert(id);
        }
        self.deliveries.insert(id, (is, order, plugin));
    }

    /// Closes a delivery. If others of its ordering key were blocked, the first of them blocks the rest now.
    fn close(&mut self, id: DeliveryId, is: Option<ExpectedState>) {
        let order = self.deliveries[&id].1;
        self.switched_off.remove(&id);
        match is {
            Some(is) => self.deliveries.get_mut(&id).unwrap().0 = is,
            None => _ = self.deliveries.remove(&id),
        }
        let Some(order) = order.filter(|order| self.heads.get(order) == Some(&id)) else { return };
        let mut open = self.deliveries.iter().filter(|(_, (is, of, _))| *of == Some(order) && is.is_open());
        match open.next() {
            Some((first, _)) => self.heads.insert(order, *first),
            None => self.heads.remove(&order),
        };
    }

    async fn event(&mut self, key: Option<u8>, matched: &[bool], event_type: &'static str) {
        self.events += 1;
        self.types.insert(self.events, event_type);
        let ordering_key = key.map(|key| key.to_string());
        let event_type = event_type.to_owned();
        let event = Event { event_type, ordering_key, ..event(&format!("evt_{}", self.events), "{}") };
        let mut to = Vec::new();
        for ((number, plugin), matched) in (1..).zip(PLUGINS).zip(matched) {
            let key = event.ordering_key.as_deref();
            let order = key.map(|key| OrderingHash::of(&event.source, key, &name(plugin)));
            to.push(Recipient { plugin: name(plugin), ordered: true, matched: *matched });
            let id = DeliveryId { event: self.events, number };
            self.insert(id, ExpectedState::new(*matched), order, plugin);
        }
        self.db.accept(event, to).await.unwrap();
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
            0 => (NextStep::Wait(1), ExpectedState::Open),
            1 => (NextStep::Dead, ExpectedState::Dead { is_resolved: false }),
            _ => (NextStep::Done, ExpectedState::Done),
        };
        self.db.started(&delivery, Digest::of(b"plugin"));
        self.db.finished(attempt(&delivery, next)).await.unwrap();
        if is == ExpectedState::Done {
            *self.done.entry(id).or_default() += 1;
        }
        if is != ExpectedState::Open {
            self.close(id, Some(is));
        }
    }

    async fn replay(&mut self, which: usize, matched: bool) {
        let Some(id) = nth(&self.deliveries, which) else { return };
        let (is, order, plugin) = self.deliveries[&id].clone();
        let dead = is == ExpectedState::Dead { is_resolved: false };
        let again = ReplayedDelivery {
            event: id.event,
            plugin: name(plugin),
            order,
            matched,
            of: Some(id.number),
            dead,
        };
        let open = |(other, (is, _, to)): (&DeliveryId, &(ExpectedState, _, &str))| {
            other.event == id.event && *to == plugin && is.is_open()
        };
        let refused = self.deliveries.iter().any(open);
        let (of, action, selection) = (ReplayTarget::Deliveries, Action::Replay, Selection::default());
        let request =
            Request { of, action, selection, to: None, again: false, revision: None, dry_run: false };
        let replay = self.db.begin_replay(request, Decision::of_host()).await.unwrap();
        self.db
            .replay_step(ReplayPage { replay, again: vec![again], ..ReplayPage::default() })
            .await
            .unwrap();
        let made = self.db.replay(replay).await.unwrap().unwrap().made;
        assert_eq!(made, u64::from(!refused), "{id} {is:?}");
        if refused {
            return;
        }
        if dead {
            self.deliveries.get_mut(&id).unwrap().0 = ExpectedState::Dead { is_resolved: true };
        }
        let of_event = self.deliveries.keys().filter(|other| other.event == id.event);
        let number = of_event.map(|other| other.number).max().unwrap() + 1;
        self.insert(DeliveryId { number, ..id }, ExpectedState::new(matched), order, plugin);
    }

    async fn discard(&mut self, which: usize) {
        let Some(id) = nth(&self.deliveries, which) else { return };
        let is = &self.deliveries[&id].0;
        let expected = match is {
            ExpectedState::Open if self.in_hand.contains_key(&id) => Discard::Busy,
            ExpectedState::Open | ExpectedState::Unmatched => Discard::Skipped,
            ExpectedState::Dead { is_resolved: false } => Discard::Resolved,
            ExpectedState::Done | ExpectedState::Dead { .. } => Discard::Closed,
        };
        assert_eq!(self.db.discard(id, Decision::of_host()).await, Ok(expected), "{id} {is:?}");
        if matches!(expected, Discard::Skipped | Discard::Resolved) {
            self.close(id, Some(ExpectedState::Dead { is_resolved: true }));
        }
    }

    /// Matches as many unmatched deliveries of a plugin as `handled` has, and then again with the contrary, which
    /// changes nothing.
    async fn match_some(&mut self, plugin: &'static str, handled: &[bool]) {
        let limit = u32::try_from(handled.len()).unwrap();
        let found = self.db.unmatched(&name(plugin), None, limit).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|unmatched| unmatched.id).collect();
        let of_plugin = self
            .deliveries
            .iter()
            .filter(|(_, (is, _, of))| (is, *of) == (&ExpectedState::Unmatched, plugin));
        let expected: Vec<_> = of_plugin.map(|(id, _)| *id).take(handled.len()).collect();
        assert_eq!(found, expected);
        let decisions =
            found.iter().zip(handled).map(|(id, handled)| MatchDecision { id: *id, handled: *handled });
        let mut decisions: Vec<_> = decisions.collect();
        let of_other = self.db.match_deliveries(name("other"), decisions.clone()).await;
        assert_eq!(of_other, Ok(MatchCount::default()));
        let count = self.db.match_deliveries(name(plugin), decisions.clone()).await.unwrap();
        assert_eq!(count.handled + count.withdrawn, decisions.len() as u64);
        for MatchDecision { id, handled } in &mut decisions {
            if *handled {
                self.deliveries.get_mut(id).unwrap().0 = ExpectedState::Open;
            } else {
                self.close(*id, None);
            }
            *handled = !*handled;
        }
        assert_eq!(self.db.match_deliveries(name(plugin), decisions).await, Ok(MatchCount::default()));
    }

    async fn hold(&mut self, plugin: &'static str, paused: bool, held: bool) {
        let name = name(plugin);
        let done = match (paused, held) {
            (true, true) => self.db.pause(&name, Decision::of_host()).await,
            (true, false) => self.db.resume(&name, Decision::of_host()).await,
            (false, true) => self.db.hold(&name).await,
            (false, false) => self.db.end_hold(&name).await,
        };
        done.unwrap();
        if held {
            self.held.insert((plugin, paused));
        } else {
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

    /// Takes a delivery. It must be open, matched and not switched off, not taken, and the first of its ordering key.
    fn take(&mut self, delivery: Delivery) {
        let id = delivery.id;
        let (is, order, _) = &self.deliveries[&id];
        assert_eq!(*is, ExpectedState::Open, "{id}");
        assert!(!self.switched_off.contains(&id), "{id} is switched off");
        assert!(!self.in_hand.contains_key(&id), "{id} is in hand");
        // A replay of an earlier event does not overtake the delivery that was first when it was
        // requested.
        assert!(order.is_none_or(|order| self.heads[&order] == id), "{id} is blocked by {:?}", self.heads);
        self.in_hand.insert(id, delivery);
    }

    /// Everything that is open comes to its end, in the order of its key.
    async fn drain(&mut self) {
        for plugin in PLUGINS {
            for paused in [true, false] {
                self.hold(plugin, paused, false).await;
            }
        }
        self.switch_all_on().await;
        for plugin in PLUGINS {
            self.match_some(plugin, &[true, false].repeat(50)).await;
            self.settle().await;
        }
        assert_eq!(self.db.unmatched_plugins().await.unwrap(), []);
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
        self.check_unhandled().await;
        for (id, (is, ..)) in &self.deliveries {
            let shown = self.db.event(None, &format!("evt_{}", id.event)).await.unwrap().remove(0);
            let shown = shown.deliveries.iter().find(|delivery| delivery.id == id.to_string()).unwrap();
            let expected = match is {
                ExpectedState::Open | ExpectedState::Unmatched => unreachable!(),
                ExpectedState::Done => (State::Done, false),
                ExpectedState::Dead { is_resolved } => (State::Dead, *is_resolved),
            };
            assert_eq!((shown.state, shown.resolution.is_some()), expected, "{id}");
        }
    }
}

impl Model {
    /// An event is unhandled when all of its deliveries were withdrawn.
    async fn check_unhandled(&self) {
        let filter = EventFilter { state: Some(EventState::Unhandled), ..EventFilter::default() };
        let listed =
            self.db.events(&filter, None, 100).await.unwrap().events.into_iter().map(|event| event.id);
        let is_unhandled = |event: &i64| self.deliveries.keys().all(|id| id.event != *event);
        let expected = (1..=self.events).rev().filter(is_unhandled).map(|event| format!("evt_{event}"));
        assert_eq!(listed.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

fn nth<V>(of: &BTreeMap<DeliveryId, V>, which: usize) -> Option<DeliveryId> {
    if of.is_empty() { None } else { of.keys().nth(which % of.len()).copied() }
}

/// The number of cases: that of `PROPTEST_CASES`, or fewer than the default, because each opens
/// databases.
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
        story in proptest::collection::vec(operation(), 1..60)
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
