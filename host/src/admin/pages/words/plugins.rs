//! Words of the plugins and their switches.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The plugins and their switches.
    PluginsWords {
        title: "Plugins", "Plugins";
        about: "Which plugin handles which type of events. A switch acts at once, on every event that comes after it.",
            "Quel plugin gère quel type d'événements. Une activation agit aussitôt, sur tout événement qui arrive ensuite.";
        count[count]: "{count} plugin" | "{count} plugins", "{count} plugin" | "{count} plugins";
        plugin: "Plugin", "Plugin";
        several_sources: "several sources", "plusieurs sources";
        no_source: "no recent event", "aucun événement récent";
        on: "on", "activé";
        off: "off", "désactivé";
        off_by_config: "off by the configuration", "exclu par la configuration";
        not_handled: "not handled", "non géré";
        legend: "What the marks mean", "Légende";
        switched_by(types, by): "by the switch {types}, set by {by}", "par l'activation {types}, réglée par {by}";
        is_on: "is on", "est activé";
        is_off: "is off: new deliveries are held", "est désactivé : les nouvelles remises sont retenues";
        released[count]: "{count} held delivery runs" | "{count} held deliveries run",
            "{count} remise retenue s'exécute" | "{count} remises retenues s'exécutent";
        discarded[count]: "{count} held delivery is discarded" | "{count} held deliveries are discarded",
            "{count} remise retenue est abandonnée" | "{count} remises retenues sont abandonnées";
        undo: "Undo", "Annuler";
        held[count]: "holds {count} delivery. Switch it on, and" | "holds {count} deliveries. Switch it on, and",
            "retient {count} remise. L'activer, et" | "retient {count} remises. L'activer, et";
        run_held[count]: "Run {count} delivery" | "Run {count} deliveries", "Exécuter {count} remise" | "Exécuter {count} remises";
        discard_held[count]: "Discard {count} delivery" | "Discard {count} deliveries",
            "Abandonner {count} remise" | "Abandonner {count} remises";
        leave_off: "Leave it off", "Laisser désactivé";
        refused: "its file is refused:", "son fichier est refusé :";
        waits_approval(revision): "revision {revision} waits for approval", "la révision {revision} attend une approbation";
        waits_unpin(revision): "revision {revision} waits for the end of the pin",
            "la révision {revision} attend la fin de l'épinglage";
        paused: "its deliveries wait until it is resumed", "ses remises attendent sa reprise";
        broken: "it failed too often; it is tried again", "il a trop souvent échoué ; nouvel essai";
        absent: "it is configured or has a switch, and has no file", "configuré ou activé, mais sans fichier";
        failed_hour(failed, all): "{failed} of {all} attempts failed in the last hour",
            "{failed} tentatives sur {all} ont échoué depuis une heure";
        done_hour[count]: "{count} delivery done in the last hour" | "{count} deliveries done in the last hour",
            "{count} remise faite depuis une heure" | "{count} remises faites depuis une heure";
        none: "No plugin runs here yet.", "Aucun plugin ne fonctionne encore ici.";
        none_help: "Make one, and build it into the plugins directory:",
            "Créez-en un et construisez-le dans le répertoire des plugins :";
        no_types: "Its types are not known yet.", "Ses types ne sont pas encore connus.";
    }
}
