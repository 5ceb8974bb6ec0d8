//! Instructions about revisions and their files outlive the process.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::Fixture;
use crate::audit;
use crate::db::Db;
use crate::db::tests::{Window, accept, attempt, name};
use crate::delivery::NextStep;
use crate::event::{Digest, now_ms};
use crate::replay::{self, Action, ReplayPage, ReplayTarget, ReplayedDelivery, Selection};
use crate::revision::choice::tests::{Model, Step, apply, digests, steps};
use crate::revision::{
    Decision, EntryState, HistoryEntry, InstructionRecord, Origin, RevisionChoice, RevisionFacts,
};

fn facts(size_bytes: u64) -> RevisionFacts {
    RevisionFacts { size_bytes, patterns: vec!["*".into()], ..RevisionFacts::default() }
}

fn entry(choice: &RevisionChoice, digest: Digest, origin: Origin) -> HistoryEntry {
    HistoryEntry {
        number: choice.version,
        digest,
        origin,
        by: "ann".into(),
        at: now_ms(),
        note: Some("why".into()),
        refusal: None,
        decision: None,
        in_force_at: choice.in_force().filter(|of| of.number == choice.version).map(|_| now_ms()),
        facts: None,
    }
}

fn record(plugin: &str, choice: &RevisionChoice, entry: Option<HistoryEntry>) -> InstructionRecord {
    let (plugin, choice) = (name(plugin), choice.clone());
    InstructionRecord { plugin, choice, entry, in_force: None, decision: None, audit: None }
}

/// Pushes bytes as a revision.
async fn push(
    db: &Db,
    plugin: &str,
    choice: &mut RevisionChoice,
    bytes: &Bytes,
    needs_approval: bool,
) -> Digest {
    let digest = Digest::of(bytes);
    db.keep_revision(digest, bytes.clone(), facts(bytes.len() as u64)).await.unwrap();
    choice.push(digest, needs_approval);
    db.instruct(record(plugin, choice, Some(entry(choice, digest, Origin::Push)))).await.unwrap();
    digest
}

#[tokio::test]
async fn files_of_revisions_are_stored_once_and_whole() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        for size in [0, 1, 512 * 1024, 512 * 1024 + 1, 3 * 1024 * 1024] {
            let bytes: Bytes = (0..size).map(|number| u8::try_from(number % 251).unwrap()).collect();
            let digest = Digest::of(&bytes);
            assert_eq!(db.revision_file(&digest).await, Ok(None));
            for _ in 0..2 {
                db.keep_revision(digest, bytes.clone(), facts(size)).await.unwrap();
                assert_eq!(db.revision_file(&digest).await.unwrap().as_deref(), Some(&bytes[..]));
                assert_eq!(db.revision_facts(&digest).await, Ok(Some(facts(size))));
            }
        }
        // No instruction names them.
        assert_eq!(db.prune_revisions(9, u64::MAX).await, Ok(5));
        assert_eq!(db.revision_file(&Digest::of(b"")).await, Ok(None));
    }
}

#[tokio::test]
async fn an_instruction_and_its_consequences_are_there_after_a_kill() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        assert_eq!(db.plugin_history(&name("p"), 9).await, Ok(None));
        let mut choice = RevisionChoice::default();
        let first = push(&db, "p", &mut choice, &Bytes::from_static(b"1"), false).await;
        let second = push(&db, "p", &mut choice, &Bytes::from_static(b"2"), true).await;
        let waiting = db.plugin_history(&name("p"), 9).await.unwrap().unwrap();
        let states = |entries: &[HistoryEntry], choice| {
            entries.iter().map(|entry| (entry.digest, entry.state(choice))).collect::<Vec<_>>()
        };
        let expected = [(second, EntryState::Waiting), (first, EntryState::InForce)];
        assert_eq!(states(&waiting.entries, &waiting.choice), expected);

        choice.approve(second).unwrap();
        let decision = Decision { approved: true, by: "bob".into(), at: 7, note: Some("fine".into()) };
        let number = waiting.entries[0].number;
        let mut approved = record("p", &choice, None);
        (approved.in_force, approved.decision) = (Some((number, 8)), Some((number, decision.clone())));
        db.instruct(approved).await.unwrap();
        let killed = fixture.as_killed();
        let db = killed.open(&Window::new(0)).await;
        assert_eq!(db.plugin_choices().await, Ok(vec![(name("p"), choice)]));
        let after = db.plugin_history(&name("p"), 9).await.unwrap().unwrap();
        let expected = [(second, EntryState::InForce), (first, EntryState::Superseded)];
        assert_eq!(states(&after.entries, &after.choice), expected);
        let newest = &after.entries[0];
        assert_eq!((newest.decision.as_ref(), newest.in_force_at), (Some(&decision), Some(8)));
        assert_eq!((newest.by.as_str(), newest.note.as_deref()), ("ann", Some("why")));
        assert_eq!(newest.facts, Some(facts(1)));
        assert_eq!(after.in_force_before().map(|entry| entry.digest), Some(first));
        assert_eq!(after.entries[1].number, 1);
        assert_eq!(db.plugin_history(&name("p"), 1).await.unwrap().unwrap().entries.len(), 1);
    }
}

