//! The macro that exports handlers.

/// Exports a plugin's handlers: `export!(Plugin: AppointmentCreated, EventHandler)`. `Plugin` has to
/// implement each trait that is named, and handles what is named and nothing else.
///
/// Natively it only checks that the traits are implemented, so `cargo test` can run handlers.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($handler:ident),+ $(,)?) => {
        $($crate::__export_handler!($plugin, $handler);)+
    };
}

/// One handler of [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export_handler {
    ($plugin:ty, EventHandler) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn($crate::Context, String) -> $crate::Result = <$plugin as $crate::EventHandler>::handle;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private::bindings::event_handler as bindings;
            struct Exported;
            impl bindings::exports::hookyard::plugin::event_handler::Guest for Exported {
                fn subscriptions() -> Vec<String> {
                    $crate::__private::begin();
                    <$plugin as $crate::EventHandler>::subscriptions()
                }
                fn handle(
                    ctx: $crate::Context,
                    data: String,
                ) -> ::core::result::Result<(), $crate::__private::WitFailure> {
                    $crate::__private::begin();
                    <$plugin as $crate::EventHandler>::handle(ctx, data).map_err(Into::into)
                }
            }
    bindings::export_event_handler!(Exported with_types_in bindings);
        };
    };
    ($plugin:ty, AppointmentCreated) => {
        $crate::__export_typed!(
            $plugin,
            AppointmentCreated,
            Created,
            appointment_created,
            export_appointment_created
        );
    };
    ($plugin:ty, AppointmentUpdated) => {
        $crate::__export_typed!(
            $plugin,
            AppointmentUpdated,
            Updated,
            appointment_updated,
            export_appointment_updated
        );
    };
    ($plugin:ty, AppointmentCancelled) => {
        $crate::__export_typed!(
            $plugin,
            AppointmentCancelled,
            Cancelled,
            appointment_cancelled,
            export_appointment_cancelled
        );
    };
    ($plugin:ty, AppointmentValidated) => {
        $crate::__export_typed!(
            $plugin,
            AppointmentValidated,
            Validated,
            appointment_validated,
            export_appointment_validated
        );
    };
    ($plugin:ty, AppointmentCompleted) => {
        $crate::__export_typed!(
            $plugin,
            AppointmentCompleted,
            Completed,
            appointment_completed,
            export_appointment_completed
        );
    };
    ($plugin:ty, $other:ident) => {
        compile_error!(concat!(
            "`",
            stringify!($other),
            "` is no handler: use EventHandler or one of moncreneau's traits"
        ));
    };
}

/// A typed handler of [`export!`]; all five look alike.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_typed {
    ($plugin:ty, $handler:ident, $payload:ident, $module:ident, $export:ident) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn($crate::Context, $crate::moncreneau::$payload) -> $crate::Result =
            <$plugin as $crate::moncreneau::$handler>::handle;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private::bindings::$module as bindings;
            struct Exported;
            impl bindings::exports::moncreneau::events::$module::Guest for Exported {
                fn handle(
                    ctx: $crate::Context,
                    appointment: $crate::moncreneau::$payload,
                ) -> ::core::result::Result<(), $crate::__private::WitFailure> {
                    $crate::__private::begin();
                    <$plugin as $crate::moncreneau::$handler>::handle(ctx, appointment).map_err(Into::into)
                }
            }
    bindings::$export!(Exported with_types_in bindings);
        };
    };
}
