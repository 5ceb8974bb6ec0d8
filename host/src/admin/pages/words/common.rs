//! Words that every page has: around its content, of times and states, and of errors.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// What surrounds a page.
    ShellWords {
        skip: "Skip to content", "Aller au contenu";
        menu: "Menu", "Menu";
        navigation: "Pages", "Pages";
        overview: "Overview", "Vue d'ensemble";
        events: "Events", "Événements";
        dead_letters: "Dead letters", "Échecs définitifs";
        plugins: "Plugins", "Plugins";
        sources: "Sources", "Sources";
        replays: "Replays", "Relances";
        audit: "Audit", "Journal d'audit";
        settings: "Settings", "Réglages";
        host_takes_events: "Takes events", "Reçoit les événements";
        host_fault: "Takes no events", "Ne reçoit aucun événement";
        log_out: "Log out", "Se déconnecter";
        language: "Language", "Langue";
        theme: "Appearance", "Apparence";
        theme_system: "System", "Système";
        theme_light: "Light", "Clair";
        theme_dark: "Dark", "Sombre";
        changed: "Changed – show", "Modifié – afficher";
        offline: "The host does not answer. The page shows what was; it tries again by itself.",
            "L'hôte ne répond pas. La page montre le dernier état connu et réessaie d'elle-même.";
        copy: "Copy", "Copier";
        copied: "Copied", "Copié";
        selected: "Selected, now copy it", "Sélectionné, à copier";
        keys_title: "Keyboard", "Clavier";
        keys_search: "Search", "Rechercher";
        keys_move: "Next, previous row", "Ligne suivante, précédente";
        keys_open: "Open the row", "Ouvrir la ligne";
        keys_run: "Run the event again", "Relancer l'événement";
        keys_help: "These keys", "Ces touches";
        keys_then: "then", "puis";
        close: "Close", "Fermer";
    }
}

words! {
    /// Times.
    TimeWords {
        now: "just now", "à l'instant";
        ago(time): "{time} ago", "il y a {time}";
        ahead(time): "in {time}", "dans {time}";
        day: "d", "j";
    }
}

words! {
    /// The states of events, deliveries and plugins.
    StateWords {
        running: "running", "en cours";
        pending: "due", "à faire";
        waiting: "waiting", "en attente";
        held: "held", "retenue";
        dead: "dead letter", "échec définitif";
        done: "done", "faite";
        unhandled: "unhandled", "non gérée";
        plugin_running: "running", "en service";
        plugin_paused: "paused", "en pause";
        plugin_broken: "paused by its breaker", "en pause après des échecs";
        plugin_refused: "refused", "refusé";
        plugin_loading: "loading", "chargement";
        plugin_waiting: "waits for approval", "attend une approbation";
        plugin_absent: "not here", "absent";
    }
}

words! {
    /// Lists.
    ListWords {
        any: "any", "tous";
        within_hour: "in the last hour", "depuis une heure";
        within_day: "in the last 24 hours", "depuis 24 heures";
        within_week: "in the last 7 days", "depuis 7 jours";
        within_month: "in the last 30 days", "depuis 30 jours";
        filters: "Set filters", "Filtres actifs";
        remove(name, value): "Remove filter: {name} {value}", "Retirer le filtre : {name} {value}";
        clear: "Clear all", "Tout effacer";
        older: "Older", "Plus ancien";
        newer: "Newer", "Plus récent";
        and_older: "and older ones", "et d'autres, avant";
        pages: "Pages of the list", "Pages de la liste";
    }
}

words! {
    /// Errors.
    ErrorWords {
        not_found: "Nothing is here", "Il n'y a rien ici";
        not_found_advice: "The address may be mistyped, or the thing may be gone.",
            "L'adresse est peut-être mal tapée, ou la chose n'existe plus.";
        gone: "This is gone", "Ceci n'existe plus";
        gone_advice: "Trying again does not help.", "Réessayer ne sert à rien.";
        forbidden: "Your token may not do this", "Votre jeton n'y est pas autorisé";
        forbidden_advice: "Trying again does not help. Log in with a token whose role may.",
            "Réessayer ne sert à rien. Connectez-vous avec un jeton dont le rôle le permet.";
        conflict: "This has changed meanwhile", "Ceci a changé entre-temps";
        conflict_advice: "Go back, load the page again, and see whether it still needs to be done.",
            "Revenez, rechargez la page et voyez si c'est encore à faire.";
        too_large: "This is too large", "C'est trop volumineux";
        too_large_advice: "Send less.", "Envoyez-en moins.";
        wrong: "The host does not understand this", "L'hôte ne comprend pas cette demande";
        wrong_advice: "Change what is named below.", "Modifiez ce qui est nommé ci-dessous.";
        failed: "The host could not do this", "L'hôte n'a pas pu le faire";
        failed_advice: "Nothing was changed. Trying again may help; the host's log has the cause.",
            "Rien n'a été modifié. Réessayer peut aider ; le journal de l'hôte en donne la cause.";
        retry: "Try again", "Réessayer";
        to_overview: "To the overview", "Vers la vue d'ensemble";
    }
}
