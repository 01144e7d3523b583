//! Billing runs: one row for each invoice that is to be made, and the claims that keep two runs from charging the same.

use canonical_model::{CanonicalId, Failure, Money, Result};
use chrono::{DateTime, NaiveDate, Utc};
use persistence::{Row, Tx, args};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::line::PostingLine;

use super::{execute_over_ids, line_of, minor, money, read_word};

/// What brought a billing run about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A person or a program asked for it.
    Request,
    /// A period ended.
    PeriodEnd,
    /// A milestone was reached.
    Milestone,
    /// A charge of the contract is due.
    AgreedCharge,
}

/// Where a billing run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// On its way; where it waits for a person, the desk says why.
    Running,
    /// There is an invoice.
    Invoiced,
    /// There was nothing to charge.
    NothingToBill,
    /// A person decided against an invoice, or it was taken back.
    Dropped,
}

/// A billing run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillingRun {
    /// Its id.
    pub id: CanonicalId,
    /// The project; absent while a milestone's project is being found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<CanonicalId>,
    /// What brought it about.
    pub basis: Basis,
    /// The milestone or agreed charge, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "psa/main/77")]
    pub event: Option<String>,
    /// Last day of work that it charges for, or the day on which the charge fell due.
    pub through: NaiveDate,
    /// Date of the invoice.
    pub date: NaiveDate,
    /// Where it stands.
    pub state: RunState,
    /// Net amount, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Money>,
    /// Posting lines that it charges for.
    pub lines: u64,
    /// Connection and id of the invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "erp/main/107")]
    pub invoice: Option<String>,
    /// The ERP's number of the invoice, as far as it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<String>,
    /// Who asked for it; `fairlead` where nobody did.
    pub requested_by: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Request => "request",
        Basis::PeriodEnd => "period_end",
        Basis::Milestone => "milestone",
        Basis::AgreedCharge => "agreed_charge",
    }
}

fn state_word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Invoiced => "invoiced",
        RunState::NothingToBill => "nothing_to_bill",
        RunState::Dropped => "dropped",
    }
}

const INSERT: &str =
    "INSERT INTO billing_runs (id, project_id, basis, event, through, date, state, net_minor, currency,
        lines, requested_by, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', $8, $9, $10)
    ON CONFLICT DO NOTHING";

/// Records a run; false where the period of that project is billed already.
///
/// # Errors
/// Failures of the database.
pub async fn begin(tx: &mut Tx, run: &BillingRun) -> Result<bool> {
    let lines = i64::try_from(run.lines).unwrap_or(i64::MAX);
    let values = args![
        run.id,
        run.project_id,
        basis_word(run.basis),
        run.event.clone(),
        run.through,
        run.date,
        state_word(run.state),
        lines,
        &run.requested_by,
        run.created_at
    ];
    Ok(tx.execute(INSERT, values).await? == 1)
}

const CLAIM_EVENT: &str = "INSERT INTO billed_events (event, run_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Claims a milestone or an agreed charge for a run; false where another run has it, which holds for good.
///
/// # Errors
/// Failures of the database.
pub async fn claim_event(tx: &mut Tx, event: &str, run: CanonicalId) -> Result<bool> {
    if tx.execute(CLAIM_EVENT, args![event, run]).await? == 1 {
        return Ok(true);
    }
    let held = tx
        .one("SELECT run_id FROM billed_events WHERE event = $1", args![event])
        .await?;
    Ok(held.map(|row| row.id("run_id")).transpose()? == Some(run))
}

const CLAIM_LINES: &str = "UPDATE posting_lines SET invoice_run = $1
    WHERE state = 'posted' AND invoice_run IS NULL AND charge_currency <> '' AND charge_minor <> 0
        AND (news IS NULL OR news_told = 2) AND project_id = $2 AND day <= $3";

/// Claims what is posted, charged and on no invoice for a run; how many lines. Lines of which the PSA says something
/// else by now wait until a person has decided.
///
/// # Errors
/// Failures of the database.
pub async fn claim_lines(
    tx: &mut Tx,
    run: CanonicalId,
    project: CanonicalId,
    through: NaiveDate,
) -> Result<u64> {
    tx.execute(CLAIM_LINES, args![run, project, through]).await
}

const WITH_BILLABLE: &str = "SELECT project_id FROM posting_lines
    WHERE state = 'posted' AND invoice_run IS NULL AND charge_currency <> '' AND project_id IS NOT NULL AND day <= $1
    GROUP BY project_id ORDER BY project_id";

/// Projects with posted lines that are charged and on no invoice.
///
/// # Errors
/// Failures of the database.
pub async fn projects_to_bill(tx: &mut Tx, through: NaiveDate) -> Result<Vec<CanonicalId>> {
    let rows = tx.all(WITH_BILLABLE, args![through]).await?;
    rows.iter().map(|row| row.id("project_id")).collect()
}

