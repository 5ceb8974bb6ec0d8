//! Words of the sources.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The sources.
    SourcesWords {
        title: "Sources", "Sources";
        count[count]: "{count} source" | "{count} sources", "{count} source" | "{count} sources";
        source: "Source", "Source";
        state: "State", "État";
        last_event: "Last event", "Dernier événement";
        rate: "By minute", "Par minute";
        received: "Received", "Reçus";
        refused: "Refused", "Refusés";
        heard: "sends", "envoie";
        silent: "silent", "silencieuse";
        unheard: "not heard yet", "pas encore entendue";
        silent_about(hours): "Nothing has come for {hours} h.", "Rien n'est arrivé depuis {hours} h.";
        unheard_about: "None of the newest events is from it.", "Aucun des événements récents ne vient d'elle.";
        silence_help: "Compare the sender's URL and secret with those below. Refused requests are counted here too.",
            "Comparez l'URL et le secret de l'expéditeur avec ceux ci-dessous. Les requêtes refusées sont comptées ici aussi.";
        none: "No source is configured.", "Aucune source n'est configurée.";
        none_help: "Add a section to the configuration:", "Ajoutez une section à la configuration :";
        events: "Its events", "Ses événements";
        never: "none among the newest", "aucun parmi les plus récents";
        changed: "New events – show", "Nouveaux événements – afficher";
        duplicates: "Sent again", "Renvoyés";
        unauthorized: "Not verified", "Non vérifiés";
        other_refusals: "Refused otherwise", "Refusés autrement";
        refusals: "Refused requests", "Requêtes refusées";
        refusals_none: "None was refused.", "Aucune n'a été refusée.";
        reason: "Reason", "Raison";
        number: "Number", "Nombre";
        missing: "Signature missing", "Signature absente";
        missing_hint: "The sender does not sign, or somebody else sends here.",
            "L'expéditeur ne signe pas, ou quelqu'un d'autre écrit ici.";
        repeated: "Signature given twice", "Signature en double";
        malformed: "Signature in another form", "Signature sous une autre forme";
        form_hint: "The form that the host takes is under “Set up”.",
            "La forme attendue est décrite sous « Mise en place ».";
        mismatch: "Signature does not match", "La signature ne correspond pas";
        mismatch_hint: "The sender has another secret, or a proxy changes the body.",
            "L'expéditeur a un autre secret, ou un proxy modifie le corps.";
        too_old: "Too old", "Trop ancien";
        too_old_hint: "A copy of a signed request must not run again: see tolerance_seconds and created_age_max_days.",
            "Une copie d'une requête signée ne doit pas être rejouée : voir tolerance_seconds et created_age_max_days.";
        too_new: "Signed in the future", "Signé dans le futur";
        too_new_hint: "One of the two clocks is wrong.", "L'une des deux horloges est fausse.";
        no_url: "The URL is not configured", "L'URL n'est pas configurée";
        no_url_hint: "The signature covers the URL: set server.public_url.",
            "La signature couvre l'URL : définissez server.public_url.";
        refused_by_verifier: "Refused by the verifier", "Refusé par le vérificateur";
        refused_by_verifier_hint: "The host's log has its reason.", "Le journal de l'hôte en a la raison.";
        verifier: "Verifier", "Vérificateur";
        step_verifier(name): "The verifier {name} decides how the sender signs.",
            "Le vérificateur {name} décide comment l'expéditeur signe.";
        invalid: "Verified, but no event", "Vérifié, mais pas un événement";
        invalid_hint: "The body has no id or type where the source's id and event_type point to.",
            "Le corps n'a pas d'identifiant ou de type là où pointent id et event_type.";
        conflict: "Known id with another payload", "Identifiant connu, autre contenu";
        conflict_hint: "The sender uses an id twice. The event's page shows both payloads.",
            "L'expéditeur utilise un identifiant deux fois. La page de l'événement montre les deux contenus.";
        too_large: "Too large", "Trop volumineux";
        too_large_hint: "The limit is server.body_max_bytes.", "La limite est server.body_max_bytes.";
        unsupported: "Compressed body", "Corps compressé";
        unsupported_hint: "The sender must send the body as it is.", "L'expéditeur doit envoyer le corps tel quel.";
        incomplete: "Did not arrive whole", "Arrivé incomplet";
        incomplete_hint: "The sender's connection is slow or breaks.", "La connexion de l'expéditeur est lente ou se coupe.";
        overloaded: "Too many at once", "Trop à la fois";
        unavailable: "Could not be stored", "N'a pas pu être enregistré";
        again_hint: "The sender was asked to send it again.", "L'expéditeur a été prié de renvoyer.";
        method: "Not a POST", "Pas un POST";
        method_hint: "Somebody opened the URL in a browser, or the sender is set to GET.",
            "Quelqu'un a ouvert l'URL dans un navigateur, ou l'expéditeur utilise GET.";
        setup: "Set up", "Mise en place";
        step_url: "Let the sender POST its events to this URL, with the name under which it reaches the host:",
            "Faites envoyer les événements par POST à cette URL, avec le nom sous lequel l'expéditeur atteint l'hôte :";
        your_host: "YOUR-HOST", "VOTRE-HÔTE";
        listens(address): "The host listens at {address}.", "L'hôte écoute sur {address}.";
        step_signature: "It signs each request here:", "Il signe chaque requête ici :";
        step_signatures: "It signs each request at one of these places:", "Il signe chaque requête à l'un de ces endroits :";
        token_about: "the secret itself", "le secret lui-même";
        signed: "What is signed:", "Ce qui est signé :";
        tolerance(time): "The signed time may differ by {time} from the host's clock.",
            "L'heure signée peut différer de {time} de l'horloge de l'hôte.";
        uncovered: "The signature does not cover the body: whoever has seen one request can send another body with it.",
            "La signature ne couvre pas le corps : qui a vu une requête peut l'envoyer avec un autre corps.";
        step_secret: "The secret is kept here:", "Le secret est conservé ici :";
        step_secrets: "Any of these secrets may have signed:", "L'un de ces secrets peut avoir signé :";
        step_key: "The sender's public key is kept here:", "La clé publique de l'expéditeur est conservée ici :";
        secret_in_config: "in the configuration itself", "dans la configuration même";
        secret_ends: "valid until", "valable jusqu'à";
        step_id: "The host runs an event once for each id, so the sender may send it again.",
            "L'hôte traite un événement une fois par identifiant : l'expéditeur peut donc le renvoyer.";
        step_command: "Try it from this machine, signed as the sender would:",
            "Essayez depuis cette machine, signé comme le ferait l'expéditeur :";
        copy_url: "Copy URL", "Copier l'URL";
        copy_command: "Copy command", "Copier la commande";
        test: "Test a request", "Tester une requête";
        test_about: "Shows what would become of a request: which secret verified it, or at which step it ends. Nothing is stored.",
            "Montre ce que deviendrait une requête : quel secret l'a vérifiée, ou à quelle étape elle s'arrête. Rien n'est enregistré.";
        test_request: "Request line, headers, an empty line, and the body",
            "Ligne de requête, en-têtes, une ligne vide, puis le corps";
        test_request_hint: "Lines of the body end with a line feed here. A file is taken byte by byte.",
            "Ici, les lignes du corps finissent par un saut de ligne. Un fichier est pris octet par octet.";
        test_file: "Or a file with all of it", "Ou un fichier avec le tout";
        test_at: "As if it came at (empty: now)", "Comme si elle arrivait à (vide : maintenant)";
        test_time_wrong: "The time is neither RFC 3339, as 2026-01-31T12:00:00Z, nor milliseconds since 1970.",
            "L'heure n'est ni au format RFC 3339, comme 2026-01-31T12:00:00Z, ni en millisecondes depuis 1970.";
        test_button: "Test", "Tester";
        test_result: "Result of the test", "Résultat du test";
        test_no_request: "no request for webhooks", "pas une requête de webhook";
        test_handshake: "handshake: the host answers it itself", "prise de contact : l'hôte y répond lui-même";
        test_unverified: "not verified: 401", "non vérifiée : 401";
        test_unanswered: "not verified: the verifier failed, 503", "non vérifiée : le vérificateur a échoué, 503";
        test_no_event: "verified, but no event: 400", "vérifiée, mais pas un événement : 400";
        test_accepted: "would be stored", "serait enregistrée";
        test_secret(number): "Secret {number} verified it.", "Le secret {number} l'a vérifiée.";
        id: "Id", "Identifiant";
        event_type: "Type", "Type";
        created: "Created", "Créé";
    }
}
