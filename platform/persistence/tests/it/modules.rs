//! Outbox, inbox, idempotency and cursors.

use std::time::Duration;

use canonical_model::{CanonicalId, Event, Failure};
use chrono::Utc;
use futures_util::future::join_all;
use persistence::idempotency::Seen;
use persistence::{Database, args, cursors, idempotency, inbox, outbox};

use crate::{databases, open};

fn event(subject: &str, number: usize) -> Event {
    Event {
        specversion: "1.0".to_owned(),
        id: CanonicalId::generate().to_string(),
        source: "/test".to_owned(),
        kind: "note.made".to_owned(),
        subject: subject.to_owned(),
        time: Utc::now(),
        correlation_id: "test".to_owned(),
        data: serde_json::json!({ "number": number }),
    }
}

async fn tell(db: &Database, event: Event) {
    let told = db.write(move |tx| {
        Box::pin(async move {
            outbox::append(tx, &event).await?;
            let sql = "INSERT INTO notes (id) VALUES ($1)";
            tx.execute(sql, args![event.id]).await
        })
    });
    told.await.unwrap();
}

#[tokio::test]
async fn a_reader_misses_no_event_however_many_are_told_at_once() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let tellers = (0..20).map(|teller: usize| {
            let db = db.clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    tell(&db, event(&teller.to_string(), number)).await;
                }
            })
        });
        let telling = tokio::spawn(join_all(tellers.collect::<Vec<_>>()));
        // Reads while they are being told: what a cursor has passed can never be filled in.
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        let mut changed = db.changed();
        while seen.len() < 500 {
            let after = cursor.clone();
            let page = db
                .read(move |tx| Box::pin(async move { outbox::page(tx, &after, 7).await }))
                .await
                .unwrap();
            if page.events.is_empty() {
                let _told = tokio::time::timeout(Duration::from_secs(10), changed.changed()).await;
            }
            cursor = page.next_cursor;
            seen.extend(page.events);
        }
        telling.await.unwrap();
        for teller in 0..20 {
            let of_one = seen.iter().filter(|event| event.subject == teller.to_string());
            let numbers: Vec<_> = of_one
                .map(|event| event.data["number"].as_u64().unwrap())
                .collect();
            assert_eq!(numbers, (0..25).collect::<Vec<_>>());
        }
        let end = db
            .read(|tx| Box::pin(async move { outbox::end(tx).await }))
            .await
            .unwrap();
        assert_eq!(cursor, end);
        let refused = db
            .read(|tx| Box::pin(async move { outbox::page(tx, "x", 7).await }))
            .await;
        assert_eq!(refused.unwrap_err().code, "malformed_cursor");
    }
}

#[tokio::test]
async fn an_event_of_a_transaction_that_fails_is_not_told() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let failed = db.write(|tx| {
            Box::pin(async move {
                outbox::append(tx, &event("a", 1)).await?;
                Err::<(), _>(Failure::business("refused", "by the test"))
            })
        });
        assert!(failed.await.is_err());
        let page = db
            .read(|tx| Box::pin(async move { outbox::page(tx, "", 10).await }))
            .await
            .unwrap();
        assert_eq!((page.events.len(), page.next_cursor.as_str()), (0, ""));
    }
}

#[tokio::test]
async fn a_message_is_taken_once() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let taken =
            join_all((0..20).map(|_| {
                db.write(|tx| Box::pin(async move { inbox::accept(tx, "crm/main", "006-1").await }))
            }));
        let new = taken.await.into_iter().filter(|taken| *taken == Ok(true)).count();
        assert_eq!(new, 1);
    }
}

async fn request(db: &Database, digest: &'static str) -> canonical_model::Result<String> {
    db.write(move |tx| {
        Box::pin(async move {
            match idempotency::begin(tx, "note_create", "key-1", digest).await? {
                Seen::Replay { status: 201, body } => Ok(body),
                Seen::Replay { .. } => Err(Failure::fault("wrong_status", "by the test")),
                Seen::New => {
                    let id = CanonicalId::generate().to_string();
                    tx.execute("INSERT INTO notes (id) VALUES ($1)", args![&id])
                        .await?;
                    idempotency::finish(tx, "note_create", "key-1", 201, &id).await?;
                    Ok(id)
                }
            }
        })
    })
    .await
}

#[tokio::test]
async fn a_request_that_comes_again_gets_the_same_answer_and_another_with_its_key_none() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let answers = join_all((0..20).map(|_| request(&db, "a"))).await;
        let first = answers[0].clone().unwrap();
        assert!(answers.iter().all(|answer| answer.as_ref() == Ok(&first)));
        assert_eq!(
            request(&db, "b").await.unwrap_err().code,
            "idempotency_key_reused"
        );
    }
}

#[tokio::test]
async fn a_cursor_stands_where_it_was_set() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let read = db.write(|tx| {
            Box::pin(async move {
                let none = cursors::get(tx, "opportunities").await?;
                cursors::set(tx, "opportunities", "1").await?;
                cursors::set(tx, "opportunities", "2").await?;
                Ok((none, cursors::get(tx, "opportunities").await?))
            })
        });
        assert_eq!(read.await.unwrap(), (None, Some("2".to_owned())));
    }
}
