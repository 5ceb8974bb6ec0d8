//! The last hour of the host as pages show it: what counts have become, and lines of a minute each.

use super::language::Language;
use super::sparkline;
use super::ui::TimeTag;
use crate::admin::AdminState;
use crate::admin::hour::{self, Sample, Totals};
use crate::clock;

/// See the module. A host that runs for less than an hour counts from its start.
pub(super) struct LastHour {
    /// The oldest first; the last one is of now.
    samples: Vec<Sample>,
}

impl LastHour {
    /// The samples until now, and the number of unresolved dead letters now.
    pub(super) fn read(admin: &AdminState, dead: u64) -> Self {
        Self { samples: admin.hour.until(admin.hour.take(admin.db.backlog(), dead)) }
    }

    /// The numbers of now.
    pub(super) fn last(&self) -> Option<&Sample> {
        self.samples.last()
    }

    /// The minutes that it covers.
    pub(super) fn minutes(&self) -> u64 {
        let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) else { return 1 };
        (last.at.saturating_sub(first.at) / 60_000).clamp(1, 60)
    }

    /// So many in its minutes, by minute: with a digit after the point below 10.
    pub(super) fn by_minute(&self, count: u64, language: Language) -> String {
        describe_rate(count, self.minutes(), language)
    }

    /// What a count has become since the oldest sample.
    pub(super) fn increase(&self, count: impl Fn(&Totals) -> u64) -> u64 {
        hour::increase(&self.samples, |sample| count(&sample.totals))
    }

    /// Whether it is a whole hour.
    pub(super) fn is_whole(&self) -> bool {
        self.samples.len() > 60
    }

    /// When it began.
    pub(super) fn began(&self, now: u64, language: Language) -> TimeTag {
        let age = self.samples.first().map_or(0, |first| clock::now_ms().saturating_sub(first.at));
        TimeTag { at: now.saturating_sub(age), now, language }
    }

    /// The time from receipt to done within which this share (in thousandths) of the deliveries were done, in µs.
    pub(super) fn time_to_done(&self, share: u64) -> Option<u64> {
        let nothing = Totals::default();
        let before = self.samples.first().filter(|_| self.is_whole());
        let before = before.map_or(&nothing, |first| &*first.totals);
        self.samples.last()?.totals.time_to_done(before, share)
    }

    /// The line of a count's increase from sample to sample, by minute.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    pub(super) fn rates(&self, count: impl Fn(&Totals) -> u64) -> String {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let rates = pairs.map(|(before, after)| {
            let minutes = after.at.saturating_sub(before.at).max(1) as f64 / 60_000.0;
            let increase = count(&after.totals).saturating_sub(count(&before.totals));
            (after.at, increase as f64 / minutes)
        });
        sparkline::points(&rates.collect::<Vec<_>>())
    }

    /// The line of a level.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    pub(super) fn levels(&self, level: impl Fn(&Sample) -> u64) -> String {
        let levels = self.samples.iter().map(|sample| (sample.at, level(sample) as f64));
        sparkline::points(&levels.collect::<Vec<_>>())
    }

    /// The line of the median time from receipt to done.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    pub(super) fn times_to_done(&self) -> String {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let times = pairs.map(|(before, after)| {
            let time = after.totals.time_to_done(&before.totals, 500);
            (after.at, time.unwrap_or(0) as f64)
        });
        sparkline::points(&times.collect::<Vec<_>>())
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
fn describe_rate(count: u64, minutes: u64, language: Language) -> String {
    if count >= 10 * minutes {
        return language.number(count / minutes);
    }
    let rate = count as f64 / minutes as f64;
    if count > 0 && rate < 0.05 {
        return format!("< {}", language.decimal(0.1));
    }
    language.decimal(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_rate_has_a_digit_after_the_point() {
        for (count, minutes, english, french) in [
            (0, 60, "0", "0"),
            (1, 60, "< 0.1", "< 0,1"),
            (3, 60, "0.1", "0,1"),
            (59, 60, "1", "1"),
            (90, 60, "1.5", "1,5"),
            (600, 60, "10", "10"),
            (119_999, 60, "1,999", "1\u{202f}999"),
        ] {
            let rates = Language::ALL.map(|language| describe_rate(count, minutes, language));
            assert_eq!(rates, [english, french]);
        }
    }
}
