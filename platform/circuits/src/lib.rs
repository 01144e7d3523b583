//! Keeps a system that is down from being called, and one that hangs from keeping everybody waiting.
//!
//! One circuit for each connection, such as `erp/main`. After some failures in a row, or when the system asks to be left
//! alone, the connection is paused: calls fail at once and unsent with `connection_paused`. When the pause is over, one
//! call goes through as a probe; it ends the pause, or begins a longer one. Pauses have an upper limit and are spread, so
//! that a system that is back is noticed soon and by one caller.
//!
//! Work that calls one slow connection after the other is bounded: see [`work`]. Nothing here calls anybody.

mod circuits;
mod scope;
mod settings;
mod state;

pub use circuits::{Circuits, News};
pub use scope::work;
pub use settings::CircuitSettings;
pub use state::Pause;
