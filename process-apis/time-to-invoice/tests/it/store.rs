//! The store, on SQLite and on PostgreSQL.

use canonical_model::{BillingMethod, CanonicalId, Failure, Minutes, Result, SourceKind, TimeEntry};
use chrono::{NaiveDate, Utc};
use futures_util::future::BoxFuture;
use persistence::{Database, Migration, Tx};
use rust_decimal::dec;
use time_to_invoice_process_api::MIGRATIONS;
use time_to_invoice_process_api::edits::Edits;
use time_to_invoice_process_api::line::{LineState, Work};
use time_to_invoice_process_api::news::{Arrival, News};
use time_to_invoice_process_api::store::billing::{self, Basis, BillingRun, RunState};
use time_to_invoice_process_api::store::intake::{Taken, take_in};
use time_to_invoice_process_api::store::listing::{self, Filter};
use time_to_invoice_process_api::store::posting::{self, Booked, Place, Refused};
use time_to_invoice_process_api::store::{contracts, desk, reversal};

use crate::records::{contract, euros, hours};

const PSA: &str = "psa/main";

async fn databases() -> Vec<(&'static str, Database)> {
    let migrations: Vec<Migration> = process_engine::MIGRATIONS.into_iter().chain(MIGRATIONS).collect();
    testkit::test_database(&migrations).await
}

async fn write<T: Send + 'static>(
    db: &Database,
    work: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
) -> T {
    db.write(work).await.unwrap()
}

fn approved(id: &str, entry: TimeEntry) -> Arrival {
    Arrival {
        source_id: id.to_owned(),
        changed_at: Utc::now(),
        news: News::Approved(Box::new(Work::Time(entry))),
    }
}

fn told(id: &str, news: News) -> Arrival {
    Arrival {
        source_id: id.to_owned(),
        changed_at: Utc::now(),
        news,
    }
}

async fn arrive(db: &Database, arrivals: Vec<Arrival>) -> Taken {
    write(db, move |tx| {
        Box::pin(take_in(tx, PSA, SourceKind::TimeEntry, arrivals, Utc::now()))
    })
    .await
}

/// Gives every waiting line of project 31 to a batch; how many.
async fn claim(db: &Database, batch: &'static str, limit: u32) -> u64 {
    let group = posting::Group {
        connection: PSA.to_owned(),
        kind: SourceKind::TimeEntry,
        project: "31".to_owned(),
    };
    write(db, move |tx| {
        Box::pin(async move { posting::claim(tx, &group, batch, limit, Utc::now()).await })
    })
    .await
}

async fn states(db: &Database) -> Vec<(String, LineState)> {
    let lines = db
        .read(|tx| Box::pin(async move { listing::list(tx, &Filter::default(), None, 1000).await }))
        .await
        .unwrap();
    let mut states: Vec<_> = lines.into_iter().map(|line| (line.source, line.state)).collect();
    states.sort();
    states
}

async fn ids(db: &Database, batch: &'static str) -> Vec<CanonicalId> {
    let lines = write(db, move |tx| Box::pin(posting::batch_lines(tx, batch))).await;
    lines.into_iter().map(|line| line.id).collect()
}

/// Books every line of a batch on a project.
async fn book(db: &Database, batch: &'static str, project_id: CanonicalId) {
    write(db, move |tx| {
        Box::pin(async move {
            let lines = posting::batch_lines(tx, batch).await?;
            let booked: Vec<Booked> = lines
                .into_iter()
                .map(|line| Booked {
                    id: line.id,
                    erp_id: format!("e{}", line.source_id),
                    charge: line.work.charge(),
                    billed_as: line.work,
                })
                .collect();
            let place = Place {
                erp_connection: "erp/main".to_owned(),
                erp_project_id: "900".to_owned(),
                project_id,
                legal_entity: "de".to_owned(),
            };
            posting::book(tx, &place, &booked, Utc::now()).await
        })
    })
    .await;
}

