//! The sources: the list, and one with its last hour, what it refused and why, and how to set it up.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::last_hour::LastHour;
use super::listing::{self, encode};
use super::shell::{Page, Section, Shell};
use super::source_confirmations::Confirmations;
use super::source_setup::Setup;
use super::source_test::Tested;
use super::ui::{StateTag, TimeTag, Tone};
use super::visit::Visit;
use super::words::{OverviewWords, SourcesWords};
use crate::admin::api::extract::Path;
use crate::admin::auth::{Allowed, need};
use crate::admin::doctor::{self, Silence};
use crate::admin::hour::Totals;
use crate::admin::{AdminState, Problem};
use crate::config::{Config, Handshake};

/// The status of an event that was stored.
const ACCEPTED: &str = "accepted";
/// The status of a request that is not verified. Its reasons are counted one by one.
const UNAUTHORIZED: &str = "unauthorized";
/// Statuses of answers that refuse nothing.
const NOT_REFUSED: [&str; 3] = [ACCEPTED, "duplicate", "handshake"];

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    shell: Shell,
    w: SourcesWords,
    /// The span of the numbers.
    span: String,
    rows: Vec<SourceRow>,
}

struct SourceRow {
    name: String,
    path: String,
    state: StateTag,
    last: Option<TimeTag>,
    received: String,
    points: String,
    chart: String,
    refused: String,
    has_refused: bool,
}

#[derive(Template)]
#[template(path = "source.html")]
struct SourcePage {
    shell: Shell,
    w: SourcesWords,
    name: String,
    state: StateTag,
    last: Option<TimeTag>,
    /// The list of its events.
    events: String,
    /// Why nobody hears from it, if that is so.
    silence: Option<String>,
    span: String,
    numbers: [SourceNumber; 4],
    refusals: Vec<RefusalRow>,
    confirmations: Option<Confirmations>,
    setup: Setup,
    /// The form of a test, and what came of one.
    tested: Tested,
}

struct SourceNumber {
    name: &'static str,
    value: String,
    note: String,
    chart: String,
    points: String,
    is_bad: bool,
}

/// A reason for which requests were refused.
struct RefusalRow {
    name: String,
    hint: &'static str,
    count: String,
}

/// The address of a source's page.
pub(super) fn path_of(name: &str) -> String {
    format!("/sources/{}", encode(name))
}

/// `GET /sources`
pub(super) async fn list(
    _reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
) -> Result<Response, Problem> {
    let w = SourcesWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::Sources, w.title());
    let known = Known::read(&admin, &shell).await?;
    let config = admin.config.borrow().clone();
    let rows = config.sources.keys().map(|name| known.row(name.as_str(), &config, w)).collect();
    let span = known.span(w);
    Ok(Page(SourcesPage { shell, w, span, rows }).into_response())
}

/// `GET /sources/{name}`
pub(super) async fn show(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    page(reader, &admin, &visit, name, Tested::default()).await
}

/// The page of a source, with what came of a test.
pub(super) async fn page(
    reader: Allowed<need::Read>,
    admin: &AdminState,
    visit: &Visit,
    name: String,
    tested: Tested,
) -> Result<Response, Problem> {
    let w = SourcesWords(visit.language);
    let shell = Shell::new(admin, visit, Section::Sources, &name);
    let config = admin.config.borrow().clone();
    let Some(source) = config.sources.get(name.as_str()) else {
        return Err(Problem::not_found(format!("no source `{name}` is configured")));
    };
    let known = Known::read(admin, &shell).await?;
    let asks = source.handshake == Some(Handshake::AwsSns);
    let confirmations = Confirmations::read(reader, admin, &shell, &name, asks).await?;
    let time = |at| TimeTag { at, now: shell.now, language: shell.language };
    let page = SourcePage {
        state: known.state(&name, &config, w),
        last: known.last(&name),
        events: listing::address("/events", [("source", name.as_str())]),
        silence: known.silence(&name, &config, w),
        span: known.span(w),
        numbers: known.numbers(&name, w),
        refusals: known.refusals(&name, w),
        confirmations,
        setup: Setup::of(source, &name, &config, time, w),
        tested,
        name,
        w,
        shell,
    };
    Ok(Page(page).into_response())
}

/// What the host knows of its sources.
struct Known<'a> {
    shell: &'a Shell,
    hour: LastHour,
    /// When the last event of each came.
    heard: Vec<(String, u64)>,
}

impl<'a> Known<'a> {
    async fn read(admin: &AdminState, shell: &'a Shell) -> Result<Self, Problem> {
        let heard = admin.db.last_received().await?;
        Ok(Self { shell, hour: LastHour::read(admin, 0), heard })
    }

    fn last(&self, name: &str) -> Option<TimeTag> {
        let (_, at) = self.heard.iter().find(|(source, _)| source == name)?;
        Some(TimeTag { at: *at, now: self.shell.now, language: self.shell.language })
    }

    fn find_silence(&self, name: &str, config: &Config) -> Option<Silence> {
        doctor::find_silence(config, &self.heard, self.shell.now, name)
    }

    fn state(&self, name: &str, config: &Config, w: SourcesWords) -> StateTag {
        let (tone, word) = match self.find_silence(name, config) {
            Some(Silence::Hours(_)) => (Tone::Waiting, w.silent()),
            Some(Silence::Unheard) => (Tone::Quiet, w.unheard()),
            None => (Tone::Done, w.heard()),
        };
        StateTag { tone, word }
    }

