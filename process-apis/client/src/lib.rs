//! process-client.
