//! Sequences of observations, and what is told at each moment.

use super::*;
use crate::db::DeadLetters;

const SMS: &str = "sms";

fn alert() -> Alert {
    Alert {
        on: vec![Condition::DeadLetter, Condition::PluginPaused],
        group_wait_ms: 10,
        interval_min_ms: 100,
        recovery_wait_ms: 50,
        ..Alert::default()
    }
}

fn dead(subject: &str, count: u64) -> Observation {
    let dead = DeadLetters { plugin: subject.into(), deliveries: count, effects: 0, oldest_at: None };
    let fact = ProblemFact::DeadLetters(dead);
    Observation { condition: Condition::DeadLetter, subject: subject.into(), count, fact }
}

fn paused(subject: &str) -> Observation {
    let fact = ProblemFact::PausedByOperator { plugin: subject.into() };
    Observation { condition: Condition::PluginPaused, subject: subject.into(), count: 0, fact }
}

/// What is told: `+` begins or grows, `-` ends, `=` the number of those that go on.
fn tell(state: &mut AlertState, holding: Vec<Observation>, now: u64) -> String {
    tell_with(state, Observed { holding, unknown: Vec::new() }, now)
}

fn tell_with(state: &mut AlertState, observed: Observed, now: u64) -> String {
    state.observe(observed, &alert(), now);
    let Some(Changes { begun, ended, ongoing }) = state.take_changes(&alert(), now) else {
        return String::new();
    };
    let begun = begun.iter().map(|problem| format!("+{}{}", problem.subject, problem.count));
    let ended = ended.iter().map(|problem| format!("-{}", problem.subject));
    let mut all: Vec<_> = begun.chain(ended).collect();
    if ongoing > 0 {
        all.push(format!("={ongoing}"));
    }
    all.join(" ")
}

