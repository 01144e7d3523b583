//! A database for each test and each engine.

use std::path::Path;
use std::time::Duration;

use persistence::{Database, DatabaseSettings, Migration};

const PREFIX: &str = "fairlead-test-";

/// Fresh databases with these migrations, each with the name of its engine: SQLite, and PostgreSQL where the environment
/// variable `FAIRLEAD_TEST_POSTGRES` holds its URL (`.ci/run` always sets it).
pub async fn test_database(migrations: &[Migration]) -> Vec<(&'static str, Database)> {
    let mut databases = vec![("sqlite", sqlite(migrations).await)];
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no settings; this variable names their server"
    )]
    let postgres = std::env::var("FAIRLEAD_TEST_POSTGRES");
    if let Ok(url) = postgres {
        let schema = format!("t_{}", uuid::Uuid::now_v7().simple());
        let settings = DatabaseSettings::at(url, Some(&schema));
        let database = Database::open(&settings, migrations)
            .await
            .expect("the test's schema opens");
        databases.push(("postgres", database));
    }
    databases
}

async fn sqlite(migrations: &[Migration]) -> Database {
    let base = std::env::temp_dir();
    sweep(&base);
    // Kept open for the test and removed by a later test: the database outlives every scope that could own the folder.
    let folder = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(&base)
        .expect("a folder for the test")
        .keep();
    Database::sqlite_in(&folder, migrations)
        .await
        .expect("the test's database opens")
}

/// Removes what tests left behind an hour ago or earlier.
fn sweep(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let age = entry
            .metadata()
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        if ours && age.is_some_and(|age| age > Duration::from_secs(3_600)) {
            // Another test may be sweeping too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
