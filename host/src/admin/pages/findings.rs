//! What the host finds wrong with itself, in the reader's language.

use super::language::Language;
use crate::admin::api::Finding;
use crate::admin::doctor::{Fact, Found, Lack, Place, short};
use crate::alerts::quoted;
use crate::db::DeadLetters;

/// A finding in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Telling {
    /// What was found.
    pub(super) detail: String,
    /// A text of somebody else that belongs to it, such as an error of the system, in English.
    pub(super) quote: Option<String>,
    /// What to do about it.
    pub(super) help: Option<String>,
}

/// Puts a finding into words.
pub(super) fn tell(found: &Found, language: Language) -> Telling {
    let Telling { detail, quote, help } = match language {
        Language::English => {
            let Finding { detail, help, .. } = found.clone().into();
            Telling { detail, quote: None, help }
        }
        Language::French => tell_in_french(&found.fact),
    };
    let is_name = found.subject.as_ref().is_some_and(|subject| detail.starts_with(subject));
    let detail = if is_name { end_sentence(detail) } else { sentence(&detail) };
    Telling { detail, quote, help: help.map(|help| sentence(&help)) }
}

/// A text as a sentence: with a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    end_sentence(first.chain(letters).collect())
}

fn end_sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

fn tell_in_french(fact: &Fact) -> Telling {
    let (detail, help) = describe_in_french(fact);
    let quote = match fact {
        Fact::HostFault(text)
        | Fact::DatabaseFault(text)
        | Fact::DatabaseFileFault(text)
        | Fact::ConfigRejected(text)
        | Fact::ConfigNeedsRestart(text) => Some(text.clone()),
        Fact::PluginRefused { reason, .. } | Fact::VerifierRefused { reason, .. } => Some(quoted(reason)),
        _ => None,
    };
    Telling { detail, quote, help }
}

/// What was found about the host itself, and what to do; about the rest, [`describe_parts`].
fn describe_in_french(fact: &Fact) -> (String, Option<String>) {
    let number = |number: &u64| Language::French.number(*number);
    let (detail, help) = match fact {
        Fact::HostFault(_) => {
            ("l'hôte ne travaille pas".into(), "lisez le journal de l'hôte : il dit depuis quand et pourquoi")
        }
        Fact::DatabaseFault(_) => (
            "la base de données ne fonctionne pas".into(),
            "d'ici là, les événements reçoivent 503 : voyez le fichier, son disque et les processus qui l'ont ouvert",
        ),
        Fact::BacklogNearlyFull { open, max } => (
            format!(
                "{} remises sont ouvertes ; à {} (dispatch.backlog_max), les événements reçoivent 429",
                number(open),
                number(max)
            ),
            "`hookyard delivery list --state waiting` dit ce qu'elles attendent",
        ),
        Fact::DatabaseFileMissing => ("il n'y en a pas encore".into(), "le premier `hookyard serve` la crée"),
        Fact::DatabaseFileFault(_) => {
            ("le fichier ne peut pas être lu".into(), "voyez à qui appartient le fichier")
        }
        Fact::ClockInThePast => (
            "l'horloge du système est dans le passé".into(),
            "réglez-la (`timedatectl set-ntp true`) : d'ici là, les signatures datées sont refusées",
        ),
        Fact::ClockSet { back, seconds } => (
            format!(
                "l'horloge du système a été {} de {} s pendant que l'hôte fonctionnait",
                if *back { "reculée" } else { "avancée" },
                number(seconds)
            ),
            "vérifiez l'horloge du système ; les attentes et les âges suivent l'horloge de l'hôte",
        ),
        Fact::CacheUnreadable => (
            "le répertoire des plugins compilés ne peut pas être lu".into(),
            "l'hôte recompile chaque plugin à chaque démarrage : voyez à qui appartient `cache` dans le répertoire de données",
        ),
        Fact::CacheNearlyFull { bytes, max } => (
            format!(
                "les plugins compilés prennent {} octets sur {} (runtime.cache_max_bytes)",
                number(bytes),
                number(max)
            ),
            "augmentez runtime.cache_max_bytes, sinon des plugins peuvent être recompilés à chaque démarrage",
        ),
        Fact::RetentionFull => (
            "la base de données dépasse retention.size_max_bytes, et aucun événement ne peut être supprimé"
                .into(),
            "rejouez ou abandonnez des échecs définitifs, augmentez retention.size_max_bytes, ou gardez les événements moins longtemps",
        ),
        Fact::RetentionBehind { hours } => (
            format!("la suppression des anciens événements est en retard de {} h", number(hours)),
            "le disque ou la base de données est lent : voyez `hookyard_commit_seconds` dans /metrics",
        ),
        Fact::DiskUnreadable(place) => {
            (format!("l'emplacement {} ne peut pas être lu", describe_place(*place)), "vérifiez qu'il existe")
        }
        Fact::DiskSpace { place, free_mib, total_mib } => (
            format!(
                "il reste {} Mio sur {} pour l'emplacement {}",
                number(free_mib),
                number(total_mib),
                describe_place(*place)
            ),
            "faites de la place, ou conservez moins : sur un disque plein, les événements reçoivent 503, et aucun n'est perdu",
        ),
        _ => return describe_parts(fact),
    };
    (detail, Some(help.to_owned()))
}

