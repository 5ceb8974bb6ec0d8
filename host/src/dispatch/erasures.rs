//! Carries out erasures of personal values, page by page.
//!
//! Each page commits with the erasure's progress, so a restart continues there. An erasure ends only when the
//! database's log is empty of the old values.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::TICK;
use crate::config::{Pointer, find_values};
use crate::db::{Db, DbError};
use crate::effect::EMITTED_PREFIX;
use crate::erasure::{
    Candidate, ERASED, ErasedEvent, ErasureInProgress, ErasurePage, PersonalSource, PersonalSources,
};
use crate::event::{EventMetadata, FoundField};
use crate::failpoint::{self, Point};
use crate::personal;

/// Events of one page.
const PAGE: u32 = 50;
/// Bytes of the bodies of one page, which are in memory and are overwritten in one transaction. One body may be larger.
const PAGE_MAX_BYTES: u64 = 8 << 20;

/// See the module.
pub(super) struct Erasures {
    db: Db,
    requested: Arc<Notify>,
}

impl Erasures {
    pub(super) fn new(db: Db, requested: Arc<Notify>) -> Self {
        Self { db, requested }
    }

    /// Continues the erasures that an earlier process left, and then carries out new ones.
    pub(super) async fn run(self) {
        let (mut failing, mut is_unreadable) = (BTreeMap::new(), false);
        loop {
            let done = self.erase_all(&mut failing).await;
            if let Err(error) = &done
                && !is_unreadable
            {
                tracing::warn!("erasures could not be read, trying again: {error}");
            }
            is_unreadable = done.is_err();
            let _ = tokio::time::timeout(TICK, self.requested.notified()).await;
        }
    }

    /// Takes the erasures in turn, a page of each, so that a short one need not wait for a long one. One that fails is
    /// tried again after a [`TICK`], and keeps no other. Returns when there is none, or all fail.
    async fn erase_all(&self, failing: &mut BTreeMap<i64, Instant>) -> Result<(), DbError> {
        loop {
            let began = Instant::now();
            let running = self.db.running_erasures().await?;
            failing.retain(|id, _| running.iter().any(|erasure| erasure.id == *id));
            let mut advanced = false;
            for erasure in &running {
                if failing.get(&erasure.id).is_some_and(|failed_at| failed_at.elapsed() < TICK) {
                    continue;
                }
                match self.advance(erasure).await {
                    Ok(()) => {
                        advanced = true;
                        failing.remove(&erasure.id);
                    }
                    Err(error) if failing.insert(erasure.id, Instant::now()).is_none() => {
                        let id = erasure.id;
                        tracing::warn!(
                            "erasure {id} of personal values could not go on, trying again: {error}"
                        );
                    }
                    Err(_) => {}
                }
            }
            if !advanced {
                return Ok(());
            }
            // New events have the writer for as long.
            tokio::time::sleep(began.elapsed()).await;
        }
    }

    async fn advance(&self, running: &ErasureInProgress) -> Result<(), DbError> {
        let found = self.db.erasure_candidates(running, PAGE, PAGE_MAX_BYTES).await?;
        if found.is_empty() && !running.request.dry_run {
            self.db.empty_log().await?;
        }
        let page = page(running, &found);
        failpoint::pass(Point::ErasureStep);
        self.db.erasure_step(page).await
    }
}

/// Decides about a page of candidates. An empty page is the last one.
fn page(running: &ErasureInProgress, found: &[Candidate]) -> ErasurePage {
    let (erasure, dry_run) = (running.id, running.request.dry_run);
    let mut page = ErasurePage { erasure, dry_run, ..ErasurePage::default() };
    for candidate in found {
        let Some(personal) = personal_of(&running.sources, &candidate.example.source) else {
            page.skipped.not_personal += 1;
            continue;
        };
        // One that was erased before is erased again: pointers and conflicts may have come since.
        if candidate.is_open {
            page.skipped.open += 1;
        } else {
            let (body, payload) = erase(&candidate.body, &candidate.payload, &personal.pointers);
            let ordering_key = personal.ordering_key || is_key_personal(candidate, &personal.pointers);
            let metadata = erase_metadata(candidate, &personal.pointers);
            page.events.push(ErasedEvent { event: candidate.event, body, payload, ordering_key, metadata });
            if page.first.len() < running.examples {
                page.first.push(candidate.example.clone());
            }
        }
    }
    page.after = found.last().map(|candidate| candidate.event);
    page
}

