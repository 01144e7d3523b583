//! Who carries comparisons out, step by step, and who looks at differences again.

use std::time::Duration;

use canonical_model::clock;
use canonical_model::{
    CanonicalId, CertifiedSet, DifferenceState, ExceptionState, Expense, Failure, ReconciliationCertificate,
    ReconciliationScope, ReconciliationState, ReconciliationTrigger, Resolution, ResolutionAction, Result,
    SourceKind, TimeEntry,
};
use chrono::{DateTime, Days, TimeDelta, Utc};
use persistence::{Database, cursors};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::compare::{Held, Item, Verdict, repeats};
use super::differences::{self, Sighting};
use super::sides::{Frame, Place, Sides, Work, covers};
use super::store::{self, Compared, Kept, Run, Side, Step};
use super::{Wake, subject};
use crate::audit::{self, Entry};

/// How long a worker has a comparison in hand from one step to the next, in milliseconds; longer than any pause within.
const LEASE_MS: i64 = 60_000;
/// Failures in a row that a comparison waits out before it is given up.
const MOST_FAILURES: i64 = 20;
/// Longest pause after a failure.
const LONGEST_PAUSE_S: i64 = 120;
/// Name of the timer's last time.
const TIMER: &str = "reconciliation timer";

/// The stages of a comparison, in their order; those of an ERP are done for each of its connections.
const PSA_TIME: &str = "reading time entries of the PSA";
const PSA_EXPENSES: &str = "reading expenses of the PSA";
const JOURNAL: &str = "reading the journal";
const ERP_TIME: &str = "reading time entries of the ERP";
const ERP_EXPENSES: &str = "reading expenses of the ERP";
const COMPARING: &str = "comparing";
const LOOKING_AGAIN: &str = "looking again at what differs";
const CLOSING: &str = "looking at earlier differences";
const CONCLUDING: &str = "concluding";

/// Carries comparisons out.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) sides: Sides,
    pub(crate) database: Database,
    pub(crate) wake: Wake,
    /// Tells this worker from others on the same database.
    pub(crate) name: String,
}

/// Starts the workers: one for comparisons, one for second looks.
pub(crate) fn run_workers(worker: &Worker, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
    let (runs, looks) = (worker.clone(), worker.clone());
    let (stop_runs, stop_looks) = (stop.clone(), stop.clone());
    vec![
        tokio::spawn(async move { runs.carry_out(stop_runs).await }),
        tokio::spawn(async move { looks.look_again(stop_looks).await }),
    ]
}

impl Worker {
    fn pause(&self) -> Duration {
        Duration::from_millis(self.sides.settings.interval_ms)
    }