#[tokio::test]
async fn a_source_becomes_one_line_however_often_it_is_told() {
    for (engine, db) in databases().await {
        let day = "2026-11-03";
        let first = arrive(
            &db,
            vec![approved("1", hours("31", day)), approved("2", hours("31", day))],
        )
        .await;
        assert_eq!(first.queued, 2, "{engine}");
        let mut approved_by_another = hours("31", day);
        approved_by_another.approved_by = Some(canonical_model::RecordRef::id("9"));
        let again = arrive(
            &db,
            vec![
                approved("1", hours("31", day)),
                approved("2", approved_by_another),
            ],
        )
        .await;
        assert_eq!(again, Taken::default(), "{engine}");

        let mut longer = hours("31", day);
        longer.minutes = Minutes::new(500);
        // The last of one page is what holds.
        let page = vec![
            told("1", News::NotApproved),
            approved("1", longer),
            told("2", News::Deleted),
        ];
        let changed = arrive(&db, page).await;
        assert_eq!((changed.queued, changed.withdrawn), (1, 1), "{engine}");
        let expected = [
            ("psa/main/1".to_owned(), LineState::Queued),
            ("psa/main/2".to_owned(), LineState::Withdrawn),
        ];
        assert_eq!(states(&db).await, expected, "{engine}");
        assert_eq!(claim(&db, "b", 10).await, 1, "{engine}");
        let lines = write(&db, |tx| Box::pin(posting::batch_lines(tx, "b"))).await;
        assert_eq!(
            lines.first().map(|line| line.work.minutes()),
            Some(Minutes::new(500))
        );
    }
}

#[tokio::test]
async fn what_the_psa_says_of_a_line_in_the_books_waits_and_is_told_once() {
    for (engine, db) in databases().await {
        let day = "2026-11-03";
        arrive(
            &db,
            vec![
                approved("1", hours("31", day)),
                approved("2", hours("31", "2026-11-04")),
            ],
        )
        .await;
        claim(&db, "b", 10).await;
        // While the batch posts them, one is changed and one withdrawn.
        let mut longer = hours("31", day);
        longer.minutes = Minutes::new(500);
        let page = vec![approved("1", longer.clone()), told("2", News::NotApproved)];
        assert_eq!(arrive(&db, page.clone()).await.remembered, 2, "{engine}");
        let untold = write(&db, |tx| Box::pin(reversal::tell_news(tx, 10))).await;
        assert!(untold.is_empty(), "{engine}: a batch has them");

        let project = CanonicalId::generate();
        book(&db, "b", project).await;
        let told = write(&db, |tx| Box::pin(reversal::tell_news(tx, 10))).await;
        assert_eq!(told.len(), 2, "{engine}");
        assert!(told.iter().all(|changed| changed.line.state == LineState::Posted));
        assert_eq!(
            arrive(&db, page).await,
            Taken::default(),
            "{engine}: told again is nothing new"
        );
        let again = write(&db, |tx| Box::pin(reversal::tell_news(tx, 10))).await;
        assert!(again.is_empty(), "{engine}");

        // What is in question is not charged; what a person accepted is, and what the PSA took back as well.
        let (run, through) = (
            CanonicalId::generate(),
            "2026-11-30".parse::<NaiveDate>().unwrap(),
        );
        let claimed = write(&db, move |tx| {
            Box::pin(billing::claim_lines(tx, run, project, through))
        })
        .await;
        assert_eq!(claimed, 0, "{engine}");
        // In hand, nobody else gets it; let stand, it is charged like any other.
        let line = told.first().unwrap().line.id;
        let (taken, again) = write(&db, move |tx| {
            Box::pin(async move {
                let taken = reversal::take_in_hand(tx, line, "case 1", Utc::now()).await?;
                Ok((
                    taken,
                    reversal::take_in_hand(tx, line, "case 2", Utc::now()).await?,
                ))
            })
        })
        .await;
        assert!(taken && !again, "{engine}");
        write(&db, move |tx| {
            Box::pin(async move {
                reversal::look_at(tx, line).await?;
                reversal::release(tx, line, Utc::now()).await
            })
        })
        .await;
        let mended = arrive(&db, vec![approved("2", hours("31", "2026-11-04"))]).await;
        assert_eq!(mended, Taken::default(), "{engine}");
        let claimed = write(&db, move |tx| {
            Box::pin(billing::claim_lines(tx, run, project, through))
        })
        .await;
        assert_eq!(claimed, 2, "{engine}");
    }
}

