//! How a source is set up: what a sender needs, and where the host has it from.

use super::ui::{TimeTag, duration};
use super::words::SourcesWords;
use crate::config::{
    Algorithm, Config, Encoding, SignatureAt, SignaturePlace, SignedContent, Source, SourceSecret,
    Verification,
};

/// What a sender needs, and where the host has it from.
pub(super) struct Setup {
    /// The scheme's name, or the verifier's.
    pub(super) scheme: String,
    pub(super) title: String,
    /// The verifier that decides how the sender signs.
    pub(super) verifier: Option<String>,
    pub(super) url: String,
    /// Where the host listens, unless the configuration says how senders reach it.
    pub(super) listens: Option<String>,
    pub(super) signatures: Vec<SignatureForm>,
    /// The signed content, if it is more than the body.
    pub(super) signed: Option<String>,
    /// What may differ between the signed time and the host's clock.
    pub(super) tolerance: Option<String>,
    pub(super) covers_body: bool,
    /// Whether the keys are public ones.
    pub(super) has_public_keys: bool,
    pub(super) secrets: Vec<SecretPlace>,
    /// A command that sends a sample, if the host can sign one.
    pub(super) command: Option<String>,
}

/// Where a signature is, and its form.
pub(super) struct SignatureForm {
    pub(super) place: String,
    pub(super) about: String,
}

/// Where a secret is kept.
pub(super) struct SecretPlace {
    /// `None` for one that is written in the configuration.
    pub(super) reference: Option<String>,
    /// When it verifies nothing any more.
    pub(super) ends: Option<TimeTag>,
}

impl Setup {
    pub(super) fn of(
        source: &Source,
        name: &str,
        config: &Config,
        time: impl Fn(u64) -> TimeTag,
        w: SourcesWords,
    ) -> Self {
        let terms = &source.verification;
        let sample = if source.package.as_deref() == Some("moncreneau:events") {
            "appointment.created"
        } else if terms.signs_form() {
            "--file form.txt"
        } else {
            "--file event.json"
        };
        let public = config
            .server
            .public_url
            .as_ref()
            .map(|base| format!("{}/webhooks/{name}", base.trim_end_matches('/')));
        let known = terms.url.clone().or(public);
        let has_public_keys = terms.algorithm.verification().is_some();
        let signed = match &terms.signed {
            SignedContent::Always(template) => Some(template.to_string()).filter(|text| text != "{body}"),
            SignedContent::ByValue(..) => None,
        };
        let is_timed = terms.timestamp.is_some() && terms.tolerance_seconds > 0;
        let place = |secret: &SourceSecret| SecretPlace {
            reference: secret.secret().reference().map(str::to_owned),
            ends: secret.not_after.map(&time),
        };
        let verifier = source.verifier.as_ref().map(ToString::to_string);
        let (scheme, title, command) = if let Some(verifier) = &verifier {
            (verifier.clone(), w.verifier().to_owned(), None)
        } else {
            let command = format!("hookyard event send {sample} --source {name}");
            let (scheme, title) = (source.scheme.name(), source.scheme.title());
            (scheme.to_owned(), title.to_owned(), (!has_public_keys).then_some(command))
        };
        Self {
            scheme,
            title,
            verifier,
            listens: known.is_none().then(|| config.server.listen.to_string()),
            url: known.unwrap_or_else(|| format!("https://{}/webhooks/{name}", w.your_host())),
            signatures: terms.signatures.iter().map(|place| describe_signature(terms, place, w)).collect(),
            signed: signed.filter(|_| terms.algorithm != Algorithm::Token),
            tolerance: is_timed.then(|| duration(w.0, terms.tolerance_seconds.saturating_mul(1000))),
            covers_body: terms.covers_body(),
            has_public_keys,
            secrets: source.secrets.iter().map(place).collect(),
            command,
        }
    }
}

