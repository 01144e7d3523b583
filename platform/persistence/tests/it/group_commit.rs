//! Many transactions, one fsync; each fails alone.

use canonical_model::{Failure, FailureClass};
use futures_util::future::join_all;
use persistence::{Database, EngineKind, args};

use crate::{databases, open};

async fn note(db: &Database, id: String) -> canonical_model::Result<u64> {
    db.write(|tx| {
        Box::pin(async move {
            tx.execute("INSERT INTO notes (id, number) VALUES ($1, 1)", args![id])
                .await
        })
    })
    .await
}

async fn count(db: &Database) -> i64 {
    let row = db.read(|tx| Box::pin(async move { tx.one("SELECT COUNT(*) AS n FROM notes", args![]).await }));
    row.await.unwrap().unwrap().int("n").unwrap()
}

#[tokio::test]
async fn many_transactions_share_a_commit() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let before = db.statistics();
        let results = join_all((0..500).map(|n| note(&db, n.to_string()))).await;
        assert!(results.iter().all(|result| *result == Ok(1)));
        let after = db.statistics();
        assert_eq!(after.jobs - before.jobs, 500);
        if db.engine() == EngineKind::Sqlite {
            let commits = after.commits - before.commits;
            assert!(commits <= 50, "500 transactions took {commits} commits");
        }
        assert_eq!(count(&db).await, 500);
    }
}

#[tokio::test]
async fn a_failing_transaction_leaves_its_siblings() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let works = (0..60).map(|n: usize| {
            let db = db.clone();
            async move {
                db.write(move |tx| {
                    Box::pin(async move {
                        tx.execute("INSERT INTO notes (id) VALUES ($1)", args![n.to_string()])
                            .await?;
                        match n % 3 {
                            0 => Err(Failure::business("refused", "by the test")),
                            1 => {
                                // The error is ignored: it fails the transaction all the same.
                                let _ignored = tx
                                    .execute("INSERT INTO marks (note_id) VALUES ($1)", args![None::<&str>])
                                    .await;
                                Ok(())
                            }
                            _ => Ok(()),
                        }
                    })
                })
                .await
            }
        });
        let results = join_all(works).await;
        for (n, result) in results.iter().enumerate() {
            let code = result.as_ref().err().map(|failure| failure.code.as_str());
            assert_eq!(code, [Some("refused"), Some("database_error"), None][n % 3]);
        }
        assert_eq!(count(&db).await, 20);
    }
}

#[tokio::test]
async fn a_panic_in_a_transaction_does_not_stop_the_writer() {
    let (settings, _folder) = databases();
    let db = open(&settings[0]).await;
    let ended = db
        .write(|_| Box::pin(async { if true { panic!("by the test") } else { Ok(()) } }))
        .await;
    assert_eq!(ended.unwrap_err().code, "database_work_panicked");
    assert_eq!(note(&db, "after".to_owned()).await, Ok(1));
}

#[tokio::test]
async fn what_follows_a_commit_runs_only_after_one() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        for fails in [true, false] {
            let told = told.clone();
            let _ended = db
                .write(move |tx| {
                    Box::pin(async move {
                        tx.after_commit(move || told.send(fails).unwrap());
                        tx.execute("INSERT INTO notes (id) VALUES ('x')", args![]).await?;
                        if fails {
                            Err(Failure::business("refused", "by the test"))
                        } else {
                            Ok(())
                        }
                    })
                })
                .await;
        }
        assert_eq!(heard.recv().await, Some(false));
        assert!(heard.try_recv().is_err());
    }
}

#[tokio::test]
async fn an_unreachable_database_is_a_transient_failure() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        db.close().await;
        let failure = note(&db, "late".to_owned()).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.code.as_str()),
            (FailureClass::Transient, "database_unavailable")
        );
    }
}
