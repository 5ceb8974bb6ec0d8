//! Words of the log-in.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The log-in.
    LoginWords {
        title: "Log in", "Se connecter";
        token: "Token", "Jeton";
        submit: "Log in", "Se connecter";
        first: "The first token:", "Le premier jeton :";
        others: "An admin makes others:", "Un administrateur en crée d'autres :";
        wrong_token: "No valid token is this one. See that all of it was copied.",
            "Ce jeton n'est pas valide. Vérifiez qu'il a été copié en entier.";
        too_many_failures: "Too many failed log-ins from your address. A valid token works at once; try others in a minute.",
            "Trop d'échecs depuis votre adresse. Un jeton valide fonctionne tout de suite ; réessayez les autres dans une minute.";
    }
}
