//! Tables, made once and in order.

use canonical_model::{Failure, Result};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Executor};

use crate::tx::Connection;
use crate::{Tx, args, failure};

/// One change of a database's tables. Once released it is never edited: its checksum is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Unique within the database, such as `engine-1`.
    pub name: &'static str,
    /// Statements, separated by `;`, that both engines understand.
    pub sql: &'static str,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS fairlead_migrations (
    name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_ms BIGINT NOT NULL)";

/// Applies what has not been applied yet. Two processes that start at once apply each migration once.
pub(crate) async fn apply(tx: &mut Tx, migrations: &[Migration]) -> Result<()> {
    tx.lock("migrations").await?;
    tx.execute(TABLE, args![]).await?;
    for migration in migrations {
        let checksum = hex::encode(Sha256::digest(migration.sql.as_bytes()));
        let sql = "SELECT checksum FROM fairlead_migrations WHERE name = $1";
        match tx.one(sql, args![migration.name]).await? {
            Some(row) if row.text("checksum")? == checksum => {}
            Some(_) => {
                let message = format!("migration {} was applied with another text", migration.name);
                return Err(Failure::fault("migration_changed", message));
            }
            None => {
                run(tx, migration.sql).await?;
                let sql = "INSERT INTO fairlead_migrations (name, checksum, applied_ms) VALUES ($1, $2, $3)";
                tx.execute(
                    sql,
                    args![migration.name, checksum, canonical_model::clock::now()],
                )
                .await?;
                tracing::info!(migration = migration.name, "applied a migration");
            }
        }
    }
    Ok(())
}

async fn run(tx: &mut Tx, sql: &'static str) -> Result<()> {
    let done = match &mut tx.connection {
        Connection::Sqlite(tx) => (&mut **tx).execute(sqlx::raw_sql(sql)).await.map(|_| ()),
        Connection::Postgres(tx) => (&mut **tx).execute(sqlx::raw_sql(sql)).await.map(|_| ()),
    };
    done.map_err(|error| failure::failure(&error))
}

/// Makes a PostgreSQL schema. The name has been checked.
pub(crate) async fn make_schema(tx: &mut Tx, schema: &str) -> Result<()> {
    // A lock of the database, not of the schema, which does not exist yet; IF NOT EXISTS alone is not safe at once.
    tx.execute("SELECT pg_advisory_xact_lock(7381029)", args![])
        .await?;
    if let Connection::Postgres(tx) = &mut tx.connection {
        let sql = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
        let done = (&mut **tx).execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        done.map_err(|error| failure::failure(&error))?;
    }
    Ok(())
}
