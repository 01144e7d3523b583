//! process-engine.