/// A line of eight hours that is posted, charged, credited and about to be reversed; its id and its project.
async fn about_to_be_reversed(db: &Database) -> (CanonicalId, CanonicalId) {
    let (project, day) = (CanonicalId::generate(), "2026-11-03");
    arrive(db, vec![approved("1", hours("31", day))]).await;
    claim(db, "b", 10).await;
    book(db, "b", project).await;
    let (line, run) = (ids(db, "b").await[0], CanonicalId::generate());
    let through = "2026-11-30".parse::<NaiveDate>().unwrap();
    write(db, move |tx| {
        Box::pin(async move {
            billing::claim_lines(tx, run, project, through).await?;
            billing::invoiced(tx, run, "erp/main/107", None, Utc::now()).await
        })
    })
    .await;
    arrive(db, vec![told("1", News::NotApproved)]).await;
    write(db, move |tx| {
        Box::pin(async move {
            assert_eq!(reversal::tell_news(tx, 10).await?.len(), 1);
            assert!(reversal::take_in_hand(tx, line, "case 1", Utc::now()).await?);
            reversal::credited(tx, line, "erp/main/121", Utc::now()).await
        })
    })
    .await;
    (line, project)
}

#[tokio::test]
async fn a_reversal_is_recorded_once_and_the_last_truth_is_queued_behind_it() {
    for (engine, db) in databases().await {
        let (line, project) = about_to_be_reversed(&db).await;
        let before = write(&db, move |tx| {
            Box::pin(billing::charged_before(
                tx,
                CanonicalId::generate(),
                project,
                canonical_model::Currency::EUR,
            ))
        })
        .await;
        assert_eq!(
            before,
            euros(dec!(-1200)),
            "{engine}: what is credited leaves room under the cap"
        );
        // While it is under way, the PSA says two things more.
        let mut shorter = hours("31", "2026-11-03");
        shorter.minutes = Minutes::new(60);
        arrive(&db, vec![approved("1", shorter.clone())]).await;
        shorter.minutes = Minutes::new(90);
        arrive(&db, vec![approved("1", shorter)]).await;
        assert!(
            write(&db, |tx| Box::pin(reversal::tell_news(tx, 10)))
                .await
                .is_empty(),
            "{engine}"
        );
        let booked = reversal::Booked {
            line,
            reversal: CanonicalId::generate(),
            erp_id: "e1-back".to_owned(),
            day: "2026-11-03".parse().unwrap(),
            booked_as: Work::Time(hours("900", "2026-11-03")),
            at: Utc::now(),
        };
        let again = booked.clone();
        let queued = write(&db, move |tx| {
            Box::pin(async move { reversal::finish(tx, &booked).await })
        })
        .await;
        assert!(queued, "{engine}");
        let queued = write(&db, move |tx| {
            Box::pin(async move { reversal::finish(tx, &again).await })
        })
        .await;
        assert!(!queued, "{engine}: a second time is nothing new");
        let lines = db
            .read(|tx| Box::pin(async move { listing::list(tx, &Filter::default(), None, 10).await }))
            .await
            .unwrap();
        let mut seen: Vec<_> = lines
            .iter()
            .map(|l| (l.generation, l.state, l.minutes.count(), l.reverses))
            .collect();
        seen.sort_by_key(|line| line.0);
        assert_eq!(
            seen,
            [
                (1, LineState::Reversed, 480, None),
                (2, LineState::Reversed, -480, Some(line)),
                (3, LineState::Queued, 90, None)
            ],
            "{engine}"
        );
        let credits: Vec<_> = lines.iter().filter_map(|l| l.credit_note.as_deref()).collect();
        assert_eq!(credits, ["erp/main/121"], "{engine}");
        let sums = db
            .read(move |tx| Box::pin(listing::sums(tx, Some(project), None, None)))
            .await
            .unwrap();
        let reversed = sums.iter().find(|sum| sum.state == LineState::Reversed).unwrap();
        assert_eq!(
            (reversed.lines, reversed.minutes, reversed.charge),
            (2, Minutes::default(), Some(euros(dec!(0)))),
            "{engine}"
        );
        // What is posted in its place is told like any line, and the reversal never again.
        arrive(&db, vec![told("1", News::Deleted)]).await;
        assert_eq!(
            states(&db)
                .await
                .iter()
                .filter(|(_, state)| *state == LineState::Withdrawn)
                .count(),
            1
        );
        arrive(&db, vec![approved("1", hours("31", "2026-11-03"))]).await;
        assert_eq!(
            states(&db).await.len(),
            3,
            "{engine}: the same line is queued again"
        );
    }
}

