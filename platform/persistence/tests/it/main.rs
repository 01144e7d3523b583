//! What callers rely on, on SQLite always and on PostgreSQL where `FAIRLEAD_TEST_POSTGRES` names a server.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod fields;
mod group_commit;
mod migrations;
mod modules;
mod values;

use persistence::{Database, DatabaseSettings, Migration};

const NOTES: Migration = Migration {
    name: "notes-1",
    sql: "CREATE TABLE notes (id TEXT PRIMARY KEY, number BIGINT, flag BOOLEAN, body BYTEA);
        CREATE TABLE marks (note_id TEXT NOT NULL REFERENCES notes (id))",
};

/// Settings of an empty database on each engine; the folder lives as long as the test.
fn databases() -> (Vec<DatabaseSettings>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("test.db").display());
    let mut settings = vec![DatabaseSettings::at(sqlite, None)];
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no settings; this variable names their server"
    )]
    if let Ok(url) = std::env::var("FAIRLEAD_TEST_POSTGRES") {
        let schema = format!("t_{}", uuid::Uuid::now_v7().simple());
        settings.push(DatabaseSettings::at(url, Some(&schema)));
    }
    (settings, folder)
}

fn migrations() -> Vec<Migration> {
    [&persistence::MIGRATIONS[..], &[NOTES]].concat()
}

async fn open(settings: &DatabaseSettings) -> Database {
    Database::open(settings, &migrations()).await.unwrap()
}
