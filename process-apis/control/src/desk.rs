//! The exception desk over all processes: what waits for a person, grouped by cause.
//!
//! The process API that an exception belongs to is the only truth about it. The desk is a copy made of that API's events,
//! so that one list shows everything; a decision is sent to the owner and comes back as an event.

use std::collections::BTreeMap;

use canonical_model::{
    CanonicalId, Currency, ExceptionCause, ExceptionGroup, ExceptionRecord, ExceptionState, Failure, Money,
    Result,
};
use persistence::{Migration, Row, Tx, args};
use rust_decimal::Decimal;

/// Tables of this module.
pub const MIGRATION: Migration = Migration {
    name: "control_desk_1",
    sql: "CREATE TABLE desk_exceptions (
            id TEXT PRIMARY KEY,
            process_api TEXT NOT NULL,
            record TEXT NOT NULL,
            code TEXT NOT NULL,
            subject TEXT NOT NULL,
            open BIGINT NOT NULL,
            state TEXT NOT NULL,
            owner_role TEXT NOT NULL,
            legal_entity TEXT NOT NULL,
            region TEXT NOT NULL,
            money_minor BIGINT,
            currency TEXT,
            opened_ms BIGINT NOT NULL,
            due_ms BIGINT NOT NULL);
          CREATE INDEX desk_exceptions_cause ON desk_exceptions (open, code, subject);
          CREATE INDEX desk_exceptions_due ON desk_exceptions (open, due_ms, id);",
};

/// Which exceptions are wanted. Empty text means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// State, as the contract words it.
    pub state: String,
    /// Code of the cause.
    pub code: String,
    /// Subject of the cause.
    pub subject: Option<String>,
    /// Who can resolve it.
    pub owner_role: String,
    /// Legal entity.
    pub legal_entity: String,
    /// Region.
    pub region: String,
}

/// Takes over an exception as its process API tells it.
///
/// # Errors
/// The database fails, or the record cannot be written.
pub async fn take(tx: &mut Tx, process_api: &str, record: &ExceptionRecord) -> Result<()> {
    let text = serde_json::to_string(record).map_err(|e| {
        Failure::fault("unwritable_record", "an exception cannot be written").with_detail(e.to_string())
    })?;
    let open = !matches!(record.state, ExceptionState::Resolved | ExceptionState::Skipped);
    let (minor, currency) = match record
        .money_at_risk
        .and_then(|m| minor_units(m).map(|n| (n, m.currency)))
    {
        Some((minor, currency)) => (Some(minor), Some(currency.code().to_owned())),
        None => (None, None),
    };
    tx.execute(
        "INSERT INTO desk_exceptions (id, process_api, record, code, subject, open, state, owner_role, legal_entity,
            region, money_minor, currency, opened_ms, due_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET record = excluded.record, open = excluded.open, state = excluded.state,
            owner_role = excluded.owner_role, due_ms = excluded.due_ms",
        args![
            record.id,
            process_api,
            text,
            record.cause.code.as_str(),
            record.cause.subject.as_str(),
            i64::from(open),
            word(record.state),
            record.owner_role.as_str(),
            record.legal_entity.clone().unwrap_or_default(),
            record.region.clone().unwrap_or_default(),
            minor,
            currency,
            record.opened_at.timestamp_millis(),
            record.due_at.timestamp_millis()
        ],
    )
    .await
    .map(drop)
}

/// One exception, and the process API that it belongs to.
///
/// # Errors
/// Business `not_found`.
pub async fn read(tx: &mut Tx, id: CanonicalId) -> Result<(String, ExceptionRecord)> {
    let row = tx
        .one(
            "SELECT process_api, record FROM desk_exceptions WHERE id = $1",
            args![id],
        )
        .await?
        .ok_or_else(|| Failure::business("not_found", format!("there is no exception {id}")))?;
    Ok((row.text("process_api")?, row.json("record")?))
}

/// Exceptions, the most urgent first, from a place on.
///
/// # Errors
/// The database fails.
pub async fn list(tx: &mut Tx, filter: &Filter, offset: i64, limit: i64) -> Result<Vec<ExceptionRecord>> {
    let any_subject = i64::from(filter.subject.is_none());
    tx.all(
        "SELECT record FROM desk_exceptions
         WHERE ($1 = '' OR state = $1) AND ($2 = '' OR code = $2)
           AND ($3 = 1 OR subject = $4) AND ($5 = '' OR owner_role = $5)
           AND ($6 = '' OR legal_entity = $6) AND ($7 = '' OR region = $7)
         ORDER BY open DESC, due_ms, id LIMIT $8 OFFSET $9",
        args![
            filter.state.as_str(),
            filter.code.as_str(),
            any_subject,
            filter.subject.clone().unwrap_or_default(),
            filter.owner_role.as_str(),
            filter.legal_entity.as_str(),
            filter.region.as_str(),
            limit,
            offset
        ],
    )
    .await?
    .iter()
    .map(|row| row.json("record"))
    .collect()
}

