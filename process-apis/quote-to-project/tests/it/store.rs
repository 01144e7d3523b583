//! Turns on assignments, and what is remembered of them.

use canonical_model::{Assignment, AssignmentState, CanonicalId, Minutes, RecordRef};
use process_engine::MIGRATIONS;
use quote_to_project_process_api::allocation::store::{self, LastWritten, MIGRATION};

fn written() -> LastWritten {
    LastWritten {
        assignment: Assignment {
            project: RecordRef::id("7"),
            person: None,
            role: None,
            start_date: "2026-10-01".parse().unwrap(),
            end_date: "2026-10-31".parse().unwrap(),
            minutes: Minutes::new(600),
            state: AssignmentState::Tentative,
        },
        shown: true,
        forecasted: None,
    }
}

#[tokio::test]
async fn changes_of_one_assignment_take_turns() {
    let migrations: Vec<_> = MIGRATIONS.into_iter().chain([MIGRATION]).collect();
    for (engine, db) in testkit::test_database(&migrations).await {
        let (first, second) = (CanonicalId::generate(), CanonicalId::generate());
        let take = async |who| {
            db.write(move |tx| Box::pin(async move { store::take_turn(tx, "psa/main 1", who).await }))
                .await
        };
        assert!(take(first).await.unwrap(), "{engine}");
        assert!(
            take(first).await.unwrap(),
            "{engine}: taking it again is having it"
        );
        assert!(!take(second).await.unwrap(), "{engine}: somebody has it");
        db.write(move |tx| {
            Box::pin(async move {
                // Only the one that has it gives it back.
                store::give_turn(tx, "psa/main 1", second).await?;
                store::remember(tx, "psa/main 1", &written()).await
            })
        })
        .await
        .unwrap();
        assert!(!take(second).await.unwrap(), "{engine}");
        db.write(move |tx| Box::pin(async move { store::give_turn(tx, "psa/main 1", first).await }))
            .await
            .unwrap();
        assert!(take(second).await.unwrap(), "{engine}");
        let last = db
            .read(|tx| Box::pin(async move { store::last_written(tx, "psa/main 1").await }))
            .await
            .unwrap();
        assert_eq!(last, Some(written()), "{engine}");
    }
}
