//! Components written by hand, for shapes that no compiler produces. Each is a valid generic handler, except
//! for the parts that a test replaces.

use super::wat;

/// The parts of a component with one interface, in WebAssembly's text format.
pub(crate) struct Handwritten<'a> {
    /// What it asks for.
    pub(crate) imports: &'a str,
    /// The names that it exports its interface under.
    pub(crate) exports: &'a [&'a str],
    /// Types of `handle`'s parameters and of what it returns.
    pub(crate) context: &'a str,
    pub(crate) data: &'a str,
    pub(crate) failure: &'a str,
    pub(crate) returns: &'a str,
    /// The same parameters as the core function gets them.
    pub(crate) params: &'a str,
    /// Type of what `subscriptions` returns.
    pub(crate) subscribed: &'a str,
    /// Functions of the interface.
    pub(crate) functions: &'a str,
    /// Bodies of the core functions.
    pub(crate) handle: &'a str,
    pub(crate) subscriptions: &'a str,
    /// Pages of memory at the start.
    pub(crate) pages: u32,
    /// More of the core module.
    pub(crate) core: &'a str,
}

impl Default for Handwritten<'_> {
    fn default() -> Self {
        Self {
            imports: "",
            exports: &["hookyard:plugin/event-handler@0.1.0"],
            context: r#"(record (field "attempt" u32))"#,
            data: "string",
            failure: r#"(variant (case "reject" string))"#,
            returns: "(result (error $failure))",
            params: "i32 i32 i32",
            subscribed: "(list string)",
            functions: r#"(export "handle" (func $handle)) (export "subscriptions" (func $subscriptions))"#,
            // Where zeros are, which is ok; where the list with `*` is.
            handle: "i32.const 0",
            subscriptions: "i32.const 16",
            pages: 1,
            core: "",
        }
    }
}

impl Handwritten<'_> {
    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let Self { imports, exports, context, data, failure, returns, params, subscribed, .. } = self;
        let Self { functions, handle, subscriptions, pages, core, .. } = self;
        let export = |name: &&str| format!("(export \"{name}\" (instance $handler))\n");
        let exports = exports.iter().map(export).collect::<Vec<_>>().concat();
        wat(&format!(
            r#"(component
              {imports}
              (core module $code
                (memory (export "memory") {pages})
                (data (i32.const 16) "\20\00\00\00\01\00\00\00")
                (data (i32.const 32) "\30\00\00\00\01\00\00\00")
                (data (i32.const 48) "*")
                {core}
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
                (func $subscriptions (export "subscriptions") (result i32) {subscriptions})
                (func $handle (export "handle") (param {params}) (result i32) {handle}))
              (core instance $code (instantiate $code))
              (type $context-type {context})
              (type $failure-type {failure})
              (export $context "context" (type $context-type))
              (export $failure "failure" (type $failure-type))
              (func $handle (param "ctx" $context) (param "data" {data}) (result {returns})
                (canon lift (core func $code "handle") (memory (core memory $code "memory")) (realloc (core func $code "realloc"))))
              (func $subscriptions (result {subscribed})
                (canon lift (core func $code "subscriptions") (memory (core memory $code "memory")) (realloc (core func $code "realloc"))))
              (instance $handler (export "context" (type $context)) (export "failure" (type $failure)) {functions})
              {exports})"#
        ))
    }
}
