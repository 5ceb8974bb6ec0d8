//! Words of the alerts.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The alerts.
    AlertsWords {
        title: "Alerts", "Alertes";
        about: "Whom the host tells of problems and of their ends. The configuration has the alerts.",
            "À qui l'hôte signale les problèmes et leur fin. Les alertes sont dans la configuration.";
        count[count]: "{count} alert" | "{count} alerts", "{count} alerte" | "{count} alertes";
        none: "No alert is configured.", "Aucune alerte n'est configurée.";
        none_help: "Add a section to the configuration:", "Ajoutez une section à la configuration :";
        ok: "nothing is wrong", "rien à signaler";
        firing: "has found something", "a trouvé quelque chose";
        failing: "does not arrive", "n'arrive pas";
        watches: "Tells of", "Signale";
        receiver: "Receiver", "Destinataire";
        last: "Last notification", "Dernière notification";
        never: "none yet", "aucune";
        pending: "Not arrived yet", "Pas encore arrivée";
        failures[count]: "{count} failed attempt" | "{count} failed attempts", "{count} essai échoué" | "{count} essais échoués";
        next_attempt: "next attempt", "prochain essai";
        problems: "Found", "Trouvé";
        over: "over", "terminé";
        test: "Send test", "Envoyer un essai";
        tested_well(name): "The test of {name} has arrived.", "L'essai de {name} est arrivé.";
        tested_ill(name): "The test of {name} has not arrived.", "L'essai de {name} n'est pas arrivé.";
        dead_letter: "dead letters", "échecs définitifs";
        plugin_paused: "paused plugins", "plugins en pause";
        plugin_refused: "refused plugin files", "fichiers de plugin refusés";
        backlog: "a large backlog", "une longue file d'attente";
        source_silent: "silent sources", "sources silencieuses";
        retention_behind: "retention behind", "conservation en retard";
        index_behind: "search index behind", "index de recherche en retard";
        changed: "Alerts have changed – show", "Des alertes ont changé – afficher";
    }
}
