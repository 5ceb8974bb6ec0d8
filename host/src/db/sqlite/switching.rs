//! Changes a switch, and releases what it held: each one transaction, and then memory.

use std::sync::atomic::Ordering;

use super::audit;
use super::storage::SqliteStorage;
use super::switches::{self, DiscardedPage};
use super::write::Unblocked;
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::switch_change::{HeldPage, PlannedSwitch, SwitchChange, SwitchResult};
use crate::db::types::DbError;
use crate::delivery::DeliveryId;
use crate::switch::{HeldAction, Switches};

/// What a page of a release did.
#[derive(Default)]
struct ReleasedPage {
    released: u64,
    discarded: DiscardedPage,
    unblocked: Unblocked,
}

impl SqliteStorage {
    /// Reads the switches again after a failed transaction, which may have reached the disk all the same.
    pub(super) async fn reload_switches(&mut self) -> Result<(), DbError> {
        if self.switches_in_doubt {
            self.switches = switches::load(self.statements.conn.get().await?).await?;
            self.switches_in_doubt = false;
        }
        Ok(())
    }

    pub(super) async fn change_switch(&mut self, change: &SwitchChange) -> Result<SwitchResult, DbError> {
        self.reload_switches().await?;
        let mut changed: Switches = self.switches.clone();
        let planned = match change.plan(&mut changed) {
            Ok(planned) => planned,
            Err(unchanged) => return Ok(*unchanged),
        };
        self.begin_decision(change.by.token, &change.by.actor.name).await?;
        let stored = self.write_switch(&planned).await;
        let stored = stored.map(|()| DecisionOutcome::new((), planned.record));
        let stored = self.end_decision(stored).await;
        self.switches_in_doubt = stored.is_err();
        stored?;
        self.switches = changed;
        Ok(SwitchResult::Changed(planned.switch))
    }

    async fn write_switch(&mut self, planned: &PlannedSwitch) -> Result<(), DbError> {
        let conn = self.statements.conn.get().await?;
        for number in &planned.replaced {
            if let Some(stopped) = switches::running_release(conn, *number).await?
                && let Some(record) = decisions::stop_release(&stopped)
            {
                audit::append(conn, &record).await?;
            }
        }
        switches::store(conn, &planned.switch, &planned.replaced).await?;
        match &planned.release {
            Some(release) => switches::begin(conn, release).await,
            None => Ok(()),
        }
    }

    pub(super) async fn release_held_page(&mut self, page: &HeldPage) -> Result<u64, DbError> {
        self.reload_switches().await?;
        self.statements.begin().await?;
        let done = self.write_release(page).await;
        let ReleasedPage { released, discarded, unblocked } = self.end_decision(done).await?;
        self.backlog.fetch_sub(discarded.count, Ordering::Relaxed);
        let fewer = discarded.blocked + unblocked.count;
        self.blocked = self.blocked.map(|before| before.saturating_sub(fewer));
        Ok(released)
    }

    /// A page, and the record of the last one.
    async fn write_release(&mut self, page: &HeldPage) -> Result<DecisionOutcome<ReleasedPage>, DbError> {
        let conn = self.statements.conn.get().await?;
        let Some(release) = switches::running_release(conn, page.release).await? else {
            return Ok(DecisionOutcome::new(ReleasedPage::default(), None));
        };
        let ids: Vec<DeliveryId> = page.governed(&self.switches, &release.plugin).collect();
        let mut done = ReleasedPage::default();
        match release.action {
            HeldAction::Run => done.released = self.statements.switches.run(conn, &ids).await?,
            HeldAction::Discard => {
                let orders = &mut self.statements.orders;
                done.discarded = self.statements.switches.discard(conn, orders, &ids).await?;
                done.released = done.discarded.count;
            }
        }
        switches::note_progress(conn, page, done.released).await?;
        done.unblocked = self.statements.unblock(&done.discarded.freed).await?;
        let total = release.released + done.released;
        let ended = (page.after.is_none() && total > 0).then(|| decisions::end_release(&release, total));
        Ok(DecisionOutcome::new(done, ended))
    }
}
