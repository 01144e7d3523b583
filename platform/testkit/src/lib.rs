//! What tests of several crates need: an issuer of tokens, checks of contracts and of refusals, databases.
//!
//! Only tests depend on it. It fails a test by panicking, as an assertion does.
#![expect(
    clippy::expect_used,
    reason = "a helper of tests ends the test it helps; there is no caller that could do better"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "an index into JSON answers null where there is nothing"
)]

mod contract;
mod database;
mod issuer;
mod refusals;
mod tryton;

pub use contract::{check_contract, contract_findings};
pub use database::test_database;
pub use issuer::{Issuer, Person};
pub use refusals::{check_refusals, problem_of};
pub use tryton::{Person as TrytonPerson, Tryton};

/// An HTTP client for tests: it follows no redirects, so that a test sees what was answered.
#[must_use]
pub fn http() -> reqwest::Client {
    builder().build().expect("a plain HTTP client")
}

/// As [`http`], trusting one authority more: the PEM of a test's own certificate.
#[must_use]
pub fn http_trusting(pem: &str) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate in PEM");
    builder()
        .add_root_certificate(certificate)
        .build()
        .expect("an HTTP client")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests call the APIs under test, not the outside"
)]
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(30))
        // Tests repeat nothing. A kept connection may be closed by the other side in the moment of its next use.
        .pool_max_idle_per_host(0)
}