/// Where the personal values of a source's events are; `None` if they have none. Events that plugins emit are made of
/// those of the sources, and nobody says any more what is personal in those of a removed source: all of both is erased.
fn personal_of(sources: &PersonalSources, source: &str) -> Option<PersonalSource> {
    if let Some(source) = sources.get(source) {
        return (!source.pointers.is_empty()).then(|| source.clone());
    }
    let has_personal = sources.values().any(|source| !source.pointers.is_empty());
    let is_personal = has_personal || !source.starts_with(EMITTED_PREFIX);
    is_personal.then(|| PersonalSource { pointers: vec![String::new()], ordering_key: true })
}

/// Whether the ordering key gives a personal value away, such as one to which another pointer led when the event came, or
/// one of a body that was erased before.
fn is_key_personal(candidate: &Candidate, pointers: &[String]) -> bool {
    let Some(key) = &candidate.ordering_key else { return false };
    let pointers: Result<Vec<_>, _> = pointers.iter().map(|pointer| Pointer::parse(pointer)).collect();
    pointers.map_or(true, |pointers| personal::is_key_personal(None, &pointers, &candidate.body, key))
}

/// What the event's request said about it beside the body, without personal values. If a pointer cannot be read, all of it
/// is personal.
fn erase_metadata(candidate: &Candidate, pointers: &[String]) -> Option<EventMetadata> {
    let pointers: Result<Vec<_>, _> = pointers.iter().map(|pointer| Pointer::parse(pointer)).collect();
    let pointers = pointers.unwrap_or_else(|_| vec![Pointer::to(&[])]);
    let metadata = candidate.metadata.as_ref()?;
    Some(personal::hide_in_metadata(metadata, &pointers, &candidate.body, ERASED).metadata)
}

