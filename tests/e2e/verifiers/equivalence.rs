//! The example verifier and the preset that it imitates say the same about 10,000 generated requests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hookyard::config::{Config, PrivateDir};
use hookyard::event::SourceName;
use hookyard::ingress::{Probe, ProbeRequest, ProbeStep, Sources};
use hookyard::outbound::Outbound;
use hookyard::runtime::{CompileOptions, EmptyStores, Runtime};
use hookyard::verifiers::Verifiers;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::Sha256;

use crate::support::example_verifier;

const REQUESTS: usize = 10_000;
const NOW_MS: u64 = 1_800_000_000_000;

/// The secrets of both sources; the last one is valid no more.
const SECRETS: [&str; 4] =
    ["whsec_Zmlyc3Q=", "whsec_c2Vjb25kIHNlY3JldA==", "whsec_dGhpcmQ=", "whsec_b3Zlcg=="];

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[verifiers]
timeout_ms = 10000
wait_max_ms = 60000
[sources.preset]
scheme = "standard-webhooks"
secrets = [SECRETS]
[sources.plugin]
verifier = "standard-webhooks"
id = "{header:webhook-id|svix-id}"
created = ["/timestamp", "{header:webhook-timestamp|svix-timestamp}"]
secrets = [SECRETS]
"#;

/// The configuration of both sources, with the verifier in its directory.
fn config(dir: &Path) -> Config {
    let [first, second, third, over] = SECRETS;
    let secrets = format!(
        "\"{first}\", \"{second}\", \"{third}\", {{ secret = \"{over}\", not_after = \"2027-01-15T07:59:59Z\" }}"
    );
    std::fs::write(dir.join("hookyard.toml"), CONFIG.replace("SECRETS", &secrets)).unwrap();
    let verifiers = dir.join("verifiers");
    std::fs::create_dir(&verifiers).unwrap();
    let vectors = "../verifiers/standard-webhooks/standard-webhooks.vectors.json";
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join(vectors);
    std::fs::copy(vectors, verifiers.join("standard-webhooks.vectors.json")).unwrap();
    std::fs::write(verifiers.join("standard-webhooks.wasm"), example_verifier("standard-webhooks")).unwrap();
    Config::load(Some(&dir.join("hookyard.toml"))).unwrap().config
}

/// A request, mostly valid, with up to three changes.
struct Generator(StdRng);

