//! Verifiers written as core modules in WebAssembly's text format. The host makes the component.

use std::path::Path;
use std::sync::LazyLock;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use super::wat;

/// The parts of the module. Without a part that a test replaces, it verifies each body that does not begin with `n`, with
/// the first secret, and leaves all fields to the source's configuration.
pub(crate) struct CoreVerifier<'a> {
    /// What is done before the answer, with `$first`, the first byte of the body, and `$body`, `$body-len`.
    pub(crate) before: &'a str,
    /// The number of the secret that it names.
    pub(crate) secret: u32,
    /// The id that it names; none if it is empty.
    pub(crate) id: &'a str,
    /// The payload's pointer, likewise.
    pub(crate) payload: &'a str,
    /// The first byte of bodies that are refused.
    pub(crate) refuses: char,
    /// The reason of a refusal.
    pub(crate) reason: &'a str,
    /// The type of the memory.
    pub(crate) memory: &'a str,
    /// More fields of the module, first.
    pub(crate) fields: &'a str,
    /// More of the world, such as an import.
    pub(crate) world: &'a str,
}

impl Default for CoreVerifier<'_> {
    fn default() -> Self {
        Self {
            before: "",
            secret: 0,
            id: "",
            payload: "",
            refuses: 'n',
            reason: "the body begins with n",
            memory: "2",
            fields: "",
            world: "",
        }
    }
}

/// `NAME.vectors.json` of a [`CoreVerifier`] that verifies `{…}` and refuses `n…`.
pub(crate) const VECTORS: &str = r#"[
    {"name": "good", "request": {"url": "/", "body": "{}"}, "secrets": ["s"], "now": "2027-01-31T00:00:00Z", "verified": {}},
    {"name": "bad", "request": {"url": "/", "body": "no"}, "secrets": ["s"], "now": "2027-01-31T00:00:00Z", "refused": "begins with n"}
]"#;

/// Allocates from the end of the used memory, and never frees.
const ALLOCATE: &str = "
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (loop $grow
        (br_if $fits (i32.le_u (global.get $free) (i32.shl (memory.size) (i32.const 16))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
        (br $grow)))
    (local.get $at)";

impl CoreVerifier<'_> {
    /// The module, with the types of a component.
    pub(crate) fn module(&self) -> Vec<u8> {
        let Self { before, secret, id, payload, refuses, reason, memory, fields, world } = self;
        let (refuses, escape) = (u32::from(*refuses), |text: &str| text.escape_default().to_string());
        // The answer: its case at 16, the record or the reason from 20 on.
        let option = |at: usize, text: &str, place: usize| {
            if text.is_empty() {
                return String::new();
            }
            format!(
                "(i32.store8 (i32.const {at}) (i32.const 1)) (i32.store (i32.const {}) (i32.const {place})) \
                 (i32.store (i32.const {}) (i32.const {}))",
                at + 4,
                at + 8,
                text.len()
            )
        };
        let (id_set, payload_set) = (option(24, id, 1024), option(60, payload, 2048));
        let mut module = wat(&format!(
            r#"(module
            {fields}
            (memory (export "memory") {memory})
            (global $free (mut i32) (i32.const 65536))
            (data (i32.const 1024) "{id}")
            (data (i32.const 2048) "{payload}")
            (data (i32.const 4096) "{reason}")
            (func $realloc (export "cabi_realloc")
              (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
              {ALLOCATE})
            (func (export "hookyard:verifier/verify@0.1.0#verify")
              (param $method i32) (param $method-len i32) (param $url i32) (param $url-len i32)
              (param $headers i32) (param $headers-len i32) (param $body i32) (param $body-len i32)
              (param $secrets i32) (param $secrets-len i32) (param $now i64) (result i32)
              (local $first i32)
              (if (local.get $body-len) (then (local.set $first (i32.load8_u (local.get $body)))))
              {before}
              (if (i32.eq (local.get $first) (i32.const {refuses}))
                (then
                  (i32.store8 (i32.const 16) (i32.const 1))
                  (i32.store (i32.const 20) (i32.const 4096))
                  (i32.store (i32.const 24) (i32.const {reason_len})))
                (else (i32.store (i32.const 20) (i32.const {secret})) {id_set} {payload_set}))
              (i32.const 16)))"#,
            id = escape(id),
            payload = escape(payload),
            reason = escape(reason),
            reason_len = reason.len(),
        ));
        let (resolve, id) = if world.is_empty() { &*WORLD } else { &make_world(world) };
        embed_component_metadata(&mut module, resolve, *id, StringEncoding::UTF8).unwrap();
        module
    }
}

static WORLD: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| make_world(""));

fn make_world(more: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    resolve.push_path(root.join("hookyard-verifier-0.1.0")).unwrap();
    let text = format!(
        "package tests:verifiers;\ninterface clock {{ now: func() -> u64; }}\n\
         world made {{ {more} export hookyard:verifier/verify@0.1.0; }}"
    );
    let package = resolve.push_str("world.wit", &text).unwrap();
    let id = resolve.select_world(&[package], Some("made")).unwrap();
    (resolve, id)
}
