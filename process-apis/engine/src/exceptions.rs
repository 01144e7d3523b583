//! Exceptions: opened, opened again, closed, each told as an event with the whole record.

use std::collections::HashMap;

use canonical_model::{CanonicalId, ExceptionCause, ExceptionRecord, ExceptionState, Failure, Result};
use chrono::{DateTime, TimeDelta, Utc};
use persistence::{Row, Tx, Value, args, outbox};

use crate::AtRisk;
use crate::core::Core;
use crate::outline::Outline;
use crate::pending::ItemException;
use crate::work::{Work, at_risk, at_risk_args, from_word, json, word};

/// What stopped, and for whom.
pub(crate) struct Opening {
    /// Empty for the instance itself.
    pub(crate) item_key: String,
    pub(crate) business_key: String,
    pub(crate) title: String,
    pub(crate) failure: Failure,
    pub(crate) subject: String,
    pub(crate) at_risk: AtRisk,
}

impl Opening {
    pub(crate) fn of_instance(work: &Work, failure: Failure, subject: String) -> Self {
        Self {
            item_key: String::new(),
            business_key: work.business_key.clone(),
            title: work.title.clone(),
            failure,
            subject,
            at_risk: work.at_risk.clone(),
        }
    }

    fn of_item(item: ItemException) -> Self {
        Self {
            business_key: item.item_key.clone(),
            item_key: item.item_key,
            title: item.title,
            failure: item.failure,
            subject: item.subject,
            at_risk: item.at_risk,
        }
    }
}

/// Opens exceptions of one instance, many with few statements.
pub(crate) async fn open(
    tx: &mut Tx,
    core: &Core,
    outline: Option<&Outline>,
    work: &Work,
    openings: Vec<Opening>,
) -> Result<Vec<CanonicalId>> {
    let now = canonical_model::clock::now();
    let (mut rows, mut ids) = (
        Vec::with_capacity(openings.len()),
        Vec::with_capacity(openings.len()),
    );
    for opening in openings {
        let item_key = opening.item_key.clone();
        let record = record_of(outline, work, opening, now);
        rows.push(insert_row(work, &item_key, &record)?);
        ids.push(record.id);
        tell(tx, core, "exception.opened", &record).await?;
    }
    let insert = "INSERT INTO engine_exceptions (id, instance_id, process, version, step, item_key, business_key, title,
        failure, cause_code, cause_subject, owner_role, state, opened_ms, sla_ms, correlation_id, work_tries,
        money_amount, money_currency, legal_entity, region)";
    tx.insert(insert, rows, "").await?;
    Ok(ids)
}

/// Opens exceptions of items; an item that has one keeps it, with what stopped it this time.
pub(crate) async fn raise(
    tx: &mut Tx,
    core: &Core,
    outline: Option<&Outline>,
    work: &Work,
    items: Vec<ItemException>,
) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let sql = "SELECT id, item_key FROM engine_exceptions WHERE instance_id = $1 AND closed_ms IS NULL";
    let open_ones = tx.all(sql, args![work.id]).await?;
    let mut open_ones: HashMap<String, CanonicalId> = open_ones
        .iter()
        .map(|row| Ok((row.text("item_key")?, row.id("id")?)))
        .collect::<Result<_>>()?;
    let mut new: Vec<Opening> = Vec::new();
    for item in items {
        match open_ones.remove(&item.item_key) {
            Some(id) => reopen(tx, core, outline, id, &item.failure, &item.subject).await?,
            // The last of two with one key stands.
            None => {
                new.retain(|opening| opening.item_key != item.item_key);
                new.push(Opening::of_item(item));
            }
        }
    }
    open(tx, core, outline, work, new).await.map(|_| ())
}

/// What stopped it now; whoever has it keeps it, and the clock goes on.
pub(crate) async fn reopen(
    tx: &mut Tx,
    core: &Core,
    outline: Option<&Outline>,
    id: CanonicalId,
    failure: &Failure,
    subject: &str,
) -> Result<()> {
    let sql = "UPDATE engine_exceptions SET failure = $2, cause_code = $3, cause_subject = $4,
            owner_role = COALESCE($5, owner_role), resolution = NULL, resolver = NULL, work_ms = NULL, work_token = NULL,
            state = CASE WHEN assignee IS NULL THEN 'open' ELSE 'assigned' END
        WHERE id = $1 AND closed_ms IS NULL RETURNING *";
    let role = outline.map(|outline| outline.owner(&failure.code).role);
    let row = tx
        .one(sql, args![id, json(failure)?, &failure.code, subject, role])
        .await?;
    match row {
        Some(row) => tell(tx, core, "exception.changed", &record(&row)?).await,
        None => Ok(()),
    }
}

