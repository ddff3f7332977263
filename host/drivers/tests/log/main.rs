//! The embedded log, from outside.

#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod support;
#[cfg(test)]
mod throughput;