#[tokio::test]
async fn a_source_that_comes_back_while_it_is_reversed_is_told_once_or_posted_anew() {
    for (engine, db) in databases().await {
        let (line, _) = about_to_be_reversed(&db).await;
        arrive(&db, vec![approved("1", hours("31", "2026-11-03"))]).await;
        let settled = write(&db, |tx| Box::pin(reversal::tell_settled(tx, 10))).await;
        assert_eq!(settled, ["case 1"], "{engine}");
        let settled = write(&db, |tx| Box::pin(reversal::tell_settled(tx, 10))).await;
        assert!(settled.is_empty(), "{engine}");
        // It was too late: the reversal is in the books, and what is true is posted anew.
        let booked = reversal::Booked {
            line,
            reversal: CanonicalId::generate(),
            erp_id: "e1-back".to_owned(),
            day: "2026-11-03".parse().unwrap(),
            booked_as: Work::Time(hours("900", "2026-11-03")),
            at: Utc::now(),
        };
        assert!(
            write(&db, move |tx| Box::pin(async move {
                reversal::finish(tx, &booked).await
            }))
            .await
        );
        let queued = states(&db)
            .await
            .into_iter()
            .filter(|(_, state)| *state == LineState::Queued);
        assert_eq!(queued.count(), 1, "{engine}");
        let echo = arrive(&db, vec![approved("1", hours("31", "2026-11-03"))]).await;
        assert_eq!(echo, Taken::default(), "{engine}");
    }
}

