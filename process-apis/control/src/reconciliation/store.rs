//! What a comparison keeps: itself, the records that it compares while it is under way, differences, certificates.

use canonical_model::{
    CanonicalId, Currency, Difference, DifferenceState, Failure, IssuedCertificate, Minutes, Money,
    ReconciledSum, Reconciliation, ReconciliationCertificate, ReconciliationFigure, ReconciliationScope,
    ReconciliationState, ReconciliationTrigger, Result, SourceKind,
};
use chrono::{DateTime, Utc};
use persistence::{Migration, Row, Tx, Value, args};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use super::compare::{Held, Item, digest, word};
use super::sides::Place;
use canonical_model::{JournalLine, PostingState};

/// Tables of this module. `reconciliation_records` holds the sides of comparisons that are under way, and is empty else.
pub const MIGRATION: Migration = Migration {
    name: "control_reconciliation_1",
    sql: "CREATE TABLE reconciliations (
            id TEXT PRIMARY KEY,
            state TEXT NOT NULL,
            begun_by TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            requested_ms BIGINT NOT NULL,
            correlation_id TEXT NOT NULL,
            scope TEXT NOT NULL,
            stage TEXT NOT NULL,
            cursor TEXT,
            records_read BIGINT NOT NULL,
            not_compared BIGINT NOT NULL,
            started_ms BIGINT,
            ended_ms BIGINT,
            failure TEXT,
            failures BIGINT NOT NULL,
            due_ms BIGINT NOT NULL,
            worker TEXT NOT NULL,
            figures TEXT,
            certificate_id TEXT,
            gap_exception TEXT);
          CREATE INDEX reconciliations_due ON reconciliations (due_ms, requested_ms) WHERE state IN ('queued', 'running');
          CREATE TABLE reconciliation_records (
            run_id TEXT NOT NULL,
            kind TEXT NOT NULL,
            side TEXT NOT NULL,
            record TEXT NOT NULL,
            item TEXT NOT NULL,
            posting TEXT,
            effect_key TEXT,
            project_code TEXT NOT NULL,
            legal_entity TEXT NOT NULL,
            region TEXT NOT NULL,
            period TEXT NOT NULL,
            minutes BIGINT NOT NULL,
            value_minor BIGINT NOT NULL,
            currency TEXT NOT NULL,
            counted BIGINT NOT NULL,
            digest TEXT NOT NULL,
            held TEXT NOT NULL,
            outcome TEXT NOT NULL,
            PRIMARY KEY (run_id, kind, side, record));
          CREATE INDEX reconciliation_records_alike ON reconciliation_records (project_code, minutes, run_id) WHERE side = 'erp';
          CREATE INDEX reconciliation_records_candidates ON reconciliation_records (run_id) WHERE outcome = 'candidate';
          CREATE INDEX reconciliation_records_item ON reconciliation_records (run_id, kind, item);
          CREATE INDEX reconciliation_records_posting ON reconciliation_records (posting, run_id) WHERE posting IS NOT NULL;
          CREATE INDEX reconciliation_records_key ON reconciliation_records (effect_key, run_id) WHERE effect_key IS NOT NULL;
          CREATE INDEX reconciliation_records_digest ON reconciliation_records (run_id, side, digest) WHERE counted = 1;
          CREATE TABLE reconciliation_differences (
            id TEXT PRIMARY KEY,
            item TEXT NOT NULL,
            cause TEXT NOT NULL,
            state TEXT NOT NULL,
            difference TEXT NOT NULL,
            day TEXT NOT NULL,
            first_run TEXT NOT NULL,
            last_run TEXT NOT NULL);
          CREATE UNIQUE INDEX reconciliation_differences_item ON reconciliation_differences (item) WHERE state <> 'resolved';
          CREATE INDEX reconciliation_differences_run ON reconciliation_differences (last_run, id);
          CREATE INDEX reconciliation_differences_state ON reconciliation_differences (state, id);
          CREATE TABLE reconciliation_certificates (
            id TEXT PRIMARY KEY,
            run_id TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            issued_ms BIGINT NOT NULL);",
};

