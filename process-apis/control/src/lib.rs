//! Control: golden records, cross-references, reference data, exceptions, audit.

pub mod matching;
