//! Words of the overview.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The overview.
    OverviewWords {
        title: "Overview", "Vue d'ensemble";
        well: "All is well.", "Tout va bien.";
        needs[count]: "{count} thing needs you." | "{count} things need you.",
            "{count} point demande votre attention." | "{count} points demandent votre attention.";
        show: "Show", "Afficher";
        about_host: "Host", "Hôte";
        about_database: "Database", "Base de données";
        about_disk: "Disk", "Disque";
        about_clock: "Clock", "Horloge";
        about_cache: "Compiled plugins", "Plugins compilés";
        about_retention: "Retention", "Conservation";
        about_plugins: "Plugin", "Plugin";
        about_dead_letters: "Dead letters", "Échecs définitifs";
        about_sources: "Source", "Source";
        about_alerts: "Alerts", "Alertes";
        about_configuration: "Configuration", "Configuration";
        numbers: "The last hour", "La dernière heure";
        numbers_since(time): "Since the host started {time}", "Depuis le démarrage de l'hôte, {time}";
        received: "Received", "Reçus";
        done: "Done", "Faites";
        backlog: "Backlog", "File d'attente";
        backlog_oldest(time): "oldest {time}", "la plus ancienne : {time}";
        backlog_none: "nothing waits", "rien n'attend";
        dead: "Dead letters", "Échecs définitifs";
        dead_oldest(time): "oldest {time}", "le plus ancien : {time}";
        dead_none: "none", "aucun";
        time_to_done: "Receipt to done", "De la réception à « faite »";
        time_p99(time): "99 of 100 within {time}", "99 sur 100 en {time}";
        time_none: "nothing done yet", "rien de fait pour l'instant";
        per_minute(count): "{count} per minute", "{count} par minute";
        plugins: "Plugins", "Plugins";
        plugin: "Plugin", "Plugin";
        state: "State", "État";
        done_hour: "Done", "Faites";
        failed_hour: "Failed attempts", "Tentatives échouées";
        at_least(count): "{count} or more", "{count} ou plus";
        newest_dead: "Newest dead letters", "Derniers échecs définitifs";
        all_dead: "All dead letters", "Tous les échecs définitifs";
        event: "Event", "Événement";
        reason: "Reason", "Raison";
        event_received: "Received", "Reçu";
        revision: "Revision", "Révision";
        in_force: "In force", "En service";
        no_plugins: "No plugin runs here yet.", "Aucun plugin ne fonctionne encore ici.";
        no_plugins_help: "Make one, and build it into the plugins directory:",
            "Créez-en un et construisez-le dans le répertoire des plugins :";
        sources: "Sources", "Sources";
        source: "Source", "Source";
        last_event: "Last event", "Dernier événement";
        received_hour: "Received", "Reçus";
        refused_hour: "Refused", "Refusés";
        never: "none among the newest", "aucun parmi les plus récents";
        no_sources: "No source is configured.", "Aucune source n'est configurée.";
        no_sources_help: "Add a section to the configuration:", "Ajoutez une section à la configuration :";
        chart(what): "{what} in each minute of the last hour", "{what} à chaque minute de la dernière heure";
        chart_level(what): "{what} in the last hour", "{what} pendant la dernière heure";
    }
}
