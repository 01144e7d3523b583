//! Insight: facts from events, and the key figures that follow from them.

pub mod facts;
pub mod kpi;
