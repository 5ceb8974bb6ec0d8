//! The results of the default file, and of files with errors.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod errors;
pub(super) mod reference;

use std::path::Path;

use super::values::References;
use super::*;

fn environment(name: &str) -> Option<String> {
    match name {
        "EMPTY" => Some(String::new()),
        "WITH_LINE_END" => Some("value\r\n".into()),
        "ALERT_WEBHOOK_SECRET" | "PARTNER_WEBHOOK_KEY" => {
            Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())
        }
        "ONLY_LINE_END" => Some("\n".into()),
        "COLLECTOR_TOKEN"
        | "META_VERIFY_TOKEN"
        | "MONCRENEAU_WEBHOOK_SECRET"
        | "SMS_API_KEY"
        | "SMTP_URL"
        | "SET" => Some(format!("value of {name}")),
        _ => None,
    }
}

fn parse_in(dir: &Path, text: &str) -> Result<Config, String> {
    let parsed = Config::parse(text, &References { required: true, dir, env: &environment });
    parsed.map_err(|problems| ConfigError::Invalid { file: "hookyard.toml".into(), problems }.to_string())
}

pub(super) fn parse(text: &str) -> Result<Config, String> {
    parse_in(Path::new(""), text)
}

/// `#key = value` lines made into keys; `# text` stays a comment.
fn uncommented(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') && !key.is_empty() => format!("{key}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn a_secret_names_where_it_was_read_and_is_the_same_wherever_it_was() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.secret"), "value of SET\n").unwrap();
    let text =
        "[sources.desk]\nscheme = \"hmac\"\nsecrets = [\"file:a.secret\", \"env:SET\", \"value of SET\"]\n";
    let config = parse_in(dir.path(), text).unwrap();
    let secrets = &config.sources["desk"].secrets;
    let references: Vec<_> = secrets.iter().map(|secret| secret.secret().reference()).collect();
    assert_eq!(references, [Some("file:a.secret"), Some("env:SET"), None]);
    assert!(secrets.iter().all(|secret| secret.expose() == "value of SET" && *secret == secrets[0]));
}

#[test]
fn the_default_file_is_the_default() {
    assert_eq!(parse(DEFAULT_TEXT).unwrap(), Config::default());
}

#[test]
fn the_examples_in_the_default_file_say_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("any-sender.secret"), "s3\r\n").unwrap();
    // A source has either a scheme or a verifier, one place of the signature or a list, and one signed content or several.
    let excluded =
        ["verifier", "signature", "signatures", "signed_by", "signed_for", "value_separator", "body_digest"];
    let is_excluded = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| excluded.contains(&key));
    let text = uncommented(DEFAULT_TEXT);
    let lines: Vec<_> = text.lines().filter(|line| !is_excluded(line)).collect();
    let text = lines.join("\n");
    let config = parse_in(dir.path(), &text).unwrap();
    let plugin = config.plugin("confirmation-sms");
    let documented = Plugin {
        events: None,
        http: Vec::new(),
        http_credentials: Vec::new(),
        webhook_keys: std::collections::BTreeMap::new(),
        cloudevents: Vec::new(),
        email: Vec::new(),
        emit: Vec::new(),
        emit_package: None,
        config: std::collections::BTreeMap::new(),
        secrets: std::collections::BTreeMap::new(),
        redact: Vec::new(),
        ..plugin.clone().into_owned()
    };
    assert_eq!(documented, Plugin::default());
    assert_eq!(plugin.secrets["api_key"].expose(), "value of SMS_API_KEY");
    let sender = &config.sources["any-sender"];
    assert_eq!(sender.secrets[0].expose(), "s3");
    let preset = Source::preset(Scheme::HMAC, vec![sender.secrets[0].secret().clone()]);
    let documented = Source {
        // The reference shows an example of each key; those of the scheme's terms are checked with the schemes.
        verification: sender.verification.clone(),
        default_type: Some("order".into()),
        form_payload: Some("payload".into()),
        items: Some(Pointer::to(&["events"])),
        handshake: Some(Handshake::CloudEvents),
        verify_token: Some(Secret::new("value of META_VERIFY_TOKEN".into())),
        confirm_origins: vec!["https://sns.eu-west-1.amazonaws.com".into()],
        reply: Some(Reply::Text("[accepted]".into())),
        ordering_key: FieldPlaces::to(&["data", "object", "id"]),
        package: Some("moncreneau:events".into()),
        changes_on_retry: vec![Pointer::to(&["attempt"])],
        created_age_max_days: Some(44),
        search: vec![Pointer::to(&["data", "object", "phone"])],
        personal: vec![Pointer::to(&["data", "object", "phone"])],
        is_personal_preset: false,
        ..preset
    };
    assert_eq!(*sender, documented);
    assert_eq!(config.server.data_dir, Some(dir.path().join("hookyard-data")));
}