const OF_PERIOD: &str = "SELECT l.project_id AS project_id FROM posting_lines l
    WHERE l.state = 'posted' AND l.invoice_run IS NULL AND l.charge_currency <> '' AND l.project_id IS NOT NULL
        AND l.day <= $1 AND NOT EXISTS (SELECT 1 FROM billing_runs r
            WHERE r.project_id = l.project_id AND r.through = $1 AND r.basis = 'period_end')
    GROUP BY l.project_id ORDER BY l.project_id";

/// Projects with posted lines that are charged, on no invoice, and of a period that is not billed yet. What is posted
/// late is charged with the next period.
///
/// # Errors
/// Failures of the database.
pub async fn projects_of_period(tx: &mut Tx, through: NaiveDate) -> Result<Vec<CanonicalId>> {
    let rows = tx.all(OF_PERIOD, args![through]).await?;
    rows.iter().map(|row| row.id("project_id")).collect()
}

const OF_RUN: &str =
    "SELECT id, connection, kind, source_id, generation, billed_as AS work, NULL AS edits, digest, state,
    legal_entity, erp_id, erp_project_id, invoice_id, failure
    FROM posting_lines WHERE invoice_run = $1 ORDER BY day, id";

/// The lines of a run as they are charged: in the terms of the ERP.
///
/// # Errors
/// Failures of the database.
pub async fn run_lines(tx: &mut Tx, run: CanonicalId) -> Result<Vec<PostingLine>> {
    let rows = tx.all(OF_RUN, args![run]).await?;
    rows.iter().map(line_of).collect()
}

const LOCK_TURN: &str = "UPDATE billing_runs SET project_id = $2 WHERE id = $1";

const CHARGED: &str = "SELECT COALESCE(SUM(net_minor), 0) AS net FROM billing_runs
    WHERE project_id = $1 AND id <> $2 AND currency = $3 AND state IN ('running', 'invoiced')";

const CREDITED: &str = "SELECT COALESCE(SUM(charge_minor), 0) AS net FROM posting_lines
    WHERE project_id = $1 AND charge_currency = $2 AND credit_note IS NOT NULL";

/// Net of every other run of a project that has an invoice or is about to have one, less what was credited since.
///
/// # Errors
/// Failures of the database.
pub async fn charged_before(
    tx: &mut Tx,
    run: CanonicalId,
    project: CanonicalId,
    currency: canonical_model::Currency,
) -> Result<Money> {
    let row = tx.one(CHARGED, args![project, run, currency]).await?;
    let minor = row.map_or(Ok(0), |row| row.int("net"))?;
    let row = tx.one(CREDITED, args![project, currency]).await?;
    let credited = row.map_or(Ok(0), |row| row.int("net"))?;
    Ok(Money::from_minor(minor - credited, currency))
}

const RESERVE: &str = "UPDATE billing_runs SET net_minor = $2, currency = $3, lines = $4 WHERE id = $1";

/// Reserves a run's net under the cap of its project, so that two runs at once cannot pass it together. The same run
/// may do so again.
///
/// # Errors
/// Business `over_cap` where another run took what was left.
pub async fn reserve(
    tx: &mut Tx,
    run: CanonicalId,
    project: CanonicalId,
    net: Money,
    lines: u64,
    cap: Option<Money>,
) -> Result<()> {
    tx.lock(&format!("charges of {project}")).await?;
    tx.execute(LOCK_TURN, args![run, project]).await?;
    let before = charged_before(tx, run, project, net.currency).await?;
    if let Some(cap) = cap {
        let after = before.checked_add(net)?;
        if after.checked_sub(cap)?.amount > rust_decimal::Decimal::ZERO {
            let message = format!("{net} would bring the project to {after}, over its cap of {cap}");
            return Err(Failure::business("over_cap", message));
        }
    }
    let (minor, currency) = minor(Some(net))?;
    let lines = i64::try_from(lines).unwrap_or(i64::MAX);
    tx.execute(RESERVE, args![run, minor, currency, lines])
        .await
        .map(|_| ())
}

const INVOICE_LINES: &str =
    "UPDATE posting_lines SET invoice_id = $2, changed_at = $3 WHERE invoice_run = $1";

const INVOICED: &str =
    "UPDATE billing_runs SET state = 'invoiced', invoice = $2, invoice_number = $3, finished_at = $4
    WHERE id = $1";

/// Records that a run has an invoice, with its lines.
///
/// # Errors
/// Failures of the database.
pub async fn invoiced(
    tx: &mut Tx,
    run: CanonicalId,
    invoice: &str,
    number: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.execute(INVOICE_LINES, args![run, invoice, now]).await?;
    tx.execute(INVOICED, args![run, invoice, number.map(str::to_owned), now])
        .await
        .map(|_| ())
}

