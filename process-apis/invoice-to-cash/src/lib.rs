//! From invoices and payments to what sales sees of them.

pub mod standing;
