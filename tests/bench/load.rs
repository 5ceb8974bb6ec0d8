//! The load generator: one thread, requests made and signed beforehand, no pipelining.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::child::HostProcess;
use crate::http::{answer_length, request, request_about};

/// Signed requests: ids in the order of time, or as random as a hash.
pub fn requests(from: u64, count: u64, random: bool) -> Vec<Vec<u8>> {
    let id = |n: u64| if random { n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) } else { n };
    (from..from + count).map(|n| request(&format!("evt_{:016x}", id(n)))).collect()
}

/// Signed requests about so many appointments, in turn.
pub fn requests_about(appointments: u32, from: u64, count: u64) -> Vec<Vec<u8>> {
    let of = |n: u64| u32::try_from(n % u64::from(appointments)).unwrap();
    (from..from + count).map(|n| request_about(&format!("evt_{n:016x}"), of(n))).collect()
}

/// Sends all requests over so many connections, each as soon as the one before it is answered. All
/// must be accepted.
pub fn closed(address: &str, requests: Vec<Vec<u8>>, connections: usize) {
    run(address, requests, connections, None);
}

/// Sends requests to warm up, then more as soon as each before is answered; how many a second of these were done.
pub fn events_per_second(
    host: &HostProcess,
    (warm_up, events): (u64, u64),
    connections: usize,
    random: bool,
) -> f64 {
    events_per_second_of(host, (warm_up, events), connections, |from, count| requests(from, count, random))
}

/// The same with other requests: so many from this number on.
pub fn events_per_second_of(
    host: &HostProcess,
    (warm_up, events): (u64, u64),
    connections: usize,
    requests: impl Fn(u64, u64) -> Vec<Vec<u8>>,
) -> f64 {
    closed(&host.webhooks, requests(0, warm_up), connections);
    host.wait_done(warm_up);
    let requests = requests(warm_up, events);
    let began = Instant::now();
    closed(&host.webhooks, requests, connections);
    host.wait_done(warm_up + events);
    events as f64 / began.elapsed().as_secs_f64()
}

/// Sends at a fixed rate, whether or not the host keeps up with it. Returns when it began.
pub fn open(address: &str, requests: Vec<Vec<u8>>, connections: usize, per_second: f64) -> u64 {
    run(address, requests, connections, Some(per_second))
}

fn run(address: &str, requests: Vec<Vec<u8>>, connections: usize, per_second: Option<f64>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let requests = Arc::new(requests);
    runtime.block_on(tokio::task::LocalSet::new().run_until(async move {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(stream);
        }
        let (began, began_us) = (Instant::now(), crate::native::unix_us());
        let tasks: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(first, stream)| {
                let requests = Arc::clone(&requests);
                tokio::task::spawn_local(async move {
                    let mine = (first..requests.len()).step_by(connections);
                    send(stream, mine.map(|at| (at, requests[at].as_slice())), began, per_second).await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        began_us
    }))
}

async fn send<'a>(
    mut stream: TcpStream,
    requests: impl Iterator<Item = (usize, &'a [u8])>,
    began: Instant,
    per_second: Option<f64>,
) {
    let mut answer = vec![0; 4096];
    for (at, request) in requests {
        if let Some(rate) = per_second {
            tokio::time::sleep_until((began + Duration::from_secs_f64(at as f64 / rate)).into()).await;
        }
        stream.write_all(request).await.unwrap();
        let mut read = 0;
        while answer_length(&answer[..read]).is_none() {
            let more = stream.read(&mut answer[read..]).await.unwrap();
            assert!(more > 0, "the host closed the connection");
            read += more;
        }
        assert!(answer.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&answer[..read]));
    }
}
