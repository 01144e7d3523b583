//! From approved time and expenses to invoices.

pub mod charge;
pub mod line;
pub mod validation;