/// Overwrites the values at the pointers in a body. A body that cannot be read as JSON is overwritten as a whole.
/// Returns the new range of the payload too.
fn erase(body: &[u8], payload: &Range<usize>, pointers: &[String]) -> (Bytes, Range<usize>) {
    let erased = format!("\"{ERASED}\"");
    let pointers: Result<Vec<_>, _> = pointers.iter().map(|pointer| Pointer::parse(pointer)).collect();
    let found = std::str::from_utf8(body).ok().zip(pointers.ok());
    let found = found.and_then(|(text, pointers)| find_values(text, &pointers).ok());
    let Some(mut found) = found else {
        let length = erased.len();
        return (erased.into(), 0..length);
    };
    found.sort_by_key(|field| (field.value.start, std::cmp::Reverse(field.value.end)));
    let mut new = Vec::with_capacity(body.len());
    let (mut at, mut range) = (0, payload.clone());
    for FoundField { value, .. } in found {
        // One that stands within another is erased with it.
        if value.start < at {
            continue;
        }
        new.extend_from_slice(body.get(at..value.start).unwrap_or_default());
        let start = new.len();
        new.extend_from_slice(erased.as_bytes());
        at = value.end;
        if value.start <= payload.start && payload.end <= value.end {
            range = start..new.len();
        } else {
            let moved = |position: usize| {
                if at <= position { (position + new.len()).saturating_sub(at) } else { position }
            };
            if at <= payload.start {
                range.start = moved(payload.start);
            }
            if at <= payload.end {
                range.end = moved(payload.end);
            }
        }
    }
    new.extend_from_slice(body.get(at..).unwrap_or_default());
    (new.into(), range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erasure::Example;

    fn erased(body: &str, payload: &str, pointers: &[&str]) -> (String, String) {
        let start = body.find(payload).unwrap();
        let pointers: Vec<_> = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
        let (body, range) = erase(body.as_bytes(), &(start..start + payload.len()), &pointers);
        let body = String::from_utf8(body.to_vec()).unwrap();
        (body[range].to_owned(), body)
    }

    #[test]
    fn overwrites_values_and_keeps_the_rest_and_the_payload() {
        let data = r#"{"phone":"1","n":1.10,"list":[{"a":1},2]}"#;
        let body = format!(r#"{{"name":"Awa Diallo","id":1, "data":{data},"end":"last"}}"#);
        for (pointers, expected, whole) in [
            (&[][..], data.to_owned(), body.clone()),
            (&["/none"], data.to_owned(), body.clone()),
            (&["/name"], data.to_owned(), body.replace("Awa Diallo", ERASED)),
            (&["/end"], data.to_owned(), body.replace("last", ERASED)),
            (
                &["/data/list", "/data/phone", "/name", "/data/list/0/a"],
                r#"{"phone":"[erased]","n":1.10,"list":"[erased]"}"#.into(),
                body.replace("Awa Diallo", ERASED)
                    .replace(r#""1""#, "\"[erased]\"")
                    .replace(r#"[{"a":1},2]"#, "\"[erased]\""),
            ),
            (
                &["/data", "/name"],
                "\"[erased]\"".into(),
                body.replace("Awa Diallo", ERASED).replace(data, "\"[erased]\""),
            ),
            (&[""], "\"[erased]\"".into(), "\"[erased]\"".into()),
        ] {
            assert_eq!(erased(&body, data, pointers), (expected, whole), "{pointers:?}");
        }
        let spelled = r#"{"customer_phone":"1","CustomerPhone":2}"#;
        let both = r#"{"customer_phone":"[erased]","CustomerPhone":"[erased]"}"#;
        assert_eq!(erased(spelled, spelled, &["/customerPhone"]).0, both);
        let repeated = r#"{"phone":"1","phone":"2"}"#;
        assert_eq!(erased(repeated, repeated, &["/phone"]).0, r#"{"phone":"[erased]","phone":"[erased]"}"#);
        assert_eq!(erased("{\"phone\":", "{", &["/phone"]).1, "\"[erased]\"", "no JSON");
    }

    #[test]
    fn an_ordering_key_of_an_earlier_pointer_is_erased_with_its_value() {
        let candidate = |body: &'static str, key: Option<&str>| Candidate {
            event: 1,
            example: Example::default(),
            body: Bytes::from(body),
            payload: 0..body.len(),
            ordering_key: key.map(ToOwned::to_owned),
            metadata: None,
            is_open: false,
        };
        let body = r#"{"id":7,"customer_phone":"+224"}"#;
        let pointers = ["/customerPhone".to_owned()];
        for (body, key, expected) in [
            (body, Some("+224"), true),
            (body, Some("7"), false),
            (body, Some("+225"), true),
            (body, None, false),
            (r#"{"id":7,"customer_phone":"[erased]"}"#, Some("+224"), true),
            (r#"{"id":7,"customer_phone":"\u00c9"}"#, Some("É"), true),
            (r#"{"id":7,"customer_phone":1e400}"#, Some("1e400"), true),
            ("{", Some("7"), true),
        ] {
            assert_eq!(is_key_personal(&candidate(body, key), &pointers), expected, "{body} {key:?}");
        }
    }

    #[test]
    fn events_of_emitting_plugins_and_of_removed_sources_are_erased_as_a_whole() {
        let personal = |pointers: &[&str]| PersonalSource {
            pointers: pointers.iter().map(|&pointer| pointer.to_owned()).collect(),
            ordering_key: false,
        };
        let with: PersonalSources = [("s".into(), personal(&["/a"])), ("t".into(), personal(&[]))].into();
        let without: PersonalSources = [("t".into(), personal(&[]))].into();
        let pointers =
            |sources: &PersonalSources, source: &str| personal_of(sources, source).map(|of| of.pointers);
        assert_eq!(pointers(&with, "s"), Some(vec!["/a".to_owned()]));
        assert_eq!(pointers(&with, "t"), None);
        assert_eq!(pointers(&with, "plugin.p"), Some(vec![String::new()]));
        assert_eq!(pointers(&without, "plugin.p"), None);
        assert_eq!(pointers(&without, "removed"), Some(vec![String::new()]));
    }
}
