//! The macros that turn a type into a component.

/// Exports a type that implements [`Source`](crate::Source) as a component. Once in a crate, whose `crate-type` is
/// `["cdylib"]`, and for unit tests `["cdylib", "rlib"]`.
///
/// Natively it does nothing, so that unit tests link.
#[macro_export]
macro_rules! export_source {
    ($task:ty) => {
        $crate::__export!($task, SourceSlot, SourceComponent, bindings_source);
    };
}

/// Exports a type that implements [`Sink`](crate::Sink) as a component. Once in a crate, whose `crate-type` is
/// `["cdylib"]`, and for unit tests `["cdylib", "rlib"]`.
///
/// Natively it does nothing, so that unit tests link.
#[macro_export]
macro_rules! export_sink {
    ($task:ty) => {
        $crate::__export!($task, SinkSlot, SinkComponent, bindings_sink);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($task:ty, $slot:ident, $component:ident, $bindings:ident) => {
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

            #[cfg(target_family = "wasm")]
    $crate::$bindings::export!(Component with_types_in $crate::$bindings);

            // Natively nothing else names the component.
            #[cfg(not(target_family = "wasm"))]
            const _: ::std::marker::PhantomData<Component> = ::std::marker::PhantomData;
        };
    };
}
