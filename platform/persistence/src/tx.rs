//! A transaction: statements, and what happens at its end.

use canonical_model::{Event, Failure, Result};
use sqlx::sqlite::Sqlite;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, SqlStr, Transaction};

use crate::row::{from_postgres, from_sqlite};
use crate::{EngineKind, Row, Value, failure, outbox};

/// Rows of one statement of [`Tx::insert`].
const ROWS_A_STATEMENT: usize = 50;

/// A transaction, or a savepoint within one; which of both makes no difference to its user.
///
/// A statement that fails fails the whole transaction, also where the caller ignores the error: PostgreSQL would turn
/// the commit into a rollback without saying so.
pub struct Tx {
    pub(crate) connection: Connection,
    pub(crate) broken: Option<Failure>,
    pub(crate) events: Vec<Event>,
    pub(crate) after_commit: Vec<Box<dyn FnOnce() + Send>>,
    pub(crate) told: bool,
}

pub(crate) enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A null of the type that its place asks for. PostgreSQL infers the type of a parameter that is declared as type 0.
struct Untyped;

impl sqlx::Type<Postgres> for Untyped {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        sqlx::postgres::PgTypeInfo::with_oid(sqlx::postgres::types::Oid(0))
    }
}

impl sqlx::Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(
        &self,
        _: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        Ok(sqlx::encode::IsNull::Yes)
    }
}

macro_rules! bound {
    ($database:ty, $sql:expr, $args:expr, $null:expr) => {{
        let mut query = sqlx::query::<$database>($sql);
        for value in $args {
            query = match value {
                Value::Null => query.bind($null),
                Value::Int(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::Bool(yes) => query.bind(yes),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

impl Tx {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            broken: None,
            events: Vec::new(),
            after_commit: Vec::new(),
            told: false,
        }
    }

    /// Runs a statement; the number of rows that it changed.
    ///
    /// # Errors
    /// Transient `database_unavailable` or `database_busy`; Fault `database_error`.
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Value>) -> Result<u64> {
        let done = self.run(sql.into_sql_str(), args, true).await;
        self.note(done)
    }

    /// Runs a query; every row.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn all(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Vec<Row>> {
        let rows = self.fetch(sql, args).await;
        self.note(rows)
    }

    /// Runs a query; its first row.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn one(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Inserts many rows with few statements. `insert` is `INSERT INTO t (a, b)`, `end` what follows the values, such as
    /// `ON CONFLICT DO NOTHING`. The number of rows that were inserted or changed.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn insert(
        &mut self,
        insert: &'static str,
        rows: Vec<Vec<Value>>,
        end: &'static str,
    ) -> Result<u64> {
        let mut changed = 0;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<Vec<Value>> = rows.by_ref().take(ROWS_A_STATEMENT).collect();
            let sql = values_statement(insert, &chunk, end);
            // Only the full chunk's statement is worth a place in the cache of prepared statements.
            let kept = chunk.len() == ROWS_A_STATEMENT || chunk.len() == 1;
            let done = self.run(sql, chunk.into_iter().flatten().collect(), kept).await;
            changed += self.note(done)?;
        }
        Ok(changed)
    }

    /// The text for the engine in use, where the engines differ. Rows are locked for a worker with
    /// `FOR UPDATE SKIP LOCKED` on PostgreSQL; on SQLite the one writer needs no lock.
    #[must_use]
    pub fn by_engine(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.engine() {
            EngineKind::Sqlite => sqlite,
            EngineKind::Postgres => postgres,
        }
    }

    /// Which engine runs this.
    #[must_use]
    pub fn engine(&self) -> EngineKind {
        match self.connection {
            Connection::Sqlite(_) => EngineKind::Sqlite,
            Connection::Postgres(_) => EngineKind::Postgres,
        }
    }

    /// Runs `then` once this has been committed, and never where it has not.
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(then));
    }

    /// Serialises transactions by name until they end. SQLite has one writer anyway.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn lock(&mut self, name: &str) -> Result<()> {
        if self.engine() == EngineKind::Postgres {
            let sql = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || $1, 0))";
            self.execute(sql, crate::args![name]).await?;
        }
        Ok(())
    }

    /// Ends the work of one job: the events go to the outbox last, so that their order is locked for as short as can be.
    pub(crate) async fn conclude(&mut self) -> Result<()> {
        outbox::flush(self).await?;
        self.broken.clone().map_or(Ok(()), Err)
    }

    async fn fetch(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Vec<Row>, sqlx::Error> {
        match &mut self.connection {
            Connection::Sqlite(tx) => {
                let query = bound!(Sqlite, sql, args, None::<String>);
                from_sqlite(&query.fetch_all(&mut **tx).await?)
            }
            Connection::Postgres(tx) => {
                let query = bound!(Postgres, sql, args, Untyped);
                from_postgres(&query.fetch_all(&mut **tx).await?)
            }
        }
    }

    async fn run(&mut self, sql: SqlStr, args: Vec<Value>, kept: bool) -> Result<u64, sqlx::Error> {
        match &mut self.connection {
            Connection::Sqlite(tx) => {
                let query = bound!(Sqlite, sql, args, None::<String>).persistent(kept);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
            Connection::Postgres(tx) => {
                let query = bound!(Postgres, sql, args, Untyped).persistent(kept);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T> {
        result.map_err(|error| {
            let failure = failure::failure(&error);
            tracing::debug!(error = %error, "a statement failed");
            self.broken.get_or_insert_with(|| failure.clone());
            failure
        })
    }
}

/// Of constant texts and parameter numbers only, hence safe.
fn values_statement(insert: &'static str, rows: &[Vec<Value>], end: &'static str) -> SqlStr {
    let mut number = 0;
    let mut tuples = Vec::with_capacity(rows.len());
    for row in rows {
        let parameters: Vec<String> = row
            .iter()
            .map(|_| {
                number += 1;
                format!("${number}")
            })
            .collect();
        tuples.push(format!("({})", parameters.join(", ")));
    }
    AssertSqlSafe(format!("{insert} VALUES {} {end}", tuples.join(", "))).into_sql_str()
}
