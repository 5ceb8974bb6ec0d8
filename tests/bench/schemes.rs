//! Events per second by the scheme of their source: what another way of verifying costs.

use hmac::{Hmac, KeyInit as _, Mac as _};
use hookyard::event::now_ms;

use crate::child::{HostProcess, SECRET};
use crate::figures::{Spread, print};
use crate::{http, load};

const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 7;
const CONNECTIONS: usize = 128;

/// The same events as of the source `moncreneau`, signed as Stripe signs. All else of the source is the same, too.
const STRIPE: &str = r#"
[sources.stripe]
scheme = "stripe"
secrets = ["whsec_bench"]
package = "moncreneau:events"
ordering_key = "/data/object/id"
search = ["/data/object/id", "/data/object/name", "/data/object/phone", "/data/object/email"]
personal = ["/data/object/name", "/data/object/phone", "/data/object/email"]
"#;

/// Moncreneau's scheme and Stripe's, in turn, with native code as the handler.
pub fn run() {
    let (mut moncreneau, mut stripe, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let own = round(|from, count| load::requests(from, count, true));
        let other = round(stripe_requests);
        ratios.push(other / own);
        moncreneau.push(own);
        stripe.push(other);
    }
    print(
        "schemes: events/s until all are done, native code as the handler, Stripe's scheme against Moncreneau's",
        &[
            format!("ratio       {}   target: at least 0.95", Spread::of(ratios)),
            format!("Moncreneau  {} events/s", Spread::of(moncreneau)),
            format!("Stripe      {} events/s", Spread::of(stripe)),
        ],
    );
}

fn round(requests: impl Fn(u64, u64) -> Vec<Vec<u8>>) -> f64 {
    let host = HostProcess::with("native", STRIPE, &[]);
    let per_second = load::events_per_second_of(&host, (WARM_UP, EVENTS), CONNECTIONS, requests);
    host.kill();
    per_second
}

/// Requests signed now: <https://docs.stripe.com/webhooks#verify-manually>.
fn stripe_requests(from: u64, count: u64) -> Vec<Vec<u8>> {
    let time = now_ms() / 1000;
    let sign = |request: Vec<u8>| {
        let body = http::body(&request);
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        format!(
            "POST /webhooks/stripe HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             stripe-signature: t={time},v1={signature}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    load::requests(from, count, true).into_iter().map(sign).collect()
}
