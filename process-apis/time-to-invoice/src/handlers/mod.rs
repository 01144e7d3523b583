//! One handler a file.

pub(crate) mod billing_run;
mod idempotent;
pub(crate) mod posting_line;
pub(crate) mod work_notice;
