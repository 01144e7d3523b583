//! Kantata twin.
