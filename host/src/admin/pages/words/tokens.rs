//! Words of the tokens.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The tokens.
    TokensWords {
        title: "Tokens", "Jetons";
        about: "Who may use the API, the commands and these pages. A secret is shown once, when its token is made.",
            "Qui peut utiliser l'API, les commandes et ces pages. Un secret n'est affiché qu'une fois, à la création du jeton.";
        count[count]: "{count} valid token" | "{count} valid tokens", "{count} jeton valide" | "{count} jetons valides";
        name: "Name", "Nom";
        role: "Role", "Rôle";
        plugins: "Plugins", "Plugins";
        all_plugins: "all", "tous";
        state: "State", "État";
        created: "Made", "Créé";
        by(actor): "by {actor}", "par {actor}";
        used: "Last use", "Dernier usage";
        never_used: "never", "jamais";
        expires: "Expires", "Expire";
        no_end: "never", "jamais";
        valid: "valid", "valide";
        expired: "expired", "expiré";
        revoked: "revoked", "révoqué";
        own: "this log-in", "cette connexion";
        past: "Expired and revoked", "Expirés et révoqués";
        new_token: "New token", "Nouveau jeton";
        name_hint: "night-shift", "equipe-de-nuit";
        role_read: "read: sees everything, personal values masked", "read : voit tout, données personnelles masquées";
        role_operate: "operate: sees personal values; pauses, replays, discards", "operate : voit les données personnelles ; met en pause, relance, abandonne";
        role_deploy: "deploy: changes revisions of its plugins", "deploy : change les révisions de ses plugins";
        role_admin: "admin: everything, tokens and audit log too", "admin : tout, y compris jetons et journal d'audit";
        plugins_hint: "all; or names such as sms-*, with commas", "tous ; ou des noms comme sms-*, séparés par des virgules";
        expiry: "Valid for", "Valable";
        until_revoked: "until it is revoked", "jusqu'à sa révocation";
        days[count]: "{count} day" | "{count} days", "{count} jour" | "{count} jours";
        note: "Note for the audit log", "Note pour le journal d'audit";
        create: "Create token", "Créer le jeton";
        no_role: "choose a role", "choisissez un rôle";
        no_pattern: "name plugins, or leave the field empty for all", "nommez des plugins, ou laissez le champ vide pour tous";
        no_expiry: "choose when it ends", "choisissez son échéance";
        made(name): "The token {name} is made.", "Le jeton {name} est créé.";
        secret: "Its secret, which is shown here only:", "Son secret, qui n'est affiché qu'ici :";
        copy_secret: "Copy secret", "Copier le secret";
        revoke: "Revoke token", "Révoquer le jeton";
        revoke_about: "No request with it is answered from now on. This cannot be undone; its name is free again.",
            "Aucune requête avec ce jeton ne sera plus acceptée. C'est irréversible ; son nom redevient libre.";
        sessions[count]: "{count} browser is logged in with it, and is logged out." | "{count} browsers are logged in with it, and are logged out.",
            "{count} navigateur est connecté avec ce jeton et sera déconnecté." | "{count} navigateurs sont connectés avec ce jeton et seront déconnectés.";
        revoke_own: "It is the token of this log-in: you are logged out.", "C'est le jeton de cette connexion : vous serez déconnecté.";
        last_admin: "It is the only token that can make others. Afterwards somebody on the host's machine has to remove the file admin-token and start the host again.",
            "C'est le seul jeton qui peut en créer d'autres. Ensuite, quelqu'un devra supprimer le fichier admin-token sur la machine de l'hôte et redémarrer celui-ci.";
        cancel: "Cancel", "Annuler";
    }
}
