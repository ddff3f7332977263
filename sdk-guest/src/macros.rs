//! The macros that turn a type into a component.

/// Exports a type that implements [`Source`](crate::Source) as a component. Once in a crate, whose `crate-type` is
/// `["cdylib"]`, and for unit tests `["cdylib", "rlib"]`.
///
/// Natively it exports nothing, so that unit tests link.
#[macro_export]
macro_rules! export_source {
    ($task:ty) => {
        $crate::__export!($task, Source, SourceSlot, SourceComponent, bindings_source);
    };
}

/// Exports a type that implements [`Sink`](crate::Sink) as a component. Once in a crate, whose `crate-type` is
/// `["cdylib"]`, and for unit tests `["cdylib", "rlib"]`.
///
/// Natively it exports nothing, so that unit tests link.
#[macro_export]
macro_rules! export_sink {
    ($task:ty) => {
        $crate::__export!($task, Sink, SinkSlot, SinkComponent, bindings_sink);
    };
}

/// Exports a type that implements [`Webhook`](crate::Webhook) as a component. Once in a crate, whose `crate-type` is
/// `["cdylib"]`, and for unit tests `["cdylib", "rlib"]`.
///
/// Natively it exports nothing, so that unit tests link.
#[macro_export]
macro_rules! export_webhook {
    ($task:ty) => {
        $crate::__export!($task, Webhook, WebhookSlot, WebhookComponent, bindings_webhook);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($task:ty, $part:ident, $slot:ident, $component:ident, $bindings:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static TASK: ::std::cell::RefCell<::std::option::Option<$task>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            struct Slot;

            impl $crate::glue::$slot for Slot {
                type Task = $task;

                fn with<R>(work: impl FnOnce(&mut ::std::option::Option<$task>) -> R) -> R {
                    TASK.with(|task| work(&mut task.borrow_mut()))
                }
            }

            type Component = $crate::glue::$component<Slot>;

    $crate::$bindings::export!(Component with_types_in $crate::$bindings);
        };

        // Natively there is nothing to export; that the type will do is still checked.
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            const fn will_do<T: $crate::$part>() {}
            will_do::<$task>()
        };
    };
}
