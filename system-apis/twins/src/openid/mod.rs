//! Openid twin.
