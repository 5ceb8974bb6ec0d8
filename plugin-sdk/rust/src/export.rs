//! The macro that exports handlers.

/// Exports a plugin's handlers: `export!(Plugin: AppointmentCreated, EventHandler)`. `Plugin` must implement
/// each named trait. The plugin handles only the events of the named traits.
///
/// A typed handler's trait is in scope, or named by its path: `export!(Plugin: acme::OrderPaid)`. Natively, the macro
/// only checks that the traits are implemented, so `cargo test` can run handlers.
#[macro_export]
macro_rules! export {
    // Each typed handler has a macro with the name of its trait.
    ($plugin:ty: $($($handler:ident)::+),+ $(,)?) => {
        $($crate::__export_handler!($plugin, $($handler)::+);)+
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
    ($plugin:ty, $($handler:ident)::+) => {
        $($handler)::+! { $plugin }
    };
}

/// A typed handler of [`export!`](crate::export): the plugin, the trait, the module of the bindings, and its macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_typed {
    ($plugin:ty, $handler:path, $root:tt :: $($bindings:ident)::+, $export:ident) => {
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn($crate::Context, $root::$($bindings)::+::__Payload) -> $crate::Result =
            <$plugin as $handler>::handle;
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $root::$($bindings)::+ as bindings;
            struct Exported;
            impl bindings::Guest for Exported {
                fn handle(
                    ctx: $crate::Context,
                    payload: bindings::__Payload,
                ) -> ::core::result::Result<(), $crate::__private::WitFailure> {
                    $crate::__private::begin();
                    <$plugin as $handler>::handle(ctx, payload).map_err(Into::into)
                }
            }
            bindings::$export!(Exported with_types_in bindings);
        };
    };
}
