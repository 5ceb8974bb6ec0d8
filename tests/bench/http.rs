//! A minimal HTTP/1.1 client that costs little: it builds requests beforehand, and reads responses by status
//! and length.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use hmac::{Hmac, KeyInit as _, Mac as _};

use crate::child::SECRET;

const SAMPLE: &str = include_str!("../../wit/moncreneau-events-1.0.0/samples/appointment.created.json");

/// A signed request with the sample `appointment.created` under this id, of an appointment of its own.
pub fn request(id: &str) -> Vec<u8> {
    let digest = hookyard::event::Digest::of(id.as_bytes());
    let appointment = u32::from_be_bytes(*digest.0.first_chunk().unwrap());
    request_about(id, appointment)
}

/// The same, of this appointment.
pub fn request_about(id: &str, appointment: u32) -> Vec<u8> {
    let body = SAMPLE.replace("evt_abc123", id).replacen("12345", &appointment.to_string(), 1);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let length = body.len();
    format!(
        "POST /webhooks/moncreneau HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
         x-moncreneau-signature: sha256={signature}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The body of a request.
pub fn body(request: &[u8]) -> &str {
    std::str::from_utf8(request).unwrap().split_once("\r\n\r\n").unwrap().1
}

/// How many bytes the answer at the start of `bytes` has, once it is whole.
pub fn answer_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let length = text
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let all = head + length.unwrap_or(0);
    (bytes.len() >= all).then_some(all)
}

/// Sends one request and reads the answer.
pub fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let (mut answer, mut chunk) = (Vec::new(), [0; 8192]);
    while answer_length(&answer).is_none() {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "the host closed the connection");
        answer.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8(answer).unwrap()
}

/// Reads a page of the operators' side.
pub fn get(address: &str, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    ask(&mut stream, request.as_bytes())
}

/// The JSON body that the operators' side answers with.
pub fn json(address: &str, path: &str, token: &str) -> serde_json::Value {
    let answer = get(address, path, token);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// Asks the operators' side to do something.
pub fn post(address: &str, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n"
    );
    ask(&mut stream, request.as_bytes())
}

/// Attempts that the host counts as done.
pub fn done(admin: &str) -> f64 {
    counted(admin, "hookyard_attempts_total", "outcome=\"done\"")
}

/// Effects that the host counts as done.
pub fn complete_effect(admin: &str) -> f64 {
    counted(admin, "hookyard_effect_attempts_total", "outcome=\"done\"")
}

/// Events that the host counts as pruned.
pub fn pruned(admin: &str) -> f64 {
    counted(admin, "hookyard_pruned_events_total", "")
}

fn counted(admin: &str, metric: &str, label: &str) -> f64 {
    let page = get(admin, "/metrics", "");
    let lines = page.lines().filter(|line| line.starts_with(metric) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
