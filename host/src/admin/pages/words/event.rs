//! Words of the page of an event.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The page of an event.
    EventWords {
        received: "Received", "Reçu";
        from(source): "from {source}", "de {source}";
        verified(scheme): "This source is verified by {scheme}", "Cette source est vérifiée par {scheme}";
        verified_by(verifier): "This source is verified by the verifier {verifier}",
            "Cette source est vérifiée par le vérificateur {verifier}";
        edited: "Made by an operator from an edited payload, not verified",
            "Créé par un opérateur à partir d'un contenu modifié, non vérifié";
        emitted: "Emitted by a plugin of this host", "Émis par un plugin de cet hôte";
        unconfigured: "Its source is not configured any more", "Sa source n'est plus configurée";
        created: "Sender's time", "Heure de l'expéditeur";
        size: "Size", "Taille";
        number: "Number", "Numéro";
        ordering_key: "Ordering key", "Clé d'ordre";
        content_type: "Content type", "Type de contenu";
        attributes: "Attributes", "Attributs";
        comes_from: "Comes from", "Provient de";
        by_plugin(plugin): "emitted by {plugin}", "émis par {plugin}";
        by_edit: "run again with an edited payload", "relancé avec un contenu modifié";
        edits: "Run again with an edited payload", "Relancé avec un contenu modifié";
        erased(time): "Its personal values were erased {time}.", "Ses données personnelles ont été effacées {time}.";
        story: "Timeline", "Chronologie";
        unhandled: "No plugin handles this type. It can be run again once one does.",
            "Aucun plugin ne gère ce type. L'événement pourra être relancé dès qu'un plugin le fera.";
        delivery(id): "Delivery {id}", "Remise {id}";
        replayed(replay): "replay {replay}", "relance {replay}";
        replayed_of(of): "of delivery {of}", "de la remise {of}";
        on_revision(digits): "on revision {digits}", "sur la révision {digits}";
        attempt(number): "Attempt {number}", "Tentative {number}";
        took(time): "took {time}", "a duré {time}";
        memory(size): "{size} of memory", "{size} de mémoire";
        outcome_done: "done", "faite";
        outcome_retry: "failed, to be tried again", "échouée, à réessayer";
        outcome_rejected: "failed for good", "échec définitif";
        cause_handler: "the plugin said so", "dit par le plugin";
        cause_trap: "the plugin crashed or reached a limit", "le plugin a planté ou atteint une limite";
        cause_timeout: "the plugin took too long", "le plugin a mis trop de temps";
        cause_payload: "the payload does not fit the handler", "le contenu ne convient pas au gestionnaire";
        cause_host: "the host failed", "l'hôte a échoué";
        cause_crash: "the host died during it", "l'hôte s'est arrêté pendant la tentative";
        next_attempt: "Next attempt", "Prochaine tentative";
        logs[count]: "{count} log line" | "{count} log lines", "{count} ligne de journal" | "{count} lignes de journal";
        effects: "Effects", "Effets";
        effect_request: "Request", "Requête";
        effect_done: "done", "fait";
        effect_retry: "to be tried again", "à réessayer";
        effect_refused: "refused", "refusé";
        effect_crash: "the host died during it", "l'hôte s'est arrêté pendant l'essai";
        held_absent: "waits until its plugin is there", "attend que son plugin soit là";
        held_paused: "waits until its plugin is resumed", "attend la reprise de son plugin";
        held_switched_off: "waits until its type is switched on", "attend l'activation de son type";
        held_breaker: "waits: its plugin fails too often", "attend : son plugin échoue trop souvent";
        held_unmatched: "waits until its plugin is loaded", "attend le chargement de son plugin";
        held_order: "waits for an earlier one of its ordering key", "attend une remise antérieure de sa clé d'ordre";
        resolved_replayed: "replayed", "rejouée";
        resolved_discarded: "discarded", "abandonnée";
        wrong_dead(plugin): "{plugin} failed for good.", "{plugin} a échoué définitivement.";
        wrong_dead_help: "Mend the cause, then run the event again; or discard the delivery.",
            "Corrigez la cause, puis relancez l'événement ; ou abandonnez la remise.";
        wrong_waiting(plugin): "{plugin} failed, and tries again by itself.",
            "{plugin} a échoué et réessaie de lui-même.";
        payload: "Payload", "Contenu";
        masked[count]: "{count} personal value is masked: your role does not see it." | "{count} personal values are masked: your role does not see them.",
            "{count} donnée personnelle est masquée : votre rôle ne la voit pas." | "{count} données personnelles sont masquées : votre rôle ne les voit pas.";
        mask_reason: "personal value, masked", "donnée personnelle, masquée";
        unmask: "Show personal values", "Afficher les données personnelles";
        mask: "Mask personal values", "Masquer les données personnelles";
        personal_hidden[count]: "{count} personal value is masked." | "{count} personal values are masked.",
            "{count} donnée personnelle est masquée." | "{count} données personnelles sont masquées.";
        find: "Find in payload", "Chercher dans le contenu";
        lines_none: "no line", "aucune ligne";
        lines_one: "1 line", "1 ligne";
        lines_many: "{} lines", "{} lignes";
        copy_payload: "Copy payload", "Copier le contenu";
        copy_curl: "Copy as curl", "Copier pour curl";
        copy_command: "Copy as command", "Copier la commande";
        download: "Download", "Télécharger";
        conflicts: "Other payloads with its id", "Autres contenus avec son identifiant";
        run: "Run again", "Relancer";
        run_about: "A new delivery for each chosen plugin, with an idempotency key of its own.",
            "Une nouvelle remise pour chaque plugin choisi, avec sa propre clé d'idempotence.";
        run_plugin: "Plugin", "Plugin";
        run_all: "all that handle it", "tous ceux qui le gèrent";
        run_revision: "Revision", "Révision";
        run_revision_hint: "in force; or first digits of a kept one, with one plugin",
            "en service ; ou premiers chiffres d'une révision gardée, avec un seul plugin";
        run_note: "Note for the audit log", "Note pour le journal d'audit";
        run_button: "Run event again", "Relancer l'événement";
        edit: "With an edited payload", "Avec un contenu modifié";
        edit_about: "A new event with an id of its own, which names this one as its cause.",
            "Un nouvel événement, avec son identifiant, dont celui-ci est la cause.";
        edit_payload: "Payload", "Contenu";
        edit_too_long: "It is too long to be edited here:", "Il est trop long pour être modifié ici :";
        edit_button: "Run edited event", "Lancer l'événement modifié";
        replay_delivery: "Replay delivery", "Rejouer la remise";
        discard_delivery: "Discard delivery", "Abandonner la remise";
        begun: "It runs again: replay", "C'est relancé : relance";
        changed: "This event has changed – show", "Cet événement a changé – afficher";
    }
}
