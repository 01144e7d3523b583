//! What handlers share.

use persistence::Database;

use crate::book::Book;

/// The insight API at work.
#[derive(Clone)]
pub struct Insight {
    /// Its database.
    pub database: Database,
    /// The facts in memory.
    pub book: Book,
    /// Approved time is in the books within so many hours.
    pub posting_hours: i64,
}
