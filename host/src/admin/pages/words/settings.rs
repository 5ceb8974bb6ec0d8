//! Words of the settings.

use super::words;
use crate::admin::pages::language::Language;

words! {
    /// The settings.
    SettingsWords {
        title: "Settings", "Réglages";
        sessions: "Logged-in browsers", "Navigateurs connectés";
        sessions_about: "Who is logged in to these pages. Ending a session logs its browser out at once. A session ends with its token.",
            "Qui est connecté à ces pages. Terminer une session déconnecte aussitôt son navigateur. Une session se termine avec son jeton.";
        tokens: "Tokens", "Jetons";
        alerts: "Alerts", "Alertes";
        browser: "Browser", "Navigateur";
        token: "Token", "Jeton";
        address: "From", "Depuis";
        since: "Logged in", "Connexion";
        used: "Last use", "Dernier usage";
        expires: "Ends", "Fin";
        this_browser: "this browser", "ce navigateur";
        end: "End session", "Terminer la session";
        count[count]: "{count} session" | "{count} sessions", "{count} session" | "{count} sessions";
    }
}
