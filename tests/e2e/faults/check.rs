//! Compares the promises of the hosts with their results in the API, in plugins' stores and at the partner.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::ledger::{Appointment, Fails, Span};
use super::revising::Revising;
use super::rounds::{Operators, PLUGINS};
use super::switching::Switching;
use crate::support::{HostDir, Partner, ReceivedRequest, RunningHost, wait_until};

/// Violated promises, by kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Violations {
    lost: Vec<String>,
    done_twice: Vec<String>,
    out_of_order: Vec<String>,
    without_commit: Vec<String>,
    while_off: Vec<String>,
    not_in_force: Vec<String>,
}

/// Checks each cycle, and counts the checked items over all cycles.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// By appointment: the last number that was looked at.
    numbers: BTreeMap<String, u64>,
    done: BTreeMap<&'static str, BTreeSet<String>>,
    dead: usize,
    /// The key of each effect, and its event and plugin.
    keys: BTreeMap<String, (String, &'static str)>,
    requests: usize,
    accepted_while_off: usize,
    attempts: usize,
}

impl Checker {
    /// Waits until nothing is left to do, and looks at everything.
    pub(super) async fn check(
        &mut self,
        (dir, host): (&HostDir, &RunningHost<'_>),
        partner: &Partner,
        appointments: &[Appointment],
        Operators { switching, revising }: &Operators,
    ) {
        wait_until("no replay runs", async || {
            let (_, replays) = host.api_get("/api/v1/replays?limit=500").await;
            replays["items"].as_array()?.iter().all(|replay| replay["state"] == "done").then_some(())
        })
        .await;
        // Each replay runs all dead letters again, and there are ever more.
        host.wait_drained_within(Duration::from_mins(10)).await;
        wait_until("every effect is done or dead", async || (dir.open_effects().await == 0).then_some(()))
            .await;
        let mut violations = Violations::default();
        for appointment in appointments {
            let seen = self.numbers.insert(appointment.name(), appointment.answered).unwrap_or(0);
            for number in seen + 1..=appointment.answered {
                let id = appointment.id(number);
                match host.event(&id).await {
                    Some(event) => {
                        self.event(&event, appointment.fails(number), &mut violations);
                        let span = appointment.span(number);
                        self.switches(&event, span, switching, &mut violations);
                        self.revisions(&event, span, revising, &mut violations);
                    }
                    None => violations.lost.push(format!("{id} is not stored")),
                }
            }
        }
        let stored: u64 = appointments.iter().map(|appointment| appointment.answered).sum();
        wait_until("there is no event but those that were answered, and no old one", async || {
            (dir.number("SELECT count(*) FROM event").await == i64::try_from(stored).unwrap()).then_some(())
        })
        .await;
        for plugin in PLUGINS {
            self.books(plugin, &dir.bucket(plugin, "books").await, appointments, &mut violations);
        }
        self.partner(&partner.requests(), &mut violations);
        assert_eq!(violations, Violations::default(), "{self}");
    }

    /// An event is done by both plugins, or a dead letter where they reject it, again with each replay.
    fn event(&mut self, event: &Value, fails: Fails, violations: &mut Violations) {
        for plugin in PLUGINS {
            let all = event["deliveries"].as_array().unwrap();
            let own: Vec<_> = all.iter().filter(|delivery| delivery["plugin"] == plugin).collect();
            if own.is_empty() {
                violations.lost.push(format!("there is none for {plugin} in {event}"));
            }
            let replayed: BTreeSet<_> = own.iter().filter_map(|own| own["cause"]["of"].as_str()).collect();
            if own.len() != replayed.len() + 1 || (fails != Fails::Reject && own.len() > 1) {
                violations.done_twice.push(format!("there are {} for {plugin} in {event}", own.len()));
            }
            for delivery in own {
                self.delivery(event, plugin, delivery, fails, violations);
            }
        }
    }

    /// No attempt began while its plugin was off, if the event was accepted in that time.
    fn switches(&mut self, event: &Value, span: Span, switching: &Switching, violations: &mut Violations) {
        for delivery in event["deliveries"].as_array().unwrap() {
            let plugin = delivery["plugin"].as_str().unwrap();
            let Some(until) = switching.off_until(plugin, span) else { continue };
            self.accepted_while_off += 1;
            let attempts = delivery["attempts"].as_array().unwrap().iter();
            let started = attempts.filter_map(|attempt| attempt["started_at"].as_u64()).min();
            if started.is_some_and(|started| started < until) {
                violations.while_off.push(format!("{plugin} was off until {until}: {delivery}"));
            }
        }
    }

    /// Each attempt ran on a revision that was in force when it began.
    fn revisions(&mut self, event: &Value, span: Span, revising: &Revising, violations: &mut Violations) {
        for delivery in event["deliveries"].as_array().unwrap() {
            let plugin = delivery["plugin"].as_str().unwrap();
            for attempt in delivery["attempts"].as_array().unwrap() {
                let revision = attempt["revision"].as_str().unwrap();
                let started = attempt["started_at"].as_u64().unwrap();
                self.attempts += 1;
                if !revising.may_have_run(plugin, revision, span, started) {
                    let (id, of) = (&event["id"], &delivery["id"]);
                    violations
                        .not_in_force
                        .push(format!("{plugin} {revision} on {id} {of} {span:?}: {attempt}"));
                }
            }
        }
    }

    fn delivery(
        &mut self,
        event: &Value,
        plugin: &'static str,
        delivery: &Value,
        fails: Fails,
        violations: &mut Violations,
    ) {
        let id = event["id"].as_str().unwrap();
        let expected = if fails == Fails::Reject { "dead" } else { "done" };
        if delivery["state"] != expected {
            return violations.lost.push(format!("{plugin} has to end as {expected} in {event}"));
        }
        let attempts = delivery["attempts"].as_array().unwrap();
        let done = attempts.iter().filter(|attempt| attempt["outcome"] == "done").count();
        if done != usize::from(expected == "done") {
            violations.done_twice.push(format!("{plugin} was done {done} times in {event}"));
        }
        if expected == "dead" {
            self.dead += 1;
        } else {
            self.done.entry(plugin).or_default().insert(id.into());
        }
        self.effects(id, plugin, delivery, violations);
    }

    /// A delivery that is done has one effect, which is done; another has none.
    fn effects(&mut self, id: &str, plugin: &'static str, delivery: &Value, violations: &mut Violations) {
        let effects = delivery["effects"].as_array().unwrap();
        if delivery["state"] != "done" && !effects.is_empty() {
            violations.without_commit.push(format!("{id} for {plugin}: {delivery}"));
        }
        if delivery["state"] != "done" {
            return;
        }
        match &effects[..] {
            [effect] if effect["state"] == "done" => {
                let key = effect["key"].as_str().unwrap().to_owned();
                if let Some(other) = self.keys.insert(key, (id.into(), plugin)) {
                    violations.done_twice.push(format!("{id} for {plugin} has the key of {other:?}"));
                }
            }
            _ => violations.lost.push(format!("the effect of {id} for {plugin}: {delivery}")),
        }
    }

    /// The plugin's store counts each done event once, and the events of an appointment in their order.
    fn books(
        &self,
        plugin: &str,
        books: &BTreeMap<String, String>,
        appointments: &[Appointment],
        violations: &mut Violations,
    ) {
        let done = &self.done[plugin];
        let count: usize = books["done"].parse().unwrap();
        if count != done.len() {
            violations.done_twice.push(format!("{plugin} counts {count}, {} are done", done.len()));
        }
        for (key, text) in books {
            match key.split_once('/') {
                Some(("event", id)) if !done.contains(id) => {
                    violations.without_commit.push(format!("{plugin} wrote of {id}, which is not done"));
                }
                Some(("event", id)) if text != "1" => {
                    violations.done_twice.push(format!("{plugin} did {id} {text} times"));
                }
                Some(("disorder", id)) => {
                    violations.out_of_order.push(format!("{id} for {plugin}: {text}"));
                }
                _ => {}
            }
        }
        for id in done.iter().filter(|id| !books.contains_key(&format!("event/{id}"))) {
            violations.lost.push(format!("what {plugin} wrote of {id}"));
        }
        for appointment in appointments {
            let mut numbers = (1..=appointment.answered).rev();
            let last = numbers.find(|number| appointment.fails(*number) != Fails::Reject).unwrap_or(0);
            let wrote = books.get(&format!("last/{}", appointment.name())).map_or("0", String::as_str);
            if wrote != last.to_string() {
                violations
                    .out_of_order
                    .push(format!("{plugin} ended {} with {wrote}, not {last}", appointment.name()));
            }
        }
    }

    /// The partner received every effect, under its own key only.
    fn partner(&mut self, asked: &[ReceivedRequest], violations: &mut Violations) {
        self.requests = asked.len();
        let mut got = BTreeSet::new();
        for asked in asked {
            let key = asked.header("idempotency-key");
            let expected = self.keys.get(key).map(|(id, plugin)| (id.as_str(), format!("/{plugin}")));
            if expected.as_ref().map(|(id, path)| (*id, path.as_str())) != Some((asked.text(), &asked.path)) {
                let (path, id) = (&asked.path, asked.text());
                violations
                    .without_commit
                    .push(format!("{id} to {path} under {key}, which is of {expected:?}"));
            }
            got.insert(key);
        }
        for (key, of) in self.keys.iter().filter(|(key, _)| !got.contains(key.as_str())) {
            violations.lost.push(format!("the partner did not get {key} of {of:?}"));
        }
    }
}

impl fmt::Display for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: u64 = self.numbers.values().sum();
        let done: usize = self.done.values().map(BTreeSet::len).sum();
        let (dead, effects, requests) = (self.dead, self.keys.len(), self.requests);
        let (off, attempts) = (self.accepted_while_off, self.attempts);
        write!(
            f,
            "{events} events, {done} deliveries done and {dead} dead, {effects} effects in {requests} requests, \
             {off} deliveries accepted while their plugin was off, {attempts} attempts by their revisions"
        )
    }
}
