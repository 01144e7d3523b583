use canonical_model::{
    DifferenceCause, DifferenceState, EffectKey, JournalLine, Minutes, PostingState, ReconciledSum,
    SourceKind,
};
use persistence::Database;
use rust_decimal::dec;
use sha2::{Digest, Sha256};

use super::*;
use crate::audit;
use crate::desk;
use crate::reconciliation::compare::{Found, Held, Verdict, digest};
use crate::reconciliation::differences::{self, Sighting};
use crate::reconciliation::sides::Place;

async fn databases() -> Vec<(&'static str, Database)> {
    let migrations: Vec<_> = persistence::MIGRATIONS
        .into_iter()
        .chain(crate::state::MIGRATIONS)
        .collect();
    testkit::test_database(&migrations).await
}

fn place() -> Place {
    Place {
        project_code: "HEL-1".to_owned(),
        legal_entity: "de".to_owned(),
        region: "EMEA".to_owned(),
        period: "Nov 2026".to_owned(),
    }
}

fn held(record: &str, key: Option<&str>) -> Held {
    Held {
        record: record.to_owned(),
        project: "31".to_owned(),
        person: "anna@firm.example".to_owned(),
        date: "2026-11-03".parse().unwrap(),
        minutes: Minutes::new(60),
        value: Some(Money::new(dec!(220), Currency::EUR)),
        effect_key: key.map(str::to_owned),
    }
}

fn line(n: u32) -> JournalLine {
    JournalLine {
        id: CanonicalId::generate(),
        kind: SourceKind::TimeEntry,
        source: format!("psa/main/{n}"),
        generation: 1,
        state: PostingState::Posted,
        changing: false,
        let_stand: false,
        source_project: "7".to_owned(),
        person: "anna@firm.example".to_owned(),
        date: "2026-11-03".parse().unwrap(),
        minutes: Minutes::new(60),
        value: Some(Money::new(dec!(220), Currency::EUR)),
        posted_value: Some(Money::new(dec!(220), Currency::EUR)),
        posting: Some(format!("erp/main/{}", 100 + n)),
        effect_key: Some(key(n).parse::<EffectKey>().unwrap()),
    }
}

fn key(n: u32) -> String {
    format!("tp-{n}")
}

fn compared(side: Side) -> Compared {
    Compared {
        kind: SourceKind::TimeEntry,
        side,
        place: place(),
    }
}

fn new_run() -> NewRun {
    NewRun {
        id: CanonicalId::generate(),
        trigger: ReconciliationTrigger::Request,
        requested_by: "nora".to_owned(),
        scope: ReconciliationScope {
            period: None,
            from: Some("2026-11-01".parse().unwrap()),
            to: Some("2026-11-30".parse().unwrap()),
            legal_entity: None,
            region: None,
            project_code: None,
        },
        correlation_id: "c-1".to_owned(),
        gap_exception: None,
    }
}

