//! Events per second of a source with a verifier that is a plugin, against the preset that does the same.

use std::fs;

use crate::child::{HostProcess, SECRET, directory, guest};
use crate::figures::{Spread, print};
use crate::load;

const EVENTS: u64 = 40_000;
const WARM_UP: u64 = 5_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;

/// The vectors of the verifier: a signature of an empty body, and none.
const VECTORS: &str = r#"[
    {"name": "good", "secrets": ["s"], "now": "2027-01-31T00:00:00Z", "verified": {},
     "request": {"url": "/", "headers": [["X-Moncreneau-Signature", "sha256=DIGEST"]]}},
    {"name": "bad", "secrets": ["s"], "now": "2027-01-31T00:00:00Z", "refused": true, "request": {"url": "/"}}
]"#;
/// HMAC-SHA256 of nothing with the key `s`.
const DIGEST: &str = "64eca07cce67929c357d63d0a4aec207e774800403298914fc04e88ce02ac49f";

/// In turn, with the plugin `stats`.
pub fn run() {
    let (mut with_verifier, mut with_preset, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (preset, verifier) = (round(false), round(true));
        ratios.push(verifier / preset);
        with_verifier.push(verifier);
        with_preset.push(preset);
    }
    print(
        "verifier: events/s until all are done, plugin `stats`, source with a verifier against the same preset",
        &[
            format!("ratio          {}   target: at least 0.7", Spread::of(ratios)),
            format!("with verifier  {} events/s", Spread::of(with_verifier)),
            format!("with preset    {} events/s", Spread::of(with_preset)),
        ],
    );
}

fn round(has_verifier: bool) -> f64 {
    let stats = guest("stats");
    let dir = directory(&[("stats", &stats)]);
    if has_verifier {
        let verifiers = dir.path().join("verifiers");
        fs::create_dir(&verifiers).unwrap();
        fs::write(verifiers.join("moncreneau.vectors.json"), VECTORS.replace("DIGEST", DIGEST)).unwrap();
        fs::write(verifiers.join("moncreneau.wasm"), guest("moncreneau-verifier")).unwrap();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [sources.moncreneau]\nverifier = \"moncreneau\"\nsecrets = [\"{SECRET}\"]\n\
             payload = \"/data/object\"\nordering_key = \"/data/object/id\"\npackage = \"moncreneau:events\"\n\
             search = [\"/data/object/id\", \"/data/object/name\", \"/data/object/phone\", \"/data/object/email\"]\n"
        );
        fs::write(dir.path().join("hookyard.toml"), text).unwrap();
    }
    let host = HostProcess::in_directory("plugin", dir);
    let rate = load::events_per_second(&host, (WARM_UP, EVENTS), CONNECTIONS, false);
    host.kill();
    rate
}
