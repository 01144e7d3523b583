//! netsuite-connector.
