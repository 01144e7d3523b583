//! staffing-experience-api.
