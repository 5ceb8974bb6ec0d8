//! The text of a notification: plain, with the command that helps, and without anything from a payload. Pure.

use std::fmt::Write as _;

use serde_json::json;

use super::outbox::Notification;
use super::rules::{Changes, Problem};
use crate::clock;
use crate::config::Condition;

/// The most problems of one kind in a text. Their number is in it in any case.
const LISTED_MAX: usize = 20;
/// The longest title, in characters.
const TITLE_MAX_CHARS: usize = 200;

/// Tells of changes.
pub(super) fn of_changes(alert: &str, changes: &Changes, now: u64) -> Notification {
    let mut text = String::new();
    for (heading, problems) in [("Problems", &changes.begun), ("Recovered", &changes.ended)] {
        if problems.is_empty() {
            continue;
        }
        let _infallible = writeln!(text, "{heading}:\n");
        for problem in problems.iter().take(LISTED_MAX) {
            text.push_str(&paragraph(problem, heading == "Recovered"));
        }
        let more = problems.len().saturating_sub(LISTED_MAX);
        if more > 0 {
            let _infallible = writeln!(text, "- and {more} more: hookyard alert list\n");
        }
    }
    if changes.ongoing > 0 {
        let _infallible =
            writeln!(text, "Going on, and told before: {}. See: hookyard alert list\n", changes.ongoing);
    }
    let title = title(alert, changes);
    let list = |problems: &[Problem]| problems.iter().take(LISTED_MAX).map(as_json).collect::<Vec<_>>();
    let data = json!({
        "alert": alert,
        "title": title,
        "problems": list(&changes.begun),
        "problems_count": changes.begun.len(),
        "recovered": list(&changes.ended),
        "recovered_count": changes.ended.len(),
        "ongoing_count": changes.ongoing,
    });
    new("alert.changed", &data, title, text, now)
}

/// A notification that tries the receiver.
pub(super) fn of_test(alert: &str, now: u64) -> Notification {
    let title = format!("[hookyard] {alert}: a test, nothing is wrong");
    let text = format!("An operator tries the alert {alert}: hookyard alert test {alert}\n");
    let data = json!({ "alert": alert, "title": title });
    new("alert.test", &data, title, text, now)
}

fn new(event_type: &str, data: &serde_json::Value, title: String, text: String, now: u64) -> Notification {
    let body = json!({ "type": event_type, "timestamp": time(now), "data": data }).to_string();
    Notification::new(title, text, body, now)
}

