//! End-to-end tests: the rules of the architecture, and stories across running binaries.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod architecture;