const RELEASE_LINES: &str =
    "UPDATE posting_lines SET invoice_run = NULL WHERE invoice_run = $1 AND invoice_id IS NULL";

/// Gives the lines of a run that has no invoice free for another.
///
/// # Errors
/// Failures of the database.
pub async fn release_lines(tx: &mut Tx, run: CanonicalId) -> Result<()> {
    tx.execute(RELEASE_LINES, args![run]).await.map(|_| ())
}

const END: &str = "UPDATE billing_runs SET state = $2, net_minor = 0, finished_at = $3
    WHERE id = $1 AND state = 'running'";

/// Ends a run without an invoice: its lines can be charged by another. Its milestone or charge stays claimed, because
/// a person decided about it.
///
/// # Errors
/// Failures of the database.
pub async fn end_without_invoice(
    tx: &mut Tx,
    run: CanonicalId,
    state: RunState,
    now: DateTime<Utc>,
) -> Result<()> {
    release_lines(tx, run).await?;
    tx.execute(END, args![run, state_word(state), now])
        .await
        .map(|_| ())
}

const LEAVE_OUT: &str =
    "UPDATE posting_lines SET invoice_run = NULL WHERE invoice_run = $1 AND id IN ({rows})";

/// Leaves lines out of a run: another run may charge them.
///
/// # Errors
/// Failures of the database.
pub async fn leave_out(tx: &mut Tx, run: CanonicalId, lines: &[CanonicalId]) -> Result<u64> {
    execute_over_ids(tx, LEAVE_OUT, args![run], lines).await
}

const LEAVE_OUT_CHANGED: &str = "UPDATE posting_lines SET invoice_run = NULL
    WHERE invoice_run = $1 AND invoice_id IS NULL AND news IS NOT NULL AND news_told <> 2";

/// Leaves lines out of a run that has no invoice yet and of which the PSA says something else by now.
///
/// # Errors
/// Failures of the database.
pub async fn leave_out_changed(tx: &mut Tx, run: CanonicalId) -> Result<u64> {
    tx.execute(LEAVE_OUT_CHANGED, args![run]).await
}

const LIST: &str =
    "SELECT id, project_id, basis, event, through, date, state, net_minor, currency, lines, invoice,
        invoice_number, requested_by, created_at, finished_at
    FROM billing_runs
    WHERE id < $1 AND ($2 = '' OR project_id = $2) AND ($3 = '' OR state = $3)
    ORDER BY id DESC LIMIT $4";

/// Runs, the newest first, from behind an id on.
///
/// # Errors
/// Failures of the database.
pub async fn list(
    tx: &mut Tx,
    before: Option<CanonicalId>,
    project: Option<CanonicalId>,
    state: Option<RunState>,
    limit: u32,
) -> Result<Vec<BillingRun>> {
    // Ids are hexadecimal: none comes behind a "g", in any order of letters.
    let before = before.map_or_else(|| "g".to_owned(), |id| id.to_string());
    let project = project.map_or_else(String::new, |id| id.to_string());
    let state = state.map_or("", state_word);
    let rows = tx.all(LIST, args![before, project, state, limit]).await?;
    rows.iter().map(run_of).collect()
}

const READ: &str =
    "SELECT id, project_id, basis, event, through, date, state, net_minor, currency, lines, invoice,
        invoice_number, requested_by, created_at, finished_at
    FROM billing_runs WHERE id = $1";

/// One run.
///
/// # Errors
/// Failures of the database.
pub async fn read(tx: &mut Tx, id: CanonicalId) -> Result<Option<BillingRun>> {
    let row = tx.one(READ, args![id]).await?;
    row.as_ref().map(run_of).transpose()
}

fn run_of(row: &Row) -> Result<BillingRun> {
    let lines = row.int("lines")?;
    Ok(BillingRun {
        id: row.id("id")?,
        project_id: row.opt_id("project_id")?,
        basis: read_word(&row.text("basis")?)?,
        event: row.opt_text("event")?,
        through: row.date("through")?,
        date: row.date("date")?,
        state: read_word(&row.text("state")?)?,
        net: money(row.int("net_minor")?, &row.text("currency")?)?,
        lines: u64::try_from(lines).unwrap_or(0),
        invoice: row.opt_text("invoice")?,
        invoice_number: row.opt_text("invoice_number")?,
        requested_by: row.text("requested_by")?,
        created_at: row.time("created_at")?,
        finished_at: row.opt_time("finished_at")?,
    })
}

/// Runs that have not ended.
///
/// # Errors
/// Failures of the database.
pub async fn running(tx: &mut Tx) -> Result<Vec<CanonicalId>> {
    let rows = tx
        .all(
            "SELECT id FROM billing_runs WHERE state = 'running' ORDER BY id",
            args![],
        )
        .await?;
    rows.iter().map(|row| row.id("id")).collect()
}