#[tokio::test]
async fn a_refused_line_goes_back_into_the_queue_as_a_person_decides() {
    for (engine, db) in databases().await {
        let page = (1..=4).map(|n| approved(&n.to_string(), hours("31", &format!("2026-11-0{n}"))));
        arrive(&db, page.collect()).await;
        claim(&db, "b", 10).await;
        let ids = ids(&db, "b").await;
        let refused: Vec<Refused> = ids
            .iter()
            .map(|id| Refused {
                id: *id,
                failure: Failure::business("note_too_long", "the note has 1200 characters"),
                subject: String::new(),
            })
            .collect();
        write(&db, move |tx| {
            Box::pin(async move { posting::except(tx, &refused, Utc::now()).await })
        })
        .await;
        let (retried, skipped, edited) = (ids[0], ids[1], ids[2]);
        let edits = Edits::of_answer(Some(&serde_json::json!({
            "note": "Short", "rate": { "money": { "amount": "200", "currency": "EUR" }, "per": "hour" }
        })))
        .unwrap();
        write(&db, move |tx| {
            Box::pin(async move {
                desk::requeue(tx, &[retried], Utc::now()).await?;
                desk::skip(tx, &[skipped], Utc::now()).await?;
                desk::edit(tx, &[edited], &edits, Utc::now()).await
            })
        })
        .await;
        let expected: Vec<_> = [
            LineState::Queued,
            LineState::Skipped,
            LineState::Queued,
            LineState::Excepted,
        ]
        .into_iter()
        .enumerate()
        .map(|(n, state)| (format!("psa/main/{}", n + 1), state))
        .collect();
        assert_eq!(states(&db).await, expected, "{engine}");

        // The PSA overtakes the one that still waits: nobody need decide about it any more.
        arrive(&db, vec![told("4", News::Deleted)]).await;
        let overtaken = write(&db, |tx| Box::pin(desk::overtaken(tx, 10))).await;
        assert_eq!(overtaken, [(ids[3], "b".to_owned())], "{engine}");

        assert_eq!(claim(&db, "c", 10).await, 2, "{engine}");
        let lines = write(&db, |tx| Box::pin(posting::batch_lines(tx, "c"))).await;
        let charges: Vec<_> = lines
            .iter()
            .map(|line| line.work.charge().unwrap().amount)
            .collect();
        assert_eq!(charges, [dec!(1200), dec!(1600)], "{engine}");
        assert_eq!(lines[1].generation, 1);
        let charge = write(&db, |tx| Box::pin(posting::charge_of_batch(tx, "c"))).await;
        assert_eq!(charge, Some(euros(dec!(2800))), "{engine}");
    }
}

#[tokio::test]
async fn the_same_work_booked_twice_is_found() {
    for (engine, db) in databases().await {
        arrive(&db, vec![approved("1", hours("31", "2026-11-03"))]).await;
        claim(&db, "b", 10).await;
        book(&db, "b", CanonicalId::generate()).await;
        let page = vec![
            approved("2", hours("31", "2026-11-03")),
            approved("3", hours("31", "2026-11-04")),
        ];
        arrive(&db, page).await;
        claim(&db, "c", 10).await;
        let found = write(&db, |tx| Box::pin(posting::duplicates(tx, "c"))).await;
        let others: Vec<_> = found.into_iter().map(|(_, other)| other).collect();
        assert_eq!(others, ["1"], "{engine}");
    }
}

#[tokio::test]
async fn thousands_of_lines_of_one_cause_are_taken_in_set_aside_and_queued_again() {
    for (engine, db) in databases().await {
        for page in 0..10 {
            let entries =
                (0..1000).map(|n| approved(&format!("{}", page * 1000 + n), hours("31", "2026-11-03")));
            assert_eq!(arrive(&db, entries.collect()).await.queued, 1000);
        }
        assert_eq!(claim(&db, "b", 10_000).await, 10_000);
        let ids = ids(&db, "b").await;
        let refused: Vec<Refused> = ids
            .iter()
            .map(|id| Refused {
                id: *id,
                failure: Failure::business("role_not_mapped", "role 117 is not mapped"),
                subject: "role:psa/main:117".to_owned(),
            })
            .collect();
        write(&db, move |tx| {
            Box::pin(async move { posting::except(tx, &refused, Utc::now()).await })
        })
        .await;
        let requeued = write(&db, move |tx| {
            Box::pin(async move { desk::requeue(tx, &ids, Utc::now()).await })
        })
        .await;
        assert_eq!(requeued, 10_000, "{engine}");
        let sums = db
            .read(|tx| Box::pin(listing::sums(tx, None, None, None)))
            .await
            .unwrap();
        assert_eq!(sums.len(), 1, "{engine}");
        assert_eq!(sums[0].lines, 10_000);
        assert_eq!(sums[0].charge, Some(euros(dec!(12000000))));
    }
}

