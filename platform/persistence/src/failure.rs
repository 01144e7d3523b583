//! What a database error means to the caller.

use canonical_model::Failure;
use sqlx::error::DatabaseError;

/// The failure that a database error is. The statement and its error go to the log only.
pub(crate) fn failure(error: &sqlx::Error) -> Failure {
    let failure = match error {
        sqlx::Error::Database(database) => of_code(database.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => unavailable(),
        _ => Failure::fault("database_error", "the database refused a statement"),
    };
    failure.with_detail(error.to_string())
}

fn of_code(error: &dyn DatabaseError) -> Failure {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The low byte is the primary result code, see https://www.sqlite.org/rescode.html
        return match code.parse::<u32>().unwrap_or_default() & 0xff {
            5 | 6 => busy(),
            10 | 13 | 14 => unavailable(),
            _ => refused(),
        };
    }
    match code.as_ref() {
        "40001" | "40P01" | "55P03" => busy(),
        "57P01" | "57P02" | "57P03" => unavailable(),
        other if other.starts_with("08") || other.starts_with("53") => unavailable(),
        _ => refused(),
    }
}

fn busy() -> Failure {
    Failure::transient(
        "database_busy",
        "the database is busy with conflicting work; try again",
    )
}

pub(crate) fn unavailable() -> Failure {
    Failure::transient(
        "database_unavailable",
        "the database cannot be reached at the moment; try again",
    )
}

fn refused() -> Failure {
    Failure::fault("database_error", "the database refused a statement")
}
