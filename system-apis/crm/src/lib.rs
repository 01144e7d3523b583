//! crm-system-api.
