//! The bindings that `wit-bindgen` generates for the contract in `wit/`. Each handler has its own world, so a plugin
//! exports only the handlers that it implements. The host merges the worlds into one component.

#![allow(missing_docs, reason = "generated; the WIT has the documentation")]
#![allow(unsafe_code, reason = "generated: the canonical ABI passes pointers")]
#![allow(unreachable_pub, unused, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, reason = "generated")]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "generated")]
#![allow(clippy::allow_attributes_without_reason, reason = "generated")]

/// Generates one world. The paths are in the order of the packages' dependencies. `wit` is beside `src`: a
/// link to the repository's folder, or a folder in a copied SDK.
macro_rules! world {
    ($($options:tt)*) => {
        wit_bindgen::generate!({
            path: [
                "wit/wasi/io.wit",
                "wit/wasi/clocks.wit",
                "wit/wasi/random.wit",
                "wit/wasi/config.wit",
                "wit/wasi/logging.wit",
                "wit/wasi/keyvalue.wit",
                "wit/wasi/http.wit",
                "wit/hookyard-plugin-0.1.0",
                "wit/hookyard-event-0.1.0",
            ],
            additional_derives: [PartialEq],
            // These types hold resources, which have no equality.
            additional_derives_ignore: ["cas-error", "stream-error"],
            $($options)*
        });
    };
}

/// The types and capabilities that all handlers share.
pub mod base {
    world! {
        inline: "
            package hookyard:sdk;
            world base {
                include hookyard:plugin/imports@0.1.0;
                import hookyard:plugin/types@0.1.0;
                import hookyard:event/metadata@0.1.0;
            }
        ",
        world: "hookyard:sdk/base",
        generate_all,
    }
}

/// The generic handler's world.
pub mod event_handler {
    world! {
        world: "hookyard:plugin/event-plugin",
        with: {
            "hookyard:plugin/types@0.1.0": crate::bindings::base::hookyard::plugin::types,
            "wasi:logging/logging@0.1.0-draft": crate::bindings::base::wasi::logging::logging,
            "wasi:config/store@0.2.0-rc.1": crate::bindings::base::wasi::config::store,
            "wasi:keyvalue/store@0.2.0-draft2": crate::bindings::base::wasi::keyvalue::store,
            "wasi:keyvalue/atomics@0.2.0-draft2": crate::bindings::base::wasi::keyvalue::atomics,
            "wasi:keyvalue/batch@0.2.0-draft2": crate::bindings::base::wasi::keyvalue::batch,
            "hookyard:plugin/outbox@0.1.0": crate::bindings::base::hookyard::plugin::outbox,
            "wasi:http/types@0.2.12": crate::bindings::base::wasi::http::types,
            "wasi:http/outgoing-handler@0.2.12": crate::bindings::base::wasi::http::outgoing_handler,
            "wasi:io/error@0.2.12": crate::bindings::base::wasi::io::error,
            "wasi:io/streams@0.2.12": crate::bindings::base::wasi::io::streams,
            "wasi:io/poll@0.2.12": crate::bindings::base::wasi::io::poll,
            "wasi:clocks/wall-clock@0.2.12": crate::bindings::base::wasi::clocks::wall_clock,
            "wasi:clocks/monotonic-clock@0.2.12": crate::bindings::base::wasi::clocks::monotonic_clock,
            "wasi:random/random@0.2.12": crate::bindings::base::wasi::random::random,
        },
        pub_export_macro: true,
        export_macro_name: "export_event_handler",
    }
}

/// The world of verifiers, which imports nothing.
pub mod verifier {
    wit_bindgen::generate!({
        path: "wit/hookyard-verifier-0.1.0",
        world: "hookyard:verifier/verifier",
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_verifier_world",
    });
}
