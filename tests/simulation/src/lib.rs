//! The simulation: time-to-invoice with its engine, the system APIs, the NetSuite and Kantata connectors and their twins
//! in one thread, under a scheduler that follows a seed, in virtual time, with faults at named points.
//!
//! One actor has a turn at a time: a person of the firm, a feed, the dispatcher, a worker with one instance. Which one,
//! and what goes wrong meanwhile, is drawn from the seed; the same seed gives the same trace. After each turn the cheap
//! invariants are checked. In the end the faults stop, people tidy up, and everything has to add up.

mod control;
mod faults;
mod firm;
mod house;
mod invariants;
mod play;
mod state;
mod wire;

pub use faults::{KINDS, points};
pub use house::House;
pub use play::{Outcome, play};
pub use state::Violation;
