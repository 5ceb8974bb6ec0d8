//! Words of the replays.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The replays.
    ReplaysWords {
        title: "Replays", "Relances";
        one(id): "Replay {id}", "Relance {id}";
        count[count]: "{count} replay" | "{count} replays", "{count} relance" | "{count} relances";
        none: "Nothing was replayed yet.", "Rien n'a encore été relancé.";
        none_help: "The page of an event runs it again, and this replays dead letters:",
            "La page d'un événement le relance, et cette commande rejoue les échecs définitifs :";
        state: "State", "État";
        what: "What", "Quoi";
        progress: "Progress", "Avancement";
        asked: "Asked", "Demandée";
        running: "in progress", "en cours";
        done: "done", "terminée";
        stopped: "stopped", "arrêtée";
        of(passed, found): "{passed} of {found}", "{passed} sur {found}";
        replay_events: "Replay events", "Relancer des événements";
        replay_deliveries: "Replay deliveries", "Rejouer des remises";
        replay_dead_letters: "Replay dead letters", "Rejouer les échecs définitifs";
        discard_deliveries: "Discard deliveries", "Abandonner des remises";
        discard_dead_letters: "Discard dead letters", "Abandonner les échecs définitifs";
        repeat_effects: "Replay dead effects", "Rejouer les effets en échec définitif";
        discard_effects: "Discard dead effects", "Abandonner les effets en échec définitif";
        of_plugin(plugin): "of {plugin}", "de {plugin}";
        to_plugin(plugin): "to {plugin}", "vers {plugin}";
        dry_run: "(dry run)", "(simulation)";
        made: "Made", "Créées";
        made_dry: "Would be made", "Seraient créées";
        resolved: "Discarded", "Abandonnées";
        effects_made: "Due again", "De nouveau à faire";
        effects_made_dry: "Would be due again", "Seraient de nouveau à faire";
        effects_resolved: "Discarded", "Abandonnés";
        effects_resolved_dry: "Would be discarded", "Seraient abandonnés";
        effects_found: "Found at the start", "Trouvés au début";
        effects_failures_none: "None of its effects failed for good.", "Aucun de ses effets n'a échoué définitivement.";
        effect: "Effect", "Effet";
        keys: "Keys of effects", "Clés d'effets";
        all_dead_effects: "all dead effects", "tous les effets en échec définitif";
        skipped: "Nothing to do", "Rien à faire";
        found: "Found at the start", "Trouvées au début";
        stop: "Stop replay", "Arrêter la relance";
        stop_about: "What it has made stays.", "Ce qu'elle a déjà créé reste.";
        note: "Note for the audit log", "Note pour le journal d'audit";
        failures: "Failures", "Échecs";
        failures_none: "None of its deliveries failed for good.", "Aucune de ses remises n'a échoué définitivement.";
        delivery: "Delivery", "Remise";
        event: "Event", "Événement";
        plugin: "Plugin", "Plugin";
        reason: "Reason", "Raison";
        received: "Received", "Reçu";
        first: "The first ones", "Les premières";
        asked_for: "As it was asked", "Telle que demandée";
        selection: "Selection", "Sélection";
        all_events: "all events", "tous les événements";
        all_dead_letters: "all dead letters", "tous les échecs définitifs";
        numbers: "Events", "Événements";
        deliveries: "Deliveries", "Remises";
        and_more(ids, more): "{ids} and {more} more", "{ids} et {more} autres";
        event_type: "Type", "Type";
        source: "Source", "Source";
        since: "Received since", "Reçus depuis";
        until: "Received before", "Reçus avant";
        unhandled: "Only unhandled", "Seulement non gérés";
        of_replay: "Made by", "Créées par";
        to: "To", "Vers";
        again: "Also where done", "Aussi là où c'est fait";
        revision: "On revision", "Sur la révision";
        only_counted: "Only counted", "Compter seulement";
        yes: "yes", "oui";
        decisions: "Who", "Qui";
        begun: "Begun", "Lancée";
        stopped_by: "Stopped", "Arrêtée";
        ended: "Ended", "Terminée";
        by(actor): "by {actor}", "par {actor}";
        raw: "Request as JSON", "Requête en JSON";
        copy_command: "Copy command", "Copier la commande";
        changed: "Replays have changed – show", "Des relances ont changé – afficher";
    }
}
