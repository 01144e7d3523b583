//! salesforce-connector.