#[test]
fn a_reply_of_the_operator_takes_the_place_of_the_presets() {
    let json = |status: u16| Some(Reply::Json(http::StatusCode::from_u16(status).unwrap()));
    let text = |text: &str| Some(Reply::Text(text.into()));
    for (scheme, reply, expected) in [
        ("linear", "", json(200)),
        ("linear", "reply = 'ok'", text("ok")),
        ("linear", "reply = 202", json(202)),
        ("adyen", "", text("[accepted]")),
        ("adyen", "reply = 204", Some(Reply::NoContent)),
        ("xero", "", Some(Reply::Empty)),
        ("xero", "reply = 200", json(200)),
        ("hmac", "", None),
        ("hmac", "reply = ''", Some(Reply::Empty)),
    ] {
        let text = format!("[sources.a]\nscheme = '{scheme}'\nsecrets = ['ab']\n{reply}");
        assert_eq!(parse(&text).unwrap().sources["a"].reply, expected, "{text}");
    }
}

#[test]
fn paths_start_at_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hookyard.toml");
    std::fs::write(dir.path().join("s"), "secret\n").unwrap();
    let text =
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['file:s']\n[plugins]\ndir = '/abs'\n[dev]\nwatch = ['src']";
    std::fs::write(&file, text).unwrap();
    let loaded = Config::load(Some(&file)).unwrap();
    assert_eq!(loaded.dir, dir.path());
    assert_eq!(loaded.path, Some(file));
    let config = loaded.config;
    assert_eq!(config.sources["a"].secrets[0].expose(), "secret");
    assert_eq!(config.plugins.dir, Path::new("/abs"));
    assert_eq!(config.dev.watch, [dir.path().join("src")]);
    assert_eq!(config.database.path(), dir.path().join("hookyard-data/hookyard.db"));
    assert_eq!(config.data_dir(), dir.path().join("hookyard-data"));
    let missing = Config::load(Some(&dir.path().join("none.toml"))).unwrap_err().to_string();
    assert!(missing.contains("none.toml"), "{missing}");
}

#[test]
fn values_that_are_taken() {
    let config = parse(
        "[plugin.x]\nhttp = ['HTTPS://A.example:443', 'http://[::1]:8080', 'http://h:81']\nevents = ['*', 'a.*', 'a']\n\
         config = { s = 'x', n = 3, f = 1.5, on = true, e = 'env:SET' }\n[runtime]\nmemory_max_bytes = 65536\n[log]\nlevel = 'info,hookyard=debug'",
    )
    .unwrap();
    let plugin = config.plugin("x");
    assert_eq!(plugin.http, ["https://a.example", "http://[::1]:8080", "http://h:81"]);
    let values: Vec<_> = plugin.config.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(values, ["e=value of SET", "f=1.5", "n=3", "on=true", "s=x"]);
    assert_eq!((plugin.memory_max_bytes, config.plugin("other").memory_max_bytes), (65536, 65536));
}

#[test]
fn origins_that_are_refused() {
    for origin in [
        "",
        "https://",
        "ftp://a",
        "https://a/",
        "https://a?b",
        "https://u@a",
        "https://a:",
        "https://a:0",
        "https://a:99999",
        "https://a:+1",
        "https://*",
        "https://a b",
        "a",
        "https://[::1",
        "https://[x]",
        "https://a#",
    ] {
        assert!(parse(&format!("[plugin.x]\nhttp = ['{origin}']")).is_err(), "{origin}");
    }
}

#[test]
fn a_line_break_at_the_end_of_a_variable_or_a_file_is_not_part_of_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key.pem"), "one\ntwo\r\n\n").unwrap();
    let text = "[plugin.x]\nsecrets = { a = 'env:WITH_LINE_END', b = 'file:key.pem' }";
    let config = parse_in(dir.path(), text).unwrap();
    let secrets = &config.plugin["x"].secrets;
    assert_eq!((secrets["a"].expose(), secrets["b"].expose()), ("value", "one\ntwo"));
    assert!(parse("[plugin.x]\nsecrets = { a = 'env:ONLY_LINE_END' }").is_err());
}