impl Generator {
    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.0.random_range(0..of.len())]
    }

    fn one_in(&mut self, number: u32) -> bool {
        self.0.random_range(0..number) == 0
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.0.random_range(0..=most);
        (0..length).map(|_| self.0.random()).collect()
    }

    fn timestamp(&mut self) -> String {
        let now = i64::try_from(NOW_MS / 1000).unwrap();
        match self.0.random_range(0..12) {
            0 => (now - self.0.random_range(298..=302)).to_string(),
            1 => (now + self.0.random_range(298..=302)).to_string(),
            2 => self.0.random::<i64>().to_string(),
            3 => self
                .pick(&[
                    "",
                    "-",
                    "+1800000000",
                    " 1800000000",
                    "1800000000 ",
                    "1.8e9",
                    "0x6b49d200",
                    "１８０００００００",
                    "99999999999999999999",
                    "-1",
                ])
                .to_owned(),
            4 => format!("{now:0>45}"),
            _ => (now + self.0.random_range(-200..=200)).to_string(),
        }
    }

    fn id(&mut self) -> String {
        let long = "x".repeat(300);
        self.pick(&["msg_1", "msg_2", "msg.with.dots", " ", "", "é", "a\tb", &long, "\"quoted\""]).to_owned()
    }

    fn body(&mut self) -> Vec<u8> {
        match self.0.random_range(0..6) {
            0 => self.bytes(200),
            1 => Vec::new(),
            2 => br#"{"type":"a.b","timestamp":"2027-01-15T08:00:00Z","data":{}}"#.to_vec(),
            3 => format!(
                r#"{{"type":"{}","n":{}}}"#,
                "t".repeat(self.0.random_range(0..140)),
                self.0.random::<u32>()
            )
            .into(),
            _ => format!(r#"{{"type":"invoice.paid","n":{}}}"#, self.0.random::<u32>()).into(),
        }
    }

    /// One item of the list of signatures.
    fn signature(&mut self, content: &[u8]) -> String {
        let secrets = ["whsec_Zmlyc3Q=", SECRETS[1], SECRETS[2], SECRETS[3], "whsec_dW5rbm93bg=="];
        let secret = self.pick(&secrets);
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(content);
        let digest = mac.finalize().into_bytes();
        let text = STANDARD.encode(digest);
        match self.0.random_range(0..14) {
            0 => format!("v1,{}", text.trim_end_matches('=')),
            1 => format!("v1,{}", hex::encode(digest)),
            2 => format!("v1a,{text}"),
            3 => text,
            4 => format!("v1,{}", STANDARD.encode(&digest[..31])),
            5 => "v1,".to_owned(),
            6 => format!("V1,{text}"),
            7 => format!("\tv1,{text}\t"),
            _ => format!("v1,{text}"),
        }
    }

    fn request(&mut self) -> ProbeRequest {
        let (id, timestamp, body) = (self.id(), self.timestamp(), self.body());
        let signed = [
            id.trim_matches([' ', '\t']).as_bytes(),
            b".",
            timestamp.trim_matches([' ', '\t']).as_bytes(),
            b".",
            &body,
        ]
        .concat();
        let untrimmed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &body].concat();
        let number = if self.one_in(8) { self.0.random_range(0..20) } else { self.0.random_range(1..=3) };
        let items = (0..number).map(|_| {
            let content = if self.one_in(10) { &signed } else { &untrimmed };
            self.signature(content)
        });
        let items: Vec<_> = items.collect();
        let separator = self.pick(&[" ", " ", " ", " ", "  ", ",", ", "]);
        let prefix = self.pick(&["webhook", "webhook", "svix"]);
        let mut headers = vec![
            (format!("{prefix}-id"), id),
            (format!("{prefix}-timestamp"), timestamp),
            (format!("{prefix}-signature"), items.join(separator)),
        ];
        let mut body = body;
        for _ in 0..self.0.random_range(0..=2) {
            let index = self.0.random_range(0..3);
            match self.0.random_range(0..9) {
                0 if headers.len() > index => drop(headers.remove(index)),
                1 if headers.len() > index => headers.push(headers[index].clone()),
                2 if headers.len() > index => {
                    let (name, value) = headers[index].clone();
                    let other = if name.starts_with("svix") {
                        name.replace("svix", "webhook")
                    } else {
                        name.replace("webhook", "svix")
                    };
                    headers.push((other, value));
                }
                3 if headers.len() > index => headers[index].0 = headers[index].0.to_uppercase(),
                4 => body.push(b' '),
                5 if !body.is_empty() => {
                    let at = self.0.random_range(0..body.len());
                    body[at] ^= 1;
                }
                _ => {}
            }
        }
        ProbeRequest {
            method: "POST".into(),
            target: String::new(),
            headers,
            body: body.into(),
            at_ms: NOW_MS + self.0.random_range(0..1000),
        }
    }
}

#[tokio::test]
async fn the_example_verifier_agrees_with_the_preset_about_10_000_requests() {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(config(dir.path()));
    let outbound = Outbound::new(&config.http, &config.email).unwrap();
    let runtime =
        Runtime::new(&config.runtime, CompileOptions::default(), Arc::new(EmptyStores), outbound).unwrap();
    let (_keep, following) = tokio::sync::watch::channel(Arc::clone(&config));
    let kept = PrivateDir::make(&dir.path().join("kept")).unwrap();
    let verifiers = Verifiers::start(runtime, following, kept).unwrap();
    verifiers.wait_ready(Duration::from_mins(1)).await;
    let sources = Sources::from_config(&config, Arc::new(verifiers));
    assert!(config.sources.contains_key(&SourceName::new("plugin").unwrap()));
    let mut generator = Generator(StdRng::seed_from_u64(1));
    let mut steps: BTreeMap<(String, Option<u32>), usize> = BTreeMap::new();
    for number in 0..REQUESTS {
        let mut request = generator.request();
        let mut say = async |source: &str| {
            request.target = format!("/webhooks/{source}");
            sources.probe(source, &request, |_, _| 0).await.unwrap()
        };
        let (preset, plugin) = (say("preset").await, say("plugin").await);
        let verdict = |probe: &Probe| {
            // Who verifies says why not in words of its own.
            let reason = probe.reason.clone().filter(|_| probe.step != ProbeStep::Verification);
            (probe.step, probe.secret, reason, probe.events.clone())
        };
        assert_eq!(verdict(&preset), verdict(&plugin), "{number}: {request:?}\n{preset:?}\n{plugin:?}");
        *steps.entry((format!("{:?}", preset.step), preset.secret)).or_default() += 1;
    }
    // The generator makes enough of each kind: accepted by each valid secret, refused, and verified without an event.
    for (step, secret, least) in [
        ("Accepted", Some(1), 300),
        ("Accepted", Some(2), 200),
        ("Accepted", Some(3), 100),
        ("Verification", None, 2000),
        ("Body", Some(1), 100),
    ] {
        let found = steps.get(&(step.to_owned(), secret)).copied().unwrap_or_default();
        assert!(found >= least, "{step} {secret:?}: {found} of {steps:?}");
    }
}
