//! What is in force, against a model: random sequences of file changes, pushes, rollbacks, pins, approvals and
//! restarts.

use proptest::prelude::*;

use super::*;

/// A step. A digest is one of four.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    File { digest: u8, needs_approval: bool },
    RefusedFile { digest: u8 },
    NoFile,
    Push { digest: u8, needs_approval: bool },
    Rollback { digest: u8 },
    Pin { digest: Option<u8> },
    Unpin,
    Approve { digest: u8 },
    Reject { digest: u8 },
    Restart,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (digest, approval) = (0..4_u8, proptest::bool::weighted(0.3));
    let step = prop_oneof![
        6 => (digest.clone(), approval)
            .prop_map(|(digest, needs_approval)| Step::File { digest, needs_approval }),
        1 => digest.clone().prop_map(|digest| Step::RefusedFile { digest }),
        2 => Just(Step::NoFile),
        6 => (digest.clone(), approval).prop_map(|(digest, needs_approval)| Step::Push { digest, needs_approval }),
        3 => digest.clone().prop_map(|digest| Step::Rollback { digest }),
        2 => proptest::option::weighted(0.3, digest.clone()).prop_map(|digest| Step::Pin { digest }),
        2 => Just(Step::Unpin),
        3 => digest.clone().prop_map(|digest| Step::Approve { digest }),
        1 => digest.prop_map(|digest| Step::Reject { digest }),
        3 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

pub(crate) fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

/// Takes a step as the host does: a file is an instruction only if it has changed since it was last read.
pub(crate) fn apply(choice: &mut RevisionChoice, step: Step) {
    match step {
        Step::File { digest: of, .. } | Step::RefusedFile { digest: of }
            if choice.is_unchanged_file(digest(of)) => {}
        Step::File { digest: of, needs_approval } => choice.change_file(digest(of), needs_approval),
        Step::RefusedFile { digest: of } => choice.refuse_file(digest(of)),
        Step::NoFile => _ = choice.remove_file(),
        Step::Push { digest: of, needs_approval } => choice.push(digest(of), needs_approval),
        Step::Rollback { digest: of } => choice.roll_back(digest(of)),
        Step::Pin { digest: of } => _ = choice.pin(of.map(digest)),
        Step::Unpin => _ = choice.unpin(),
        Step::Approve { digest: of } => _ = choice.approve(digest(of)),
        Step::Reject { digest: of } => _ = choice.reject(digest(of)),
        Step::Restart => {}
    }
}

/// The rule in few lines: what is in force and whether by a file, what waits and why, the file, the pin.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Model {
    runs: Option<(u8, bool)>,
    waits: Option<(u8, bool, bool)>,
    file: Option<(u8, bool)>,
    pinned: bool,
}

impl Model {
    pub(crate) fn step(&mut self, step: Step) {
        let (before, pinned) = (self.runs.map(|(digest, _)| digest), self.pinned);
        let (digest, approval, by_file) = match step {
            Step::File { digest, .. } | Step::RefusedFile { digest }
                if self.file == Some((digest, false)) =>
            {
                return;
            }
            Step::File { digest, needs_approval } => (digest, needs_approval, true),
            Step::Push { digest, needs_approval } => (digest, needs_approval, false),
            Step::Rollback { digest } => (digest, false, false),
            Step::Pin { digest: Some(other) } if before.is_some_and(|of| of != other) => {
                (other, false, false)
            }
            other => return self.without_revision(other),
        };
        let moves = matches!(step, Step::Pin { .. });
        self.file = if by_file { Some((digest, false)) } else { self.file.map(|(of, _)| (of, false)) };
        let waits = before != Some(digest) && (approval || pinned && !moves);
        self.waits = waits.then_some((digest, approval, by_file));
        self.runs = if waits { self.runs } else { Some((digest, by_file)) };
        self.pinned |= moves;
    }

    fn without_revision(&mut self, step: Step) {
        match (step, self.waits) {
            (Step::RefusedFile { digest }, _) => self.file = Some((digest, true)),
            (Step::NoFile, waits) if self.file.is_some() => {
                (self.file, self.waits) = (None, waits.filter(|(.., by_file)| !by_file));
            }
            (Step::Pin { .. }, _) => self.pinned = self.runs.is_some(),
            (Step::Unpin, _) => self.pinned = false,
            (Step::Approve { digest }, Some((of, true, by))) if of == digest => {
                self.waits = Some((of, false, by));
            }
            (Step::Reject { digest }, Some((of, ..))) if of == digest => self.waits = None,
            _ => return,
        }
        if let (false, Some((digest, false, by_file))) = (self.pinned, self.waits) {
            (self.runs, self.waits) = (Some((digest, by_file)), None);
        }
        self.runs = self.runs.filter(|(_, by_file)| self.pinned || !by_file || self.file.is_some());
    }

