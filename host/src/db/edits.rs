//! Events with edited payloads, as [`crate::dispatch`] stores them for operators.

use super::edit_types::{Edit, EditResult, NewEdit};
use super::handle::Db;
use super::storage::NewEvent;
use super::types::DbError;
use super::writer::inbox::{Operation, Request};
use crate::delivery::Recipient;

impl Db {
    /// Stores an event with an edited payload, a delivery for each of `recipients`, and the entry of the decision in one
    /// transaction.
    ///
    /// # Errors
    /// [`DbError::Full`] above a limit, [`DbError::Unavailable`] when it could not be committed, [`DbError::Revoked`].
    pub async fn store_edit(&self, edit: Edit, recipients: Vec<Recipient>) -> Result<EditResult, DbError> {
        self.check_room()?;
        let Edit { of, event, record } = edit;
        let edit = Box::new(NewEdit { of, new: NewEvent { event, recipients }, record });
        self.ask(|reply| Request::Operate(Operation::StoreEdit { edit, reply })).await
    }
}
