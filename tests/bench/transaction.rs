//! The cost of a handler's transaction: events per second where each reads and writes a store entry and
//! queues a request, compared to the same handler that does neither.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::child::{HostProcess, guest};
use crate::figures::{Spread, print};
use crate::{http, load};

const EVENTS: u64 = 30_000;
const WARM_UP: u64 = 5_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;

/// In turn: no transaction, one whose requests are not answered, and one whose requests are answered.
pub fn run() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let answering = answering();
    for (entry, name) in [("own", "an entry of its own"), ("shared", "one entry that all share")] {
        let (mut nothing, mut attempts, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let (mut attempt_ratios, mut all_ratios) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let none = round("nothing", &silent, false);
            let asked = round(entry, &silent, false);
            let performed = round(entry, &answering, true);
            attempt_ratios.push(none / asked);
            all_ratios.push(none / performed);
            nothing.push(none);
            attempts.push(asked);
            all.push(performed);
        }
        print(
            &format!("transaction: events/s, each reads and writes {name} and asks for a request"),
            &[
                format!("ratio      {}   target: at most 1.5", Spread::of(attempt_ratios)),
                format!("nothing    {} events/s", Spread::of(nothing)),
                format!("committed  {} events/s, the requests wait", Spread::of(attempts)),
                format!(
                    "performed  {} events/s, all answered, ratio {}",
                    Spread::of(all),
                    Spread::of(all_ratios)
                ),
            ],
        );
    }
}

fn round(entry: &str, partner: &TcpListener, performed: bool) -> f64 {
    let origin = format!("http://{}", partner.local_addr().unwrap());
    let config = format!(
        "[plugin.transaction]\nhttp = [\"{origin}\"]\nconfig = {{ do = \"{entry}\", url = \"{origin}/sms\" }}\n\
         [log]\nlevel = \"error\"\n"
    );
    let host = HostProcess::configured(&config, &[("transaction", &guest("transaction"))]);
    load::closed(&host.webhooks, load::requests(0, WARM_UP, false), CONNECTIONS);
    wait(&host, WARM_UP, performed);
    let requests = load::requests(WARM_UP, EVENTS, false);
    let started = Instant::now();
    load::closed(&host.webhooks, requests, CONNECTIONS);
    wait(&host, WARM_UP + EVENTS, performed);
    let per_second = EVENTS as f64 / started.elapsed().as_secs_f64();
    host.kill();
    per_second
}

fn wait(host: &HostProcess, events: u64, performed: bool) {
    let events = events as f64;
    while http::done(&host.admin) < events || (performed && http::complete_effect(&host.admin) < events) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A partner that answers every request, with one thread for each connection.
fn answering() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = listener.try_clone().unwrap();
    std::thread::spawn(move || {
        for stream in accepting.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || answer(stream));
        }
    });
    listener
}

fn answer(mut stream: TcpStream) -> Option<()> {
    use std::io::Read as _;
    let mut buffer = [0; 4096];
    let mut length = 0;
    loop {
        length += stream.read(&mut buffer[length..]).ok().filter(|read| *read > 0)?;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let size =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= size.unwrap_or(0) {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
            length = 0;
        }
    }
}
