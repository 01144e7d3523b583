//! What tests of several crates need: an issuer of tokens, checks of contracts and of refusals, databases.
//!
//! Only tests depend on it. It fails a test by panicking, as an assertion does.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests ends the test it helps; there is no caller that could do better"
)]

mod contract;
mod database;
mod issuer;
mod refusals;

pub use contract::check_contract;
pub use database::test_database;
pub use issuer::{Issuer, Person};
pub use refusals::{check_refusals, problem_of};

/// An HTTP client for tests: it follows no redirects, so that a test sees what was answered.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests call the APIs under test, not the outside"
)]
pub fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(30))
        .build()
        .expect("a plain HTTP client")
}