fn run(project: CanonicalId, basis: Basis, through: &str) -> BillingRun {
    BillingRun {
        id: CanonicalId::generate(),
        project_id: Some(project),
        basis,
        event: None,
        through: through.parse().unwrap(),
        date: through.parse().unwrap(),
        state: RunState::Running,
        net: None,
        lines: 1,
        invoice: None,
        invoice_number: None,
        requested_by: "test".to_owned(),
        created_at: Utc::now(),
        finished_at: None,
    }
}

#[tokio::test]
async fn two_runs_never_charge_the_same_nor_pass_the_cap_together() {
    for (engine, db) in databases().await {
        let project = CanonicalId::generate();
        let page = (1..=3).map(|n| approved(&n.to_string(), hours("31", &format!("2026-11-0{n}"))));
        arrive(&db, page.collect()).await;
        claim(&db, "b", 10).await;
        book(&db, "b", project).await;
        let (first, second) = (
            run(project, Basis::Request, "2026-11-02"),
            run(project, Basis::Request, "2026-11-30"),
        );
        let (one, two) = (first.id, second.id);
        let claimed = write(&db, move |tx| {
            Box::pin(async move {
                billing::begin(tx, &first).await?;
                billing::begin(tx, &second).await?;
                let through = first.through;
                let in_first = billing::claim_lines(tx, one, project, through).await?;
                Ok((
                    in_first,
                    billing::claim_lines(tx, two, project, second.through).await?,
                ))
            })
        })
        .await;
        assert_eq!(claimed, (2, 1), "{engine}");

        let cap = Some(euros(dec!(3000)));
        write(&db, move |tx| {
            Box::pin(billing::reserve(tx, one, project, euros(dec!(2400)), 2, cap))
        })
        .await;
        let over = db
            .write(move |tx| Box::pin(billing::reserve(tx, two, project, euros(dec!(1200)), 1, cap)))
            .await
            .unwrap_err();
        assert_eq!(over.code, "over_cap", "{engine}");
        // The first is dropped: its room and its lines are free again.
        write(&db, move |tx| {
            Box::pin(billing::end_without_invoice(
                tx,
                one,
                RunState::Dropped,
                Utc::now(),
            ))
        })
        .await;
        write(&db, move |tx| {
            Box::pin(billing::reserve(tx, two, project, euros(dec!(1200)), 1, cap))
        })
        .await;
        write(&db, move |tx| {
            Box::pin(
                async move { billing::invoiced(tx, two, "erp/main/77", Some("INV77"), Utc::now()).await },
            )
        })
        .await;
        let runs = db
            .read(move |tx| Box::pin(billing::list(tx, None, Some(project), None, 10)))
            .await
            .unwrap();
        let told: Vec<_> = runs
            .iter()
            .map(|run| (run.state, run.net, run.invoice.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (RunState::Invoiced, Some(euros(dec!(1200))), Some("erp/main/77")),
                (RunState::Dropped, Some(euros(dec!(0))), None)
            ],
            "{engine}"
        );
        let through = "2026-11-30".parse::<NaiveDate>().unwrap();
        let free = write(&db, move |tx| {
            Box::pin(billing::claim_lines(
                tx,
                CanonicalId::generate(),
                project,
                through,
            ))
        })
        .await;
        assert_eq!(free, 2, "{engine}");
        let before = write(&db, move |tx| {
            Box::pin(billing::charged_before(
                tx,
                one,
                project,
                canonical_model::Currency::EUR,
            ))
        })
        .await;
        assert_eq!(before, euros(dec!(1200)), "{engine}");
    }
}

