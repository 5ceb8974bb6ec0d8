//! Facts, and the sentences that they lead to.

use super::*;
use crate::alerts::fact::{REASON_MAX_CHARS, quoted};
use crate::config::{Scheme, Source};
use crate::event::SourceName;

fn facts() -> Facts {
    Facts {
        now: 10_000_000,
        dead_letters: Some(Vec::new()),
        paused: Some(Vec::new()),
        broken: Vec::new(),
        plugins: Vec::new(),
        backlog: 0,
        heard: BTreeMap::new(),
        watched_since: 10_000_000,
        pruning: PruningState { passed_at: 10_000_000, is_full: false },
        index_lag_ms: 0,
    }
}

fn view(state: PluginState, refusal: Option<&str>) -> PluginView {
    PluginView {
        name: "sms".into(),
        state,
        revision: None,
        size_bytes: 0,
        since: 0,
        handles: Vec::new(),
        imports: Vec::new(),
        refusal: refusal.map(str::to_owned),
        origin: None,
        is_pinned: false,
        waiting: None,
        version: 0,
    }
}

fn dead(deliveries: u64, effects: u64) -> Vec<DeadLetters> {
    vec![DeadLetters { plugin: "sms".into(), deliveries, effects, oldest_at: None }]
}

fn config() -> Config {
    let mut config = Config::default();
    let source = Source::preset(Scheme::HMAC, Vec::new());
    config.sources.insert(SourceName::new("crm").unwrap(), source);
    config.retention.size_max_bytes = Some(5);
    config
}

fn sentences(facts: &Facts, plugins: &[&str]) -> Vec<String> {
    let alert = Alert {
        on: vec![
            Condition::DeadLetter,
            Condition::PluginPaused,
            Condition::PluginRefused,
            Condition::Backlog,
            Condition::SourceSilent,
            Condition::RetentionBehind,
            Condition::IndexBehind,
        ],
        plugins: plugins.iter().map(|&plugin| plugin.to_owned()).collect(),
        backlog_max: Some(10),
        silent_after_ms: Some(120_000),
        ..Alert::default()
    };
    let observed = observe(facts, &alert, &config());
    observed.holding.into_iter().map(|one| one.fact.describe()).collect()
}

#[test]
fn each_condition_is_one_sentence() {
    let heard = |at| BTreeMap::from([("crm".to_owned(), at)]);
    let table: Vec<(Facts, &[&str])> = vec![
        (facts(), &[]),
        (Facts { dead_letters: Some(dead(1, 0)), ..facts() }, &["plugin sms has 1 dead letter"]),
        (
            Facts { dead_letters: Some(dead(3, 2)), ..facts() },
            &["plugin sms has 3 dead letters and 2 dead effects"],
        ),
        (Facts { dead_letters: None, paused: None, ..facts() }, &[]),
        (Facts { paused: Some(vec!["sms".into()]), ..facts() }, &["plugin sms is paused by an operator"]),
        (
            Facts { broken: vec!["sms".into()], ..facts() },
            &["plugin sms is paused by its breaker: nearly all of its latest deliveries failed"],
        ),
        (Facts { plugins: vec![view(PluginState::Running, None)], ..facts() }, &[]),
        (
            Facts {
                plugins: vec![view(PluginState::Running, Some("import \"x\"\nis\u{1b} unknown"))],
                ..facts()
            },
            &[
                "the file of plugin sms was refused, and the earlier revision continues: import \"x\" is unknown",
            ],
        ),
        (
            Facts { plugins: vec![view(PluginState::Refused, Some("bad"))], ..facts() },
            &["the file of plugin sms was refused, and no revision runs: bad"],
        ),
        (Facts { backlog: 10, ..facts() }, &[]),
        (Facts { backlog: 11, ..facts() }, &["11 deliveries are open, more than 10 (backlog_max)"]),
        (Facts { heard: heard(Some(9_880_001)), ..facts() }, &[]),
        (
            Facts { heard: heard(Some(9_880_000)), ..facts() },
            &["source crm has sent no event for 2 min or more"],
        ),
        (Facts { watched_since: 9_880_000, ..facts() }, &["source crm has sent no event for 2 min or more"]),
        (
            Facts { pruning: PruningState { passed_at: 6_400_000, is_full: false }, ..facts() },
            &["the removal of old events has not caught up for 1 h or more"],
        ),
        (
            Facts { pruning: PruningState { passed_at: 10_000_000, is_full: true }, ..facts() },
            &["the database has more than 5 bytes (retention.size_max_bytes), and no event may be removed"],
        ),
        (Facts { index_lag_ms: 3_599_999, ..facts() }, &[]),
        (
            Facts { index_lag_ms: 3_600_000, ..facts() },
            &["the search index has not caught up for 1 h or more"],
        ),
    ];
    for (facts, expected) in table {
        assert_eq!(sentences(&facts, &["*"]), expected, "{facts:?}");
    }
}

#[test]
fn only_what_the_alert_watches_is_observed() {
    let facts = Facts { dead_letters: Some(dead(1, 0)), backlog: 11, ..facts() };
    for (plugins, count) in [(&["sms"][..], 2), (&["s*"], 2), (&["crm", "sms*"], 2), (&["sm"], 1), (&[], 1)] {
        assert_eq!(sentences(&facts, plugins).len(), count, "{plugins:?}");
    }
}

#[test]
fn a_source_that_was_not_heard_yet_is_unknown_until_it_is_silent() {
    let alert = Alert { on: vec![Condition::SourceSilent], silent_after_ms: Some(5), ..Alert::default() };
    let observed = observe(&facts(), &alert, &config());
    assert_eq!(observed.unknown, [(Condition::SourceSilent, Some("crm".to_owned()))]);
}

#[test]
fn a_long_reason_is_cut() {
    let quoted = quoted(&"é".repeat(500));
    assert_eq!(quoted.chars().count(), REASON_MAX_CHARS + 1);
}