/// Gives the run to a worker, after its lease has run out.
async fn claimed(db: &Database, worker: &'static str) -> Option<Run> {
    let later = canonical_model::clock::now() + chrono::TimeDelta::hours(1);
    db.write(move |tx| Box::pin(async move { claim(tx, worker, later, 1000).await }))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_comparison_goes_on_where_its_worker_left_it_and_ends_with_figures_and_hashes() {
    for (engine, db) in databases().await {
        let run = new_run();
        let id = run.id;
        db.write(move |tx| Box::pin(async move { queue(tx, &run, 1).await }))
            .await
            .unwrap();
        let first = claimed(&db, "one").await.unwrap();
        let records: Vec<Compared> = (1..=3)
            .flat_map(|n| {
                // The third was entered again under its key.
                let erp = format!("erp/main/{}", if n == 3 { 777 } else { 100 + n });
                [
                    compared(Side::Psa(held(&format!("psa/main/{n}"), None))),
                    compared(Side::Journal(Box::new(line(n)))),
                    compared(Side::Erp(held(&erp, Some(&key(n))))),
                ]
            })
            .collect();
        let step = Step {
            stage: "comparing".to_owned(),
            cursor: Some("time_entry psa/main/1".to_owned()),
            read: 9,
            not_compared: 2,
        };
        let in_hand = first.clone();
        db.write(move |tx| {
            Box::pin(async move {
                advance(tx, &in_hand, "one", &step, 0).await?;
                put(tx, id, &records, None).await?;
                // A page that is read again after a crash changes nothing.
                put(tx, id, &records, None).await?;
                tie(tx, id).await
            })
        })
        .await
        .unwrap();

        let second = claimed(&db, "two").await.unwrap();
        assert_eq!(
            (
                second.stage.as_str(),
                second.cursor.as_deref(),
                second.not_compared
            ),
            ("comparing", Some("time_entry psa/main/1"), 2),
            "{engine}"
        );
        let late = db
            .write(move |tx| {
                Box::pin(async move {
                    let step = Step {
                        stage: "comparing".to_owned(),
                        cursor: None,
                        read: 0,
                        not_compared: 0,
                    };
                    advance(tx, &first, "one", &step, 0).await
                })
            })
            .await
            .unwrap_err();
        assert_eq!(late.code, "reconciliation_taken", "{engine}");

        let (found, rest) = db
            .read(move |tx| {
                Box::pin(async move {
                    let found = items(tx, id, ("", ""), 100).await?;
                    let rest = items(tx, id, ("time_entry", "psa/main/1"), 4).await?;
                    Ok((found, rest))
                })
            })
            .await
            .unwrap();
        assert_eq!(found.len(), 3, "{engine}");
        assert!(
            found.iter().all(|(_, item)| item.judge() == Verdict::Equal),
            "{engine}: {found:#?}"
        );
        assert_eq!(rest.len(), 1, "{engine}: a page never cuts an item");

        let (figures, hash, waiting) = db
            .write(move |tx| {
                Box::pin(async move {
                    note_outcome(tx, id, SourceKind::TimeEntry, "psa/main/2", "waiting").await?;
                    let figures = figures(tx, id).await?;
                    let hash = set_hash(tx, id, "erp").await?;
                    Ok((figures, hash, outcomes(tx, id, "waiting").await?))
                })
            })
            .await
            .unwrap();
        let [figure] = figures.as_slice() else {
            panic!("{engine}: {figures:#?}")
        };
        let sum = |records: u64| ReconciledSum {
            records,
            minutes: Minutes::new(60 * i64::try_from(records).unwrap()),
            value: Some(Money::from_minor(
                22_000 * i64::try_from(records).unwrap(),
                Currency::EUR,
            )),
        };
        assert_eq!(
            (
                figure.approved,
                figure.waiting,
                figure.journal,
                figure.posted,
                waiting
            ),
            (sum(3), sum(1), sum(3), sum(3), 1),
            "{engine}"
        );
        let mut digests: Vec<String> = ["erp/main/101", "erp/main/102", "erp/main/777"]
            .map(|record| {
                let held = held(record, None);
                digest(SourceKind::TimeEntry, record, held.date, held.minutes, held.value)
            })
            .into();
        digests.sort();
        let text: String = digests.iter().map(|d| format!("{d}\n")).collect();
        assert_eq!(hash, (3, hex::encode(Sha256::digest(text))), "{engine}");

        let ended = second.clone();
        let view = db
            .write(move |tx| {
                Box::pin(async move {
                    let state = ReconciliationState::WorkWaits;
                    end(tx, &ended, "two", state, &figures, None, 9).await?;
                    sweep(tx).await?;
                    read(tx, id).await
                })
            })
            .await
            .unwrap();
        assert_eq!(
            (
                view.state,
                view.records_read,
                view.not_compared,
                view.figures.len()
            ),
            (ReconciliationState::WorkWaits, 9, 2, 1),
            "{engine}"
        );
        assert!(claimed(&db, "three").await.is_none(), "{engine}");
    }
}

#[tokio::test]
async fn a_difference_is_one_exception_however_often_it_is_found_and_stays_accepted_while_it_is_the_same() {
    for (engine, db) in databases().await {
        let found = |minutes: i64| Found {
            cause: DifferenceCause::PostedByOther,
            psa: None,
            journal: None,
            erp: Some(canonical_model::ComparedRecord {
                record: "erp/main/9".to_owned(),
                person: "anna".to_owned(),
                date: "2026-11-03".parse().unwrap(),
                minutes: Minutes::new(minutes),
                value: None,
                state: String::new(),
            }),
            money: Some(Money::new(dec!(5), Currency::EUR)),
        };
        let seen = async |minutes: i64| {
            let (run, found) = (new_run(), found(minutes));
            db.write(move |tx| {
                Box::pin(async move {
                    queue(tx, &run, 1).await?;
                    let place = place();
                    let sighting = Sighting {
                        run: run.id,
                        kind: SourceKind::TimeEntry,
                        record: "erp/main/9",
                        place: &place,
                        now: canonical_model::clock::now(),
                        sla_hours: 24,
                        correlation_id: "c",
                    };
                    differences::note(tx, &sighting, &found).await
                })
            })
            .await
            .unwrap()
        };
        let on_the_desk = async || {
            db.read(|tx| Box::pin(async move { desk::list(tx, &desk::Filter::default(), 0, 10).await }))
                .await
                .unwrap()
        };
        assert_eq!(seen(60).await, DifferenceState::Open, "{engine}");
        assert_eq!(seen(61).await, DifferenceState::Open, "{engine}");
        let desk = on_the_desk().await;
        assert_eq!(
            (desk.len(), desk[0].cause.code.as_str()),
            (1, "posted_by_other"),
            "{engine}"
        );
        let id = desk[0].id;
        let skip = canonical_model::Resolution {
            action: canonical_model::ResolutionAction::Skip,
            reason: Some("agreed".to_owned()),
            answer: None,
        };
        db.write(move |tx| {
            Box::pin(async move {
                let now = canonical_model::clock::now();
                differences::decide(
                    tx,
                    id,
                    &skip,
                    "nora",
                    &crate::reconciliation::Wake::default(),
                    now,
                )
                .await
            })
        })
        .await
        .unwrap();
        assert_eq!(seen(61).await, DifferenceState::Accepted, "{engine}");
        assert_eq!(on_the_desk().await.len(), 1, "{engine}");
        assert_eq!(
            seen(90).await,
            DifferenceState::Open,
            "{engine}: it is another one"
        );
        let log = db
            .read(|tx| Box::pin(async move { audit::page(tx, 0, "time_entry erp/main/9", 100).await }))
            .await
            .unwrap();
        let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(
            actions,
            ["exception.opened", "exception.closed", "exception.opened"],
            "{engine}"
        );
    }
}