#[tokio::test]
async fn an_agreed_charge_is_due_on_its_day_and_billed_once() {
    for (engine, db) in databases().await {
        let project = CanonicalId::generate();
        let charges = [
            ("a", "2026-11-10", dec!(1000), None),
            ("b", "2026-12-10", dec!(1000), None),
            ("m", "2026-11-01", dec!(500), Some("psa/main/77")),
        ];
        let agreed = contract(project, BillingMethod::Retainer, &charges);
        write(&db, move |tx| {
            Box::pin(async move { contracts::agree(tx, &agreed).await })
        })
        .await;
        let today = "2026-11-30".parse::<NaiveDate>().unwrap();
        let due = write(&db, move |tx| Box::pin(contracts::due_charges(tx, today, 10))).await;
        let names: Vec<_> = due.iter().map(|charge| charge.description.as_str()).collect();
        assert_eq!(
            names,
            ["Charge a"],
            "{engine}: a milestone is charged when it is reached"
        );
        let (charge, run) = (due[0].id.clone(), CanonicalId::generate());
        let claims = write(&db, move |tx| {
            Box::pin(async move {
                let first = billing::claim_event(tx, &charge, run).await?;
                let again = billing::claim_event(tx, &charge, run).await?;
                Ok((
                    first,
                    again,
                    billing::claim_event(tx, &charge, CanonicalId::generate()).await?,
                ))
            })
        })
        .await;
        assert_eq!(claims, (true, true, false), "{engine}");
        let due = write(&db, move |tx| Box::pin(contracts::due_charges(tx, today, 10))).await;
        assert!(due.is_empty(), "{engine}");

        // The contract is told again without what is still open; what is billed stays on record.
        let shorter = contract(project, BillingMethod::Retainer, &charges[..1]);
        write(&db, move |tx| {
            Box::pin(async move { contracts::agree(tx, &shorter).await })
        })
        .await;
        let milestone = write(&db, |tx| {
            Box::pin(contracts::charge_of_milestone(tx, "psa/main/77"))
        })
        .await;
        assert!(milestone.is_none(), "{engine}");
        let known = write(&db, move |tx| Box::pin(contracts::agreement(tx, project)))
            .await
            .unwrap();
        assert_eq!(known.cap, Some(euros(dec!(10000))), "{engine}");
    }
}

#[tokio::test]
async fn a_period_of_a_project_is_billed_once() {
    for (engine, db) in databases().await {
        let project = CanonicalId::generate();
        let begun = write(&db, move |tx| {
            Box::pin(async move {
                let first = billing::begin(tx, &run(project, Basis::PeriodEnd, "2026-10-31")).await?;
                let again = billing::begin(tx, &run(project, Basis::PeriodEnd, "2026-10-31")).await?;
                Ok((
                    first,
                    again,
                    billing::begin(tx, &run(project, Basis::Request, "2026-10-31")).await?,
                ))
            })
        })
        .await;
        assert_eq!(begun, (true, false, true), "{engine}");
    }
}

#[actix_web::test]
async fn old_days_whose_lines_moved_lately_are_swept_as_long_as_something_stands_on_them() {
    for (name, db) in databases().await {
        let old: NaiveDate = "2026-03-02".parse().unwrap();
        arrive(
            &db,
            vec![
                approved("1", hours("31", "2026-03-02")),
                approved("2", hours("31", "2026-03-02")),
                approved("3", hours("31", &Utc::now().date_naive().to_string())),
            ],
        )
        .await;
        let since = |day: NaiveDate| {
            let db = db.clone();
            async move {
                write(&db, move |tx| {
                    Box::pin(reversal::days_that_moved(tx, PSA, SourceKind::TimeEntry, day))
                })
                .await
            }
        };
        let today = Utc::now().date_naive();
        assert_eq!(since(today.pred_opt().unwrap()).await, [old], "{name}");
        assert_eq!(since(old).await, [], "{name}: the sweep lists that day anyway");
        assert_eq!(
            since(today.succ_opt().unwrap()).await,
            [],
            "{name}: nothing moved"
        );
        arrive(&db, vec![told("1", News::Deleted)]).await;
        assert_eq!(since(today.pred_opt().unwrap()).await, [old], "{name}");
        arrive(&db, vec![told("2", News::NotApproved)]).await;
        assert_eq!(
            since(today.pred_opt().unwrap()).await,
            [],
            "{name}: nothing stands there"
        );
    }
}
