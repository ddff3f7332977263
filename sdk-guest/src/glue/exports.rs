//! What every plugin exports beside its work: `connector` and `lifecycle`, made of the author's trait.

/// Defines the slot, the component and its exports for one trait. The functions of `drive` that know the trait are named;
/// `conversions!` must stand beside it.
macro_rules! exports {
    ($task:ident, $kind:expr, $slot:ident, $component:ident, $validate:ident, $start:ident, $destroyed:ident) => {
        /// Where the one task of an instance is kept; implemented by the export macro.
        pub trait $slot: 'static {
            /// The author's type.
            type Task: $task;

            /// Lends the place.
            fn with<R>(work: impl FnOnce(&mut Option<Self::Task>) -> R) -> R;
        }

        /// What is exported.
        #[derive(Debug)]
        pub struct $component<S>(std::marker::PhantomData<S>);

        fn running<S: $slot, R>(work: impl FnOnce(&mut S::Task) -> Result<R, Failure>) -> Result<R, types::Failure> {
            S::with(|task| match task {
                Some(task) => work(task).map_err(failure_out),
                None => Err(failure_out(drive::not_started())),
            })
        }

        fn tell<S: $slot>(work: impl FnOnce(&mut S::Task)) {
            S::with(|task| {
                if let Some(task) = task {
                    work(task);
                }
            });
        }

        impl<S: $slot> connector::Guest for $component<S> {
            fn describe() -> connector::Descriptor {
                descriptor_out(S::Task::describe(), $kind)
            }

            fn validate(config: connector::Config) -> Vec<connector::Checked> {
                crate::host::install(std::rc::Rc::new(Imports));
                let config = config_in(config);
                checked_out(&config, drive::$validate::<S::Task>(config.clone()))
            }

            fn tasks(config: connector::Config, max: u32) -> Result<Vec<connector::Config>, types::Failure> {
                crate::host::install(std::rc::Rc::new(Imports));
                S::Task::tasks(&config_in(config), max).map(configs_out).map_err(failure_out)
            }
        }

        impl<S: $slot> lifecycle::Guest for $component<S> {
            fn on_start(context: lifecycle::Context, config: lifecycle::Config) -> Result<(), types::Failure> {
                crate::host::install(std::rc::Rc::new(Imports));
                if S::with(|task| task.is_some()) {
                    return Err(failure_out(drive::started_already()));
                }
                let task = drive::$start(&context_in(context), config_in(config)).map_err(failure_out)?;
                S::with(|place| *place = Some(task));
                Ok(())
            }

            fn on_pause() {
                tell::<S>($task::pause);
            }

            fn on_resume() {
                tell::<S>($task::resume);
            }

            fn on_stop() {
                tell::<S>($task::stop);
                S::with(|task| *task = None);
            }

            fn on_failed(reason: String) {
                tell::<S>(|task| task.failed(&reason));
                S::with(|task| *task = None);
            }

            fn on_destroyed(context: lifecycle::Context, config: lifecycle::Config) {
                crate::host::install(std::rc::Rc::new(Imports));
                drive::$destroyed::<S::Task>(&context_in(context), config_in(config));
            }
        }
    };
}

pub(super) use exports;
