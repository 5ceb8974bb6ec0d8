//! Words of the dead letters and of what is done with many of them.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The dead letters.
    DeadLettersWords {
        title: "Dead letters", "Échecs définitifs";
        group_title: "Dead letters of a group", "Échecs définitifs d'un groupe";
        about: "Deliveries that failed for good. Each stays until somebody replays or discards it.",
            "Des remises qui ont échoué pour de bon. Chacune reste jusqu'à ce qu'on la rejoue ou l'abandonne.";
        count[count]: "{count} dead letter" | "{count} dead letters", "{count} échec définitif" | "{count} échecs définitifs";
        groups[count]: "in {count} group" | "in {count} groups", "dans {count} groupe" | "dans {count} groupes";
        of_newest[count]: "of the newest {count}" | "of the newest {count}",
            "parmi le {count} plus récent" | "parmi les {count} plus récents";
        of_older[count]: "of {count} older one" | "of {count} older ones",
            "parmi {count} plus ancien" | "parmi {count} plus anciens";
        of_oldest: "of the oldest", "parmi les plus anciens";
        largest[count]: "only the {count} largest is shown" | "only the {count} largest are shown",
            "seul le {count} plus grand est affiché" | "seuls les {count} plus grands sont affichés";
        plugin: "Plugin", "Plugin";
        event_type: "Type", "Type";
        source: "Source", "Source";
        within: "Received", "Reçu";
        reason: "Reason", "Raison";
        no_reason: "no reason is stored", "aucune raison enregistrée";
        revision: "Revision", "Révision";
        number: "Number", "Nombre";
        newest: "Newest event", "Dernier événement";
        event: "Event", "Événement";
        attempts: "Attempts", "Tentatives";
        received: "Received", "Reçu";
        of_group[count]: "{count} dead letter" | "{count} dead letters", "{count} échec définitif" | "{count} échecs définitifs";
        show_all: "All groups", "Tous les groupes";
        show_list: "Show one by one", "Afficher un par un";
        list: "One by one", "Un par un";
        none: "There is no dead letter.", "Il n'y a aucun échec définitif.";
        none_help: "A delivery becomes one when its plugin rejects the event, or when its last attempt has failed.",
            "Une remise le devient quand son plugin rejette l'événement, ou quand sa dernière tentative a échoué.";
        none_found: "No dead letter matches.", "Aucun échec définitif ne correspond.";
        none_found_help: "Remove a filter.", "Retirez un filtre.";
        act: "With all of them", "Pour tous";
        act_about: "First you see how many there are, and nothing changes.",
            "Vous voyez d'abord combien il y en a, et rien ne change.";
        act_replay: "Replay dead letters", "Rejouer les échecs définitifs";
        act_discard: "Discard dead letters", "Abandonner les échecs définitifs";
        on_revision: "On revision", "Sur la révision";
        on_revision_hint: "in force; or first digits of a kept one", "en service ; ou premiers chiffres d'une révision gardée";
        plan_replay: "Replay dead letters?", "Rejouer les échecs définitifs ?";
        plan_discard: "Discard dead letters?", "Abandonner les échecs définitifs ?";
        counting: "The host counts them. This goes on by itself.", "L'hôte les compte. Cela se poursuit de soi-même.";
        reload: "Look again", "Actualiser";
        will_replay[count]: "{count} delivery will run again, with an idempotency key of its own." | "{count} deliveries will run again, each with an idempotency key of its own.",
            "{count} remise sera relancée, avec sa propre clé d'idempotence." | "{count} remises seront relancées, chacune avec sa propre clé d'idempotence.";
        will_discard[count]: "{count} delivery will be discarded: it is resolved without another attempt, and pruned in time." | "{count} deliveries will be discarded: they are resolved without another attempt, and pruned in time.",
            "{count} remise sera abandonnée : résolue sans nouvelle tentative, puis supprimée." | "{count} remises seront abandonnées : résolues sans nouvelle tentative, puis supprimées.";
        left_out[count]: "{count} is left out: it runs already, is erased, or of a type that the revision does not handle." | "{count} are left out: they run already, are erased, or of types that the revision does not handle.",
            "{count} est laissée de côté : en cours, effacée, ou d'un type que la révision ne gère pas." | "{count} sont laissées de côté : en cours, effacées, ou de types que la révision ne gère pas.";
        nothing_to_do: "There is nothing to do.", "Il n'y a rien à faire.";
        the_first: "The first of them", "Les premières";
        where_all: "All dead letters", "Tous les échecs définitifs";
        failed_on: "Failed on revision", "Échouée sur la révision";
        since: "Received since", "Reçu depuis";
        note: "Note for the audit log", "Note pour le journal d'audit";
        replay_button[count]: "Replay {count} delivery" | "Replay {count} deliveries", "Rejouer {count} remise" | "Rejouer {count} remises";
        discard_button[count]: "Discard {count} delivery" | "Discard {count} deliveries", "Abandonner {count} remise" | "Abandonner {count} remises";
        leave: "Leave them", "Ne rien faire";
        effects: "Dead effects", "Effets en échec définitif";
        effects_older: "Older dead effects", "Effets plus anciens";
        effects_newest: "Newest dead effects", "Effets les plus récents";
        effects_about: "Requests of handlers whose last attempt failed. A replay repeats them with the same idempotency key.",
            "Requêtes de gestionnaires dont la dernière tentative a échoué. Rejouer les répète avec la même clé d'idempotence.";
        effect: "Effect", "Effet";
        act_replay_effects: "Replay dead effects", "Rejouer les effets";
        act_discard_effects: "Discard dead effects", "Abandonner les effets";
        act_replay_group: "Replay", "Rejouer";
        act_discard_group: "Discard", "Abandonner";
        of_effects[count]: "{count} dead effect" | "{count} dead effects",
            "{count} effet en échec définitif" | "{count} effets en échec définitif";
        plan_replay_effects: "Replay dead effects?", "Rejouer les effets en échec définitif ?";
        plan_discard_effects: "Discard dead effects?", "Abandonner les effets en échec définitif ?";
        will_replay_effects[count]: "{count} effect will be attempted again, with the idempotency key that it had." | "{count} effects will be attempted again, each with the idempotency key that it had.",
            "{count} effet sera de nouveau tenté, avec la clé d'idempotence qu'il avait." | "{count} effets seront de nouveau tentés, chacun avec la clé d'idempotence qu'il avait.";
        will_discard_effects[count]: "{count} effect will be discarded: it is resolved without another attempt, and pruned in time." | "{count} effects will be discarded: they are resolved without another attempt, and pruned in time.",
            "{count} effet sera abandonné : résolu sans nouvelle tentative, puis supprimé." | "{count} effets seront abandonnés : résolus sans nouvelle tentative, puis supprimés.";
        left_out_effects[count]: "{count} is left out: its event was erased." | "{count} are left out: their events were erased.",
            "{count} est laissé de côté : son événement a été effacé." | "{count} sont laissés de côté : leurs événements ont été effacés.";
        the_first_effects: "The first of them", "Les premiers";
        where_all_effects: "All dead effects", "Tous les effets en échec définitif";
        answer: "Answer", "Réponse";
        replay_effects[count]: "Replay {count} effect" | "Replay {count} effects", "Rejouer {count} effet" | "Rejouer {count} effets";
        discard_effects[count]: "Discard {count} effect" | "Discard {count} effects", "Abandonner {count} effet" | "Abandonner {count} effets";
        changed: "Changed – show", "Modifié – afficher";
    }
}
