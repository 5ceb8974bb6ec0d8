//! What a dry run of dead letters or dead effects has found, in sentences.

use super::words::DeadLettersWords;
use crate::admin::api::{ReplayAction, ReplayProgress, ReplayTarget};

/// The sentences of a plan.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentences {
    pub(super) title: &'static str,
    /// What will happen, with the number.
    pub(super) what: String,
    /// How many will not be acted on, and why.
    pub(super) left_out: Option<String>,
    /// The button that begins it.
    pub(super) button: String,
    /// The heading of the first ones.
    pub(super) first: &'static str,
    /// What is selected, if nothing narrows it down.
    pub(super) all: &'static str,
}

impl Sentences {
    pub(super) fn new(plan: &ReplayProgress, w: DeadLettersWords) -> Self {
        let (made, skipped) = (plan.made, plan.skipped);
        let is_of_effects = plan.request.of == ReplayTarget::Effects;
        let (title, what, button) = match (plan.request.action, is_of_effects) {
            (ReplayAction::Replay, false) => (w.plan_replay(), w.will_replay(made), w.replay_button(made)),
            (ReplayAction::Discard, false) => {
                (w.plan_discard(), w.will_discard(made), w.discard_button(made))
            }
            (ReplayAction::Replay, true) => {
                (w.plan_replay_effects(), w.will_replay_effects(made), w.replay_effects(made))
            }
            (ReplayAction::Discard, true) => {
                (w.plan_discard_effects(), w.will_discard_effects(made), w.discard_effects(made))
            }
        };
        let left_out =
            |skipped| if is_of_effects { w.left_out_effects(skipped) } else { w.left_out(skipped) };
        Self {
            title,
            what,
            left_out: (skipped > 0).then(|| left_out(skipped)),
            button,
            first: if is_of_effects { w.the_first_effects() } else { w.the_first() },
            all: if is_of_effects { w.where_all_effects() } else { w.where_all() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::{ReplayRequest, ReplaySelection, ReplayState};
    use crate::admin::pages::language::Language;

    fn plan(of: ReplayTarget, action: ReplayAction, skipped: u64) -> ReplayProgress {
        let (selection, to, revision) = (ReplaySelection::default(), None, None);
        let request = ReplayRequest { of, action, selection, to, again: false, revision, dry_run: true };
        let (state, first) = (ReplayState::Done, Vec::new());
        ReplayProgress { id: 1, asked_at: 0, request, state, found: 2, made: 2, skipped, first }
    }

    #[test]
    fn a_plan_says_what_will_happen_to_what() {
        use ReplayAction::{Discard, Replay};
        use ReplayTarget::{Deliveries, Effects};
        for (of, action, english, french) in [
            (Deliveries, Replay, "Replay 2 deliveries", "Rejouer 2 remises"),
            (Deliveries, Discard, "Discard 2 deliveries", "Abandonner 2 remises"),
            (Effects, Replay, "Replay 2 effects", "Rejouer 2 effets"),
            (Effects, Discard, "Discard 2 effects", "Abandonner 2 effets"),
        ] {
            let plan = plan(of, action, 0);
            let told = Sentences::new(&plan, DeadLettersWords(Language::English));
            assert_eq!((told.button.as_str(), told.left_out), (english, None));
            assert_eq!(Sentences::new(&plan, DeadLettersWords(Language::French)).button, french);
        }
        let told = Sentences::new(&plan(Effects, Replay, 1), DeadLettersWords(Language::English));
        assert!(told.what.starts_with("2 effects will be attempted again"), "{told:?}");
        assert_eq!(told.left_out.as_deref(), Some("1 is left out: its event was erased."));
    }
}