/// A comparison that a worker has in hand.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: CanonicalId,
    pub(crate) scope: ReconciliationScope,
    pub(crate) stage: String,
    pub(crate) cursor: Option<String>,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) failures: i64,
    pub(crate) not_compared: i64,
    pub(crate) correlation_id: String,
    pub(crate) gap_exception: Option<CanonicalId>,
}

/// A comparison to begin.
pub(crate) struct NewRun {
    pub(crate) id: CanonicalId,
    pub(crate) trigger: ReconciliationTrigger,
    pub(crate) requested_by: String,
    pub(crate) scope: ReconciliationScope,
    pub(crate) correlation_id: String,
    pub(crate) gap_exception: Option<CanonicalId>,
}

/// Puts a comparison in the queue.
pub(crate) async fn queue(tx: &mut Tx, run: &NewRun, now_ms: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO reconciliations (id, state, begun_by, requested_by, requested_ms, correlation_id, scope, stage,
            records_read, not_compared, failures, due_ms, worker, gap_exception)
         VALUES ($1, 'queued', $2, $3, $4, $5, $6, '', 0, 0, 0, $4, '', $7)",
        args![
            run.id,
            word(&run.trigger),
            run.requested_by.as_str(),
            now_ms,
            run.correlation_id.as_str(),
            json(&run.scope)?,
            run.gap_exception
        ],
    )
    .await
    .map(drop)
}

const COLUMNS: &str =
    "SELECT r.id, r.state, r.begun_by, r.requested_by, r.requested_ms, r.scope, r.stage, r.records_read,
        r.not_compared, r.ended_ms, r.failure, r.certificate_id, r.figures,
        (SELECT COUNT(*) FROM reconciliation_differences d WHERE d.last_run = r.id
            AND d.state IN ('open', 'retrying')) AS differences_open,
        (SELECT COUNT(*) FROM reconciliation_differences d WHERE d.last_run = r.id
            AND d.state = 'accepted') AS differences_accepted
    FROM reconciliations r WHERE r.id = $1";

/// One comparison with its figures.
///
/// # Errors
/// Business `not_found`.
pub(crate) async fn read(tx: &mut Tx, id: CanonicalId) -> Result<Reconciliation> {
    let row = tx.one(COLUMNS, args![id]).await?;
    let row =
        row.ok_or_else(|| Failure::business("not_found", format!("there is no reconciliation {id}")))?;
    view(&row, row.opt_json("figures")?.unwrap_or_default())
}

const LIST: &str = "SELECT r.id, r.state, r.begun_by, r.requested_by, r.requested_ms, r.scope, r.stage, r.records_read,
        r.not_compared, r.ended_ms, r.failure, r.certificate_id,
        (SELECT COUNT(*) FROM reconciliation_differences d WHERE d.last_run = r.id
            AND d.state IN ('open', 'retrying')) AS differences_open,
        (SELECT COUNT(*) FROM reconciliation_differences d WHERE d.last_run = r.id
            AND d.state = 'accepted') AS differences_accepted
    FROM reconciliations r WHERE ($1 = '' OR r.id < $1) AND ($2 = '' OR r.state = $2) ORDER BY r.id DESC LIMIT $3";

/// Comparisons, the newest first, from before an id on.
pub(crate) async fn list(
    tx: &mut Tx,
    before: Option<CanonicalId>,
    state: Option<ReconciliationState>,
    limit: i64,
) -> Result<Vec<Reconciliation>> {
    let before = before.map_or_else(String::new, |id| id.to_string());
    let state = state.map(|state| word(&state)).unwrap_or_default();
    let rows = tx.all(LIST, args![before, state, limit]).await?;
    rows.iter().map(|row| view(row, Vec::new())).collect()
}

fn view(row: &Row, figures: Vec<ReconciliationFigure>) -> Result<Reconciliation> {
    let count = |column: &str| Ok::<u64, Failure>(u64::try_from(row.int(column)?).unwrap_or(0));
    Ok(Reconciliation {
        id: row.id("id")?,
        state: unword(&row.text("state")?)?,
        trigger: unword(&row.text("begun_by")?)?,
        requested_by: row.text("requested_by")?,
        requested_at: row.time("requested_ms")?,
        scope: row.json("scope")?,
        stage: Some(row.text("stage")?).filter(|stage| !stage.is_empty()),
        records_read: count("records_read")?,
        not_compared: count("not_compared")?,
        differences_open: count("differences_open")?,
        differences_accepted: count("differences_accepted")?,
        ended_at: row.opt_time("ended_ms")?,
        failure: row.opt_json("failure")?,
        certificate_id: row.opt_id("certificate_id")?,
        figures,
    })
}