fn describe_signature(terms: &Verification, place: &SignaturePlace, w: SourcesWords) -> SignatureForm {
    let value = match place.encoding {
        Encoding::Hex => "HEX",
        Encoding::Base64 => "BASE64",
        Encoding::Text => "TOKEN",
    };
    let value = format!("{}{value}", place.prefix);
    let (place, algorithm) = match &place.at {
        SignatureAt::Header(header) => {
            (format!("{}: {value}", capitalize(header.as_str())), terms.algorithm.name())
        }
        SignatureAt::Pointer(pointer) => (format!("{pointer}: {value}"), terms.algorithm.name()),
    };
    let about =
        if terms.algorithm == Algorithm::Token { w.token_about().to_owned() } else { algorithm.to_owned() };
    SignatureForm { place, about }
}

/// The name of a header as people write it: `X-Webhook-Signature`.
fn capitalize(header: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    header.split('-').map(part).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::pages::language::Language;
    use crate::config::{Scheme, Secret};

    #[test]
    fn a_header_is_written_as_people_write_it() {
        assert_eq!(capitalize("x-webhook-signature"), "X-Webhook-Signature");
        assert_eq!(capitalize("signature"), "Signature");
        assert_eq!(capitalize("x--y"), "X--Y");
    }

    fn setup(scheme: Scheme, change: impl Fn(&mut Config)) -> Setup {
        let source = Source::preset(scheme, vec![Secret::new("s".into())]);
        let mut config = Config::default();
        change(&mut config);
        let time = |at| TimeTag { at, now: 0, language: Language::English };
        Setup::of(&source, "desk", &config, time, SourcesWords(Language::English))
    }

    #[test]
    fn the_setup_names_header_form_and_command_of_the_scheme() {
        let own = setup(Scheme::MONCRENEAU, |_| ());
        let places: Vec<_> = own.signatures.iter().map(|form| (&*form.place, &*form.about)).collect();
        assert_eq!(
            places,
            [
                ("X-Moncreneau-Signature: sha256=HEX", "HMAC-SHA256"),
                ("X-Webhook-Signature: HEX", "HMAC-SHA256")
            ]
        );
        assert_eq!(own.command.as_deref(), Some("hookyard event send appointment.created --source desk"));
        assert!(own.secrets[0].reference.is_none(), "a secret is never shown itself");
        assert_eq!(
            (own.url.as_str(), own.listens.as_deref()),
            ("https://YOUR-HOST/webhooks/desk", Some("127.0.0.1:8080"))
        );
        assert!(own.covers_body && own.signed.is_none() && own.tolerance.is_none());
        let hmac =
            setup(Scheme::HMAC, |config| config.server.public_url = Some("https://hooks.example.gn".into()));
        assert_eq!(hmac.command.as_deref(), Some("hookyard event send --file event.json --source desk"));
        assert_eq!((hmac.url.as_str(), hmac.listens), ("https://hooks.example.gn/webhooks/desk", None));
    }

    #[test]
    fn the_setup_of_every_scheme_has_its_terms() {
        for scheme in Scheme::all() {
            let setup = setup(scheme, |_| ());
            assert!(!setup.title.is_empty() && !setup.signatures.is_empty(), "{}", setup.scheme);
        }
        let standard = setup(Scheme::find("standard-webhooks").unwrap(), |_| ());
        assert_eq!(standard.tolerance.as_deref(), Some("5 min"));
        assert!(standard.signed.is_some_and(|signed| signed.ends_with(".{timestamp}.{body}")));
        let keys = setup(Scheme::find("ed25519").unwrap(), |_| ());
        assert!(keys.has_public_keys && keys.command.is_none());
        for scheme in ["mailgun", "paypal"] {
            assert!(!setup(Scheme::find(scheme).unwrap(), |_| ()).covers_body, "{scheme}");
        }
        let form = setup(Scheme::find("twilio").unwrap(), |_| ());
        assert_eq!(form.command.as_deref(), Some("hookyard event send --file form.txt --source desk"));
    }
}
