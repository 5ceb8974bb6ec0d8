//! Effects of all events: the list, and dead ones replayed or discarded.

use axum::Json;
use axum::extract;
use serde::Deserialize;

use super::extract::{JsonBody, Path, Query};
use super::formats::EffectCursor;
use super::masking::{EventTexts, hide_in_effect};
use super::{EffectCount, EffectDetail, EffectList, EffectSelection, EffectState, events, query, selections};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::db::EffectFilter;
use crate::delivery::{self, DeliveryId, State};
use crate::effect::{self, BadEffectId, EffectId};
use crate::replay::Action;

/// Which effects to list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct EffectQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<EffectCursor>, inline)]
    cursor: Option<String>,
    /// Effects on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Only `pending`, `waiting`, `done` or `dead` (unresolved).
    #[param(value_type = Option<EffectState>, inline)]
    state: Option<String>,
    /// Only those that this plugin requested.
    plugin: Option<String>,
    /// Only those that this replay was the last to make due again.
    replay: Option<i64>,
}

impl EffectQuery {
    /// Those that a replay made due again and that are in this state.
    pub(in crate::admin) fn of_replay(replay: i64, state: &str, cursor: Option<String>, limit: u32) -> Self {
        let (state, limit, replay) = (Some(state.to_owned()), Some(limit), Some(replay));
        Self { cursor, limit, state, replay, plugin: None }
    }
}

/// Effects, the newest event's first.
#[utoipa::path(get, path = "/effects", tag = "effects", params(EffectQuery), responses(
    (status = 200, description = "One page", body = EffectList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn list(
    reader: AllowedFor<need::Read>,
    extract::State(admin): extract::State<AdminState>,
    Query(query): Query<EffectQuery>,
) -> Result<Json<EffectList>, Problem> {
    let limit = query::limit(query.limit)?;
    let before = query::cursor(query.cursor.as_deref(), |cursor| cursor.parse().ok())?;
    let state = query::state(query.state.as_deref())?;
    if let Some(State::Running | State::Held) = state {
        let given = query.state.unwrap_or_default();
        return Err(Problem::bad_request(format!(
            "`state`: unknown state `{given}`, expected one of `pending`, `waiting`, `done`, `dead`"
        )));
    }
    let EffectQuery { plugin, replay, .. } = query;
    let filter = EffectFilter { state, plugin, replay, plugins: reader.patterns() };
    if let Some(plugin) = &filter.plugin {
        reader.check(plugin)?;
    }
    let mut page: EffectList = admin.db.effects(&filter, before, limit).await?.into();
    if !reader.may_unmask() {
        let mut texts = EventTexts::new(&admin);
        for listed in &mut page.items {
            let number = listed.delivery.parse().map_or(0, |id: DeliveryId| id.event);
            let texts = texts.of(&listed.source, number).await?;
            hide_in_effect(texts, &mut listed.effect);
            listed.last.iter_mut().for_each(|last| texts.hide(last));
        }
    }
    Ok(Json(page))
}

/// One effect: its request, without secrets, and its attempts.
#[utoipa::path(get, path = "/effects/{id}", tag = "effects",
    params(("id" = String, Path, description = "Its id, such as 12-1-1; or its key, for the newest 100,000")),
    responses(
        (status = 200, description = "The effect", body = EffectDetail),
        (status = 400, description = "A path that is not text"),
        (status = 404, description = "No such effect"),
        Problem))]
pub(in crate::admin) async fn show(
    reader: AllowedFor<need::Read>,
    extract::State(admin): extract::State<AdminState>,
    Path(text): Path<String>,
) -> Result<Json<EffectDetail>, Problem> {
    let unknown = || {
        let detail = format!("no effect `{text}`; `hookyard effect list` shows ids of those there are");
        reader.missing(Problem::not_found(detail))
    };
    let id = match text.parse() {
        Ok(id) => Some(id),
        Err(BadEffectId) => admin.db.effect_id(&text).await?,
    };
    let id: EffectId = id.ok_or_else(unknown)?;
    let plugin = admin.db.plugin_of(id.delivery).await?;
    if !plugin.is_some_and(|plugin| reader.sees(plugin.as_str())) {
        return Err(unknown());
    }
    let (source, event) = admin.db.event_of(id.delivery).await?.ok_or_else(unknown)?;
    let found = events::find(&admin.db, &source, &event).await?;
    let delivery = id.delivery.to_string();
    let of = found.deliveries.into_iter().find(|of| of.id == delivery);
    let of = of.ok_or_else(unknown)?;
    let key = delivery::idempotency_key(&source, &event, &of.plugin, id.delivery.number);
    let key = usize::try_from(id.number).ok().map(|number| effect::idempotency_key(&key, number));
    let effect = of.effects.into_iter().find(|effect| key.as_ref() == Some(&effect.key));
    let mut effect = effect.ok_or_else(unknown)?;
    if !reader.may_unmask() {
        hide_in_effect(EventTexts::new(&admin).of(&source, id.delivery.event).await?, &mut effect);
    }
    Ok(Json(EffectDetail { id: id.to_string(), source, event, delivery, plugin: of.plugin, effect }))
}

/// Retries dead effects, with their idempotency keys.
#[utoipa::path(post, path = "/effects/replay", tag = "effects", request_body = EffectSelection,
    responses(
        (status = 200, description = "How many", body = EffectCount),
        (status = 400, description = "Not a selection"),
        Problem))]
pub(in crate::admin) async fn replay(
    operator: AllowedFor<need::Operate>,
    extract::State(admin): extract::State<AdminState>,
    JsonBody(selection): JsonBody<EffectSelection>,
) -> Result<Json<EffectCount>, Problem> {
    resolve(operator, &admin, selection, Action::Replay).await
}

/// Resolves dead effects without another attempt.
#[utoipa::path(post, path = "/effects/discard", tag = "effects", request_body = EffectSelection,
    responses(
        (status = 200, description = "How many", body = EffectCount),
        (status = 400, description = "Not a selection"),
        Problem))]
pub(in crate::admin) async fn discard(
    operator: AllowedFor<need::Operate>,
    extract::State(admin): extract::State<AdminState>,
    JsonBody(selection): JsonBody<EffectSelection>,
) -> Result<Json<EffectCount>, Problem> {
    resolve(operator, &admin, selection, Action::Discard).await
}

async fn resolve(
    operator: AllowedFor<need::Operate>,
    admin: &AdminState,
    selection: EffectSelection,
    action: Action,
) -> Result<Json<EffectCount>, Problem> {
    let operator = operator.plugin_or_all(selection.plugin.as_deref(), "name the plugin in `plugin`")?;
    let selection = selection.into();
    selections::check_effects(&selection)?;
    let effects = admin.db.resolve_effects(&selection, action, operator.decision()?).await?;
    Ok(Json(EffectCount { effects }))
}
