//! The audit log: the list, all of it in order, and its check.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::Query;
use super::formats::{HeadText, NumberCursor, read_time};
use super::{AuditCheck, AuditList, query};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::audit::{ChainError, EntryFilter, Head};
use crate::event::parse_number;

/// Which entries to list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct AuditQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<NumberCursor>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Entries on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub(in crate::admin) limit: Option<u32>,
    /// Only entries of this time or later, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) since: Option<u64>,
    /// Only decisions of this actor: the name of a token, the path of a file, or `hookyard`.
    pub(in crate::admin) actor: Option<String>,
    /// Only this action, such as `plugin.pause`, or those below it, such as `plugin`.
    pub(in crate::admin) action: Option<String>,
    /// Only with this target: a plugin, a token, a delivery, a replay.
    pub(in crate::admin) target: Option<String>,
}

/// Which entries to export.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct AuditExportQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<NumberCursor>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Entries on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub(in crate::admin) limit: Option<u32>,
}

/// A head that was noted earlier.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct AuditCheckQuery {
    /// The number and the hash of an entry that the log must have, `NUMBER:HASH`: the head of an earlier check.
    #[param(value_type = Option<HeadText>, inline)]
    pub(in crate::admin) expect: Option<String>,
}

/// Entries of the audit log, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery), responses(
    (status = 200, description = "One page", body = AuditList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn list(
    _admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditList>, Problem> {
    let AuditQuery { cursor, limit, since, actor, action, target } = query;
    let limit = query::limit(limit)?;
    let before = query::cursor(cursor.as_deref(), parse_number)?;
    let filter = EntryFilter { since, actor, action, target };
    let entries = state.db.audit(&filter, before, limit).await?;
    Ok(Json(AuditList::new(entries, limit)))
}

/// All entries of the audit log, oldest first.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(AuditExportQuery), responses(
    (status = 200, description = "One page", body = AuditList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn export(
    _admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    Query(query): Query<AuditExportQuery>,
) -> Result<Json<AuditList>, Problem> {
    let limit = query::limit(query.limit)?;
    let after = query::cursor(query.cursor.as_deref(), parse_number)?;
    let entries = state.db.audit_after(after.unwrap_or(0), limit).await?;
    Ok(Json(AuditList::new(entries, limit)))
}

/// Checks that the audit log is whole: that each entry follows from the one before, and none is missing.
#[utoipa::path(get, path = "/audit/verify", tag = "audit", params(AuditCheckQuery), responses(
    (status = 200, description = "The result", body = AuditCheck),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn verify(
    admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    Query(query): Query<AuditCheckQuery>,
) -> Result<Json<AuditCheck>, Problem> {
    Ok(Json(check(&admin, &state, &query).await?.into()))
}

/// Checks that the audit log is whole. Returns its head, or what is wrong as a fact.
pub(in crate::admin) async fn check(
    _admin: &Allowed<need::Admin>,
    state: &AdminState,
    query: &AuditCheckQuery,
) -> Result<Result<Head, ChainError>, Problem> {
    let expected: Option<Head> =
        query.expect.as_deref().map(str::parse).transpose().map_err(Problem::bad_request)?;
    Ok(state.db.verify_audit(expected).await?)
}
