//! What the operators' side reads from the database, as it is shown.

use super::events::Filter;
use super::problem::Problem;
use super::view::{EventPage, EventView};
use crate::db::Db;

pub(super) async fn ping(_db: &Db) -> Result<(), Problem> {
    Ok(())
}
pub(super) async fn events(_db: &Db, filter: &Filter) -> Result<EventPage, Problem> {
    filter.limit()?;
    Ok(EventPage { items: vec![], next_cursor: None })
}
pub(super) async fn event(_db: &Db, _source: &str, _id: &str) -> Result<Option<EventView>, Problem> {
    Ok(None)
}
