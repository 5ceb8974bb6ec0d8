//! Words of confirmations that providers ask for.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The confirmations of a source.
    ConfirmationsWords {
        title: "Confirmations", "Confirmations";
        about: "The provider asks whether this host wants its messages. It sends nothing before an operator approves, and waits three days.",
            "Le fournisseur demande si cet hôte veut ses messages. Il n'envoie rien avant l'accord d'un opérateur, et attend trois jours.";
        none: "The provider has asked for none.", "Le fournisseur n'en a demandé aucune.";
        none_help: "Make the subscription there; what it asks for is shown here.",
            "Créez l'abonnement chez lui ; sa demande s'affichera ici.";
        waiting: "waits for an operator", "attend un opérateur";
        confirmed: "confirmed", "confirmée";
        rejected: "rejected", "rejetée";
        expired: "expired", "expirée";
        expired_help: "Let the provider send another one.", "Faites-en envoyer une autre par le fournisseur.";
        received: "Received", "Reçue";
        expires: "Expires", "Expire";
        decided: "Decided", "Décidée";
        by(name): "by {name}", "par {name}";
        opened: "Opened", "Ouverte";
        failure: "Not confirmed", "Non confirmée";
        subscription: "Subscription", "Abonnement";
        url: "The URL that confirms it", "L'URL qui la confirme";
        url_about: "The host opens it when you approve. Whoever has it can confirm.",
            "L'hôte l'ouvre quand vous approuvez. Qui la possède peut confirmer.";
        note: "Reason for the audit log", "Raison pour le journal d'audit";
        approve: "Approve", "Approuver";
        again: "Try again", "Réessayer";
        reject: "Reject", "Rejeter";
        more[count]: "{count} older one is not shown: hookyard source confirmations lists it" | "{count} older ones are not shown: hookyard source confirmations lists them",
            "{count} plus ancienne n'est pas affichée : hookyard source confirmations la montre" | "{count} plus anciennes ne sont pas affichées : hookyard source confirmations les montre";
    }
}
