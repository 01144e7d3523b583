//! system-client.
