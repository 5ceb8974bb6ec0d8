//! Settings: the alerts, what they have found, and a test of each.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::alert_facts::{self, ProblemTelling};
use super::settings::{Tab, tabs};
use super::shell::{Page, Section, Shell};
use super::ui::{StateTag, TimeTag, Tone};
use super::visit::Visit;
use super::words::{AlertsWords, SettingsWords};
use crate::admin::api::extract::Path;
use crate::admin::api::{AlertTestResult, alerts};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::alerts::{AlertView, ProblemView};
use crate::config::Condition;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    shell: Shell,
    w: AlertsWords,
    tabs: Vec<Tab>,
    rows: Vec<AlertRow>,
    tested: Option<Tested>,
}

struct AlertRow {
    name: String,
    state: StateTag,
    conditions: Vec<String>,
    receiver: String,
    problems: Vec<ProblemRow>,
    notified: Option<TimeTag>,
    pending: Option<PendingRow>,
    /// Where it is tested, for those who may.
    test: Option<String>,
}

struct ProblemRow {
    condition: &'static str,
    subject: String,
    telling: ProblemTelling,
    help: String,
    since: TimeTag,
    over: Option<TimeTag>,
}

/// A notification that has not arrived.
struct PendingRow {
    failures: String,
    has_failed: bool,
    due: TimeTag,
    error: Option<String>,
}

/// The result of a test.
struct Tested {
    name: String,
    delivered: bool,
    detail: String,
}

/// `GET /settings/alerts`
pub(super) async fn show(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
) -> Result<Response, Problem> {
    Ok(page(&reader, &admin, &visit, None))
}

/// `POST /settings/alerts/{name}/test`
pub(super) async fn test(
    operator: Allowed<need::Operate>,
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let result = alerts::test(operator, State(admin.clone()), Path(name.clone())).await?.0;
    let AlertTestResult { delivered, detail, .. } = result;
    // A form leads back to the list: this page is the answer to a test.
    let visit = Visit { path: "/settings/alerts".into(), ..visit };
    Ok(page(&reader, &admin, &visit, Some(Tested { name, delivered, detail })))
}

fn page(reader: &Allowed<need::Read>, admin: &AdminState, visit: &Visit, tested: Option<Tested>) -> Response {
    let w = AlertsWords(visit.language);
    let shell = Shell::new(admin, visit, Section::Settings, w.title());
    let found = alerts::find_all(reader, admin);
    let rows = found.into_iter().map(|alert| row(alert, &shell, w)).collect();
    let tabs = tabs(&shell, "/settings/alerts", SettingsWords(visit.language));
    Page(AlertsPage { shell, w, tabs, rows, tested }).into_response()
}

fn row(alert: AlertView, shell: &Shell, w: AlertsWords) -> AlertRow {
    let time = |at| TimeTag { at, now: shell.now, language: shell.language };
    let open = alert.problems.iter().filter(|problem| problem.over_since.is_none()).count();
    let has_failed = alert.pending.as_ref().is_some_and(|pending| pending.failures > 0);
    let (tone, word) = match open {
        _ if has_failed => (Tone::Dead, w.failing()),
        0 => (Tone::Done, w.ok()),
        _ => (Tone::Waiting, w.firing()),
    };
    let problem = |problem: ProblemView| ProblemRow {
        condition: describe_condition(problem.condition, w),
        subject: problem.subject,
        telling: alert_facts::tell(&problem.fact, shell.language),
        help: problem.help,
        since: time(problem.since),
        over: problem.over_since.map(time),
    };
    AlertRow {
        state: StateTag { tone, word },
        conditions: alert.on.iter().map(|condition| describe_condition(*condition, w).to_owned()).collect(),
        receiver: alert.receiver,
        problems: alert.problems.into_iter().map(problem).collect(),
        notified: alert.notified_at.map(time),
        pending: alert.pending.map(|pending| PendingRow {
            failures: w.failures(u64::from(pending.failures)),
            has_failed: pending.failures > 0,
            due: time(pending.due_at),
            error: pending.last_error,
        }),
        test: shell
            .may_operate()
            .then(|| format!("/settings/alerts/{}/test", super::listing::encode(&alert.name))),
        name: alert.name,
    }
}

/// What a condition of the configuration means.
fn describe_condition(condition: Condition, w: AlertsWords) -> &'static str {
    match condition {
        Condition::DeadLetter => w.dead_letter(),
        Condition::PluginPaused => w.plugin_paused(),
        Condition::PluginRefused => w.plugin_refused(),
        Condition::Backlog => w.backlog(),
        Condition::SourceSilent => w.source_silent(),
        Condition::RetentionBehind => w.retention_behind(),
        Condition::IndexBehind => w.index_behind(),
    }
}
