//! The worker over fakes, under paused time: a wait costs nothing, and what happens first is known.

mod commands;
mod connect;
mod fakes;
mod inspect;
mod lifecycle;
mod limits;
mod model;
mod offsets;
mod outage;
mod restarts;
mod shutdown;
mod sink;
mod source;
mod stalled;
mod storm;
mod traces;
mod validation;
mod webhook;