/// What was found about plugins, sources, alerts and the configuration, and what to do.
fn describe_parts(fact: &Fact) -> (String, Option<String>) {
    let number = |number: u64| Language::French.number(number);
    let (detail, help) = match fact {
        Fact::NoPlugins => ("il n'y a aucun plugin".into(), "`hookyard plugin new NOM` en crée un".into()),
        Fact::PluginLoading(name) => (
            format!("{name} est en cours de chargement"),
            "ses événements attendent qu'il soit chargé ; le journal dit quand".into(),
        ),
        Fact::PluginPaused(name) => (
            format!("{name} est mis en pause par un opérateur"),
            format!("`hookyard plugin resume {name}` laisse passer ses remises"),
        ),
        Fact::PluginBroken(name) => (
            format!("{name} est en pause : presque toutes ses dernières remises ont échoué"),
            format!("`hookyard delivery list --plugin {name} --state waiting` montre les raisons"),
        ),
        Fact::PluginRefused { plugin, earlier_runs, .. } => (
            format!(
                "la dernière révision de {plugin} est refusée, et {}",
                if *earlier_runs { "la précédente reste en service" } else { "aucune n'est en service" }
            ),
            "corrigez le fichier ou la section du plugin dans la configuration ; l'hôte la prend aussitôt"
                .into(),
        ),
        Fact::PluginWaiting { plugin, digest, needs_approval: true } => (
            format!("la révision {} de {plugin} attend une approbation", short(digest)),
            format!(
                "`hookyard plugin diff {plugin}`, puis `hookyard plugin approve {plugin} {}`",
                short(digest)
            ),
        ),
        Fact::PluginWaiting { plugin, digest, .. } => (
            format!("la révision {} de {plugin} attend la fin de l'épinglage", short(digest)),
            format!("`hookyard plugin unpin {plugin}` la met en service"),
        ),
        Fact::PluginDeadLetters(DeadLetters { plugin, deliveries, effects, .. }) => (
            format!("{plugin} a {}", count_dead_letters(*deliveries, *effects)),
            format!(
                "`hookyard delivery list --state dead --plugin {plugin}` et `hookyard effect list --state dead \
                 --plugin {plugin}` les montrent ; `replay` ou `discard` les règle"
            ),
        ),
        Fact::SourceSilent { source, hours } => (
            format!("le dernier événement de {source} est arrivé il y a {} h", number(*hours)),
            help_of_source(source),
        ),
        Fact::SourceUnheard(source) => {
            (format!("aucun des événements récents ne vient de {source}"), help_of_source(source))
        }
        Fact::ConfirmationsWaiting { source, count } => describe_confirmations(source, *count),
        Fact::VerifierMissing(name) => (
            format!("le vérificateur {name} n'est pas en service : ses sources reçoivent 503"),
            format!("mettez {name}.wasm et {name}.vectors.json dans le répertoire verifiers.dir"),
        ),
        Fact::VerifierRefused { verifier, earlier_runs, .. } => (
            format!(
                "les derniers fichiers du vérificateur {verifier} sont refusés, et {}",
                if *earlier_runs { "les précédents restent en service" } else { "aucun n'est en service" }
            ),
            format!(
                "`hookyard verifier check {verifier}.wasm` en dit la raison ; l'hôte prend aussitôt les fichiers corrigés"
            ),
        ),
        Fact::AlertsFailing(names) => (
            format!("la dernière notification n'est pas arrivée : {}", names.join(", ")),
            "`hookyard alert list` montre la réponse du destinataire, et `hookyard alert test NOM` réessaie"
                .into(),
        ),
        Fact::ConfigRejected(_) => (
            "le fichier modifié est rejeté".into(),
            "corrigez le fichier comme le dit le journal ; la configuration précédente reste en vigueur. `hookyard config check` lit le \
             fichier avec les variables de votre terminal, que l'hôte n'a peut-être pas"
                .into(),
        ),
        Fact::ConfigNeedsRestart(_) => (
            "la clé garde son ancienne valeur jusqu'au redémarrage".into(),
            "redémarrez l'hôte quand cela convient".into(),
        ),
        Fact::SectionWithoutPlugin(plugin) => (
            format!("il n'y a pas de plugin {plugin}"),
            format!("apportez-le avec `hookyard plugin push {plugin} FICHIER`, ou retirez la section"),
        ),
        Fact::KeyWithoutEffect { plugin, lacks } => (
            format!("la clé est sans effet : {plugin} {}", describe_lack(*lacks)),
            "retirez-la : un plugin ne devrait pas avoir ce dont il n'a pas besoin".into(),
        ),
        Fact::PatternWithoutHandler { plugin, pattern } => (
            format!("`{pattern}` est sans effet : {plugin} n'a pas de gestionnaire pour cela"),
            format!("`hookyard plugin matrix` montre ce que gère {plugin}"),
        ),
        Fact::PackageWithoutSource { plugin, package } => (
            format!(
                "aucun événement n'atteint les gestionnaires de {plugin} pour {package} : aucune source n'a ce paquet"
            ),
            format!("écrivez `package = \"{package}\"` dans la section de la source qui envoie ces événements"),
        ),
        // What is well needs no words: the pages show what is wrong.
        _ => return ("tout va bien".into(), None),
    };
    (detail, Some(help))
}

