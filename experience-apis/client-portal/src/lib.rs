//! client-portal-experience-api.
