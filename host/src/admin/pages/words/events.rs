//! Words of the list of events.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The list of events.
    EventsWords {
        title: "Events", "Événements";
        search: "Search", "Rechercher";
        search_hint: "Id, phone number, reason, plugin …", "Identifiant, téléphone, raison, plugin …";
        search_about: "Finds whole values, and their beginnings or ends", "Trouve des valeurs entières, leur début ou leur fin";
        state: "State", "État";
        event_type: "Type", "Type";
        source: "Source", "Source";
        plugin: "Plugin", "Plugin";
        within: "Received", "Reçu";
        reason: "Reason", "Raison";
        outcome: "Outcome", "Issue";
        count[count]: "{count} event" | "{count} events", "{count} événement" | "{count} événements";
        incomplete: "The search index is behind: events may be missing.",
            "L'index de recherche est en retard : il peut manquer des événements.";
        news_one: "{} new", "{} nouveau";
        news_many: "{} new", "{} nouveaux";
        event: "Event", "Événement";
        deliveries: "Deliveries", "Remises";
        received: "Received", "Reçu";
        no_plugin: "no plugin", "aucun plugin";
        of(done, all): "{done} of {all} done", "{done} sur {all} faites";
        run_again: "Run again", "Relancer";
        none: "No event has come yet.", "Aucun événement n'est encore arrivé.";
        none_help: "Send a sample:", "Envoyez un exemple :";
        none_found: "No event matches.", "Aucun événement ne correspond.";
        none_found_help: "Remove a filter, or search for the whole value, its beginning or its end.",
            "Retirez un filtre, ou cherchez la valeur entière, son début ou sa fin.";
        none_found_masked: "Your role sees no personal values, so it finds nothing by them.",
            "Votre rôle ne voit pas les données personnelles : la recherche ne les trouve pas.";
    }
}
