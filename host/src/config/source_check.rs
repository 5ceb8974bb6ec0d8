//! Checks `[sources.NAME]`: terms that contradict each other, and keys of the wrong form. Pure.

use super::Config;
use super::locate::{Found, Places, path};
use super::scheme::{Algorithm, Encoding, PICKED_MAX, SignedContent, Verification};
use super::source::Source;
use super::template::{Part, Template, ValuePlace};
use super::values::Pointer;

/// Most JSON pointers by whose values the events of a source are found. Each costs some terms of each event in the index.
pub const SEARCH_POINTERS_MAX: usize = 16;
/// Most places of signatures. Each costs a comparison, or a verification with a public key.
const SIGNATURES_MAX: usize = 8;
/// A longer window would let old requests in for days.
const TOLERANCE_MAX_SECONDS: u64 = 7 * 86_400;

/// The keys about signatures: a verifier decides about all that they say.
const SIGNATURE_KEYS: [&str; 19] = [
    "algorithm",
    "header",
    "signature",
    "prefix",
    "separator",
    "encoding",
    "signatures",
    "any_signature",
    "key_prefix",
    "key_encoding",
    "signed",
    "signed_by",
    "signed_for",
    "value_separator",
    "body_digest",
    "timestamp",
    "timestamp_unit",
    "tolerance_seconds",
    "values",
];

/// Keys of sources that are missing, or that have no effect where they are written.
pub(super) fn written(config: &Config, places: &Places<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, source) in &config.sources {
        let at = |key: &str| path(&["sources", name.as_str(), key]);
        let has_scheme = places.has(&at("scheme"));
        let Some(verifier) = &source.verifier else {
            if !has_scheme {
                let why = "missing key `scheme`: name a preset, or set `verifier`";
                found.push((path(&["sources", name.as_str()]), why.into()));
            }
            continue;
        };
        if has_scheme {
            let why = format!("the source has the verifier `{verifier}`: set either `scheme` or `verifier`");
            found.push((at("scheme"), why));
        }
        for key in SIGNATURE_KEYS.into_iter().filter(|key| places.has(&at(key))) {
            let why = format!("it has no effect: the verifier `{verifier}` decides how requests are signed");
            found.push((at(key), why));
        }
    }
    if config.sources.values().any(|source| source.verifier.is_some()) {
        let (memory, body) = (config.verifiers.memory_max_bytes, config.server.body_max_bytes as u64);
        let most = config.runtime.memory_max_bytes;
        if memory > most {
            let why = format!("must be at most runtime.memory_max_bytes, which is {most}");
            found.push((path(&["verifiers", "memory_max_bytes"]), why));
        }
        if memory / 2 < body {
            let why = format!(
                "must be at least twice server.body_max_bytes, which is {body}: a verifier gets whole bodies"
            );
            found.push((path(&["verifiers", "memory_max_bytes"]), why));
        }
    }
    found
}

/// Everything wrong with the sources, before their secrets are read.
pub(super) fn terms(config: &Config) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, source) in &config.sources {
        let mut wrong = |key: &str, why: String| found.push((path(&["sources", name.as_str(), key]), why));
        if source.secrets.is_empty() {
            wrong("secrets", "without a secret nothing could be verified: name at least one".into());
        }
        if source.search.len() > SEARCH_POINTERS_MAX {
            wrong("search", format!("{} pointers; give at most {SEARCH_POINTERS_MAX}", source.search.len()));
        }
        check_verification(&source.verification, config, source, &mut wrong);
        check_places(&source.verification, &mut wrong);
        check_choice(&source.verification.signed, &mut wrong);
        check_body_digest(&source.verification, &mut wrong);
        check_pointers(source, &mut wrong);
        if source.text && !source.forms && source.verification.signs_form() {
            let why = "the signature covers the fields of a form, and not its text, which could be changed: set \
                       `forms = true`";
            wrong("text", why.into());
        }
        if source.event_type.is_empty() && source.default_type.is_none() {
            wrong("event_type", "an event needs a type: name its place, or set `default_type`".into());
        }
    }
    found
}

fn check_verification(
    verification: &Verification,
    config: &Config,
    source: &Source,
    wrong: &mut impl FnMut(&str, String),
) {
    let Verification { timestamp, tolerance_seconds, url, values, .. } = verification;
    let parts = || verification.signed.templates().flat_map(Template::all_parts);
    if *tolerance_seconds > TOLERANCE_MAX_SECONDS {
        wrong("tolerance_seconds", format!("must be 0 to {TOLERANCE_MAX_SECONDS}"));
    }
    if timestamp.is_none() && parts().any(|part| *part == Part::Timestamp) {
        wrong("timestamp", "`signed` has {timestamp} in it: name its place".into());
    }
    if timestamp.is_none() && *tolerance_seconds > 0 {
        let why =
            "nothing is compared with it: name the place of the time that the sender signs in `timestamp`";
        wrong("tolerance_seconds", why.into());
    }
    if let Some(place) = timestamp
        && !signs_time(verification, place)
    {
        let why = "this time is not signed, so an old request could be sent again with a new one: it must be in \
                   `signed`, as {timestamp}";
        wrong("timestamp", why.into());
    }
    if url.is_none() && config.server.public_url.is_none() && parts().any(|part| *part == Part::Url) {
        let why = format!(
            "the scheme `{}` signs the URL that the provider calls: set `public_url` in [server], or `url` here",
            source.scheme.name()
        );
        wrong("url", why);
    }
    for part in parts() {
        if let Part::Value(name) = part
            && !values.contains_key(name)
        {
            let why = format!(
                "the scheme `{}` signs `{name}`, which the provider shows: set values = {{ {name} = \"…\" }}",
                source.scheme.name()
            );
            wrong("values", why);
        }
    }
}

