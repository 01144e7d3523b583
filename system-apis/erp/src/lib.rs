//! erp-system-api.
