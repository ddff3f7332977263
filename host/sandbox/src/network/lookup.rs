//! `wasi:sockets/ip-name-lookup`, answered by the gate: names of the configuration and no others, so that nothing leaks
//! through the questions.

use std::net::IpAddr;
use std::vec;

use async_trait::async_trait;
use tokio::sync::oneshot::{self, error::TryRecvError};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{Network, Pollable, subscribe};

use super::error_code;
use crate::runtime::AbortOnDrop;
use crate::state::State;

const INTERFACE: &str = "wasi:sockets/ip-name-lookup@0.2.12";
/// Bytes of a name; DNS has 253.
const NAME_BYTES: usize = 1024;

type Answer = Result<Vec<IpAddr>, ErrorCode>;

/// A lookup under way, or its answer.
struct Lookup {
    state: Looking,
    _task: AbortOnDrop,
}

enum Looking {
    Waiting(oneshot::Receiver<Answer>),
    Done(Result<vec::IntoIter<IpAddr>, ErrorCode>),
}

impl Lookup {
    fn done(&mut self, answer: Answer) {
        self.state = Looking::Done(answer.map(Vec::into_iter));
    }

    fn next(&mut self) -> Result<Option<IpAddress>, ErrorCode> {
        if let Looking::Waiting(waiting) = &mut self.state {
            match waiting.try_recv() {
                Ok(answer) => self.done(answer),
                Err(TryRecvError::Empty) => return Err(ErrorCode::WouldBlock),
                Err(TryRecvError::Closed) => self.done(Err(ErrorCode::PermanentResolverFailure)),
            }
        }
        match &mut self.state {
            Looking::Done(Ok(addresses)) => Ok(addresses.next().map(Into::into)),
            Looking::Done(Err(code)) => Err(*code),
            Looking::Waiting(_) => Err(ErrorCode::WouldBlock),
        }
    }
}

#[async_trait]
impl Pollable for Lookup {
    async fn ready(&mut self) {
        if let Looking::Waiting(waiting) = &mut self.state {
            let answer = waiting.await.unwrap_or(Err(ErrorCode::PermanentResolverFailure));
            self.done(answer);
        }
    }
}

fn start(
    state: &mut State,
    network: &Resource<Network>,
    name: String,
) -> wasmtime::Result<Result<Resource<Lookup>, ErrorCode>> {
    let (network_state, table) = state.network_and_table();
    // The handle stands for the right to ask.
    table.get(network)?;
    if name.len() > NAME_BYTES {
        return Ok(Err(ErrorCode::InvalidArgument));
    }
    let gate = network_state.gate.clone();
    let (answer, waiting) = oneshot::channel();
    let task = tokio::spawn(async move {
        let found = gate.lookup(&name).await.map_err(|error| error_code(&error));
        // The guest may not care any more.
        drop(answer.send(found));
    });
    let lookup = Lookup { state: Looking::Waiting(waiting), _task: AbortOnDrop(task.abort_handle()) };
    Ok(Ok(table.push(lookup)?))
}

/// The functions that `wasi:sockets@0.2` has; wasmtime-wasi's own types cannot be made from outside.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    interface.resource("resolve-address-stream", ResourceType::host::<Lookup>(), |mut store, rep| {
        let (_, table) = store.data_mut().network_and_table();
        table.delete(Resource::<Lookup>::new_own(rep))?;
        Ok(())
    })?;
    interface.func_wrap(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, State>, (network, name): (Resource<Network>, String)| {
            Ok((start(store.data_mut(), &network, name)?,))
        },
    )?;
    interface.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: StoreContextMut<'_, State>, (lookup,): (Resource<Lookup>,)| {
            let (_, table) = store.data_mut().network_and_table();
            Ok((table.get_mut(&lookup)?.next(),))
        },
    )?;
    interface.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store: StoreContextMut<'_, State>, (lookup,): (Resource<Lookup>,)| {
            let (_, table) = store.data_mut().network_and_table();
            Ok((subscribe(table, lookup)?,))
        },
    )?;
    Ok(())
}
