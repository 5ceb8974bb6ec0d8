//! Counts since the host started, read from the text of `/metrics`.

use std::collections::BTreeMap;

/// Plugins and sources that are counted one by one.
const NAMES_MAX: usize = 512;

/// Counts since the host started.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::admin) struct Totals {
    /// Answers to senders by source and status.
    requests: BTreeMap<String, BTreeMap<String, u64>>,
    /// Answers `unauthorized` by source and reason.
    unauthorized: BTreeMap<String, BTreeMap<String, u64>>,
    /// Attempts by plugin and outcome.
    attempts: BTreeMap<String, BTreeMap<String, u64>>,
    /// Deliveries that were done, by the longest time from receipt to done, in µs; the last has no end.
    buckets: Vec<(u64, u64)>,
}

impl Totals {
    /// Reads the text of `/metrics`.
    pub(in crate::admin) fn parse(text: &str) -> Self {
        let mut totals = Self::default();
        let mut buckets = BTreeMap::<u64, u64>::new();
        for line in text.lines() {
            let Some((name, labels, count)) = parse_line(line) else { continue };
            let label = |wanted: &str| {
                labels
                    .iter()
                    .find(|(name, _)| name == wanted)
                    .map(|(_, value)| value.clone())
                    .unwrap_or_default()
            };
            match name {
                "hookyard_requests_total" => {
                    add(&mut totals.requests, label("source"), label("status"), count);
                }
                "hookyard_unauthorized_total" => {
                    add(&mut totals.unauthorized, label("source"), label("reason"), count);
                }
                "hookyard_attempts_total" => {
                    add(&mut totals.attempts, label("plugin"), label("outcome"), count);
                }
                "hookyard_accept_to_done_seconds_bucket" => {
                    *buckets.entry(microseconds(&label("le"))).or_default() += count;
                }
                _ => {}
            }
        }
        totals.buckets = buckets.into_iter().collect();
        totals
    }

    /// Events that were accepted.
    pub(in crate::admin) fn received(&self) -> u64 {
        self.requests.keys().map(|source| self.answered(source, "accepted")).sum()
    }

    /// Answers to a source with this status.
    pub(in crate::admin) fn answered(&self, source: &str, status: &str) -> u64 {
        count(&self.requests, source, status)
    }

    /// Answers `unauthorized` to a source for this reason.
    pub(in crate::admin) fn unauthorized(&self, source: &str, reason: &str) -> u64 {
        count(&self.unauthorized, source, reason)
    }

    /// The statuses and the number of answers to a source with each.
    pub(in crate::admin) fn answers(&self, source: &str) -> impl Iterator<Item = (&str, u64)> {
        let answers = self.requests.get(source).into_iter().flatten();
        answers.map(|(status, count)| (status.as_str(), *count))
    }

    /// The reasons of the answers `unauthorized` to a source and the number of each.
    pub(in crate::admin) fn unauthorized_reasons(&self, source: &str) -> impl Iterator<Item = (&str, u64)> {
        let reasons = self.unauthorized.get(source).into_iter().flatten();
        reasons.map(|(reason, count)| (reason.as_str(), *count))
    }

    /// Attempts of a plugin with this outcome.
    pub(in crate::admin) fn attempted(&self, plugin: &str, outcome: &str) -> u64 {
        count(&self.attempts, plugin, outcome)
    }

    /// Deliveries that were done.
    pub(in crate::admin) fn done(&self) -> u64 {
        self.attempts.keys().map(|plugin| self.attempted(plugin, "done")).sum()
    }

    /// The time from receipt to done within which this share (in thousandths) of the deliveries since `before` were done,
    /// in µs. `None` if there were none. Beyond the last bucket, its bound.
    pub(in crate::admin) fn time_to_done(&self, before: &Self, share: u64) -> Option<u64> {
        let earlier =
            |bound: u64| before.buckets.iter().find(|(known, _)| *known == bound).map_or(0, |(_, n)| *n);
        let counts: Vec<_> =
            self.buckets.iter().map(|(bound, n)| (*bound, n.saturating_sub(earlier(*bound)))).collect();
        let (_, all) = *counts.last()?;
        if all == 0 {
            return None;
        }
        // Between two bounds, deliveries are taken as evenly spread.
        let wanted = (all * share).div_ceil(1000).max(1);
        let at = counts.iter().position(|(_, n)| *n >= wanted)?;
        let (bound, up_to) = counts[at];
        let (lower, below) = at.checked_sub(1).map_or((0, 0), |at| counts[at]);
        if bound == u64::MAX || up_to <= below {
            return Some(if bound == u64::MAX { lower } else { bound });
        }
        Some(lower + (bound - lower) * (wanted - below) / (up_to - below))
    }
}