const CLAIMABLE: &str = "SELECT id, scope, stage, cursor, started_ms, failures, not_compared, correlation_id, gap_exception
    FROM reconciliations WHERE state IN ('queued', 'running') AND due_ms <= $1 ORDER BY due_ms, requested_ms LIMIT 1";

const CLAIM: &str = "UPDATE reconciliations SET state = 'running', worker = $2, due_ms = $3,
        started_ms = COALESCE(started_ms, $4) WHERE id = $1";

/// Takes the next comparison that nobody has in hand, for so long.
pub(crate) async fn claim(
    tx: &mut Tx,
    worker: &str,
    now: DateTime<Utc>,
    lease_ms: i64,
) -> Result<Option<Run>> {
    tx.lock("reconciliations").await?;
    let Some(row) = tx.one(CLAIMABLE, args![now]).await? else {
        return Ok(None);
    };
    let id = row.id("id")?;
    let until = now.timestamp_millis() + lease_ms;
    tx.execute(CLAIM, args![id, worker, until, now]).await?;
    Ok(Some(Run {
        id,
        scope: row.json("scope")?,
        stage: row.text("stage")?,
        cursor: row.opt_text("cursor")?,
        started_at: row.opt_time("started_ms")?.unwrap_or(now),
        failures: row.int("failures")?,
        not_compared: row.int("not_compared")?,
        correlation_id: row.text("correlation_id")?,
        gap_exception: row.opt_id("gap_exception")?,
    }))
}

/// What a step of a comparison did: where it goes on, and what it read.
pub(crate) struct Step {
    pub(crate) stage: String,
    pub(crate) cursor: Option<String>,
    pub(crate) read: i64,
    pub(crate) not_compared: i64,
}

const ADVANCE: &str = "UPDATE reconciliations SET stage = $3, cursor = $4, records_read = records_read + $5,
        not_compared = not_compared + $6, due_ms = $7, failure = NULL, failures = 0, scope = $8
    WHERE id = $1 AND worker = $2 AND state = 'running'";

/// Records a step, in the transaction of what it did. Only the worker that has the comparison in hand can.
///
/// # Errors
/// Transient `reconciliation_taken` where another worker has it by now.
pub(crate) async fn advance(
    tx: &mut Tx,
    run: &Run,
    worker: &str,
    step: &Step,
    lease_until_ms: i64,
) -> Result<()> {
    let values = args![
        run.id,
        worker,
        step.stage.as_str(),
        step.cursor.clone(),
        step.read,
        step.not_compared,
        lease_until_ms,
        json(&run.scope)?
    ];
    owned(tx.execute(ADVANCE, values).await?, run)
}

fn owned(changed: u64, run: &Run) -> Result<()> {
    if changed == 1 {
        return Ok(());
    }
    let message = format!("reconciliation {} is in the hands of another worker", run.id);
    Err(Failure::transient("reconciliation_taken", message))
}

const PAUSE: &str =
    "UPDATE reconciliations SET failure = $3, failures = failures + 1, due_ms = $4, worker = ''
    WHERE id = $1 AND worker = $2 AND state = 'running'";

/// It goes on later.
pub(crate) async fn pause(
    tx: &mut Tx,
    run: &Run,
    worker: &str,
    failure: &Failure,
    due_ms: i64,
) -> Result<()> {
    tx.execute(PAUSE, args![run.id, worker, json(failure)?, due_ms])
        .await
        .map(drop)
}

const FAIL: &str = "UPDATE reconciliations SET state = 'failed', failure = $3, ended_ms = $4
    WHERE id = $1 AND worker = $2 AND state = 'running'";

/// It does not go on.
pub(crate) async fn fail(tx: &mut Tx, run: &Run, worker: &str, failure: &Failure, now_ms: i64) -> Result<()> {
    let values = args![run.id, worker, json(failure)?, now_ms];
    owned(tx.execute(FAIL, values).await?, run)
}