    async fn carry_out(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let done = async {
                self.look_at_the_clock().await?;
                self.next(&stop).await
            };
            let again = done.await.unwrap_or_else(|failure| {
                tracing::warn!(code = %failure.code, %failure, "reconciliations could not be looked for");
                false
            });
            if again {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause()) => {}
                () = self.wake.runs.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Begins what the timer says; the first time an interval after the first start.
    async fn look_at_the_clock(&self) -> Result<()> {
        let settings = &self.sides.settings;
        if settings.interval_hours == 0 {
            return Ok(());
        }
        let (hours, days) = (settings.interval_hours, settings.days);
        self.database
            .write(move |tx| {
                Box::pin(async move {
                    tx.lock(TIMER).await?;
                    let now = clock::now();
                    let last = cursors::get(tx, TIMER).await?;
                    let last = last.and_then(|text| text.parse::<DateTime<Utc>>().ok());
                    if last.is_some_and(|last| now < last + TimeDelta::hours(hours.into())) {
                        return Ok(());
                    }
                    cursors::set(tx, TIMER, &now.to_rfc3339()).await?;
                    if last.is_none() {
                        return Ok(());
                    }
                    let today = now.date_naive();
                    let run = store::NewRun {
                        id: CanonicalId::generate(),
                        trigger: ReconciliationTrigger::Timer,
                        requested_by: "reconciliation".to_owned(),
                        scope: ReconciliationScope {
                            period: None,
                            from: today.checked_sub_days(Days::new(days.into())),
                            to: Some(today),
                            legal_entity: None,
                            region: None,
                            project_code: None,
                        },
                        correlation_id: CanonicalId::generate().to_string(),
                        gap_exception: None,
                    };
                    super::begin(tx, &run, now.timestamp_millis()).await
                })
            })
            .await
    }

    /// Carries the next comparison out, as far as it gets; whether there was one.
    async fn next(&self, stop: &CancellationToken) -> Result<bool> {
        let worker = self.name.clone();
        let claimed = self
            .database
            .write(move |tx| Box::pin(async move { store::claim(tx, &worker, clock::now(), LEASE_MS).await }))
            .await?;
        let Some(mut run) = claimed else {
            return Ok(false);
        };
        let correlation_id = run.correlation_id.clone();
        let done = tokio::select! {
            done = egress::with_correlation(correlation_id, self.through(&mut run)) => done,
            () = stop.cancelled() => return Ok(false),
        };
        if let Err(failure) = done {
            self.set_back(&run, &failure).await?;
        }
        Ok(true)
    }

    /// A failure that may pass is waited out; any other ends the comparison.
    async fn set_back(&self, run: &Run, failure: &Failure) -> Result<()> {
        tracing::warn!(reconciliation = %run.id, code = %failure.code, %failure, "a reconciliation does not go on");
        if failure.code == "reconciliation_taken" {
            return Ok(());
        }
        let (run, failure, worker) = (run.clone(), failure.clone(), self.name.clone());
        self.database
            .write(move |tx| {
                Box::pin(async move {
                    let now = clock::now();
                    if failure.is_transient() && run.failures < MOST_FAILURES {
                        let doubled = 1_i64 << run.failures.clamp(0, 10);
                        let asked = failure.retry_after_ms.unwrap_or(0);
                        let asked = i64::try_from(asked).unwrap_or(i64::MAX);
                        let pause_ms = (doubled.min(LONGEST_PAUSE_S) * 1000).max(asked.min(3_600_000));
                        let due = now.timestamp_millis() + pause_ms;
                        return store::pause(tx, &run, &worker, &failure, due).await;
                    }
                    store::fail(tx, &run, &worker, &failure, now.timestamp_millis()).await
                })
            })
            .await
    }

    async fn through(&self, run: &mut Run) -> Result<()> {
        let frame = self.sides.frame().await?;
        if run.scope.from.is_none() || run.scope.to.is_none() {
            let period = run.scope.period.clone().unwrap_or_default();
            let (from, to) = frame.days_of(&period).ok_or_else(|| {
                let message = format!(
                    "no ERP has an accounting period {period:?}; name one as the ERP does, or give days"
                );
                Failure::business("period_not_found", message)
            })?;
            (run.scope.from, run.scope.to) = (Some(from), Some(to));
        }
        if run.stage.is_empty() {
            self.go_on(run, PSA_TIME.to_owned(), None).await?;
        }
        loop {
            match run.stage.as_str() {
                CONCLUDING => return self.conclude(run).await,
                COMPARING => self.compare(run, &frame).await?,
                LOOKING_AGAIN => self.look_at_candidates(run, &frame).await?,
                CLOSING => self.look_at_earlier(run, &frame).await?,
                _ => self.read(run, &frame).await?,
            }
        }
    }

    /// The stages of reading, each with the connection that it reads.
    fn reading(&self) -> Vec<(String, &'static str, String)> {
        let psa = self.sides.psa_connection();
        let mut stages = vec![
            (PSA_TIME.to_owned(), PSA_TIME, psa.clone()),
            (PSA_EXPENSES.to_owned(), PSA_EXPENSES, psa),
            (JOURNAL.to_owned(), JOURNAL, String::new()),
        ];
        for erp in self.sides.erp_connections() {
            stages.push((format!("{ERP_TIME} {erp}"), ERP_TIME, erp.clone()));
            stages.push((format!("{ERP_EXPENSES} {erp}"), ERP_EXPENSES, erp));
        }
        stages
    }

    /// Reads the next page of the stage in hand.
    async fn read(&self, run: &mut Run, frame: &Frame) -> Result<()> {
        let stages = self.reading();
        let at = stages.iter().position(|(name, ..)| *name == run.stage);
        let Some((at, (_, what, connection))) = at.and_then(|at| Some((at, stages.get(at)?))) else {
            // The settings changed under it: it begins anew.
            return self.go_on(run, PSA_TIME.to_owned(), None).await;
        };
        let (records, outside, cursor) = match *what {
            JOURNAL => self.read_journal(run, frame).await?,
            PSA_TIME | ERP_TIME => self.read_system::<TimeEntry>(run, frame, connection).await?,
            _ => self.read_system::<Expense>(run, frame, connection).await?,
        };
        let stage = match (&cursor, stages.get(at + 1)) {
            (Some(_), _) => run.stage.clone(),
            (None, Some((next, ..))) => next.clone(),
            (None, None) => COMPARING.to_owned(),
        };
        let step = Step {
            stage,
            cursor,
            read: i64::try_from(records.len()).unwrap_or(0),
            not_compared: i64::try_from(outside).unwrap_or(0),
        };
        let (worker, now) = (self.name.clone(), run.clone());
        let tie = step.stage == COMPARING;
        let step = self
            .database
            .write(move |tx| {
                Box::pin(async move {
                    store::advance(tx, &now, &worker, &step, lease()).await?;
                    store::put(tx, now.id, &records, None).await?;
                    if tie {
                        store::tie(tx, now.id).await?;
                    }
                    Ok(step)
                })
            })
            .await?;
        advanced(run, step);
        Ok(())
    }

    async fn read_system<T: Work>(
        &self,
        run: &Run,
        frame: &Frame,
        connection: &str,
    ) -> Result<(Vec<Compared>, u64, Option<String>)> {
        let page = self
            .sides
            .page::<T>(connection, &run.scope, frame, run.cursor.as_deref());
        let part = page.await?;
        let in_psa = connection.starts_with("psa/");
        let records = part.held.into_iter().map(|(held, place)| Compared {
            kind: T::KIND,
            side: if in_psa { Side::Psa(held) } else { Side::Erp(held) },
            place,
        });
        Ok((records.collect(), part.outside, part.next_cursor))
    }

    async fn read_journal(&self, run: &Run, frame: &Frame) -> Result<(Vec<Compared>, u64, Option<String>)> {
        let (from, to) = days(&run.scope);
        let page = self
            .sides
            .journal
            .journal_of_days(from, to, run.cursor.as_deref(), self.sides.settings.page)
            .await?;
        let mut records = Vec::with_capacity(page.items.len());
        for line in page.items {
            let connection = line
                .source
                .rsplit_once('/')
                .map_or("", |(connection, _)| connection);
            match frame.place(connection, &line.source_project, line.date) {
                Some(place) if covers(&run.scope, &place) => records.push(Compared {
                    kind: line.kind,
                    side: Side::Journal(Box::new(line)),
                    place,
                }),
                _ => {}
            }
        }
        Ok((records, 0, page.next_cursor))
    }

    /// Goes to a stage without reading anything.
    async fn go_on(&self, run: &mut Run, stage: String, cursor: Option<String>) -> Result<()> {
        let step = Step {
            stage,
            cursor,
            read: 0,
            not_compared: 0,
        };
        let (worker, now) = (self.name.clone(), run.clone());
        let step = self
            .database
            .write(move |tx| {
                Box::pin(async move {
                    store::advance(tx, &now, &worker, &step, lease()).await?;
                    Ok(step)
                })
            })
            .await?;
        advanced(run, step);
        Ok(())
    }

    /// Compares the next items as they were read.
    async fn compare(&self, run: &mut Run, frame: &Frame) -> Result<()> {
        let behind = run.cursor.clone().unwrap_or_default();
        let (kind, item) = behind.split_once(' ').unwrap_or_default();
        let (id, kind, item) = (run.id, kind.to_owned(), item.to_owned());
        let limit = i64::from(self.sides.settings.page) * 4;
        let items = self
            .database
            .read(move |tx| Box::pin(async move { store::items(tx, id, (&kind, &item), limit).await }))
            .await?;
        let Some((last, last_item)) = items.last() else {
            return self.go_on(run, LOOKING_AGAIN.to_owned(), None).await;
        };
        let cursor = store::item_key(last_item.kind, last);
        let mut quiet = Vec::new();
        for (key, mut item) in items {
            let read = item.clone();
            item.drop_values_that_were_not_posted();
            match item.judge() {
                Verdict::Equal if item == read => {}
                Verdict::Equal => self.settle(run, frame, &key, &item, &Verdict::Equal).await?,
                Verdict::Waiting => quiet.push((item.kind, key, "waiting")),
                Verdict::LeftOut => quiet.push((item.kind, key, "left_out")),
                Verdict::Differs(_) => quiet.push((item.kind, key, store::CANDIDATE)),
            }
        }
        let id = run.id;
        self.database
            .write(move |tx| {
                Box::pin(async move {
                    for (kind, key, outcome) in quiet {
                        store::note_outcome(tx, id, kind, &key, outcome).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        self.go_on(run, COMPARING.to_owned(), Some(cursor)).await
    }

    /// What seems to differ is read once more, after what was on its way had time to arrive: what moved while the sides
    /// were read is no difference.
    async fn look_at_candidates(&self, run: &mut Run, frame: &Frame) -> Result<()> {
        let id = run.id;
        let candidates = self
            .database
            .read(move |tx| Box::pin(async move { store::candidates(tx, id, 400).await }))
            .await?;
        if candidates.is_empty() {
            return self.go_on(run, CLOSING.to_owned(), None).await;
        }
        if run.cursor.is_none() {
            tokio::time::sleep(Duration::from_secs(self.sides.settings.settle_s.into())).await;
        }
        for (key, item) in candidates {
            let fresh = self.sides.look_again(&item).await?;
            let verdict = self.verdict(run, frame, &fresh).await?;
            self.settle(run, frame, &key, &fresh, &verdict).await?;
        }
        self.go_on(run, LOOKING_AGAIN.to_owned(), Some("settled".to_owned()))
            .await
    }

    /// The verdict on an item as it is now. A record of the ERP that nothing was posted as repeats one of ours, or is
    /// somebody else's.
    async fn verdict(&self, run: &Run, frame: &Frame, item: &Item) -> Result<Verdict> {
        let mut verdict = item.judge();
        let (Verdict::Differs(found), true, Some(held)) =
            (&mut verdict, item.source().is_none(), item.erp.first())
        else {
            return Ok(verdict);
        };
        if self.is_repeated(run, frame, item.kind, held).await? {
            found.cause = canonical_model::DifferenceCause::PostedTwice;
        }
        Ok(verdict)
    }

    async fn is_repeated(&self, run: &Run, frame: &Frame, kind: SourceKind, held: &Held) -> Result<bool> {
        let connection = held
            .record
            .rsplit_once('/')
            .map_or("", |(connection, _)| connection);
        let Some(place) = frame.place(connection, &held.project, held.date) else {
            return Ok(false);
        };
        let (id, one) = (run.id, held.clone());
        let alike = self
            .database
            .read(move |tx| {
                Box::pin(async move { store::alike(tx, id, kind, &one, &place.project_code).await })
            })
            .await?;
        Ok(alike.iter().any(|other| repeats(held, other)))
    }

    /// Puts an item as it is now in the place of what was read, and keeps its difference.
    async fn settle(
        &self,
        run: &Run,
        frame: &Frame,
        key: &str,
        item: &Item,
        verdict: &Verdict,
    ) -> Result<()> {
        let (records, place) = placed(run, frame, item);
        let (run, old, item, verdict) = (run.clone(), key.to_owned(), item.clone(), verdict.clone());
        let (sla_hours, worker) = (self.sides.settings.sla_hours, self.name.clone());
        let stage = run.stage.clone();
        let cursor = run.cursor.clone();
        self.database
            .write(move |tx| {
                Box::pin(async move {
                    let step = Step {
                        stage,
                        cursor,
                        read: 0,
                        not_compared: 0,
                    };
                    store::advance(tx, &run, &worker, &step, lease()).await?;
                    let key = match item.key() {
                        empty if empty.is_empty() => old.clone(),
                        key => key,
                    };
                    store::replace(tx, run.id, item.kind, [&old, &key], &records).await?;
                    let outcome = match &verdict {
                        Verdict::Equal => {
                            if let Some(known) = store::of_item(tx, &store::item_key(item.kind, &key)).await?
                            {
                                differences::resolve(tx, known, "the sides agree", clock::now()).await?;
                            }
                            return Ok(());
                        }
                        Verdict::Waiting => "waiting",
                        Verdict::LeftOut => "left_out",
                        Verdict::Differs(found) => {
                            let sighting = Sighting {
                                run: run.id,
                                kind: item.kind,
                                record: &key,
                                place: &place,
                                now: clock::now(),
                                sla_hours,
                                correlation_id: &run.correlation_id,
                            };
                            match differences::note(tx, &sighting, found).await? {
                                DifferenceState::Accepted => "accepted",
                                _ => "differs",
                            }
                        }
                    };
                    store::note_outcome(tx, run.id, item.kind, &key, outcome).await
                })
            })
            .await
    }

    /// Differences of these days that were known before and were not found again: each is looked at once more.
    async fn look_at_earlier(&self, run: &mut Run, frame: &Frame) -> Result<()> {
        let (now, after) = (run.clone(), run.cursor.clone().unwrap_or_default());
        let known = self
            .database
            .read(move |tx| Box::pin(async move { store::not_found_again(tx, &now, &after, 100).await }))
            .await?;
        let Some(last) = known.last().map(|kept| kept.difference.id.to_string()) else {
            return self.go_on(run, CONCLUDING.to_owned(), None).await;
        };
        for kept in known {
            let place = place_of(&kept);
            if covers(&run.scope, &place) {
                let item = stub(&kept);
                let fresh = self.sides.look_again(&item).await?;
                let verdict = self.verdict(run, frame, &fresh).await?;
                self.settle(run, frame, &kept.difference.record, &fresh, &verdict)
                    .await?;
                self.close_where_nothing_is_left(&kept, &verdict).await?;
            }
        }
        self.go_on(run, CLOSING.to_owned(), Some(last)).await
    }

    /// A difference whose work is on its way again, or that a person left out elsewhere, is none any more.
    async fn close_where_nothing_is_left(&self, kept: &Kept, verdict: &Verdict) -> Result<()> {
        let why = match verdict {
            Verdict::Waiting => "it is on its way or in hand already",
            Verdict::LeftOut => "a person decided about it in its process",
            Verdict::Equal => "the sides agree",
            Verdict::Differs(_) => return Ok(()),
        };
        let id = kept.difference.id;
        self.database
            .write(move |tx| {
                Box::pin(async move {
                    match store::difference(tx, id).await? {
                        Some(now) if now.difference.state != DifferenceState::Resolved => {
                            differences::resolve(tx, now, why, clock::now()).await
                        }
                        _ => Ok(()),
                    }
                })
            })
            .await
    }

    /// Figures, the verdict on the whole, the certificate.
    async fn conclude(&self, run: &Run) -> Result<()> {
        let (run, worker, wake) = (run.clone(), self.name.clone(), self.wake.clone());
        self.database
            .write(move |tx| {
                Box::pin(async move {
                    let now = clock::now();
                    let figures = store::figures(tx, run.id).await?;
                    let differs = store::outcomes(tx, run.id, "differs").await?;
                    let waits = store::outcomes(tx, run.id, "waiting").await?;
                    let state = match (differs, waits) {
                        (0, 0) => ReconciliationState::Certified,
                        (0, _) => ReconciliationState::WorkWaits,
                        _ => ReconciliationState::Differs,
                    };
                    let mut certificate = None;
                    if state == ReconciliationState::Certified {
                        certificate = Some(CanonicalId::generate());
                        let accepted =
                            store::of_run(tx, run.id, Some(DifferenceState::Accepted), "", i64::MAX).await?;
                        let skipped = store::outcomes(tx, run.id, "left_out").await?;
                        let mut sets = Vec::with_capacity(3);
                        for side in ["psa", "journal", "erp"] {
                            let (records, sha256) = store::set_hash(tx, run.id, side).await?;
                            sets.push(CertifiedSet { records, sha256 });
                        }
                        let mut sets = sets.into_iter();
                        let mut set = || {
                            sets.next().ok_or_else(|| {
                                Failure::fault("database_content", "a compared set is missing")
                            })
                        };
                        let stated = ReconciliationCertificate {
                            id: certificate.unwrap_or_else(CanonicalId::generate),
                            reconciliation_id: run.id,
                            scope: run.scope.clone(),
                            read_from: run.started_at,
                            taken_at: now,
                            software: concat!("fairlead ", env!("CARGO_PKG_VERSION")).to_owned(),
                            figures: figures.clone(),
                            psa: set()?,
                            journal: set()?,
                            erp: set()?,
                            not_compared: u64::try_from(run.not_compared).unwrap_or(0),
                            accepted,
                            skipped: u64::try_from(skipped).unwrap_or(0),
                        };
                        let sha256 = store::issue(tx, &stated, now.timestamp_millis()).await?;
                        let entry = Entry {
                            actor: "reconciliation".to_owned(),
                            action: "reconciliation.certified".to_owned(),
                            subject: subject(run.id),
                            detail: json!({"certificate": stated.id, "sha256": sha256, "scope": run.scope,
                                "psa": stated.psa, "journal": stated.journal, "erp": stated.erp,
                                "accepted": stated.accepted.len()}),
                            correlation_id: run.correlation_id.clone(),
                        };
                        audit::append(tx, &[entry], now.timestamp_millis()).await?;
                    }
                    store::end(
                        tx,
                        &run,
                        &worker,
                        state,
                        &figures,
                        certificate,
                        now.timestamp_millis(),
                    )
                    .await?;
                    if let Some(exception) = run.gap_exception {
                        let resolution = Resolution {
                            action: ResolutionAction::Retry,
                            reason: Some("the days in question were compared as a whole".to_owned()),
                            answer: None,
                        };
                        let state = ExceptionState::Resolved;
                        differences::close(tx, exception, state, resolution, "reconciliation", now).await?;
                    }
                    // All may have been resolved since they were found.
                    differences::compare_again_when_last(tx, run.id, &wake, now).await?;
                    store::sweep(tx).await
                })
            })
            .await
    }

    /// Looks at differences again that a person wants to be looked at.
    async fn look_again(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let looked = tokio::select! {
                looked = self.second_looks() => looked,
                () = stop.cancelled() => break,
            };
            if let Err(failure) = looked {
                tracing::warn!(code = %failure.code, %failure, "a difference could not be looked at again");
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause()) => {}
                () = self.wake.differences.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn second_looks(&self) -> Result<()> {
        let mut after = String::new();
        loop {
            let from = after.clone();
            let waiting = self
                .database
                .read(move |tx| Box::pin(async move { store::retrying(tx, &from, 100).await }))
                .await?;
            let Some(last) = waiting.last() else { return Ok(()) };
            after = last.difference.id.to_string();
            for kept in waiting {
                self.second_look(kept).await?;
            }
        }
    }

    async fn second_look(&self, kept: Kept) -> Result<()> {
        let fresh = self.sides.look_again(&stub(&kept)).await?;
        let mut verdict = fresh.judge();
        // Whether it repeats another was seen beside all others; what is the same as then is so still.
        if let Verdict::Differs(found) = &mut verdict
            && kept.difference.cause == canonical_model::DifferenceCause::PostedTwice
            && found.erp == kept.difference.erp
        {
            found.cause = kept.difference.cause;
        }
        let (sla_hours, wake) = (self.sides.settings.sla_hours, self.wake.clone());
        let place = place_of(&kept);
        self.database
            .write(move |tx| {
                Box::pin(async move {
                    let now = clock::now();
                    let run = kept.last_run;
                    match &verdict {
                        Verdict::Differs(found) => {
                            let sighting = Sighting {
                                run,
                                kind: kept.difference.kind,
                                record: &kept.difference.record,
                                place: &place,
                                now,
                                sla_hours,
                                correlation_id: &kept.item,
                            };
                            differences::note(tx, &sighting, found).await.map(drop)
                        }
                        _ => {
                            differences::resolve(tx, kept, "looked at again: no difference any more", now)
                                .await?;
                            differences::compare_again_when_last(tx, run, &wake, now).await
                        }
                    }
                })
            })
            .await
    }
}

fn lease() -> i64 {
    clock::now().timestamp_millis() + LEASE_MS
}

fn advanced(run: &mut Run, step: Step) {
    run.stage = step.stage;
    run.cursor = step.cursor;
    run.not_compared += step.not_compared;
    run.failures = 0;
}

fn days(scope: &ReconciliationScope) -> (chrono::NaiveDate, chrono::NaiveDate) {
    let from = scope.from.unwrap_or(chrono::NaiveDate::MIN);
    (from, scope.to.unwrap_or(from))
}

fn place_of(kept: &Kept) -> Place {
    Place {
        project_code: kept.difference.project_code.clone(),
        legal_entity: kept.difference.legal_entity.clone(),
        region: kept.difference.region.clone(),
        period: String::new(),
    }
}

/// As much of an item as a second look needs: what names it.
fn stub(kept: &Kept) -> Item {
    let difference = &kept.difference;
    let held = |record: &str| Held {
        record: record.to_owned(),
        project: String::new(),
        person: String::new(),
        date: difference.date,
        minutes: canonical_model::Minutes::default(),
        value: None,
        effect_key: None,
    };
    let in_psa = difference.record.starts_with("psa/");
    let erp = difference.erp.as_ref().map(|erp| held(&erp.record));
    Item {
        psa: in_psa.then(|| held(&difference.record)),
        erp: erp.into_iter().collect(),
        ..Item::empty(difference.kind)
    }
}

/// The records of an item that are within the scope, each with its place; and where the item belongs.
fn placed(run: &Run, frame: &Frame, item: &Item) -> (Vec<Compared>, Place) {
    let (from, to) = days(&run.scope);
    let mut records = Vec::new();
    let mut first = None;
    let mut add = |connection: &str, project: &str, date: chrono::NaiveDate, side: Side| {
        let Some(place) = frame.place(connection, project, date) else {
            return;
        };
        first.get_or_insert_with(|| place.clone());
        if from <= date && date <= to && covers(&run.scope, &place) {
            records.push(Compared {
                kind: item.kind,
                side,
                place,
            });
        }
    };
    let connection = |record: &str| record.rsplit_once('/').map_or("", |(c, _)| c).to_owned();
    if let Some(held) = &item.psa {
        add(
            &connection(&held.record),
            &held.project,
            held.date,
            Side::Psa(held.clone()),
        );
    }
    for line in &item.lines {
        let side = Side::Journal(Box::new(line.clone()));
        add(&connection(&line.source), &line.source_project, line.date, side);
    }
    for held in &item.erp {
        add(
            &connection(&held.record),
            &held.project,
            held.date,
            Side::Erp(held.clone()),
        );
    }
    let nowhere = Place {
        project_code: String::new(),
        legal_entity: String::new(),
        region: String::new(),
        period: String::new(),
    };
    (records, first.unwrap_or(nowhere))
}
