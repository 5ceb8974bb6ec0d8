//! What `wit-bindgen` makes of the worlds in `wit/`: one world for each handler, so that a plugin
//! exports those that it implements and no others. They are merged when the component is made.

#![allow(missing_docs, reason = "generated; the WIT has the documentation")]
#![allow(unsafe_code, reason = "generated: the canonical ABI passes pointers")]
#![allow(unreachable_pub, unused, reason = "generated")]
#![allow(clippy::all, clippy::pedantic, reason = "generated")]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "generated")]
#![allow(clippy::allow_attributes_without_reason, reason = "generated")]

/// Generates one world. The paths of the packages, in the order of their dependence, stand here once;
/// `wit` is beside `src`: a link to the repository's, or a folder where the SDK was copied.
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
                "wit/moncreneau-events-1.0.0",
            ],
            additional_derives: [PartialEq],
            // They hold resources, which are equal to nothing.
            additional_derives_ignore: ["cas-error", "stream-error"],
            $($options)*
        });
    };
}

/// Types and capabilities, which all handlers share.
pub mod base {
    world! {
        inline: "
            package hookyard:sdk;
            world base {
                include hookyard:plugin/imports@0.1.0;
                import hookyard:plugin/types@0.1.0;
                import moncreneau:events/appointments@1.0.0;
            }
        ",
        world: "hookyard:sdk/base",
        generate_all,
    }
}

/// Generates a handler's world, with the types of [`base`].
macro_rules! handler {
    ($module:ident, $world:literal, $export:literal $(, $with:literal: $path:path)?) => {
        pub mod $module {
            world! {
                world: $world,
                with: {
                    "hookyard:plugin/types@0.1.0": crate::bindings::base::hookyard::plugin::types,
                    $($with: $path,)?
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
                export_macro_name: $export,
            }
        }
    };
}

/// One of Moncreneau's handlers.
macro_rules! appointment {
    ($module:ident, $world:literal, $export:literal) => {
        handler!($module, $world, $export, "moncreneau:events/appointments@1.0.0": crate::bindings::base::moncreneau::events::appointments);
    };
}

handler!(event_handler, "hookyard:plugin/event-plugin", "export_event_handler");
appointment!(appointment_created, "moncreneau:events/on-appointment-created", "export_appointment_created");
appointment!(appointment_updated, "moncreneau:events/on-appointment-updated", "export_appointment_updated");
appointment!(
    appointment_cancelled,
    "moncreneau:events/on-appointment-cancelled",
    "export_appointment_cancelled"
);
appointment!(
    appointment_validated,
    "moncreneau:events/on-appointment-validated",
    "export_appointment_validated"
);
appointment!(
    appointment_completed,
    "moncreneau:events/on-appointment-completed",
    "export_appointment_completed"
);