const END: &str =
    "UPDATE reconciliations SET state = $3, figures = $4, certificate_id = $5, ended_ms = $6, stage = ''
    WHERE id = $1 AND worker = $2 AND state = 'running'";

/// It has come to its end.
pub(crate) async fn end(
    tx: &mut Tx,
    run: &Run,
    worker: &str,
    state: ReconciliationState,
    figures: &[ReconciliationFigure],
    certificate: Option<CanonicalId>,
    now_ms: i64,
) -> Result<()> {
    let values = args![run.id, worker, word(&state), json(&figures)?, certificate, now_ms];
    owned(tx.execute(END, values).await?, run)
}

/// Forgets the records of comparisons that have ended.
pub(crate) async fn sweep(tx: &mut Tx) -> Result<()> {
    tx.execute(
        "DELETE FROM reconciliation_records WHERE run_id IN (
            SELECT id FROM reconciliations WHERE state NOT IN ('queued', 'running'))",
        args![],
    )
    .await
    .map(drop)
}

// ---- the records of a comparison under way ----

/// A record on its way into the comparison.
pub(crate) struct Compared {
    pub(crate) kind: SourceKind,
    pub(crate) side: Side,
    pub(crate) place: Place,
}

/// A record of one side.
pub(crate) enum Side {
    /// Approved in the PSA.
    Psa(Held),
    /// In our journal.
    Journal(Box<JournalLine>),
    /// In the ERP.
    Erp(Held),
}

const PUT: &str =
    "INSERT INTO reconciliation_records (run_id, kind, side, record, item, posting, effect_key, project_code,
    legal_entity, region, period, minutes, value_minor, currency, counted, digest, held, outcome)";

const PUT_AGAIN: &str = "ON CONFLICT (run_id, kind, side, record) DO UPDATE SET item = excluded.item,
    posting = excluded.posting, effect_key = excluded.effect_key, project_code = excluded.project_code,
    legal_entity = excluded.legal_entity, region = excluded.region, period = excluded.period,
    minutes = excluded.minutes, value_minor = excluded.value_minor, currency = excluded.currency,
    counted = excluded.counted, digest = excluded.digest, held = excluded.held, outcome = excluded.outcome";

/// Takes records in; one that is there is replaced. `item` is what they are compared under where that is known already.
pub(crate) async fn put(
    tx: &mut Tx,
    run: CanonicalId,
    records: &[Compared],
    item: Option<&str>,
) -> Result<()> {
    let rows = records.iter().map(|record| row_of(run, record, item));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    tx.insert(PUT, rows, PUT_AGAIN).await.map(drop)
}

fn row_of(run: CanonicalId, compared: &Compared, item: Option<&str>) -> Result<Vec<Value>> {
    let (side, record, own_item, posting, effect_key, minutes, value, counted, held) = match &compared.side {
        Side::Psa(held) => (
            "psa",
            held.record.clone(),
            held.record.clone(),
            None,
            None,
            held.minutes,
            held.value,
            true,
            json(held)?,
        ),
        Side::Journal(line) => (
            "journal",
            line.id.to_string(),
            line.source.clone(),
            line.posting.clone(),
            line.effect_key.as_ref().map(ToString::to_string),
            line.minutes,
            line.posted_value,
            line.state == PostingState::Posted,
            json(line)?,
        ),
        Side::Erp(held) => (
            "erp",
            held.record.clone(),
            held.record.clone(),
            None,
            held.effect_key.clone(),
            held.minutes,
            held.value,
            true,
            json(held)?,
        ),
    };
    let told = match &compared.side {
        Side::Psa(held) | Side::Erp(held) => digest(compared.kind, &record, held.date, minutes, value),
        Side::Journal(line) => digest(compared.kind, &line.source, line.date, minutes, value),
    };
    let (minor, currency) = minor(value)?;
    let place = &compared.place;
    Ok(args![
        run,
        word(&compared.kind),
        side,
        record,
        item.map_or(own_item, str::to_owned),
        posting,
        effect_key,
        place.project_code.as_str(),
        place.legal_entity.as_str(),
        place.region.as_str(),
        place.period.as_str(),
        minutes.count(),
        minor,
        currency,
        i64::from(counted),
        told,
        held,
        ""
    ])
}

