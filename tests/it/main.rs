//! End-to-end tests: the rules of the architecture, and stories across running APIs and emulated vendors.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(
    clippy::indexing_slicing,
    reason = "an index into JSON answers null where there is nothing"
)]
#![expect(clippy::panic, reason = "a wait that ends in vain says for what")]

mod architecture;
mod audit;
mod books;
mod children;
mod config;
mod contracts;
mod crash;
mod customers;
mod errors;
mod exceptions;
mod groups;
mod loop_;
mod lost_answers;
mod milestones;
mod notices;
mod outage;
mod processes;
mod reconciliation;
mod reversals;
mod tryton;
mod world;
