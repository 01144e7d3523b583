//! One SQL text and the same values on both engines.

use canonical_model::CanonicalId;
use chrono::{DateTime, NaiveDate, Utc};
use persistence::args;
use rust_decimal::dec;

use crate::{databases, open};

#[tokio::test]
async fn values_come_back_as_they_were_given() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let id = CanonicalId::generate();
        let now: DateTime<Utc> = DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
        // The first statement has nulls, so that their types must not be guessed from it for those that follow.
        let rows = vec![
            args![
                CanonicalId::generate(),
                None::<i64>,
                None::<bool>,
                None::<Vec<u8>>
            ],
            args![id, now, true, vec![1_u8, 0, 255]],
        ];
        let read = db.write(move |tx| {
            Box::pin(async move {
                for row in rows {
                    tx.execute(
                        "INSERT INTO notes (id, number, flag, body) VALUES ($1, $2, $3, $4)",
                        row,
                    )
                    .await?;
                }
                let sql = "SELECT id, number, flag, body, 'text' AS word, $3 AS day, $4 AS sum FROM notes
                    WHERE (id = $1 OR $1 IS NULL) AND (number = $2 OR $2 IS NULL)";
                let date = NaiveDate::from_ymd_opt(2026, 2, 28).unwrap();
                tx.one(sql, args![id, None::<i64>, date, dec!(12.50)]).await
            })
        });
        let row = read.await.unwrap().unwrap();
        assert_eq!((row.id("id").unwrap(), row.time("number").unwrap()), (id, now));
        assert!(row.bool("flag").unwrap());
        assert_eq!(row.bytes("body").unwrap(), vec![1, 0, 255]);
        assert_eq!(row.date("day").unwrap().to_string(), "2026-02-28");
        assert_eq!(row.decimal("sum").unwrap().to_string(), "12.50");
        assert_eq!(row.int("word").unwrap_err().code, "database_content");
        assert_eq!(row.text("absent").unwrap_err().code, "database_content");
    }
}

#[tokio::test]
async fn many_rows_are_inserted_with_few_statements() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let rows = |from: i64| {
            (from..from + 1234)
                .map(|n| args![n.to_string(), n])
                .collect::<Vec<_>>()
        };
        let (first, again) = (rows(0), rows(1000));
        let written = db.write(move |tx| {
            Box::pin(async move {
                let insert = "INSERT INTO notes (id, number)";
                let first = tx.insert(insert, first, "").await?;
                let again = tx.insert(insert, again, "ON CONFLICT DO NOTHING").await?;
                let row = tx.one("SELECT SUM(number) AS sum FROM notes", args![]).await?;
                Ok((first, again, row.unwrap().int("sum")?))
            })
        });
        assert_eq!(written.await.unwrap(), (1234, 1000, (0..2234).sum()));
    }
}

#[tokio::test]
async fn reads_see_one_state_and_cannot_write() {
    let (settings, _folder) = databases();
    for settings in settings {
        let db = open(&settings).await;
        let writer = db.clone();
        let counts = db.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) AS n FROM notes";
                let before = tx.one(sql, args![]).await?.unwrap().int("n")?;
                writer
                    .write(|tx| {
                        Box::pin(async { tx.execute("INSERT INTO notes (id) VALUES ('n')", args![]).await })
                    })
                    .await?;
                Ok((before, tx.one(sql, args![]).await?.unwrap().int("n")?))
            })
        });
        assert_eq!(counts.await.unwrap(), (0, 0));
        let refused = db
            .read(|tx| Box::pin(async { tx.execute("DELETE FROM notes", args![]).await }))
            .await;
        assert_eq!(refused.unwrap_err().code, "database_error");
    }
}