/// Ties the records of the ERP to the sources that they were posted for: by their ids, then by their keys.
pub(crate) async fn tie(tx: &mut Tx, run: CanonicalId) -> Result<()> {
    tx.execute(
        "UPDATE reconciliation_records SET item = (SELECT MIN(j.item) FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.posting = reconciliation_records.record)
         WHERE run_id = $1 AND side = 'erp' AND EXISTS (SELECT 1 FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.posting = reconciliation_records.record)",
        args![run],
    )
    .await?;
    tx.execute(
        "UPDATE reconciliation_records SET item = (SELECT MIN(j.item) FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.effect_key = reconciliation_records.effect_key)
         WHERE run_id = $1 AND side = 'erp' AND item = record AND EXISTS (SELECT 1 FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.effect_key = reconciliation_records.effect_key)",
        args![run],
    )
    .await
    .map(drop)
}

const ITEMS: &str = "SELECT kind, item, side, held FROM reconciliation_records
    WHERE run_id = $1 AND (kind, item) > ($2, $3) ORDER BY kind, item LIMIT $4";

/// The next items behind one, each with its key; none at the end.
pub(crate) async fn items(
    tx: &mut Tx,
    run: CanonicalId,
    behind: (&str, &str),
    limit: i64,
) -> Result<Vec<(String, Item)>> {
    let rows = tx.all(ITEMS, args![run, behind.0, behind.1, limit]).await?;
    grouped(&rows, limit)
}

/// The outcome of an item that seems to differ.
pub(crate) const CANDIDATE: &str = "candidate";

const CANDIDATES: &str = "SELECT kind, item, side, held FROM reconciliation_records
    WHERE run_id = $1 AND outcome = 'candidate' ORDER BY kind, item LIMIT $2";

/// Items that seem to differ, each with its key; none when all were looked at again.
pub(crate) async fn candidates(tx: &mut Tx, run: CanonicalId, limit: i64) -> Result<Vec<(String, Item)>> {
    let rows = tx.all(CANDIDATES, args![run, limit]).await?;
    grouped(&rows, limit)
}

fn grouped(rows: &[Row], limit: i64) -> Result<Vec<(String, Item)>> {
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == limit);
    let mut items: Vec<(String, Item)> = Vec::new();
    for row in rows {
        let (kind, key): (SourceKind, String) = (unword(&row.text("kind")?)?, row.text("item")?);
        if items
            .last()
            .is_none_or(|(last, item)| *last != key || item.kind != kind)
        {
            items.push((key, Item::empty(kind)));
        }
        let Some((_, item)) = items.last_mut() else {
            continue;
        };
        match row.text("side")?.as_str() {
            "psa" => item.psa = Some(row.json("held")?),
            "journal" => item.lines.push(row.json("held")?),
            _ => item.erp.push(row.json("held")?),
        }
    }
    // The last item of a full page may go on behind it.
    if full && items.len() > 1 {
        items.pop();
    }
    for (_, item) in &mut items {
        item.lines.sort_by_key(|line| line.generation);
    }
    Ok(items)
}

/// Puts an item as it is now in the place of what was read of it.
pub(crate) async fn replace(
    tx: &mut Tx,
    run: CanonicalId,
    kind: SourceKind,
    keys: [&str; 2],
    records: &[Compared],
) -> Result<()> {
    for key in keys {
        tx.execute(
            "DELETE FROM reconciliation_records WHERE run_id = $1 AND kind = $2 AND item = $3",
            args![run, word(&kind), key],
        )
        .await?;
    }
    put(tx, run, records, Some(keys[1])).await
}

/// Notes what comparing an item came to.
pub(crate) async fn note_outcome(
    tx: &mut Tx,
    run: CanonicalId,
    kind: SourceKind,
    key: &str,
    outcome: &'static str,
) -> Result<()> {
    tx.execute(
        "UPDATE reconciliation_records SET outcome = $4 WHERE run_id = $1 AND kind = $2 AND item = $3",
        args![run, word(&kind), key, outcome],
    )
    .await
    .map(drop)
}