/// One line: what is wrong, where, and since when.
fn title(alert: &str, changes: &Changes) -> String {
    let line = match (changes.begun.as_slice(), changes.ended.as_slice()) {
        ([one], []) => format!("{}, since {}", short(one), time(one.since)),
        ([], [one]) => format!("recovered: {}", recovery(one)),
        ([], ended) => format!("{} problems have ended", ended.len()),
        ([one, more @ ..], ended) => {
            let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
            let ended = if ended.is_empty() { String::new() } else { format!("; {} ended", ended.len()) };
            format!("{}{more}{ended}", short(one))
        }
    };
    let line = format!("[hookyard] {alert}: {line}");
    match line.char_indices().nth(TITLE_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The sentence up to its reason, which may be long.
fn short(problem: &Problem) -> String {
    let mut sentence = describe(problem);
    sentence.truncate(sentence.find(": ").unwrap_or(sentence.len()));
    sentence
}

fn describe(problem: &Problem) -> String {
    problem.fact().describe()
}

fn paragraph(problem: &Problem, is_over: bool) -> String {
    let since = time(problem.since);
    match problem.over_since.filter(|_| is_over) {
        Some(over) => format!("- {}, since {}\n  It began at {since}.\n\n", recovery(problem), time(over)),
        None => format!("- {}, since {since}\n  {}\n\n", describe(problem), help(problem)),
    }
}

fn as_json(problem: &Problem) -> serde_json::Value {
    let is_over = problem.over_since.is_some();
    json!({
        "condition": problem.condition,
        "subject": problem.subject,
        "detail": if is_over { recovery(problem) } else { describe(problem) },
        "since": time(problem.since),
        "until": problem.over_since.map(time),
        "help": (!is_over).then(|| help(problem)),
    })
}

/// The sentence about the end of a problem.
fn recovery(problem: &Problem) -> String {
    let subject = &problem.subject;
    match problem.condition {
        Condition::DeadLetter => format!("plugin {subject} has no unresolved dead letters"),
        Condition::PluginPaused => format!("plugin {subject} is not paused"),
        Condition::PluginRefused => format!("no file of plugin {subject} is refused"),
        Condition::Backlog => "the backlog is below its limit".into(),
        Condition::SourceSilent => format!("source {subject} sends events"),
        Condition::RetentionBehind => "the removal of old events has caught up".into(),
        Condition::IndexBehind => "the search index has caught up".into(),
    }
}

/// The command that shows more or ends it.
pub(super) fn help(problem: &Problem) -> String {
    let subject = &problem.subject;
    match problem.condition {
        Condition::DeadLetter => format!("hookyard delivery list --state dead --plugin {subject}"),
        Condition::PluginPaused => format!("hookyard delivery list --plugin {subject}"),
        Condition::PluginRefused => "hookyard plugin list".into(),
        Condition::Backlog => "hookyard delivery list --state pending".into(),
        Condition::SourceSilent => format!("hookyard event list --source {subject}"),
        Condition::RetentionBehind => "hookyard delivery list --state dead".into(),
        Condition::IndexBehind => "hookyard event list --search TEXT".into(),
    }
}

/// A time of the host's clock as people read it, RFC 3339.
fn time(host_ms: u64) -> String {
    let shown = i64::try_from(clock::shown(host_ms)).ok();
    let time = shown.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "?".into(), |time| format!("{time:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::fact::ProblemFact;
    use crate::db::DeadLetters;

    fn problem(condition: Condition, subject: &str, fact: ProblemFact) -> Problem {
        Problem {
            condition,
            subject: subject.into(),
            since: 1_000,
            told: None,
            over_since: None,
            count: 0,
            fact: Some(fact),
        }
    }

    fn dead(plugin: &str) -> Problem {
        let dead = DeadLetters { plugin: plugin.into(), deliveries: 3, effects: 0, oldest_at: None };
        problem(Condition::DeadLetter, plugin, ProblemFact::DeadLetters(dead))
    }

    fn ended(plugin: &str) -> Problem {
        Problem { over_since: Some(5_000), ..dead(plugin) }
    }

    fn of(begun: Vec<Problem>, ended: Vec<Problem>, ongoing: usize) -> Notification {
        of_changes("ops", &Changes { begun, ended, ongoing }, 9_000)
    }

    #[test]
    fn a_title_is_one_line_that_says_what_is_wrong() {
        let (plugin, reason) = ("sms".to_owned(), "a long reason".to_owned());
        let fact = ProblemFact::Refused { plugin, reason, earlier_runs: false };
        let refused = problem(Condition::PluginRefused, "sms", fact);
        for (notification, expected) in [
            (of(vec![dead("sms")], vec![], 0), "plugin sms has 3 dead letters, since 1970-01-01T00:00:01Z"),
            (
                of(vec![refused], vec![], 0),
                "the file of plugin sms was refused, and no revision runs, since 1970-01-01T00:00:01Z",
            ),
            (of(vec![dead("sms"), dead("crm")], vec![], 1), "plugin sms has 3 dead letters, and 1 more"),
            (of(vec![dead("sms")], vec![ended("crm")], 0), "plugin sms has 3 dead letters; 1 ended"),
            (of(vec![], vec![ended("crm")], 0), "recovered: plugin crm has no unresolved dead letters"),
            (of(vec![], vec![ended("crm"), ended("sms")], 0), "2 problems have ended"),
        ] {
            assert_eq!(notification.title, format!("[hookyard] ops: {expected}"));
        }
        let long = of(vec![dead(&"x".repeat(500))], vec![], 0).title;
        assert_eq!(long.chars().count(), TITLE_MAX_CHARS + 1);
    }

    #[test]
    fn a_text_names_each_problem_its_time_and_the_command_that_helps() {
        let text = of(vec![dead("sms")], vec![ended("crm")], 2).text;
        assert_eq!(
            text,
            "Problems:\n\n- plugin sms has 3 dead letters, since 1970-01-01T00:00:01Z\n  \
             hookyard delivery list --state dead --plugin sms\n\n\
             Recovered:\n\n- plugin crm has no unresolved dead letters, since 1970-01-01T00:00:05Z\n  \
             It began at 1970-01-01T00:00:01Z.\n\n\
             Going on, and told before: 2. See: hookyard alert list\n\n"
        );
        let many = of((0..50).map(|number| dead(&format!("p{number}"))).collect(), vec![], 0);
        assert!(many.text.contains("- and 30 more: hookyard alert list"), "{}", many.text);
        let body: serde_json::Value = serde_json::from_str(&many.body).unwrap();
        assert_eq!((&body["type"], &body["data"]["problems_count"]), (&json!("alert.changed"), &json!(50)));
        assert_eq!(body["data"]["problems"].as_array().unwrap().len(), LISTED_MAX);
    }
}
