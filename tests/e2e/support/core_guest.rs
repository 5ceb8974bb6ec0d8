//! Guests written as core modules in WebAssembly's text format. Each is a generic handler that succeeds at
//! once, except for the parts that a test replaces. The host makes the component.

use super::contract_world::{CoreFunction, EVERYTHING};
use super::wat;

/// The parts of the module.
///
/// Code may call each function that the host offers by its name, such as `$store.open`,
/// `$store.bucket.get`, `$batch.set-many`, `$outbox.emit-event` or `$store.drop-bucket`; only those that it
/// calls are imported. Parameters and results are those of the canonical ABI.
///
/// Memory: the bytes from 0 are zero, which is the answer `ok`; 16 to 63 hold the list with `*`; from 64 to
/// 65,535 is free for the guest; the allocator uses what follows.
pub(crate) struct CoreGuest<'a> {
    /// Body of `handle`, which may begin with locals. Its parameters have the names of the record `context`
    /// (`$event-id` and so on, with `-len` for lengths), `$data` and `$data-len`. Returns the answer's
    /// address.
    pub(crate) handle: &'a str,
    /// Body of `subscriptions`.
    pub(crate) subscriptions: &'a str,
    /// Body of `cabi_realloc`, with the parameters `$old`, `$old-size`, `$align` and `$size`.
    pub(crate) realloc: &'a str,
    /// The type of the memory.
    pub(crate) memory: &'a str,
    /// More fields of the module.
    pub(crate) fields: &'a str,
}

impl Default for CoreGuest<'_> {
    fn default() -> Self {
        Self {
            handle: "i32.const 0",
            subscriptions: "i32.const 16",
            realloc: ALLOCATE,
            memory: "2",
            fields: "",
        }
    }
}

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

impl CoreGuest<'_> {
    /// The module, with the types of a component.
    pub(crate) fn module(&self) -> Vec<u8> {
        let Self { handle, subscriptions, realloc, memory, fields } = self;
        let code = format!(
            r#"(memory (export "memory") {memory})
            (global $free (mut i32) (i32.const 65536))
            (data (i32.const 16) "\20\00\00\00\01\00\00\00")
            (data (i32.const 32) "\30\00\00\00\01\00\00\00")
            (data (i32.const 48) "*")
            {fields}
            (func $realloc (export "cabi_realloc")
              (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
              {realloc})
            (func $subscriptions (export "{INTERFACE}#subscriptions") (result i32) {subscriptions})
            (func $handle (export "{INTERFACE}#handle")
              (param $event-id i32) (param $event-id-len i32) (param $event-type i32)
              (param $event-type-len i32) (param $source i32) (param $source-len i32) (param $created i32)
              (param $created-len i32) (param $received-at i64) (param $idempotency-key i32)
              (param $idempotency-key-len i32) (param $attempt i32) (param $data i32) (param $data-len i32)
              (result i32)
              {handle})"#
        );
        let is_name = |c: char| c.is_ascii_alphanumeric() || "$.-_".contains(c);
        let names: Vec<&str> =
            code.split(|c| !is_name(c)).filter_map(|name| name.strip_prefix('$')).collect();
        let called = EVERYTHING.imports().iter().filter(|import| names.contains(&import.id.as_str()));
        let imports: String = called.map(CoreFunction::import).collect();
        let mut module = wat(&format!("(module {imports} {code})"));
        EVERYTHING.embed(&mut module);
        module
    }
}

/// The interface of generic handlers.
const INTERFACE: &str = "hookyard:plugin/event-handler@0.1.0";