/// Records of the ERP that are on the same project and have the same time and value as one.
pub(crate) async fn alike(
    tx: &mut Tx,
    run: CanonicalId,
    kind: SourceKind,
    held: &Held,
    code: &str,
) -> Result<Vec<Held>> {
    let (minor, currency) = minor(held.value)?;
    let rows = tx
        .all(
            "SELECT held FROM reconciliation_records WHERE run_id = $1 AND kind = $2 AND side = 'erp'
                AND project_code = $3 AND minutes = $4 AND value_minor = $5 AND currency = $6 AND item <> record",
            args![run, word(&kind), code, held.minutes.count(), minor, currency],
        )
        .await?;
    rows.iter().map(|row| row.json("held")).collect()
}

/// How many items came to an outcome.
pub(crate) async fn outcomes(tx: &mut Tx, run: CanonicalId, outcome: &'static str) -> Result<i64> {
    let row = tx
        .one(
            "SELECT COUNT(*) AS items FROM (SELECT DISTINCT kind, item FROM reconciliation_records
             WHERE run_id = $1 AND outcome = $2) AS found",
            args![run, outcome],
        )
        .await?;
    row.map_or(Ok(0), |row| row.int("items"))
}

const SUMS: &str =
    "SELECT legal_entity, region, project_code, period, currency, side, outcome, COUNT(*) AS records,
        CAST(SUM(minutes) AS BIGINT) AS minutes, CAST(SUM(value_minor) AS BIGINT) AS value_minor
    FROM reconciliation_records WHERE run_id = $1 AND counted = 1
    GROUP BY legal_entity, region, project_code, period, currency, side, outcome
    ORDER BY legal_entity, region, project_code, period, currency";

/// What the sides come to.
pub(crate) async fn figures(tx: &mut Tx, run: CanonicalId) -> Result<Vec<ReconciliationFigure>> {
    let mut figures: BTreeMap<[String; 5], ReconciliationFigure> = BTreeMap::new();
    for row in tx.all(SUMS, args![run]).await? {
        let [legal_entity, region, project_code, period, currency] = [
            row.text("legal_entity")?,
            row.text("region")?,
            row.text("project_code")?,
            row.text("period")?,
            row.text("currency")?,
        ];
        let key = [&legal_entity, &region, &project_code, &period, &currency].map(Clone::clone);
        let figure = figures.entry(key).or_insert_with(|| ReconciliationFigure {
            legal_entity,
            region,
            project_code,
            period,
            approved: ReconciledSum::default(),
            waiting: ReconciledSum::default(),
            accepted: ReconciledSum::default(),
            journal: ReconciledSum::default(),
            posted: ReconciledSum::default(),
        });
        let told = ReconciledSum {
            records: u64::try_from(row.int("records")?).unwrap_or(0),
            minutes: Minutes::new(row.int("minutes")?),
            value: money(row.int("value_minor")?, &currency)?,
        };
        match (row.text("side")?.as_str(), row.text("outcome")?.as_str()) {
            ("psa", outcome) => {
                add(&mut figure.approved, told)?;
                match outcome {
                    "waiting" => add(&mut figure.waiting, told)?,
                    "left_out" | "accepted" => add(&mut figure.accepted, told)?,
                    _ => {}
                }
            }
            ("journal", _) => add(&mut figure.journal, told)?,
            _ => add(&mut figure.posted, told)?,
        }
    }
    Ok(figures.into_values().collect())
}

fn add(sum: &mut ReconciledSum, more: ReconciledSum) -> Result<()> {
    sum.records += more.records;
    sum.minutes = Minutes::new(sum.minutes.count().saturating_add(more.minutes.count()));
    sum.value = match (sum.value, more.value) {
        (Some(one), Some(other)) => Some(one.checked_add(other)?),
        (one, other) => one.or(other),
    };
    Ok(())
}

const DIGESTS: &str = "SELECT digest FROM reconciliation_records
    WHERE run_id = $1 AND side = $2 AND counted = 1 AND digest > $3 ORDER BY digest LIMIT $4";

/// How many records a set holds, and SHA-256 over their sorted digests, each followed by a line feed.
pub(crate) async fn set_hash(tx: &mut Tx, run: CanonicalId, side: &'static str) -> Result<(u64, String)> {
    const PAGE: usize = 5000;
    let (mut hash, mut count, mut last) = (Sha256::new(), 0_u64, String::new());
    loop {
        let rows = tx.all(DIGESTS, args![run, side, last.as_str(), 5000]).await?;
        for row in &rows {
            last = row.text("digest")?;
            hash.update(&last);
            hash.update("\n");
            count += 1;
        }
        if rows.len() < PAGE {
            return Ok((count, hex::encode(hash.finalize())));
        }
    }
}