/// Observations at times, each with what is told then.
type Sequence = [(u64, Vec<Observation>, &'static str)];

fn check(name: &str, sequence: &Sequence) {
    let mut state = AlertState::default();
    for (now, holding, expected) in sequence {
        assert_eq!(tell(&mut state, holding.clone(), *now), *expected, "{name} at {now}");
    }
}

#[test]
fn a_problem_is_told_after_the_group_wait_and_once() {
    check(
        "once",
        &[
            (0, vec![dead(SMS, 1)], ""),
            (9, vec![dead(SMS, 1)], ""),
            (10, vec![dead(SMS, 1)], "+sms1"),
            (500, vec![dead(SMS, 1)], ""),
            (9000, vec![dead(SMS, 1)], ""),
        ],
    );
}

#[test]
fn problems_that_come_together_are_told_together() {
    check(
        "grouped",
        &[
            (0, vec![dead(SMS, 1)], ""),
            (5, vec![dead(SMS, 2), paused("crm")], ""),
            (10, vec![dead(SMS, 3), paused("crm"), dead("desk", 1)], "+desk1 +sms3 +crm0"),
        ],
    );
}

#[test]
fn later_changes_wait_for_the_interval_and_growth_is_a_change() {
    check(
        "limited",
        &[
            (0, vec![dead(SMS, 1)], ""),
            (10, vec![dead(SMS, 1)], "+sms1"),
            (30, vec![dead(SMS, 2)], ""),
            (109, vec![dead(SMS, 5)], ""),
            (110, vec![dead(SMS, 5), paused("crm")], "+sms5 +crm0"),
            (400, vec![dead(SMS, 4), paused("crm")], ""),
            (500, vec![dead(SMS, 5), paused("crm")], ""),
            (510, vec![dead(SMS, 5), paused("crm")], "+sms5 =1"),
        ],
    );
}

#[test]
fn an_end_is_told_once_and_only_if_its_beginning_was() {
    check(
        "recovered",
        &[
            (0, vec![dead(SMS, 1)], ""),
            (10, vec![dead(SMS, 1)], "+sms1"),
            (200, vec![], ""),
            (249, vec![], ""),
            (250, vec![], ""),
            (260, vec![], "-sms"),
            (900, vec![], ""),
        ],
    );
    check("never told", &[(0, vec![dead(SMS, 1)], ""), (5, vec![], ""), (400, vec![], "")]);
}

#[test]
fn a_problem_that_comes_and_goes_is_one_problem() {
    check(
        "flapping",
        &[
            (0, vec![paused(SMS)], ""),
            (10, vec![paused(SMS)], "+sms0"),
            (200, vec![], ""),
            (240, vec![paused(SMS)], ""),
            (280, vec![], ""),
            (320, vec![paused(SMS)], ""),
            (400, vec![paused(SMS)], ""),
            (600, vec![], ""),
            (660, vec![], ""),
            (670, vec![], "-sms"),
            (700, vec![paused(SMS)], ""),
            (770, vec![paused(SMS)], "+sms0"),
        ],
    );
}

#[test]
fn a_restart_tells_nothing_twice_and_forgets_nothing() {
    let mut state = AlertState::default();
    assert_eq!(tell(&mut state, vec![dead(SMS, 2), paused("crm")], 0), "");
    let restart = |state: AlertState, now| {
        let stored = serde_json::to_string(&state).unwrap();
        serde_json::from_str::<AlertState>(&stored).unwrap().restored(now)
    };
    state = restart(state, 10);
    assert_eq!(tell(&mut state, vec![dead(SMS, 2), paused("crm")], 10), "+sms2 +crm0");
    state = restart(state, 500);
    assert_eq!(tell(&mut state, vec![dead(SMS, 2)], 500), "");
    state = restart(state, 600);
    // It begins its group wait now.
    assert_eq!(tell(&mut state, vec![dead(SMS, 2)], 600), "");
    assert_eq!(tell(&mut state, vec![dead(SMS, 2)], 610), "-crm =1");
    // The clock was set back while no host ran.
    state = restart(state, 7);
    assert_eq!(tell(&mut state, vec![dead(SMS, 3)], 7), "");
    assert_eq!(tell(&mut state, vec![dead(SMS, 3)], 107), "+sms3");
}

#[test]
fn what_cannot_be_observed_stays_as_it_is() {
    let mut state = AlertState::default();
    tell(&mut state, vec![dead(SMS, 1), paused(SMS), paused("crm")], 0);
    assert_eq!(tell(&mut state, vec![dead(SMS, 1), paused(SMS), paused("crm")], 10), "+sms1 +crm0 +sms0");
    let unknown = || vec![(Condition::DeadLetter, None), (Condition::PluginPaused, Some("crm".to_owned()))];
    for now in [300, 400] {
        let observed = Observed { holding: Vec::new(), unknown: unknown() };
        assert_eq!(tell_with(&mut state, observed, now), "", "{now}");
    }
    let observed = Observed { holding: Vec::new(), unknown: unknown() };
    assert_eq!(tell_with(&mut state, observed, 410), "-sms =2");
}

#[test]
fn what_is_no_longer_watched_is_forgotten() {
    let mut state = AlertState::default();
    tell(&mut state, vec![dead(SMS, 1), paused(SMS)], 0);
    tell(&mut state, vec![dead(SMS, 1), paused(SMS)], 10);
    let fewer = Alert { on: vec![Condition::PluginPaused], ..alert() };
    state.observe(Observed { holding: vec![paused(SMS)], unknown: Vec::new() }, &fewer, 20);
    assert_eq!(state.problems.len(), 1);
}

#[test]
fn problems_have_a_limit() {
    let mut state = AlertState::default();
    let many = (0..2 * PROBLEMS_MAX).map(|number| dead(&number.to_string(), 1)).collect();
    state.observe(Observed { holding: many, unknown: Vec::new() }, &alert(), 0);
    assert_eq!(state.problems.len(), PROBLEMS_MAX);
}