/// Groups of open exceptions by cause, the most urgent first.
///
/// # Errors
/// The database fails.
pub async fn groups(tx: &mut Tx) -> Result<Vec<ExceptionGroup>> {
    let rows = tx
        .all(
            "SELECT code, subject, currency, COUNT(*) AS open_count, MIN(opened_ms) AS oldest_ms, MIN(due_ms) AS due_ms,
                CAST(COALESCE(SUM(money_minor), 0) AS BIGINT) AS money_minor, MIN(owner_role) AS owner_role,
                MIN(id) AS sample
             FROM desk_exceptions WHERE open = 1 GROUP BY code, subject, currency ORDER BY code, subject, currency",
            Vec::new(),
        )
        .await?;
    let mut groups: BTreeMap<(String, String), (ExceptionGroup, CanonicalId)> = BTreeMap::new();
    for row in &rows {
        add(&mut groups, row)?;
    }
    let mut found = Vec::with_capacity(groups.len());
    for (mut group, sample) in groups.into_values() {
        group.message = read(tx, sample).await?.1.failure.message;
        found.push(group);
    }
    found.sort_by_key(|group| group.due_at);
    Ok(found)
}

/// Process APIs that have open exceptions of a cause.
///
/// # Errors
/// The database fails.
pub async fn owners(tx: &mut Tx, cause: &ExceptionCause) -> Result<Vec<String>> {
    tx.all(
        "SELECT DISTINCT process_api FROM desk_exceptions WHERE open = 1 AND code = $1 AND subject = $2
         ORDER BY process_api",
        args![cause.code.as_str(), cause.subject.as_str()],
    )
    .await?
    .iter()
    .map(|row| row.text("process_api"))
    .collect()
}

/// Causes of open exceptions that are about a subject, such as `role:psa/main:117`.
///
/// # Errors
/// The database fails.
pub async fn causes_about(tx: &mut Tx, subject: &str) -> Result<Vec<ExceptionCause>> {
    tx.all(
        "SELECT DISTINCT code FROM desk_exceptions WHERE open = 1 AND subject = $1 ORDER BY code",
        args![subject],
    )
    .await?
    .iter()
    .map(|row| {
        Ok(ExceptionCause {
            code: row.text("code")?,
            subject: subject.to_owned(),
        })
    })
    .collect()
}

fn add(groups: &mut BTreeMap<(String, String), (ExceptionGroup, CanonicalId)>, row: &Row) -> Result<()> {
    let cause = ExceptionCause {
        code: row.text("code")?,
        subject: row.text("subject")?,
    };
    let (oldest_at, due_at) = (row.time("oldest_ms")?, row.time("due_ms")?);
    let count = u64::try_from(row.int("open_count")?).unwrap_or(0);
    let key = (cause.code.clone(), cause.subject.clone());
    let empty = ExceptionGroup {
        cause,
        message: String::new(),
        owner_role: row.text("owner_role")?,
        open: 0,
        money_at_risk: Vec::new(),
        oldest_at,
        due_at,
    };
    let sample = row.id("sample")?;
    let (group, _) = groups.entry(key).or_insert((empty, sample));
    group.open += count;
    group.oldest_at = group.oldest_at.min(oldest_at);
    group.due_at = group.due_at.min(due_at);
    if let Some(currency) = row.opt_text("currency")? {
        let currency: Currency = currency.parse()?;
        group
            .money_at_risk
            .push(Money::from_minor(row.int("money_minor")?, currency));
    }
    Ok(())
}

/// The amount in whole minor units, half a unit rounded up, so that a database can add amounts exactly. None where it
/// does not fit.
fn minor_units(money: Money) -> Option<i64> {
    use rust_decimal::prelude::ToPrimitive;
    let scale = Decimal::from(10_i64.checked_pow(money.currency.minor_units())?);
    money
        .rounded(canonical_model::Rounding::HalfUp)
        .amount
        .checked_mul(scale)?
        .to_i64()
}

/// The contract's word for a state.
#[must_use]
pub fn word(state: ExceptionState) -> &'static str {
    match state {
        ExceptionState::Open => "open",
        ExceptionState::Assigned => "assigned",
        ExceptionState::Retrying => "retrying",
        ExceptionState::Resolved => "resolved",
        ExceptionState::Skipped => "skipped",
    }
}
