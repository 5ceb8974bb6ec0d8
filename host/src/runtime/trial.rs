//! The trial of a new revision: it is instantiated once, and its generic handler returns its subscriptions. A
//! revision that fails the trial is rejected before it replaces anything.

use wasmtime::Error;
use wasmtime::component::Val;

use super::calls::PluginSettings;
use super::instance::Instance;
use super::revision::Revision;
use super::text::{self, NAMED_REASON_MAX_BYTES};
use crate::config::EVENT_TYPE_MAX_BYTES;

/// Most event type patterns that a generic handler may subscribe to.
const SUBSCRIPTIONS_MAX: usize = 1000;

/// Instantiates a revision, and returns the event type patterns that its generic handler subscribes to.
///
/// # Errors
/// The message gives the failed step and the reason.
pub(super) async fn try_out(revision: &Revision, settings: &PluginSettings) -> Result<Vec<String>, String> {
    let mut instance = revision.take_instance(settings, None).await;
    let explain = |error: &Error, instance: &Instance| {
        let (_, reason) = instance.state().explain(error);
        text::mask_and_truncate(&settings.mask, &reason, NAMED_REASON_MAX_BYTES)
    };
    let instantiated = instance.instantiate(&revision.pre).await;
    instantiated.map_err(|error| format!("instantiating it: {}", explain(&error, &instance)))?;
    let Some(generic) = &revision.handlers.generic else { return Ok(Vec::new()) };
    let name = |problem: String| format!("its export {}: subscriptions: {problem}", generic.handler.export);
    let listed = instance.call(&revision.pre, generic.subscriptions, &[], 0).await;
    let listed = listed.map_err(|error| name(explain(&error, &instance)))?;
    check_patterns(listed).map_err(name)
}

/// Checks the patterns that `subscriptions` returned: a list of texts, as linking the revision has checked.
fn check_patterns(listed: Val) -> Result<Vec<String>, String> {
    let Val::List(listed) = listed else { return Ok(Vec::new()) };
    if listed.len() > SUBSCRIPTIONS_MAX {
        return Err(format!("{}, at most {SUBSCRIPTIONS_MAX}", listed.len()));
    }
    let mut patterns = Vec::with_capacity(listed.len());
    for (at, pattern) in listed.into_iter().enumerate() {
        let Val::String(pattern) = pattern else { continue };
        if pattern.len() > EVENT_TYPE_MAX_BYTES {
            let (number, size) = (at + 1, pattern.len());
            let shown = text::truncate(&pattern, EVENT_TYPE_MAX_BYTES);
            return Err(format!(
                "pattern {number} has {size} bytes, at most {EVENT_TYPE_MAX_BYTES}: {shown}"
            ));
        }
        patterns.push(pattern);
    }
    Ok(patterns)
}
