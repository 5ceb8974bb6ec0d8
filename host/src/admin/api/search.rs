//! Search in events: what may be searched by whom, and how far the index is.

use axum::Json;
use axum::extract::State;

use super::SearchIndex;
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, PersonalFields, Problem};
use crate::config::Pointer;
use crate::db::{IndexedField, SearchFilter};

/// How far the search index is.
#[utoipa::path(get, path = "/search-index", tag = "search", responses(
    (status = 200, description = "Its position, and what is missing", body = SearchIndex),
    Problem))]
pub(super) async fn show(
    _reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
) -> Result<Json<SearchIndex>, Problem> {
    Ok(Json(admin.db.index_status().into()))
}

/// Checks the texts of a search.
///
/// # Errors
/// A problem that names the parameter.
pub(super) fn check(filter: &SearchFilter) -> Result<(), Problem> {
    for (name, text) in [("search", &filter.text), ("reason", &filter.reason)] {
        if text.as_ref().is_some_and(|text| !SearchFilter::is_searchable(text)) {
            return Err(Problem::unprocessable(format!("`{name}` has no letter and no digit to search for")));
        }
    }
    Ok(())
}

/// Whether a caller who may not see personal values may search a field: whoever finds an event by a value knows the
/// value.
pub(super) fn is_impersonal(personal: &PersonalFields, field: &IndexedField) -> bool {
    match field {
        // Lists show these to everyone.
        IndexedField::Id
        | IndexedField::Type
        | IndexedField::Source
        | IndexedField::Plugin
        | IndexedField::CausedBy
        | IndexedField::Replay
        | IndexedField::Outcome => true,
        // A reason may quote a value, and nobody says where an earlier key was.
        IndexedField::Reason(source) | IndexedField::EarlierOrderingKey(source) => !personal.has_any(source),
        IndexedField::OrderingKey(source, pointer) | IndexedField::Value(source, pointer) => {
            match (personal.source(source), Pointer::parse(pointer)) {
                (Some(source), Ok(pointer)) => !pointer.meets_any(&source.personal),
                _ => false,
            }
        }
    }
}
