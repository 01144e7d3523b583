//! kantata-connector.
