//! One handler a file.

pub(crate) mod billing_run;
pub(crate) mod journal_line;
pub(crate) mod posting_line;
pub(crate) mod work_notice;
pub(crate) mod work_sweep;
