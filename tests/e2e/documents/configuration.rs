//! Configurations in documents pass the check, and each key that a document names exists.

use std::collections::HashSet;
use std::fs;

use super::{blocks, code_spans, document, documented_plugins, documents};
use crate::support::{CommandOutput, HostDir};

#[test]
fn the_configuration_of_make_run_passes_the_check() {
    let dir = HostDir::new("");
    dir.replace("hookyard.toml", document("hookyard.toml").as_bytes());
    let output = dir.run(&["config", "check"]);
    assert_eq!(output.code, 0, "{output:?}");
}

const WEBHOOK_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const ED25519_KEY: &str = "d04ab232742bb4ab3a1368bd4615e4e6d0224ab71a016baf8520a332c9778737";
/// The same key as Standard Webhooks shows it.
const STANDARD_WEBHOOK_PUBLIC_KEY: &str = "whpk_0EqyMnQrtKs6E2i9RhXk5tAiSrcaAWuvhSCjMsl3hzc=";
const ECDSA_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const RSA_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAld8m+4069o3qvmntRlzl0UJr9bu+BQIo0Wvtn7O0rnrudP5wFTtr2yM8GWh5mj8eiVyRnsr9Akex7R5ipnXOqnTY+2f8uFkp2GvgvxxY51xH8TfYHoOQS7fdRGxd8cQJoK4qgvqhN83DiTuBy48EMKKPryMWwid2XwrxqHGLu1UK/VgzDmzfuB8BH6PYBPxaFkPeMNukeqXb2oVHVUu420nG89kHARnaSXyihJhV5o19ULqLggBRasb88fTIHz5VHO5wEbw8Sdcf09/fmIshzlGryxblW7Zf02ZIJWR5cqtLza4AsWSiSrGH3TTulCn2Cwc2aYq6B57TPJZ9hQtvowIDAQAB";

#[test]
fn every_configuration_in_a_document_passes_the_check() {
    let mut checked = 0;
    let of_plugins = documented_plugins().into_iter().map(|plugin| format!("plugins/{plugin}/README.md"));
    for name in documents().into_iter().chain(of_plugins) {
        for block in blocks(&document(&name), "toml").iter().filter(|block| !block.contains("[dependencies]"))
        {
            let dir = HostDir::new("");
            dir.replace("hookyard.toml", block.as_bytes());
            let mut command = dir.command(&["config", "check"]);
            let references = block.match_indices("env:").map(|(at, _)| &block[at + 4..]);
            // Receivers of alerts and keys of signature schemes have a form.
            let value = |name: &str| match name {
                "ALERT_WEBHOOK_SECRET" | "GITLAB_SIGNING_TOKEN" | "STANDARD_WEBHOOK_SECRET" => WEBHOOK_KEY,
                "ADYEN_HMAC_KEY" => "00112233",
                "DISCORD_PUBLIC_KEY" => ED25519_KEY,
                "STANDARD_WEBHOOK_PUBLIC_KEY" => STANDARD_WEBHOOK_PUBLIC_KEY,
                "SENDGRID_PUBLIC_KEY" => ECDSA_KEY,
                "PAYPAL_CERTIFICATE" | "SNS_CERTIFICATE" => RSA_KEY,
                "ALERT_WEBHOOK_URL" => "https://hooks.example.gn/hookyard",
                _ => "set",
            };
            let names = references.map(|name| name.split('"').next().unwrap());
            command.envs(names.map(|name| (name, value(name))));
            let output = CommandOutput::run(&mut command);
            assert_eq!(output.code, 0, "{name}:\n{block}\n{output:?}");
            checked += 1;
        }
    }
    assert!(checked >= 15);
}

#[test]
fn the_default_configuration_equals_no_configuration() {
    let dir = HostDir::new("");
    dir.replace("hookyard.toml", document("host/config.default.toml").as_bytes());
    let mut written = dir.run(&["config", "check", "--json"]).json();
    fs::remove_file(dir.path("hookyard.toml")).unwrap();
    let none = dir.run(&["config", "check", "--json"]).json();
    written["config"] = serde_json::Value::Null;
    assert_eq!(written, none);
}

/// Every section of the default configuration, and every key as `section.key` and alone.
fn known_keys() -> (HashSet<String>, HashSet<String>) {
    let (mut sections, mut keys) = (HashSet::new(), HashSet::new());
    let mut section = String::new();
    for line in document("host/config.default.toml").lines().map(|line| line.trim_start_matches('#')) {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            header.split('.').next().unwrap().clone_into(&mut section);
            sections.insert(section.clone());
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| is_key(key)) {
            keys.extend([format!("{section}.{key}"), key.to_owned()]);
        }
    }
    (sections, keys)
}

fn is_key(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Actions of the audit log that look like keys of `[plugin.NAME]`.
const AUDIT_ACTIONS: [&str; 8] = [
    "database.restore",
    "plugin.disable",
    "plugin.enable",
    "plugin.file",
    "plugin.pause",
    "plugin.release",
    "plugin.resume",
    "plugin.retry",
];

/// Whether a document means a key by this: `section.key`, or a word that ends as keys do.
fn names_a_key(word: &str, sections: &HashSet<String>) -> bool {
    if AUDIT_ACTIONS.contains(&word) {
        return false;
    }
    if let Some((section, rest)) = word.split_once('.') {
        return sections.contains(section) && is_key(rest) && rest != "rs";
    }
    let ends_as_keys = ["_max", "_bytes", "_ms", "_days"].iter().any(|end| word.ends_with(end));
    is_key(word) && ends_as_keys && !word.starts_with("hookyard_")
}

#[test]
fn every_key_in_a_document_is_in_the_default_configuration() {
    let (sections, keys) = known_keys();
    let mut seen = 0;
    for name in documents() {
        for span in code_spans(&document(&name)) {
            let key = span.split(" = ").next().unwrap();
            if names_a_key(key, &sections) {
                assert!(keys.contains(key), "{name}: {key}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 50, "{seen} keys were found");
}
