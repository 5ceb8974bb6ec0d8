//! The confirmations that a source's provider asks for, on the page of the source: what they are, and the decision.

use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use serde::Deserialize;

use super::forms::FormBody;
use super::listing::encode;
use super::shell::Shell;
use super::ui::{StateTag, TimeTag, Tone};
use super::words::ConfirmationsWords;
use crate::admin::api::confirmations::{self as api, ConfirmationQuery};
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::{ConfirmationState, ConfirmationView};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};

/// The most that are shown. Those that wait are never too many.
const SHOWN_MAX: usize = 20;

/// The confirmations of a source.
pub(super) struct Confirmations {
    pub(super) w: ConfirmationsWords,
    pub(super) rows: Vec<ConfirmationRow>,
    /// The number of those that are not shown.
    pub(super) more: u64,
}

/// A confirmation.
pub(super) struct ConfirmationRow {
    pub(super) topic: String,
    pub(super) state: StateTag,
    pub(super) received: TimeTag,
    /// When it expires, if it waits.
    pub(super) expires: Option<TimeTag>,
    pub(super) is_expired: bool,
    pub(super) opened: Option<TimeTag>,
    pub(super) decided: Option<TimeTag>,
    pub(super) decided_by: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) subscription: Option<String>,
    pub(super) url: Option<String>,
    /// Where it is decided about, if it waits and the reader may.
    pub(super) path: Option<String>,
}

impl Confirmations {
    /// Those of a source. `None` if it has none, and its provider asks for none.
    pub(super) async fn read(
        reader: Allowed<need::Read>,
        admin: &AdminState,
        shell: &Shell,
        source: &str,
        asks: bool,
    ) -> Result<Option<Self>, Problem> {
        let query = Query(ConfirmationQuery { source: Some(source.to_owned()) });
        let Json(list) = api::list(reader, State(admin.clone()), query).await?;
        if list.items.is_empty() && !asks {
            return Ok(None);
        }
        let w = ConfirmationsWords(shell.language);
        let mut items = list.items;
        // Whatever waits is first.
        items.sort_by_key(|one| one.state != ConfirmationState::Waiting);
        let more = items.len().saturating_sub(SHOWN_MAX) as u64;
        let shown = items.into_iter().take(SHOWN_MAX);
        let rows = shown.map(|one| ConfirmationRow::new(one, shell, w)).collect();
        Ok(Some(Self { w, rows, more }))
    }
}

impl ConfirmationRow {
    fn new(one: ConfirmationView, shell: &Shell, w: ConfirmationsWords) -> Self {
        let time = |at| TimeTag { at, now: shell.now, language: shell.language };
        let is_waiting = one.state == ConfirmationState::Waiting;
        let (tone, word) = match one.state {
            ConfirmationState::Waiting => (Tone::Held, w.waiting()),
            ConfirmationState::Confirmed => (Tone::Done, w.confirmed()),
            ConfirmationState::Rejected => (Tone::Quiet, w.rejected()),
            ConfirmationState::Expired => (Tone::Quiet, w.expired()),
        };
        let may_decide = is_waiting && shell.may_operate();
        Self {
            path: may_decide.then(|| format!("/sources/{}/confirmations/{}", encode(&one.source), one.id)),
            state: StateTag { tone, word },
            received: time(one.received_at),
            expires: is_waiting.then(|| time(one.expires_at)),
            is_expired: one.state == ConfirmationState::Expired,
            opened: one.opened_at.map(time),
            decided: one.decided_at.map(time),
            decided_by: one.decided_by,
            failure: one.failure,
            subscription: one.subscription,
            url: one.url.filter(|_| is_waiting),
            topic: one.topic,
        }
    }
}

/// A decision.
#[derive(Deserialize)]
pub(super) struct DecisionForm {
    #[serde(default)]
    note: String,
}

/// The way back to the confirmations of a source.
fn back(name: &str) -> Redirect {
    Redirect::to(&format!("/sources/{}#confirmations", encode(name)))
}

/// `POST /sources/{name}/confirmations/{id}/approve`
pub(super) async fn approve(
    operator: Allowed<need::Operate>,
    admin: State<AdminState>,
    Path((name, id)): Path<(String, i64)>,
    FormBody(form): FormBody<DecisionForm>,
) -> Result<Redirect, Problem> {
    // The page says what came of it.
    let _done = api::approve(operator.with_note(&form.note)?, admin, Path((name.clone(), id))).await?;
    Ok(back(&name))
}

/// `POST /sources/{name}/confirmations/{id}/reject`
pub(super) async fn reject(
    operator: Allowed<need::Operate>,
    admin: State<AdminState>,
    Path((name, id)): Path<(String, i64)>,
    FormBody(form): FormBody<DecisionForm>,
) -> Result<Redirect, Problem> {
    let _done = api::reject(operator.with_note(&form.note)?, admin, Path((name.clone(), id))).await?;
    Ok(back(&name))
}
