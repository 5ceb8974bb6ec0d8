//! Words of the audit log.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The audit log.
    AuditWords {
        title: "Audit", "Journal d'audit";
        entry(number): "Entry {number}", "Entrée {number}";
        count[count]: "{count} entry" | "{count} entries", "{count} entrée" | "{count} entrées";
        action: "Action", "Action";
        target: "Target", "Objet";
        target_hint: "Plugin, token, replay …", "Plugin, jeton, relance …";
        actor: "Who", "Qui";
        actor_hint: "Token, file …", "Jeton, fichier …";
        time: "When", "Quand";
        apply: "Filter", "Filtrer";
        result: "Result", "Résultat";
        note: "Note", "Note";
        kind_token: "token", "jeton";
        kind_file: "file", "fichier";
        kind_config: "configuration", "configuration";
        kind_command: "command", "commande";
        kind_host: "host", "hôte";
        address: "From", "Depuis";
        hash: "Hash", "Empreinte";
        none: "Nothing was decided yet.", "Rien n'a encore été décidé.";
        none_found: "No entry matches.", "Aucune entrée ne correspond.";
        none_found_help: "Remove a filter.", "Retirez un filtre.";
        news_one: "{} new", "{} nouvelle";
        news_many: "{} new", "{} nouvelles";
        chain: "Chain", "Chaîne";
        check: "Check the chain", "Vérifier la chaîne";
        checking: "being checked", "vérification en cours";
        whole: "whole", "intacte";
        broken: "broken", "rompue";
        entries[count]: "{count} entry, each follows from the one before" | "{count} entries, each follows from the one before",
            "{count} entrée, chacune découle de la précédente" | "{count} entrées, chacune découle de la précédente";
        broken_at(number): "wrong from entry {number} on", "fausse à partir de l'entrée {number}";
        first_wrong: "Show the first wrong entry", "Afficher la première entrée fausse";
        head: "Head", "Tête";
        head_about: "Note it somewhere else. Whoever can write the database can write the whole log anew: a later check against this head notices that.",
            "Notez-la ailleurs. Qui peut écrire dans la base peut réécrire tout le journal : une vérification ultérieure avec cette tête le révèle.";
        copy_head: "Copy head", "Copier la tête";
        expect: "A head that was noted earlier", "Une tête notée auparavant";
        expect_hint: "NUMBER:HASH", "NUMÉRO:EMPREINTE";
        check_against: "Check against it", "Vérifier avec elle";
        by_command: "The same by command, also on a backup:", "La même chose par commande, aussi sur une sauvegarde :";
        export: "Download all", "Tout télécharger";
        states: "Before and after", "Avant et après";
        recorded: "Recorded", "Enregistré";
        before: "Before", "Avant";
        after: "After", "Après";
        member: "Member", "Membre";
        came: "came", "apparu";
        went: "went", "disparu";
        changed: "changed", "modifié";
        no_states: "This action records no state.", "Cette action n'enregistre pas d'état.";
        raw: "As JSON", "En JSON";
        of_target: "All about this target", "Tout sur cet objet";
        of_actor: "All by this actor", "Tout de cet acteur";
        earlier: "Entry before", "Entrée précédente";
        later: "Entry after", "Entrée suivante";
        open_target: "Open", "Ouvrir";
        fault_missing: "It is missing.", "Elle manque.";
        fault_wrong_hash: "Its hash does not fit its content and the entry before it.",
            "Son empreinte ne correspond pas à son contenu et à l'entrée précédente.";
        fault_rewritten: "Its hash is not the expected one: the log was written anew.",
            "Son empreinte n'est pas celle attendue : le journal a été réécrit.";
        fault_missing_to_end: "It is missing, and so are all after it.", "Elle manque, et toutes les suivantes aussi.";
        fault_beyond_head: "It is newer than the stored head.", "Elle est plus récente que la tête enregistrée.";
        fault_other_head: "The stored head is another one.", "La tête enregistrée est une autre.";
        fault_before_expected: "It is missing: the expected head is newer.",
            "Elle manque : la tête attendue est plus récente.";
    }
}