/// Closes an exception, as resolved or skipped.
pub(crate) async fn close(tx: &mut Tx, core: &Core, id: CanonicalId, state: ExceptionState) -> Result<()> {
    let sql = "UPDATE engine_exceptions SET state = $2, closed_ms = $3, work_ms = NULL, work_token = NULL
        WHERE id = $1 AND closed_ms IS NULL RETURNING *";
    match tx
        .one(sql, args![id, word(&state)?, canonical_model::clock::now()])
        .await?
    {
        Some(row) => tell(tx, core, "exception.closed", &record(&row)?).await,
        None => Ok(()),
    }
}

/// Closes the exceptions of items that are carried out together, with one statement; how many they were.
pub(crate) async fn close_page(
    tx: &mut Tx,
    core: &Core,
    page: (&str, &str, i64, &str, &str),
    state: ExceptionState,
) -> Result<usize> {
    let sql = "UPDATE engine_exceptions SET state = $6, closed_ms = $7, work_ms = NULL, work_token = NULL
        WHERE work_token = $1 AND process = $2 AND version = $3 AND resolution = $4 AND resolver = $5
            AND item_key <> '' AND closed_ms IS NULL RETURNING *";
    let (token, process, version, resolution, resolver) = page;
    let mut values = args![token, process, version, resolution, resolver];
    values.extend(args![word(&state)?, canonical_model::clock::now()]);
    let rows = tx.all(sql, values).await?;
    for row in &rows {
        tell(tx, core, "exception.closed", &record(row)?).await?;
    }
    Ok(rows.len())
}

/// Tells what an exception is like now.
pub(crate) async fn tell(tx: &mut Tx, core: &Core, kind: &str, record: &ExceptionRecord) -> Result<()> {
    let data = serde_json::to_value(record).unwrap_or_default();
    let event = core.event(kind, &record.business_key, &record.correlation_id, data);
    outbox::append(tx, &event).await
}

/// An exception as its row has it.
pub(crate) fn record(row: &Row) -> Result<ExceptionRecord> {
    let at_risk = at_risk(row)?;
    Ok(ExceptionRecord {
        id: row.id("id")?,
        process: row.text("process")?,
        instance_id: row.id("instance_id")?,
        step: row.text("step")?,
        business_key: row.text("business_key")?,
        title: row.text("title")?,
        failure: row.json("failure")?,
        cause: ExceptionCause {
            code: row.text("cause_code")?,
            subject: row.text("cause_subject")?,
        },
        owner_role: row.text("owner_role")?,
        assignee: row.opt_text("assignee")?,
        money_at_risk: at_risk.money,
        legal_entity: at_risk.legal_entity,
        region: at_risk.region,
        state: from_word(row.text("state")?)?,
        opened_at: row.time("opened_ms")?,
        due_at: row.time("sla_ms")?,
        closed_at: row.opt_time("closed_ms")?,
        resolution: row.opt_json("resolution")?,
        correlation_id: row.text("correlation_id")?,
    })
}

fn record_of(
    outline: Option<&Outline>,
    work: &Work,
    opening: Opening,
    now: DateTime<Utc>,
) -> ExceptionRecord {
    let owner = outline.map(|outline| outline.owner(&opening.failure.code));
    let hours = owner.map_or(24, |owner| owner.sla_hours);
    ExceptionRecord {
        id: CanonicalId::generate(),
        process: work.process.clone(),
        instance_id: work.id,
        step: work.step_name.clone(),
        business_key: opening.business_key,
        title: opening.title,
        cause: ExceptionCause {
            code: opening.failure.code.clone(),
            subject: opening.subject,
        },
        failure: opening.failure,
        owner_role: owner
            .map_or("integration_operator", |owner| owner.role)
            .to_owned(),
        assignee: None,
        money_at_risk: opening.at_risk.money,
        legal_entity: opening.at_risk.legal_entity,
        region: opening.at_risk.region,
        state: ExceptionState::Open,
        opened_at: now,
        due_at: now + TimeDelta::hours(hours.into()),
        closed_at: None,
        resolution: None,
        correlation_id: work.correlation_id.clone(),
    }
}

fn insert_row(work: &Work, item_key: &str, record: &ExceptionRecord) -> Result<Vec<Value>> {
    let mut row = args![
        record.id,
        record.instance_id,
        &record.process,
        work.version,
        &record.step,
        item_key,
        &record.business_key,
        &record.title,
        json(&record.failure)?,
        &record.cause.code,
        &record.cause.subject,
        &record.owner_role,
        word(&record.state)?,
        record.opened_at,
        record.due_at,
        &record.correlation_id,
        0_i64,
    ];
    row.extend(at_risk_args(&AtRisk {
        money: record.money_at_risk,
        legal_entity: record.legal_entity.clone(),
        region: record.region.clone(),
    }));
    Ok(row)
}
