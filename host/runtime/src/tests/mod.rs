//! The worker over fakes, under paused time: a wait costs nothing, and what happens first is known.

mod commands;
mod fakes;
mod inspect;
mod lifecycle;
mod limits;
mod model;
mod outage;
mod restarts;
mod shutdown;
mod sink;
mod source;
mod validation;
mod webhook;
