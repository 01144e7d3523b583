//! What a comparison keeps: itself, the records that it compares while it is under way, differences, certificates.

use canonical_model::{
    CanonicalId, Currency, Failure, Money, Reconciliation, ReconciliationFigure, ReconciliationScope,
    ReconciliationState, ReconciliationTrigger, Result,
};
use chrono::{DateTime, Utc};
use persistence::{Migration, Row, Tx, args};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::compare::word;

mod certificates;
mod differences;
mod records;

pub(crate) use certificates::{certificate, issue};
pub(crate) use differences::{
    Kept, difference, item_key, keep, not_found_again, of_cause, of_gap, of_item, of_run, retrying, waiting,
};
pub(crate) use records::{
    CANDIDATE, Compared, Side, alike, candidates, figures, items, note_outcome, outcomes, put, replace,
    set_hash, tie,
};

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
mod tests;