// ---- differences ----

/// A difference as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) difference: Difference,
    pub(crate) item: String,
    pub(crate) last_run: CanonicalId,
}

fn kept(row: &Row) -> Result<Kept> {
    Ok(Kept {
        difference: row.json("difference")?,
        item: row.text("item")?,
        last_run: row.id("last_run")?,
    })
}

/// What a difference is known by: there is one of an item at a time.
pub(crate) fn item_key(kind: SourceKind, record: &str) -> String {
    format!("{} {record}", word(&kind))
}

/// The difference of an item that is not resolved.
pub(crate) async fn of_item(tx: &mut Tx, item: &str) -> Result<Option<Kept>> {
    let row = tx
        .one(
            "SELECT difference, item, last_run FROM reconciliation_differences WHERE item = $1 AND state <> 'resolved'",
            args![item],
        )
        .await?;
    row.map(|row| kept(&row)).transpose()
}

/// One difference.
pub(crate) async fn difference(tx: &mut Tx, id: CanonicalId) -> Result<Option<Kept>> {
    let row = tx
        .one(
            "SELECT difference, item, last_run FROM reconciliation_differences WHERE id = $1",
            args![id],
        )
        .await?;
    row.map(|row| kept(&row)).transpose()
}

/// Keeps a difference as it is now.
pub(crate) async fn keep(tx: &mut Tx, kept: &Kept) -> Result<()> {
    let difference = &kept.difference;
    tx.execute(
        "INSERT INTO reconciliation_differences (id, item, cause, state, difference, day, first_run, last_run)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, difference = excluded.difference, day = excluded.day,
            last_run = excluded.last_run",
        args![
            difference.id,
            kept.item.as_str(),
            word(&difference.cause),
            word(&difference.state),
            json(difference)?,
            difference.date,
            kept.last_run
        ],
    )
    .await
    .map(drop)
}