#[test]
fn presets_and_what_changes_them() {
    let source =
        |rest: &str| parse(&format!("[sources.a]\nsecrets = ['x']\n{rest}")).unwrap().sources["a"].clone();
    let moncreneau = source("scheme = 'moncreneau'");
    let places = |source: &Source| -> Vec<String> {
        let place = |place: &SignaturePlace| {
            let separator = place.separator.map(String::from).unwrap_or_default();
            let header = place.at.header().map(ToString::to_string).unwrap_or_default();
            format!("{header}: {}{separator}{}", place.prefix, place.encoding.name())
        };
        source.verification.signatures.iter().map(place).collect()
    };
    assert_eq!(places(&moncreneau), ["x-moncreneau-signature: sha256=hex", "x-webhook-signature: hex"]);
    assert_eq!(moncreneau.payload.to_string(), "/data/object");
    assert_eq!(moncreneau.package.as_deref(), Some("moncreneau:events"));
    let own = source("scheme = 'moncreneau'\nprefix = 'v1='");
    assert_eq!(places(&own), ["x-moncreneau-signature: v1=hex"]);
    let hmac = source("scheme = 'hmac'\nencoding = 'base64'\npayload = '/a~1b/m~0n/0'");
    assert_eq!(places(&hmac), ["x-webhook-signature: base64"]);
    assert_eq!(hmac.payload, Pointer::to(&["a/b", "m~n", "0"]));
    assert_eq!(hmac.payload.to_string(), "/a~1b/m~0n/0");
    assert_eq!(hmac.package, None);
    let stripe = source("scheme = 'stripe'");
    assert_eq!(places(&stripe), ["stripe-signature: v1=,hex"]);
    assert_eq!((stripe.verification.tolerance_seconds, stripe.id.to_string()), (300, "/id".into()));
    let own = source(
        "scheme = 'hmac'\nheader = 'X-S'\nalgorithm = 'hmac-sha512'\nsigned = '{timestamp}:{body}'\n\
         timestamp = '{header:X-T}'\nid = '{header:X-Id}'\nevent_type = ['/a', '{header:X-E}[.{/b}]']",
    );
    assert_eq!(own.verification.tolerance_seconds, 300, "a window by default");
    assert_eq!(own.event_type.to_string(), "/a or {header:X-E}[.{/b}]");
    let none = source("scheme = 'stripe'\ntolerance_seconds = 0\nid = []");
    assert_eq!((none.verification.tolerance_seconds, none.id.is_empty()), (0, true));
}

#[test]
fn a_source_that_writes_the_terms_of_a_preset_equals_it() {
    let presets: toml::Table = include_str!("../ingress/presets.toml").parse().unwrap();
    for (name, preset) in presets {
        let toml::Value::Table(mut terms) = preset else { panic!("{name}") };
        terms.remove("title");
        terms.insert("scheme".into(), "hmac".into());
        terms.insert("secrets".into(), toml::Value::Array(vec!["s".into()]));
        let written: Source =
            toml::Value::Table(terms).try_into().unwrap_or_else(|error| panic!("{name}: {error}"));
        let scheme = Scheme::find(&name).unwrap();
        let expected = Source::preset(scheme, vec![Secret::new("s".into())]);
        // Only pointers of a preset are masked for some callers alone.
        let written = Source { scheme, is_personal_preset: true, ..written };
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn several_places_of_signatures_are_written_by_hand() {
    let source = |rest: &str| {
        let text = format!(
            "[server]\npublic_url = 'https://h'\n[sources.a]\nscheme = 'hmac'\nsecrets = ['s']\n{rest}"
        );
        parse(&text).unwrap().sources["a"].verification.clone()
    };
    let preset = |scheme: &str| Source::preset(Scheme::find(scheme).unwrap(), Vec::new()).verification;
    let places = (1..=5).map(|n| format!("{{ header = 'X-DocuSign-Signature-{n}', encoding = 'base64' }}"));
    let places = places.collect::<Vec<_>>().join(", ");
    assert_eq!(source(&format!("any_signature = true\nsignatures = [{places}]")), preset("docusign"));
    let shopify = "signatures = [{ header = 'X-Shopify-Hmac-Sha256', encoding = 'base64' }, \
                   { header = 'Shopify-Hmac-Sha256', encoding = 'base64' }]";
    assert_eq!(source(shopify), preset("shopify"));
    let twilio = "algorithm = 'hmac-sha1'\nheader = 'X-Twilio-Signature'\nencoding = 'base64'\n\
                  signed = '{url}{form}'\nbody_digest = 'bodySHA256'";
    assert_eq!(source(twilio), preset("twilio"));
    let chosen = source("signed_by = '/Type'\nsigned_for = { A = '{/Type}:{/x}', B = '{body}' }");
    assert_eq!(
        chosen.signed.templates().map(ToString::to_string).collect::<Vec<_>>(),
        ["{/Type}:{/x}", "{body}"]
    );
}