fn count(counts: &BTreeMap<String, BTreeMap<String, u64>>, name: &str, word: &str) -> u64 {
    counts.get(name).and_then(|words| words.get(word)).copied().unwrap_or(0)
}

fn add(counts: &mut BTreeMap<String, BTreeMap<String, u64>>, name: String, word: String, count: u64) {
    if counts.len() >= NAMES_MAX && !counts.contains_key(&name) {
        return;
    }
    *counts.entry(name).or_default().entry(word).or_default() += count;
}

/// A bound of a histogram, in seconds, as µs.
fn microseconds(bound: &str) -> u64 {
    let seconds: f64 = bound.parse().unwrap_or(f64::INFINITY);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounds are small and positive"
    )]
    let microseconds = (seconds * 1e6).round() as u64;
    if seconds.is_finite() { microseconds } else { u64::MAX }
}

type Labels = Vec<(String, String)>;

/// A line of the text format: the name, the labels and a count. Comments and other numbers are left out.
fn parse_line(line: &str) -> Option<(&str, Labels, u64)> {
    let (name, rest) = line.split_once('{')?;
    let mut labels = Vec::new();
    let mut rest = rest;
    while !rest.starts_with('}') {
        let (label, value) = rest.split_once("=\"")?;
        let mut text = String::new();
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    other => text.push(other),
                },
                (_, other) => text.push(other),
            }
        };
        labels.push((label.trim_start_matches(',').to_owned(), text));
        rest = value.get(end + 1..)?;
    }
    let count = rest.get(1..)?.trim().parse().ok()?;
    Some((name, labels, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE hookyard_requests_total counter
hookyard_requests_total{source=\"moncreneau\",status=\"accepted\"} 4
hookyard_requests_total{source=\"moncreneau\",status=\"unauthorized\"} 1
hookyard_requests_total{source=\"other\",status=\"accepted\"} 3
hookyard_unauthorized_total{source=\"moncreneau\",reason=\"mismatch\"} 1
hookyard_attempts_total{plugin=\"a\\\"},b\\\\\",outcome=\"done\"} 5
hookyard_attempts_total{plugin=\"desk\",outcome=\"done\"} 2
hookyard_attempts_total{plugin=\"desk\",outcome=\"retry\"} 7
hookyard_backlog 3
hookyard_accept_to_done_seconds_bucket{plugin=\"desk\",le=\"0.001\"} 10
hookyard_accept_to_done_seconds_bucket{plugin=\"desk\",le=\"0.01\"} 10
hookyard_accept_to_done_seconds_bucket{plugin=\"desk\",le=\"+Inf\"} 10
hookyard_accept_to_done_seconds_sum{plugin=\"desk\"} 0.5
";

    #[test]
    fn counts_are_read_from_the_text_of_metrics() {
        let totals = Totals::parse(BEFORE);
        assert_eq!((totals.received(), totals.done()), (7, 7));
        assert_eq!(totals.answered("moncreneau", "unauthorized"), 1);
        assert_eq!(totals.unauthorized("moncreneau", "mismatch"), 1);
        assert_eq!(totals.answers("moncreneau").collect::<Vec<_>>(), [("accepted", 4), ("unauthorized", 1)]);
        assert_eq!(totals.unauthorized_reasons("moncreneau").collect::<Vec<_>>(), [("mismatch", 1)]);
        assert_eq!((totals.attempted("a\"},b\\", "done"), totals.attempted("desk", "retry")), (5, 7));
        assert_eq!(totals.attempted("none", "done"), 0);
    }

    #[test]
    fn times_to_done_are_those_since_an_earlier_moment() {
        let before = Totals::parse(BEFORE);
        let line = |le: &str, n: u64| {
            format!("hookyard_accept_to_done_seconds_bucket{{plugin=\"desk\",le=\"{le}\"}} {n}\n")
        };
        let now = |counts: [u64; 3]| {
            let [a, b, c] = counts;
            Totals::parse(&[line("0.001", a), line("0.01", b), line("+Inf", c)].concat())
        };
        assert_eq!(now([10, 10, 10]).time_to_done(&before, 500), None, "none since then");
        let half = now([60, 110, 110]);
        assert_eq!(half.time_to_done(&before, 500), Some(1000));
        assert_eq!(half.time_to_done(&before, 750), Some(5500));
        assert_eq!(half.time_to_done(&before, 1000), Some(10_000));
        assert_eq!(now([10, 10, 20]).time_to_done(&before, 500), Some(10_000), "more than the last bound");
        assert_eq!(Totals::default().time_to_done(&Totals::default(), 500), None);
    }
}
