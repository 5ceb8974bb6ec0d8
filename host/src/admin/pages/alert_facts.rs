//! What alerts find, in the reader's language.

use super::findings::{count_dead_letters, sentence};
use super::language::Language;
use super::words::TimeWords;
use crate::alerts::{ProblemFact, TimeUnit, in_whole_units, quoted};
use crate::config::Condition;
use crate::db::DeadLetters;

/// A problem in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProblemTelling {
    /// What is wrong.
    pub(super) detail: String,
    /// The host's reason for a refusal, which quotes the plugin's file and is in English.
    pub(super) quote: Option<String>,
}

/// Puts what an alert found into words.
pub(super) fn tell(fact: &ProblemFact, language: Language) -> ProblemTelling {
    let (detail, quote) = match (language, fact) {
        (Language::English, _) => (fact.describe(), None),
        (Language::French, ProblemFact::Refused { reason, .. }) => {
            (describe_in_french(fact), Some(quoted(reason)))
        }
        (Language::French, _) => (describe_in_french(fact), None),
    };
    ProblemTelling { detail: sentence(&detail), quote }
}

fn describe_in_french(fact: &ProblemFact) -> String {
    let number = |number: u64| Language::French.number(number);
    match fact {
        ProblemFact::DeadLetters(DeadLetters { plugin, deliveries, effects, .. }) => {
            format!("le plugin {plugin} a {}", count_dead_letters(*deliveries, *effects))
        }
        ProblemFact::PausedByBreaker { plugin } => {
            format!("le plugin {plugin} est en pause : presque toutes ses dernières remises ont échoué")
        }
        ProblemFact::PausedByOperator { plugin } => {
            format!("le plugin {plugin} est mis en pause par un opérateur")
        }
        ProblemFact::Refused { plugin, earlier_runs, .. } => format!(
            "le fichier du plugin {plugin} a été refusé, et {}",
            if *earlier_runs {
                "la révision précédente reste en service"
            } else {
                "aucune révision n'est en service"
            }
        ),
        ProblemFact::Backlog { open, max } => {
            let words =
                if Language::French.is_one(*open) { "remise est ouverte" } else { "remises sont ouvertes" };
            format!("{} {words}, plus de {} (backlog_max)", number(*open), number(*max))
        }
        ProblemFact::SourceSilent { source, after_ms } => {
            format!("la source {source} n'a envoyé aucun événement depuis {} ou plus", whole_time(*after_ms))
        }
        ProblemFact::RetentionBehind { after_ms } => format!(
            "la suppression des anciens événements est en retard depuis {} ou plus",
            whole_time(*after_ms)
        ),
        ProblemFact::RetentionFull { max_bytes } => format!(
            "la base de données dépasse {} octets (retention.size_max_bytes), et aucun événement ne peut être supprimé",
            number(*max_bytes)
        ),
        ProblemFact::IndexBehind { after_ms } => {
            format!("l'index de recherche est en retard depuis {} ou plus", whole_time(*after_ms))
        }
        ProblemFact::Unobserved { condition, subject } => describe_unobserved(*condition, subject),
    }
}

fn describe_unobserved(condition: Condition, subject: &str) -> String {
    match condition {
        Condition::DeadLetter => format!("le plugin {subject} a des échecs définitifs"),
        Condition::PluginPaused => format!("le plugin {subject} est en pause"),
        Condition::PluginRefused => format!("le fichier du plugin {subject} a été refusé"),
        Condition::Backlog => "la file d'attente dépasse sa limite".into(),
        Condition::SourceSilent => format!("la source {subject} n'envoie aucun événement"),
        Condition::RetentionBehind => "la suppression des anciens événements est en retard".into(),
        Condition::IndexBehind => "l'index de recherche est en retard".into(),
    }
}