fn check_places(verification: &Verification, wrong: &mut impl FnMut(&str, String)) {
    let Verification { algorithm, signatures, .. } = verification;
    if signatures.is_empty() || signatures.len() > SIGNATURES_MAX {
        wrong("signatures", format!("name 1 to {SIGNATURES_MAX} places of signatures"));
    }
    let is_token = *algorithm == Algorithm::Token;
    for place in signatures {
        if place.separator.is_some_and(|c| !c.is_ascii_graphic() && c != ' ') {
            wrong("separator", "use one visible ASCII character, or a space".into());
        }
        if !is_token && place.encoding == Encoding::Text {
            wrong("encoding", format!("a signature by {} is `hex` or `base64`", algorithm.name()));
        }
    }
}

/// The value that chooses the signed content must be signed: otherwise a message could be passed off as one of another kind
/// whose content has the same text.
fn check_choice(signed: &SignedContent, wrong: &mut impl FnMut(&str, String)) {
    let SignedContent::ByValue(place, templates) = signed else { return };
    if templates.is_empty() {
        wrong("signed_for", "without any value all requests are rejected: name at least one".into());
    }
    let covers = |part: &Part| match (part, place) {
        (Part::Body, ValuePlace::Pointer(_)) => true,
        (Part::Pointer(signed), ValuePlace::Pointer(place)) => signed == place,
        (Part::Header(signed), ValuePlace::Header(place)) => signed == place,
        _ => false,
    };
    for (value, template) in templates {
        // What is in brackets may be missing.
        if !template.parts().iter().any(covers) {
            wrong(
                "signed_for",
                format!("the value at `signed_by` is not signed in that of `{value}`: add it"),
            );
        }
    }
}

/// A digest in a query proves nothing if the query is not signed, and a form has none.
fn check_body_digest(verification: &Verification, wrong: &mut impl FnMut(&str, String)) {
    if verification.body_digest.is_none() {
        return;
    }
    let signs = |part: &Part| {
        verification.signed.templates().all(|template| template.parts().iter().any(|signed| signed == part))
    };
    if !signs(&Part::Url) || !(signs(&Part::Form) || signs(&Part::Body)) {
        let why = "the digest is in the query, and forms have none: `signed` must have {url} in it, and {form} or \
                   {body}";
        wrong("body_digest", why.into());
    }
    if verification.signatures.iter().any(|place| place.at.pointer().is_some()) {
        wrong("body_digest", "a body with its own signature in it has no digest that can be signed".into());
    }
}

/// Whether the signature covers the time at this place.
fn signs_time(verification: &Verification, place: &ValuePlace) -> bool {
    let covers = |part: &Part| match (part, place) {
        (Part::Timestamp, _) | (Part::Body, ValuePlace::Pointer(_)) => true,
        (Part::Pointer(signed), ValuePlace::Pointer(place)) => signed == place,
        (Part::Header(signed), ValuePlace::Header(place)) => signed == place,
        _ => false,
    };
    verification.algorithm != Algorithm::Token
        && verification.signed.templates().all(|template| template.all_parts().any(covers))
}

fn check_pointers(source: &Source, wrong: &mut impl FnMut(&str, String)) {
    let fields = [&source.id, &source.event_type, &source.created, &source.ordering_key];
    let retried = &source.changes_on_retry;
    let number = fields.iter().flat_map(|field| field.pointers()).count() + retried.len() + 1;
    if number > PICKED_MAX {
        wrong("id", format!("the fields of an event have {number} JSON pointers; give at most {PICKED_MAX}"));
    }
    if retried.iter().any(Pointer::is_root) {
        wrong("changes_on_retry", "without the whole body nothing is compared: name a value in it".into());
    }
    let verification = &source.verification;
    if verification.pointers().count() > PICKED_MAX {
        wrong("signed", format!("it has more than {PICKED_MAX} JSON pointers"));
    }
}

/// The secrets that are no key of the scheme, once references are read. No message repeats a value.
pub(super) fn keys(config: &Config) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, source) in &config.sources {
        for (index, secret) in source.secrets.iter().enumerate() {
            if let Err(why) = source.verification.decode_key(secret.secret()) {
                found.push((path(&["sources", name.as_str(), "secrets", &index.to_string()]), why));
            }
        }
    }
    found
}
