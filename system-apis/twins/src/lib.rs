//! Emulated vendors for development, tests and demonstrations.
//!
//! Each twin speaks its vendor's wire protocol on a port of its own, holds state, refuses what the vendor
//! refuses and keeps a write log that tests compare with the truth. All twins share one object [`store`],
//! one [`faults`] control and one [`server`]; a vendor's folder is a thin skin of protocol over them.
//! Nothing here knows a connector, and nothing here is part of the product that a customer runs.

pub mod faults;
pub mod firm;
pub mod kantata;
pub mod netsuite;
pub mod openid;
mod run;
pub mod salesforce;
pub mod server;
pub mod store;

pub use run::{Place, RunningTwins, TwinsSettings, run_all};