#[tokio::test]
async fn old_files_go_but_not_the_one_in_force_or_waiting() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let mut choice = RevisionChoice::default();
        let mut digests = Vec::new();
        for number in 0..5_u8 {
            let bytes = Bytes::from(vec![number; 1000]);
            digests.push(push(&db, "p", &mut choice, &bytes, number == 4).await);
        }
        assert_eq!(db.prune_revisions(9, 1_000_000).await, Ok(0));
        assert_eq!(db.prune_revisions(3, 1_000_000).await, Ok(2));
        let stored = async |digest: &Digest| db.revision_file(digest).await.unwrap().is_some();
        assert!(!stored(&digests[0]).await && !stored(&digests[1]).await && stored(&digests[2]).await);
        assert_eq!(db.prune_revisions(3, 1).await, Ok(1));
        assert!(stored(&digests[3]).await && stored(&digests[4]).await);
        let history = db.plugin_history(&name("p"), 9).await.unwrap().unwrap();
        assert_eq!(history.entries.len(), 5, "what happened stays");
        assert!(history.entries[4].facts.is_none() && history.entries[0].facts.is_some());
    }
}

#[tokio::test]
async fn the_file_of_a_revision_stays_while_a_replay_on_it_is_open() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        let mut choice = RevisionChoice::default();
        let old = push(&db, "p", &mut choice, &Bytes::from_static(b"old"), false).await;
        push(&db, "p", &mut choice, &Bytes::from_static(b"new"), false).await;
        accept(&db, "dead").await.unwrap();
        let dead = window.first();
        db.finished(attempt(&dead, NextStep::Dead)).await.unwrap();
        let request = replay::Request {
            of: ReplayTarget::Deliveries,
            action: Action::Replay,
            selection: Selection::default(),
            to: None,
            again: false,
            revision: Some(old),
            dry_run: false,
        };
        let replay = db.begin_replay(request, audit::Decision::of_host()).await.unwrap();
        assert_eq!(db.prune_revisions(1, u64::MAX).await, Ok(0), "the replay is in progress");
        let again = ReplayedDelivery {
            event: dead.id.event,
            plugin: name("p"),
            order: None,
            matched: true,
            of: Some(dead.id.number),
            dead: true,
        };
        let page = ReplayPage { replay, again: vec![again], revision: Some(old), ..ReplayPage::default() };
        db.replay_step(page).await.unwrap();
        assert_eq!(db.prune_revisions(1, u64::MAX).await, Ok(0), "its delivery is open");
        let lease = db.lease_on((name("p"), old), 9, Duration::MAX).await.unwrap();
        db.finished(attempt(&lease.deliveries[0], NextStep::Done)).await.unwrap();
        assert_eq!(db.prune_revisions(1, u64::MAX).await, Ok(1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn what_is_in_force_outlives_restarts(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for fixture in Fixture::each() {
            runtime.block_on(lives(fixture, &steps));
        }
    }
}

async fn lives(mut fixture: Fixture, steps: &[Step]) {
    let (mut db, mut model) = (fixture.open(&Window::new(0)).await, Model::default());
    for step in steps {
        let stored = db.plugin_choices().await.unwrap().pop().map(|(_, choice)| choice);
        let mut choice = stored.unwrap_or_default();
        if matches!(step, Step::Restart) {
            fixture = fixture.as_killed();
            db = fixture.open(&Window::new(0)).await;
        } else {
            apply(&mut choice, *step);
            db.instruct(record("p", &choice, None)).await.unwrap();
        }
        model.step(*step);
        let stored = db.plugin_choices().await.unwrap().pop().map(|(_, choice)| choice).unwrap_or_default();
        assert_eq!(digests(&stored), model.digests(), "after {step:?} of {steps:?}");
    }
}