/// A time in its largest whole unit: `90 min`.
fn whole_time(ms: u64) -> String {
    let (number, unit) = in_whole_units(ms);
    let unit = match unit {
        TimeUnit::Days => TimeWords(Language::French).day(),
        TimeUnit::Hours => "h",
        TimeUnit::Minutes => "min",
        TimeUnit::Seconds => "s",
        TimeUnit::Milliseconds => "ms",
    };
    Language::French.with_unit(&Language::French.number(number), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of problem, with the sentence about it in English and in French.
    fn table() -> Vec<(ProblemFact, &'static str, &'static str)> {
        let sms = || "sms".to_owned();
        let dead = |deliveries, effects| {
            ProblemFact::DeadLetters(DeadLetters { plugin: sms(), deliveries, effects, oldest_at: None })
        };
        let refused =
            |earlier_runs| ProblemFact::Refused { plugin: sms(), reason: "bad\nfile".into(), earlier_runs };
        vec![
            (dead(1, 0), "Plugin sms has 1 dead letter.", "Le plugin sms a 1 échec définitif."),
            (
                dead(1200, 2),
                "Plugin sms has 1200 dead letters and 2 dead effects.",
                "Le plugin sms a 1\u{202f}200 échecs définitifs et 2 effets en échec définitif.",
            ),
            (
                ProblemFact::PausedByBreaker { plugin: sms() },
                "Plugin sms is paused by its breaker: nearly all of its latest deliveries failed.",
                "Le plugin sms est en pause : presque toutes ses dernières remises ont échoué.",
            ),
            (
                ProblemFact::PausedByOperator { plugin: sms() },
                "Plugin sms is paused by an operator.",
                "Le plugin sms est mis en pause par un opérateur.",
            ),
            (
                refused(true),
                "The file of plugin sms was refused, and the earlier revision continues: bad file.",
                "Le fichier du plugin sms a été refusé, et la révision précédente reste en service.",
            ),
            (
                refused(false),
                "The file of plugin sms was refused, and no revision runs: bad file.",
                "Le fichier du plugin sms a été refusé, et aucune révision n'est en service.",
            ),
            (
                ProblemFact::Backlog { open: 1500, max: 1000 },
                "1500 deliveries are open, more than 1000 (backlog_max).",
                "1\u{202f}500 remises sont ouvertes, plus de 1\u{202f}000 (backlog_max).",
            ),
            (
                ProblemFact::SourceSilent { source: "crm".into(), after_ms: 5_400_000 },
                "Source crm has sent no event for 90 min or more.",
                "La source crm n'a envoyé aucun événement depuis 90\u{202f}min ou plus.",
            ),
            (
                ProblemFact::RetentionBehind { after_ms: 172_800_000 },
                "The removal of old events has not caught up for 2 days or more.",
                "La suppression des anciens événements est en retard depuis 2\u{202f}j ou plus.",
            ),
            (
                ProblemFact::RetentionFull { max_bytes: 5000 },
                "The database has more than 5000 bytes (retention.size_max_bytes), and no event may be removed.",
                "La base de données dépasse 5\u{202f}000 octets (retention.size_max_bytes), et aucun événement ne peut \
                 être supprimé.",
            ),
            (
                ProblemFact::IndexBehind { after_ms: 1500 },
                "The search index has not caught up for 1500 ms or more.",
                "L'index de recherche est en retard depuis 1\u{202f}500\u{202f}ms ou plus.",
            ),
        ]
    }

    #[test]
    fn a_problem_is_told_in_each_language() {
        for (fact, english, french) in table() {
            assert_eq!(tell(&fact, Language::English).detail, english);
            assert_eq!(tell(&fact, Language::French).detail, french);
        }
    }

    #[test]
    fn the_reason_of_a_refusal_is_quoted_beside_a_french_sentence() {
        let refused =
            ProblemFact::Refused { plugin: "sms".into(), reason: "bad\nfile".into(), earlier_runs: true };
        assert_eq!(tell(&refused, Language::English).quote, None);
        assert_eq!(tell(&refused, Language::French).quote.as_deref(), Some("bad file"));
    }

    #[test]
    fn a_problem_of_an_earlier_process_is_told_by_its_kind() {
        for (condition, subject, english, french) in [
            (
                Condition::DeadLetter,
                "sms",
                "Plugin sms has dead letters.",
                "Le plugin sms a des échecs définitifs.",
            ),
            (Condition::PluginPaused, "sms", "Plugin sms is paused.", "Le plugin sms est en pause."),
            (
                Condition::PluginRefused,
                "sms",
                "The file of plugin sms was refused.",
                "Le fichier du plugin sms a été refusé.",
            ),
            (
                Condition::Backlog,
                "",
                "The backlog is above its limit.",
                "La file d'attente dépasse sa limite.",
            ),
            (
                Condition::SourceSilent,
                "crm",
                "Source crm sends no events.",
                "La source crm n'envoie aucun événement.",
            ),
            (
                Condition::RetentionBehind,
                "",
                "The removal of old events has not caught up.",
                "La suppression des anciens événements est en retard.",
            ),
            (
                Condition::IndexBehind,
                "",
                "The search index has not caught up.",
                "L'index de recherche est en retard.",
            ),
        ] {
            let fact = ProblemFact::Unobserved { condition, subject: subject.into() };
            assert_eq!(tell(&fact, Language::English).detail, english);
            assert_eq!(tell(&fact, Language::French).detail, french);
        }
    }
}
