//! Holds the end-to-end tests; see `tests/it`.
