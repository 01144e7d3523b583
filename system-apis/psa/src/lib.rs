//! psa-system-api.