fn describe_confirmations(source: &str, count: u64) -> (String, String) {
    let detail = if Language::French.is_one(count) {
        format!("{} confirmation de {source} attend un opérateur", Language::French.number(count))
    } else {
        format!("{} confirmations de {source} attendent un opérateur", Language::French.number(count))
    };
    let help = "approuvez ou rejetez sur la page de la source, dans les trois jours : d'ici là, le fournisseur n'envoie rien";
    (detail, help.into())
}

fn help_of_source(source: &str) -> String {
    format!(
        "voyez si l'expéditeur a l'URL /webhooks/{source} et le bon secret : sa page compte les requêtes refusées"
    )
}

fn describe_place(place: Place) -> &'static str {
    match place {
        Place::Database => "de la base de données",
        Place::DataDirectory => "du répertoire de données",
    }
}

fn describe_lack(lacks: Lack) -> &'static str {
    match lacks {
        Lack::HttpRequests => "n'envoie pas de requêtes HTTP",
        Lack::Email => "n'envoie pas d'e-mails",
        Lack::Events => "n'émet pas d'événements",
        Lack::Configuration => "ne lit pas de configuration",
    }
}

/// The dead letters of a plugin, counted in French.
pub(super) fn count_dead_letters(deliveries: u64, effects: u64) -> String {
    let counted = |count: u64, one: &str, many: &str| {
        let words = if Language::French.is_one(count) { one } else { many };
        (count > 0).then(|| format!("{} {words}", Language::French.number(count)))
    };
    let parts = [
        counted(deliveries, "échec définitif", "échecs définitifs"),
        counted(effects, "effet en échec définitif", "effets en échec définitif"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" et ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::Severity;

    fn found(fact: Fact) -> Found {
        Found { severity: Severity::Warning, subject: Some("sms".into()), fact }
    }

    #[test]
    fn a_finding_is_told_in_each_language() {
        let paused = found(Fact::PluginPaused("sms".into()));
        let english = tell(&paused, Language::English);
        assert_eq!(english.detail, "sms is paused by an operator.");
        assert_eq!(english.help.as_deref(), Some("`hookyard plugin resume sms` lets its deliveries run."));
        let french = tell(&paused, Language::French);
        assert_eq!(french.detail, "sms est mis en pause par un opérateur.");
        assert_eq!(french.help.as_deref(), Some("`hookyard plugin resume sms` laisse passer ses remises."));
        let waiting = found(Fact::ConfirmationsWaiting { source: "alarms".into(), count: 2 });
        let (english, french) = (tell(&waiting, Language::English), tell(&waiting, Language::French));
        assert_eq!(english.detail, "2 confirmations of alarms wait for an operator.");
        assert_eq!(french.detail, "2 confirmations de alarms attendent un opérateur.");
        let dead = DeadLetters { plugin: "sms".into(), deliveries: 1, effects: 1200, oldest_at: None };
        let dead = tell(&found(Fact::PluginDeadLetters(dead)), Language::French);
        assert_eq!(dead.detail, "sms a 1 échec définitif et 1\u{202f}200 effets en échec définitif.");
    }

    #[test]
    fn the_words_of_others_stay_as_they_are() {
        let fault = tell(&found(Fact::DatabaseFault("disk I/O error".into())), Language::French);
        assert_eq!(
            (fault.detail.as_str(), fault.quote.as_deref()),
            ("La base de données ne fonctionne pas.", Some("disk I/O error"))
        );
    }
}