/// Differences that are to be compared again, from behind an id on.
pub(crate) async fn retrying(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<Kept>> {
    let rows = tx
        .all(
            "SELECT difference, item, last_run FROM reconciliation_differences
             WHERE state = 'retrying' AND id > $1 ORDER BY id LIMIT $2",
            args![after, limit],
        )
        .await?;
    rows.iter().map(kept).collect()
}

/// Differences of these days that a comparison did not find, open or accepted, from behind an id on.
pub(crate) async fn not_found_again(tx: &mut Tx, run: &Run, after: &str, limit: i64) -> Result<Vec<Kept>> {
    let (from, to) = (run.scope.from, run.scope.to);
    let rows = tx
        .all(
            "SELECT difference, item, last_run FROM reconciliation_differences
             WHERE state <> 'resolved' AND last_run <> $1 AND day >= $2 AND day <= $3 AND id > $4 ORDER BY id LIMIT $5",
            args![run.id, from, to, after, limit],
        )
        .await?;
    rows.iter().map(kept).collect()
}

/// Differences that a comparison found, in one state where given, from behind an id on.
pub(crate) async fn of_run(
    tx: &mut Tx,
    run: CanonicalId,
    state: Option<DifferenceState>,
    after: &str,
    limit: i64,
) -> Result<Vec<Difference>> {
    let state = state.map(|state| word(&state)).unwrap_or_default();
    let rows = tx
        .all(
            "SELECT difference FROM reconciliation_differences
             WHERE (first_run = $1 OR last_run = $1) AND ($2 = '' OR state = $2) AND id > $3 ORDER BY id LIMIT $4",
            args![run, state, after, limit],
        )
        .await?;
    rows.iter().map(|row| row.json("difference")).collect()
}

/// How many differences that a comparison found last wait for a person.
pub(crate) async fn waiting(tx: &mut Tx, run: CanonicalId) -> Result<i64> {
    let row = tx
        .one(
            "SELECT COUNT(*) AS waiting FROM reconciliation_differences
             WHERE last_run = $1 AND state IN ('open', 'retrying')",
            args![run],
        )
        .await?;
    row.map_or(Ok(0), |row| row.int("waiting"))
}

/// Differences on the desk of one cause that wait for a person.
pub(crate) async fn of_cause(tx: &mut Tx, code: &str, subject: &str) -> Result<Vec<CanonicalId>> {
    let rows = tx
        .all(
            "SELECT id FROM desk_exceptions WHERE process_api = $1 AND open = 1 AND code = $2 AND subject = $3 ORDER BY id",
            args![super::OURS, code, subject],
        )
        .await?;
    rows.iter().map(|row| row.id("id")).collect()
}

/// The comparison that answers a gap, and that an exception tells of.
pub(crate) async fn of_gap(tx: &mut Tx, exception: CanonicalId) -> Result<Option<Reconciliation>> {
    let row = tx
        .one(
            "SELECT id FROM reconciliations WHERE gap_exception = $1",
            args![exception],
        )
        .await?;
    match row {
        Some(row) => read(tx, row.id("id")?).await.map(Some),
        None => Ok(None),
    }
}

// ---- certificates ----

/// Keeps a certificate. It is written once and never changed.
pub(crate) async fn issue(
    tx: &mut Tx,
    certificate: &ReconciliationCertificate,
    now_ms: i64,
) -> Result<String> {
    let text = json(certificate)?;
    let sha256 = hex::encode(Sha256::digest(&text));
    tx.execute(
        "INSERT INTO reconciliation_certificates (id, run_id, text, sha256, issued_ms) VALUES ($1, $2, $3, $4, $5)",
        args![
            certificate.id,
            certificate.reconciliation_id,
            text,
            sha256.as_str(),
            now_ms
        ],
    )
    .await?;
    Ok(sha256)
}

/// The certificate of a comparison.
///
/// # Errors
/// Business `not_found`; Fault `certificate_changed` where it is not what was issued.
pub(crate) async fn certificate(tx: &mut Tx, run: CanonicalId) -> Result<IssuedCertificate> {
    let row = tx
        .one(
            "SELECT text, sha256 FROM reconciliation_certificates WHERE run_id = $1",
            args![run],
        )
        .await?
        .ok_or_else(|| {
            let message = format!("reconciliation {run} has no certificate");
            Failure::business("not_found", message)
        })?;
    let (text, sha256) = (row.text("text")?, row.text("sha256")?);
    if hex::encode(Sha256::digest(&text)) != sha256 {
        let message = format!("the certificate of reconciliation {run} is not as it was issued");
        return Err(Failure::fault("certificate_changed", message));
    }
    Ok(IssuedCertificate {
        certificate: row.json("text")?,
        text,
        sha256,
    })
}

// ---- columns ----

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Failure::fault("unwritable_record", "a reconciliation cannot be written")
            .with_detail(error.to_string())
    })
}

fn unword<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
        let message = format!("{text:?} is no word that this version knows");
        Failure::fault("database_content", message)
    })
}

/// Money as whole minor units and currency; none is no units of no currency.
fn minor(value: Option<Money>) -> Result<(i64, String)> {
    use rust_decimal::prelude::ToPrimitive;
    let Some(money) = value else {
        return Ok((0, String::new()));
    };
    let mut amount = money.rounded(canonical_model::Rounding::HalfUp).amount;
    amount.rescale(money.currency.minor_units());
    amount.set_scale(0).ok();
    let minor = amount
        .to_i64()
        .ok_or_else(|| Failure::fault("amount_overflow", format!("{money} is too large to be added up")))?;
    Ok((minor, money.currency.to_string()))
}

fn money(minor: i64, currency: &str) -> Result<Option<Money>> {
    if currency.is_empty() {
        return Ok(None);
    }
    Ok(Some(Money::from_minor(minor, currency.parse::<Currency>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit;
    use crate::desk;
    use crate::reconciliation::compare::{Found, Verdict};
    use crate::reconciliation::differences::{self, Sighting};
    use canonical_model::{DifferenceCause, EffectKey};
    use persistence::Database;
    use rust_decimal::dec;

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
    async fn a_difference_is_one_exception_however_often_it_is_found_and_stays_accepted_while_it_is_the_same()
    {
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
}
