//! The checks, one module for each part of the contract.

pub(crate) mod capabilities;
pub(crate) mod config;
pub(crate) mod describe;
pub(crate) mod keys;
pub(crate) mod lifecycle;
pub(crate) mod limits;
pub(crate) mod recording;
pub(crate) mod resume;
pub(crate) mod shapes;
pub(crate) mod sink;
pub(crate) mod source;
pub(crate) mod tasks;
pub(crate) mod webhook;
