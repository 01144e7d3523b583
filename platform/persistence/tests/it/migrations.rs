//! Tables are made once, in order, whoever starts first.

use futures_util::future::join_all;
use persistence::{Database, DatabaseSettings, Migration};

use crate::{NOTES, databases, migrations};

#[tokio::test]
async fn many_that_start_at_once_apply_each_migration_once() {
    let (settings, _folder) = databases();
    for settings in settings {
        let opened = join_all((0..8).map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { Database::open(&settings, &migrations()).await.map(|_| ()) })
        }));
        assert!(opened.await.into_iter().all(|opened| opened.unwrap() == Ok(())));
    }
}

#[tokio::test]
async fn a_migration_whose_text_changed_is_refused() {
    let (settings, _folder) = databases();
    for settings in settings {
        Database::open(&settings, &[NOTES]).await.unwrap();
        let changed = Migration {
            sql: "CREATE TABLE notes (id TEXT)",
            ..NOTES
        };
        let refused = Database::open(&settings, &[changed]).await.err().unwrap();
        assert_eq!(refused.code, "migration_changed");
    }
}

#[tokio::test]
async fn wrong_addresses_are_refused_before_anything_is_opened() {
    let wrong = [
        DatabaseSettings::at("mysql://somewhere", None),
        DatabaseSettings::at("sqlite::memory:", None),
        DatabaseSettings::at("env:FAIRLEAD_NO_SUCH_VARIABLE", None),
        DatabaseSettings::at("postgres://localhost/x", Some("a; DROP SCHEMA b")),
    ];
    for settings in wrong {
        let refused = Database::open(&settings, &[]).await.err().unwrap();
        assert_eq!(refused.code, "database_settings", "{settings:?}");
    }
}