    /// The digests in force and waiting.
    pub(crate) fn digests(&self) -> (Option<Digest>, Option<Digest>) {
        (self.runs.map(|(of, _)| digest(of)), self.waits.map(|(of, ..)| digest(of)))
    }
}

pub(crate) fn digests(choice: &RevisionChoice) -> (Option<Digest>, Option<Digest>) {
    (choice.in_force().map(|of| of.digest), choice.waiting().map(|of| of.choice.digest))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_in_force_and_what_waits_is_as_in_the_model(steps in steps()) {
        let (mut choice, mut model) = (RevisionChoice::default(), Model::default());
        for step in steps {
            let before = choice.version;
            apply(&mut choice, step);
            if matches!(step, Step::Restart) {
                choice = serde_json::from_str(&serde_json::to_string(&choice).unwrap()).unwrap();
            }
            model.step(step);
            prop_assert_eq!(digests(&choice), model.digests(), "after {:?}: {:?} {:?}", step, &choice, &model);
            prop_assert_eq!(choice.is_pinned(), model.pinned, "after {:?}", step);
            prop_assert!(choice.version >= before);
            let numbers = [choice.in_force(), choice.waiting().map(|of| of.choice)];
            prop_assert!(numbers.into_iter().flatten().all(|of| of.number <= choice.version));
        }
    }
}

/// What a step in a table does.
type Act = fn(&mut RevisionChoice);

#[test]
fn the_latest_instruction_wins_and_what_may_not_run_waits() {
    const A: Digest = Digest([1; 32]);
    const B: Digest = Digest([2; 32]);
    let file: Act = |choice| choice.change_file(A, false);
    let push: Act = |choice| choice.push(B, false);
    let widening: Act = |choice| choice.push(B, true);
    let pin: Act = |choice| _ = choice.pin(None).unwrap();
    let no_file: Act = |choice| _ = choice.remove_file();
    for (what, acts, expected) in [
        ("a file", vec![file], (Some(A), None)),
        ("a push after a file", vec![file, push], (Some(B), None)),
        ("a file after a push", vec![push, file], (Some(A), None)),
        ("a removed file", vec![file, no_file], (None, None)),
        ("the removed file of a pushed plugin", vec![file, push, no_file], (Some(B), None)),
        ("a push while pinned", vec![file, pin, push], (Some(A), Some(B))),
        ("the removed file of a pinned plugin", vec![file, pin, no_file], (Some(A), None)),
        ("its end", vec![file, pin, no_file, |choice| _ = choice.unpin()], (None, None)),
        ("the end of a pin", vec![file, pin, push, |choice| _ = choice.unpin()], (Some(B), None)),
        ("a wider push", vec![file, widening], (Some(A), Some(B))),
        ("approved", vec![file, widening, |choice| assert!(choice.approve(B).unwrap())], (Some(B), None)),
        ("rejected", vec![file, widening, |choice| _ = choice.reject(B).unwrap()], (Some(A), None)),
        ("a later push than the one that waits", vec![file, widening, |c| c.push(A, false)], (Some(A), None)),
        (
            "approved while pinned",
            vec![file, pin, widening, |choice| assert!(!choice.approve(B).unwrap())],
            (Some(A), Some(B)),
        ),
        ("a pin to another", vec![file, push, |choice| _ = choice.pin(Some(A)).unwrap()], (Some(A), None)),
        (
            "a rollback of a rollback",
            vec![file, push, |c| c.roll_back(A), |c| c.roll_back(B)],
            (Some(B), None),
        ),
    ] {
        let mut choice = RevisionChoice::default();
        for act in acts {
            act(&mut choice);
        }
        assert_eq!(digests(&choice), expected, "{what}: {choice:?}");
    }
}

#[test]
fn a_refused_file_is_tried_again_until_another_instruction_comes() {
    let mut choice = RevisionChoice::default();
    choice.change_file(digest(1), false);
    choice.refuse_file(digest(2));
    assert!(!choice.is_unchanged_file(digest(2)) && !choice.is_unchanged_file(digest(1)));
    choice.push(digest(3), false);
    assert!(choice.is_unchanged_file(digest(2)));
}

#[test]
fn only_the_revision_that_waits_is_approved_or_rejected() {
    let mut choice = RevisionChoice::default();
    assert_eq!(choice.pin(None), Err(ChoiceError::NothingInForce));
    assert_eq!(choice.approve(digest(1)), Err(ChoiceError::NothingWaits));
    choice.push(digest(1), false);
    choice.pin(None).unwrap();
    choice.push(digest(2), false);
    assert_eq!(choice.approve(digest(1)), Err(ChoiceError::OtherWaits(digest(2))));
    assert_eq!(choice.reject(digest(1)), Err(ChoiceError::OtherWaits(digest(2))));
    assert_eq!(choice.approve(digest(2)), Err(ChoiceError::NeedsNoApproval));
    assert_eq!(choice.reject(digest(2)).map(|rejected| rejected.number), Ok(3));
}
