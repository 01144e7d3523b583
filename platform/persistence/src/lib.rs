//! Databases: one SQL text for SQLite and PostgreSQL, group commit, outbox, inbox, idempotency, feed cursors.
//!
//! On SQLite one writer task runs every write, each in a savepoint, and commits many of them with one fsync. On
//! PostgreSQL each write is a transaction of its own. Nothing here retries: a failure says whether a retry can help.
//!
//! Rules for SQL that runs on both: parameters are `$1`, `$2`..; columns are `TEXT`, `BIGINT`, `BOOLEAN` or `BYTEA`
//! (ids, decimals, dates and JSON are text, instants are milliseconds); no `now()`, `::casts`, `ILIKE`, arrays or JSON
//! operators. A filter that may be absent is `(column = $1 OR $1 IS NULL)`, in this order: PostgreSQL learns a parameter's
//! type from its first use. Where the engines differ, [`Tx::by_engine`] picks one of two texts.

pub mod cursors;
pub mod idempotency;
pub mod inbox;
pub mod outbox;

mod cipher;
mod database;
mod failure;
mod migration;
mod row;
mod settings;
mod tx;
mod value;
mod writer;

pub use cipher::Cipher;
pub use database::{Database, EngineKind, Statistics};
pub use futures_util::future::BoxFuture;
pub use migration::Migration;
pub use row::Row;
pub use settings::DatabaseSettings;
pub use tx::Tx;
pub use value::Value;

/// The tables of this crate's own modules: outbox, inbox, idempotency and cursors. A database's list begins with them.
pub const MIGRATIONS: [Migration; 4] = [
    outbox::MIGRATION,
    inbox::MIGRATION,
    idempotency::MIGRATION,
    cursors::MIGRATION,
];
