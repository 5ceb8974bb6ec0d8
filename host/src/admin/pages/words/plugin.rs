//! Words of the page of a plugin.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The page of a plugin.
    PluginWords {
        revision: "Revision", "Révision";
        no_revision: "No revision is in force", "Aucune révision en service";
        since(time): "in force {time}", "en service {time}";
        pinned: "pinned", "épinglée";
        by_file: "from its file", "depuis son fichier";
        by_push: "pushed", "déposée";
        by_rollback: "rolled back", "retour en arrière";
        changed: "This plugin has changed – show", "Ce plugin a changé – afficher";
        wrong_refused: "The host refuses its file.", "L'hôte refuse son fichier.";
        wrong_refused_help: "Mend the file, or push another revision. The revision in force goes on.",
            "Corrigez le fichier ou déposez une autre révision. La révision en service continue.";
        wrong_approval(digits): "Revision {digits} waits for approval.", "La révision {digits} attend une approbation.";
        wrong_approval_help: "Read the difference below. An admin approves or rejects it; until then, the one in force stays.",
            "Lisez la différence ci-dessous. Un administrateur l'approuve ou la rejette ; d'ici là, celle en service reste.";
        wrong_unpin(digits): "Revision {digits} waits for the end of the pin.",
            "La révision {digits} attend la fin de l'épinglage.";
        wrong_unpin_help: "Unpin the plugin to put it in force.", "Désépinglez le plugin pour la mettre en service.";
        wrong_paused(time): "It was paused {time}: its deliveries wait.", "Mis en pause {time} : ses remises attendent.";
        wrong_paused_help: "Resume it, and they run in their order.", "Reprenez-le : elles s'exécutent dans l'ordre.";
        wrong_broken(time): "It failed too often. The next attempt is made {time}.",
            "Il a trop souvent échoué. Prochain essai {time}.";
        wrong_broken_help: "It goes on by itself once an attempt succeeds; another revision ends the pause.",
            "Il reprend dès qu'une tentative réussit ; une autre révision met fin à la pause.";
        wrong_failing(failed, all): "{failed} of its latest {all} attempts failed.",
            "{failed} de ses {all} dernières tentatives ont échoué.";
        see_dead: "Its dead letters", "Ses échecs définitifs";
        pause: "Pause plugin", "Mettre en pause";
        resume: "Resume plugin", "Reprendre le plugin";
        pin: "Pin revision", "Épingler la révision";
        unpin: "Unpin revision", "Désépingler la révision";
        retry: "Load file again", "Recharger le fichier";
        health: "Health", "Santé";
        attempts[count]: "{count} attempt" | "{count} attempts", "{count} tentative" | "{count} tentatives";
        failed[count]: "{count} failed" | "{count} failed", "{count} échouée" | "{count} échouées";
        attempts_since(time): "the first of them {time}", "la première {time}";
        no_attempts: "It made no attempt lately. Its limits stand here all the same.",
            "Aucune tentative récente. Ses limites figurent ici quand même.";
        time: "Time of an attempt", "Durée d'une tentative";
        memory: "Memory of an instance", "Mémoire d'une instance";
        p99(value): "99 of 100 within {value}", "99 sur 100 en {value}";
        p99_memory(value): "99 of 100 within {value}", "99 sur 100 sous {value}";
        most(value): "at most {value}", "au plus {value}";
        limit(value): "limit {value}", "limite {value}";
        meter(share): "{share} of the limit", "{share} de la limite";
        at_once[count]: "{count} attempt at once" | "{count} attempts at once",
            "{count} tentative à la fois" | "{count} tentatives à la fois";
        dead_after[count]: "dead letter after {count} failed attempt" | "dead letter after {count} failed attempts",
            "échec définitif après {count} tentative échouée" | "échec définitif après {count} tentatives échouées";
        or_after(age): "or {age}", "ou {age}";
        grants: "Grants", "Droits accordés";
        capability: "Capability", "Capacité";
        asks: "Asks for", "Demande";
        granted: "Granted", "Accordé";
        grant_events: "Events", "Événements";
        grant_http: "HTTP requests", "Requêtes HTTP";
        grant_email: "Emails", "E-mails";
        grant_emit: "Emitted events", "Événements émis";
        grant_config: "Values of the configuration", "Valeurs de configuration";
        grant_secrets: "Secret values", "Valeurs secrètes";
        grant_free: "Needs no grant", "Sans accord nécessaire";
        grant_redact: "Fields that it never gets", "Champs jamais transmis";
        all_handled: "all that it handles", "tout ce qu'il gère";
        nothing: "nothing", "rien";
        no_grants: "It asks for nothing, and nothing is granted.", "Il ne demande rien, et rien n'est accordé.";
        not_granted: "asked for, not granted", "demandé, non accordé";
        not_asked: "granted, not asked for", "accordé, non demandé";
        names_origins: "Origins that its file names and that are not granted, a hint:",
            "Origines citées par son fichier et non accordées, à titre indicatif :";
        handlers: "Handlers", "Gestionnaires";
        revisions: "Revisions", "Révisions";
        no_revisions: "No revision is known yet.", "Aucune révision connue.";
        no_revisions_help: "Push one here, or build the plugin into the plugins directory.",
            "Déposez-en une ici, ou construisez le plugin dans le répertoire des plugins.";
        state: "State", "État";
        origin: "From", "Origine";
        by: "By", "Par";
        when: "When", "Quand";
        note: "Note", "Note";
        note_for_audit: "Note for the audit log", "Note pour le journal d'audit";
        state_in_force: "in force", "en service";
        state_waiting: "waits", "en attente";
        state_superseded: "superseded", "remplacée";
        state_rejected: "rejected", "rejetée";
        approved_by(who): "approved by {who}", "approuvée par {who}";
        rejected_by(who): "rejected by {who}", "rejetée par {who}";
        file_gone: "file not kept", "fichier non gardé";
        roll_back: "Roll back", "Revenir";
        roll_back_to(digits): "Roll back to revision {digits}", "Revenir à la révision {digits}";
        compare: "Difference", "Différence";
        compare_of(digits): "Difference of revision {digits}", "Différence de la révision {digits}";
        all_revisions[count]: "Show {count} revision" | "Show all {count} revisions",
            "Afficher {count} révision" | "Afficher les {count} révisions";
        difference: "Difference", "Différence";
        difference_push: "Difference that this file would make", "Différence qu'apporterait ce fichier";
        before: "Before", "Avant";
        after: "After", "Après";
        nothing_before: "no revision before", "aucune révision avant";
        capabilities: "Capabilities", "Capacités";
        origins: "Origins in the file", "Origines dans le fichier";
        size: "Size", "Taille";
        built_with: "Built with", "Construit avec";
        gained: "gained", "ajouté";
        lost: "lost", "retiré";
        same_facts: "Both handle, import and name the same.", "Les deux gèrent, importent et citent la même chose.";
        widens: "It needs an approval where plugins.approval is \"widening\", because it gains:",
            "Approbation requise si plugins.approval vaut « widening », car elle ajoute :";
        instructed(origin, by): "{origin} by {by}", "{origin} par {by}";
        approve: "Approve revision", "Approuver la révision";
        reject: "Reject revision", "Rejeter la révision";
        push: "Push a revision", "Déposer une révision";
        push_about: "The file of the plugin (.wasm). The dry run loads it, changes nothing, and shows the difference.",
            "Le fichier du plugin (.wasm). L'essai à blanc le charge, ne change rien et montre la différence.";
        file: "File", "Fichier";
        push_dry: "Show difference", "Montrer la différence";
        push_button: "Push revision", "Déposer la révision";
        push_this(digits): "Push revision {digits}", "Déposer la révision {digits}";
        push_refused: "The host refuses this file.", "L'hôte refuse ce fichier.";
        pushed(digits): "Revision {digits} was pushed.", "La révision {digits} a été déposée.";
        store: "Store", "Magasin";
        store_about: "What its handlers keep from event to event. Keys and values may be personal.",
            "Ce que ses gestionnaires gardent d'un événement à l'autre. Clés et valeurs peuvent être personnelles.";
        store_of(plugin): "Store of {plugin}", "Magasin de {plugin}";
        store_key: "Key", "Clé";
        store_bucket: "Bucket", "Compartiment";
        store_prefix: "Keys that begin with", "Clés commençant par";
        store_find: "Find keys", "Chercher des clés";
        store_none: "The store has no such key.", "Le magasin n'a pas de telle clé.";
        store_none_help: "A key appears when a handler has written it and its delivery is done.",
            "Une clé apparaît dès qu'un gestionnaire l'a écrite et que sa remise est faite.";
        store_base64: "It is no text; in base64:", "Ce n'est pas du texte ; en base64 :";
        store_older: "More keys", "Autres clés";
        store_first: "First keys", "Premières clés";
        back: "Back to the plugin", "Retour au plugin";
    }
}