    fn silence(&self, name: &str, config: &Config, w: SourcesWords) -> Option<String> {
        Some(match self.find_silence(name, config)? {
            Silence::Hours(hours) => w.silent_about(self.number(hours)),
            Silence::Unheard => w.unheard_about().to_owned(),
        })
    }

    fn span(&self, w: SourcesWords) -> String {
        let words = OverviewWords(w.0);
        if self.hour.is_whole() {
            return words.numbers().to_owned();
        }
        words.numbers_since(self.hour.began(self.shell.now, w.0).relative())
    }

    fn number(&self, number: u64) -> String {
        self.shell.language.number(number)
    }

    fn answered(&self, name: &str, status: &str) -> u64 {
        self.hour.increase(|totals| totals.answered(name, status))
    }

    fn row(&self, name: &str, config: &Config, w: SourcesWords) -> SourceRow {
        let refused = self.hour.increase(|totals| refused(totals, name));
        SourceRow {
            path: path_of(name),
            state: self.state(name, config, w),
            last: self.last(name),
            received: self.number(self.answered(name, ACCEPTED)),
            points: self.hour.rates(|totals| totals.answered(name, ACCEPTED)),
            chart: OverviewWords(w.0).chart(w.received()),
            refused: self.number(refused),
            has_refused: refused > 0,
            name: name.to_owned(),
        }
    }

    fn numbers(&self, name: &str, w: SourcesWords) -> [SourceNumber; 4] {
        let words = OverviewWords(w.0);
        let number = |title: &'static str, is_bad: bool, count: &dyn Fn(&Totals) -> u64| {
            let value = self.hour.increase(count);
            SourceNumber {
                name: title,
                note: words.per_minute(self.hour.by_minute(value, self.shell.language)),
                chart: words.chart(title),
                points: self.hour.rates(count),
                is_bad: is_bad && value > 0,
                value: self.number(value),
            }
        };
        let unauthorized = |totals: &Totals| totals.answered(name, UNAUTHORIZED);
        [
            number(w.received(), false, &|totals| totals.answered(name, ACCEPTED)),
            number(w.duplicates(), false, &|totals| totals.answered(name, "duplicate")),
            number(w.unauthorized(), true, &unauthorized),
            number(w.other_refusals(), true, &|totals| refused(totals, name) - unauthorized(totals)),
        ]
    }

    /// The reasons for which requests were refused, the most frequent first.
    fn refusals(&self, name: &str, w: SourcesWords) -> Vec<RefusalRow> {
        let Some(last) = self.hour.last() else { return Vec::new() };
        let reasons = last
            .totals
            .unauthorized_reasons(name)
            .map(|(reason, _)| (reason, self.hour.increase(|totals| totals.unauthorized(name, reason))));
        let statuses = last.totals.answers(name).map(|(status, _)| (status, self.answered(name, status)));
        let statuses =
            statuses.filter(|(status, _)| *status != UNAUTHORIZED && !NOT_REFUSED.contains(status));
        let mut all: Vec<_> = reasons.chain(statuses).filter(|(_, count)| *count > 0).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let row = |(reason, count): (&str, u64)| {
            let (name, hint) = describe_refusal(reason, w);
            RefusalRow {
                name: name.map_or_else(|| reason.to_owned(), str::to_owned),
                hint,
                count: self.number(count),
            }
        };
        all.into_iter().map(row).collect()
    }
}

/// The answers that refused a request of this source.
fn refused(totals: &Totals, name: &str) -> u64 {
    let refused = totals.answers(name).filter(|(status, _)| !NOT_REFUSED.contains(status));
    refused.map(|(_, count)| count).sum()
}

/// The name of a reason for a refusal, and what to do about it. A reason that the pages do not know has neither.
fn describe_refusal(reason: &str, w: SourcesWords) -> (Option<&'static str>, &'static str) {
    let (name, hint) = match reason {
        "missing" => (w.missing(), w.missing_hint()),
        "repeated" => (w.repeated(), w.form_hint()),
        "malformed" => (w.malformed(), w.form_hint()),
        "mismatch" => (w.mismatch(), w.mismatch_hint()),
        "too-old" => (w.too_old(), w.too_old_hint()),
        "too-new" => (w.too_new(), w.too_new_hint()),
        "no-url" => (w.no_url(), w.no_url_hint()),
        "refused" => (w.refused_by_verifier(), w.refused_by_verifier_hint()),
        "invalid" => (w.invalid(), w.invalid_hint()),
        "conflict" => (w.conflict(), w.conflict_hint()),
        "too-large" => (w.too_large(), w.too_large_hint()),
        "unsupported" => (w.unsupported(), w.unsupported_hint()),
        "timeout" | "incomplete" => (w.incomplete(), w.incomplete_hint()),
        "overloaded" => (w.overloaded(), w.again_hint()),
        "unavailable" => (w.unavailable(), w.again_hint()),
        "method-not-allowed" => (w.method(), w.method_hint()),
        _ => return (None, ""),
    };
    (Some(name), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::pages::language::Language;

    #[test]
    fn every_reason_that_the_endpoint_counts_has_a_name() {
        let w = SourcesWords(Language::French);
        for reason in [
            "missing",
            "repeated",
            "malformed",
            "mismatch",
            "too-old",
            "too-new",
            "no-url",
            "invalid",
            "conflict",
            "timeout",
        ] {
            assert!(describe_refusal(reason, w).0.is_some(), "{reason}");
        }
        assert_eq!(describe_refusal("of tomorrow", w), (None, ""));
    }
}
