//! What a store holds.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::sockets::WasiSocketsCtxView;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};
use wharf_core::plugin::TaskSetup;
use wharf_egress::Gate;

use crate::bindings::base::Base;
use crate::capability::Grant;
use crate::denials::Denials;
use crate::filesystem::{Granted, GrantedFilesystem, View};
use crate::limiter::Limiter;
use crate::limits::Limits;
use crate::log::GuestLog;
use crate::metrics::InstanceMetrics;
use crate::network::{self, Network};
use crate::pace::Pace;
use crate::stdio::Lines;

/// The host's side of one instance.
pub(crate) struct State {
    /// First, so that it is dropped before the table.
    pub(crate) network: Network,
    wasi: WasiCtx,
    table: ResourceTable,
    granted: Granted,
    pub(crate) limiter: Limiter,
    pub(crate) log: Arc<GuestLog>,
    pub(crate) metrics: Arc<InstanceMetrics>,
    pub(crate) pace: Arc<Pace>,
    /// Absent in an instance that only describes or validates.
    pub(crate) setup: Option<TaskSetup>,
    /// When the call under way is interrupted.
    pub(crate) deadline: Instant,
    /// Whether it was.
    pub(crate) interrupted: bool,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.network.hooks, table: &mut self.table, ctx: &mut self.network.http }
    }
}

impl State {
    pub(crate) fn new(
        limits: &Limits,
        log: Arc<GuestLog>,
        metrics: Arc<InstanceMetrics>,
        setup: Option<TaskSetup>,
        grants: Vec<Grant>,
        gate: Gate,
    ) -> Self {
        // A new context holds nothing: no arguments, no environment, no directory. Of the network it has what the gate lets
        // through.
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(Lines::stdout(&log)).stderr(Lines::stderr(&log)).max_random_size(limits.random_bytes);
        Network::allow(&gate, &mut wasi);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let meter = setup.as_ref().map(|setup| setup.meter.clone());
        Self {
            network: Network::new(gate),
            wasi: wasi.build(),
            table,
            granted: Granted::new(grants),
            limiter: Limiter::new(limits).metered(meter.clone()),
            pace: Arc::new(Pace::new(limits.cpu_percent, meter)),
            log,
            metrics,
            setup,
            deadline: Instant::now(),
            interrupted: false,
        }
    }

    fn filesystem_view(&mut self) -> View<'_> {
        // Field by field: the grants are borrowed beside the rest.
        let granted = &mut self.granted;
        let inner =
            wasmtime_wasi::filesystem::WasiFilesystemCtxView { ctx: self.wasi.filesystem(), table: &mut self.table };
        View { inner, granted, denials: Denials::new(self.setup.as_ref(), self.log.plugin()) }
    }

    pub(crate) fn network_view(&mut self) -> network::View<'_> {
        let inner = WasiSocketsCtxView { ctx: self.wasi.sockets(), table: &mut self.table };
        network::View { inner, network: &mut self.network }
    }

    /// The network's state, beside the table that its resources are in.
    pub(crate) fn network_and_table(&mut self) -> (&mut Network, &mut ResourceTable) {
        (&mut self.network, &mut self.table)
    }

    /// A store with all limits in force.
    pub(crate) fn into_store(self, engine: &Engine, limits: &Limits) -> Store<Self> {
        let mut store = Store::new(engine, self);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limits.max_output_bytes);
        store.set_max_component_handles(limits.resources);
        store.epoch_deadline_callback(|mut context| {
            let state = context.data_mut();
            let wait = state.pace.tick();
            if Instant::now() < state.deadline + state.pace.held() {
                if let Some(wait) = wait {
                    return Ok(UpdateDeadline::YieldCustom(1, Box::pin(state.pace.clone().hold(wait))));
                }
                // Tokio's own yield lets timers and other tasks in; waking at once would starve them.
                return Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())));
            }
            state.interrupted = true;
            Ok(UpdateDeadline::Interrupt)
        });
        store
    }
}

/// All that a component may import; [`crate::imports`] says which of it.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
    use wasmtime_wasi::random::WasiRandom;

    let mut linker = Linker::new(engine);
    // Streams and polling, clocks, randomness and standard streams.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker)?;
    random::insecure::add_to_linker::<State, WasiRandom>(&mut linker, |state| state.wasi.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(&mut linker, |state| state.wasi.random())?;
    cli::exit::add_to_linker::<State, WasiCli>(&mut linker, State::cli)?;
    cli::environment::add_to_linker::<State, WasiCli>(&mut linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(&mut linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(&mut linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(&mut linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(&mut linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(&mut linker, State::cli)?;
    filesystem::types::add_to_linker::<State, GrantedFilesystem>(&mut linker, State::filesystem_view)?;
    filesystem::preopens::add_to_linker::<State, GrantedFilesystem>(&mut linker, State::filesystem_view)?;
    network::add_to_linker(&mut linker)?;
    Base::add_to_linker::<State, wasmtime::component::HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}
