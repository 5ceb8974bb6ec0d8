//! The audit records of operators' decisions. Pure: each storage writes them in the transaction of the change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::confirmation_types::{ConfirmationChange, OpenedConfirmation};
use super::erasure_types::NewErasure;
use super::types::Discard;
use crate::audit::{self, Decision, Record};
use crate::confirmation::StoredConfirmation;
use crate::delivery::DeliveryId;
use crate::erasure::Skipped;
use crate::event::PluginName;
use crate::replay;
use crate::switch::{HeldAction, HeldRelease};
use crate::token::{NewSession, NewToken};

/// The result of a decision, and its record. A decision that changes nothing, since its target does not exist or is
/// over, has no record.
pub(super) struct DecisionOutcome<T> {
    pub(super) value: T,
    pub(super) record: Option<Record>,
}

impl<T> DecisionOutcome<T> {
    pub(super) fn new(value: T, record: impl Into<Option<Record>>) -> Self {
        Self { value, record: record.into() }
    }
}

/// An instruction for a switch.
pub(super) struct SwitchInstruction<'a> {
    pub(super) by: &'a Decision,
    pub(super) plugin: &'a PluginName,
    pub(super) types: &'a str,
    /// When it is turned on: what becomes of held deliveries, and their number.
    pub(super) held: Option<(HeldAction, u64)>,
}

/// A plugin is paused or resumed.
pub(super) fn pause(by: &Decision, plugin: &PluginName, was: bool, is: bool) -> Record {
    let action = if is { "plugin.pause" } else { "plugin.resume" };
    let state = |paused: bool| json!({ "paused": paused });
    let result = if was == is { "unchanged" } else { "done" };
    by.record(action, plugin.as_str()).before(state(was)).after(state(is)).result(result)
}

/// A replay begins.
pub(super) fn begin_replay(by: &Decision, id: i64, request: &replay::Request, found: u64) -> Record {
    let after = json!({ "request": audit::describe_replay(request), "found": found });
    by.record("replay.begin", id.to_string()).after(after).result("begun")
}

/// A replay ends, with its final counts.
pub(super) fn end_replay(id: i64, made: u64, skipped: u64) -> Record {
    Decision::of_host().record("replay.end", id.to_string()).after(counts("done", made, skipped))
}

/// A replay is stopped, with its final counts.
pub(super) fn stop_replay(by: &Decision, id: i64, made: u64, skipped: u64) -> Record {
    let before = json!({ "state": "running" });
    by.record("replay.stop", id.to_string()).before(before).after(counts("stopped", made, skipped))
}

/// An erasure begins. The pointers are names in bodies, and no values.
pub(super) fn begin_erasure(by: &Decision, id: i64, new: &NewErasure) -> Record {
    let NewErasure { request, sources, found, .. } = new;
    let pointers: BTreeMap<_, _> = sources.iter().map(|(name, of)| (name, &of.pointers)).collect();
    let after = json!({
        "where": audit::describe_selection(&request.selection), "dry_run": request.dry_run,
        "personal": pointers, "found": found,
    });
    by.record("erasure.begin", id.to_string()).after(after).result("begun")
}

/// An erasure ends, with its final counts.
pub(super) fn end_erasure(id: i64, erased: u64, skipped: &Skipped) -> Record {
    let after = json!({ "state": "done", "erased": erased, "skipped": skipped });
    Decision::of_host().record("erasure.end", id.to_string()).after(after)
}

fn counts(state: &str, made: u64, skipped: u64) -> Value {
    json!({ "state": state, "made": made, "skipped": skipped })
}

/// A switch is turned on or off. `was_on` is the state of its types before, as far as one switch decided about all.
pub(super) fn switch(change: &SwitchInstruction<'_>, was_on: bool) -> Record {
    let SwitchInstruction { by, plugin, types, held } = change;
    let action = if held.is_some() { "plugin.enable" } else { "plugin.disable" };
    let after = match held {
        Some((action, found)) => json!({ "type": types, "on": true, "held": action, "found": found }),
        None => json!({ "type": types, "on": false }),
    };
    by.record(action, plugin.as_str()).before(json!({ "type": types, "on": was_on })).after(after)
}

/// A release of held deliveries ends, with its final count.
pub(super) fn end_release(release: &HeldRelease, released: u64) -> Record {
    let HeldRelease { plugin, types, action, .. } = release;
    let after = json!({ "type": types.as_str(), "held": action, "released": released });
    Decision::of_host().record("plugin.release", plugin.as_str()).after(after)
}

/// A later switch stops a release, which has released this many. `None` if it has released none.
pub(super) fn stop_release(release: &HeldRelease) -> Option<Record> {
    (release.released > 0).then(|| end_release(release, release.released).result("stopped"))
}

/// A delivery is discarded.
pub(super) fn discard(by: &Decision, id: DeliveryId, plugin: Option<&str>, done: Discard) -> Option<Record> {
    let (before, result) = match done {
        Discard::Skipped => ("open", "skipped"),
        Discard::Resolved => ("dead", "resolved"),
        Discard::Closed | Discard::Busy | Discard::Unknown => return None,
    };
    let record = by.record("delivery.discard", id.to_string());
    let record = record.before(json!({ "state": before, "plugin": plugin }));
    Some(record.after(json!({ "state": "dead", "resolution": "discarded" })).result(result))
}

/// A browser logs in.
pub(super) fn create_session(by: &Decision, id: i64, new: &NewSession) -> Record {
    let after = json!({ "agent": new.agent, "expires_at": new.expires_at });
    by.record("session.create", id.to_string()).after(after)
}

/// A session is ended before its time.
pub(super) fn revoke_session(by: &Decision, id: i64) -> Record {
    by.record("session.revoke", id.to_string())
}

/// A token is created.
pub(super) fn create_token(by: &Decision, new: &NewToken) -> Record {
    by.record("token.create", new.name.as_str()).after(describe_token(new))
}

/// A token is revoked.
pub(super) fn revoke_token(by: &Decision, name: &str, token: Option<&NewToken>) -> Record {
    let before = token.map_or_else(|| json!({ "damaged": true }), describe_token);
    by.record("token.revoke", name).before(before).after(json!({ "revoked": true }))
}

fn describe_token(token: &NewToken) -> Value {
    let NewToken { name: _, hash: _, role, plugins, expires_at } = token;
    json!({ "role": role, "plugins": plugins, "expires_at": expires_at })
}

/// A confirmation is rejected, or approved: then the host opens its URL. The URL has a token of the provider in it.
pub(super) fn decide_confirmation(change: &ConfirmationChange, topic: &str) -> Record {
    let ConfirmationChange { source, id, is_approved, by, .. } = change;
    let action = if *is_approved { "confirmation.approve" } else { "confirmation.reject" };
    let record =
        by.record(action, format!("{source}/{id}")).before(json!({ "topic": topic, "state": "waiting" }));
    if *is_approved { record.result("begun") } else { record.after(json!({ "state": "rejected" })) }
}

/// The host opened the URL of an approved confirmation.
pub(super) fn end_confirmation(opened: &OpenedConfirmation, stored: &StoredConfirmation) -> Record {
    let target = format!("{}/{}", stored.request.source, opened.id);
    let record = Decision::of_host().record("confirmation.open", target);
    match &opened.result {
        Ok(subscription) => record.after(json!({ "state": "confirmed", "subscription": subscription })),
        Err(failure) => {
            record.after(json!({ "state": stored.state.as_str(), "failure": failure })).result("failed")
        }
    }
}
