//! Reads the page of all metrics, in Prometheus' text format, as the host writes it itself.
//!
//! So the collector gets what `/metrics` shows, and recording costs nothing more.

use std::collections::BTreeMap;

/// Names and values of labels.
pub(super) type Labels = Vec<(String, String)>;

/// A metric with all of its series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) value: Value,
}

/// The series of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Counter(Vec<(Labels, f64)>),
    Gauge(Vec<(Labels, f64)>),
    Histogram(Vec<(Labels, Distribution)>),
}

/// The numbers of samples in buckets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Distribution {
    /// The upper bounds of all buckets but the last.
    pub(super) bounds: Vec<f64>,
    /// The numbers in the buckets.
    pub(super) buckets: Vec<u64>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

/// Reads the page. What it does not know, it leaves out.
pub(super) fn read(page: &str) -> Vec<Family> {
    let (mut families, mut helps) = (Vec::<Family>::new(), BTreeMap::new());
    let mut histogram = Histogram::default();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            helps.insert(name, help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            histogram.end(&mut families);
            let value = match kind {
                "counter" => Value::Counter(Vec::new()),
                "gauge" => Value::Gauge(Vec::new()),
                "histogram" => Value::Histogram(Vec::new()),
                _ => continue,
            };
            let help = helps.get(name).copied().unwrap_or_default().to_owned();
            families.push(Family { name: name.to_owned(), help, value });
        } else if let (Some((name, labels, number)), Some(family)) = (read_sample(line), families.last_mut())
        {
            match (&mut family.value, name.strip_prefix(family.name.as_str())) {
                (Value::Counter(samples) | Value::Gauge(samples), Some("")) => samples.push((labels, number)),
                (Value::Histogram(_), Some(part)) => histogram.add(part, labels, number),
                _ => {}
            }
        }
    }
    histogram.end(&mut families);
    families
}

/// The series of the histogram that is being read.
#[derive(Default)]
struct Histogram(Vec<(Labels, Distribution)>);

impl Histogram {
    fn add(&mut self, part: &str, mut labels: Labels, number: f64) {
        let bound = labels.iter().position(|(name, _)| name == "le").map(|at| labels.remove(at).1);
        let at = self.0.iter().position(|(known, _)| *known == labels).unwrap_or_else(|| {
            self.0.push((labels, Distribution::default()));
            self.0.len() - 1
        });
        let Some((_, distribution)) = self.0.get_mut(at) else { return };
        match (part, bound) {
            ("_bucket", Some(bound)) => {
                // The page counts all samples up to the bound.
                let below: u64 = distribution.buckets.iter().sum();
                distribution.buckets.push(whole(number).saturating_sub(below));
                distribution.bounds.extend(bound.parse::<f64>().ok().filter(|bound| bound.is_finite()));
            }
            ("_count", None) => distribution.count = whole(number),
            ("_sum", None) => distribution.sum = number,
            _ => {}
        }
    }

    /// Gives the series to the last family, if they are of it.
    fn end(&mut self, families: &mut [Family]) {
        let read = std::mem::take(&mut self.0);
        if let Some(Family { value: Value::Histogram(series), .. }) = families.last_mut() {
            series.extend(read);
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole and positive")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// `name{label="value"} number`
fn read_sample(line: &str) -> Option<(&str, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = read_value(after)?;
            labels.push((label.to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    Some((name, labels, rest.trim().parse().ok()?))
}

/// A label's value up to its closing quotation mark, and the rest.
fn read_value(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn counters_gauges_and_histograms_are_read() {
        let page = "# HELP a_total Some text\n# TYPE a_total counter\na_total{plugin=\"x\\\"y\\\\z\\n,}\",outcome=\"done\"} 3\n\
                    a_total 4\n\n# TYPE b gauge\nb 0.5\n# TYPE c_seconds histogram\n\
                    c_seconds_bucket{plugin=\"p\",le=\"0.1\"} 1\nc_seconds_bucket{plugin=\"p\",le=\"1\"} 3\n\
                    c_seconds_bucket{plugin=\"p\",le=\"+Inf\"} 4\nc_seconds_sum{plugin=\"p\"} 2.5\n\
                    c_seconds_count{plugin=\"p\"} 4\n# TYPE d summary\nd{quantile=\"0.5\"} 1\n# TYPE e gauge\ne NaN\n";
        let families = read(page);
        let names: Vec<_> = families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["a_total", "b", "c_seconds", "e"]);
        assert_eq!(families[0].help, "Some text");
        let expected =
            vec![(labels(&[("plugin", "x\"y\\z\n,}"), ("outcome", "done")]), 3.0), (Vec::new(), 4.0)];
        assert_eq!(families[0].value, Value::Counter(expected));
        assert_eq!(families[1].value, Value::Gauge(vec![(Vec::new(), 0.5)]));
        let distribution =
            Distribution { bounds: vec![0.1, 1.0], buckets: vec![1, 2, 1], count: 4, sum: 2.5 };
        assert_eq!(families[2].value, Value::Histogram(vec![(labels(&[("plugin", "p")]), distribution)]));
    }

    #[test]
    fn damaged_lines_are_left_out() {
        for line in
            ["", "a", "a{", "a{b", "a{b=\"", "a{b=\"c\"", "a{b=\"c\"}", "a{b=\"c\"} x", "a 1", "# TYPE a"]
        {
            assert_eq!(read(line), Vec::new(), "{line}");
        }
        let page = "# TYPE a counter\nb 1\na{x=\"\\\na 2\n";
        assert_eq!(read(page)[0].value, Value::Counter(vec![(Vec::new(), 2.0)]));
    }
}
