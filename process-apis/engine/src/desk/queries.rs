//! What people see: instances, exceptions, groups, events.

use std::collections::BTreeMap;
use std::time::Duration;

use canonical_model::{
    CanonicalId, EventPage, ExceptionCause, ExceptionGroup, ExceptionRecord, Failure, Money, Page, Result,
};
use chrono::{DateTime, Utc};
use persistence::{Row, args, outbox};
use rust_decimal::Decimal;

use super::{Desk, missing};
use crate::exceptions::record;
use crate::outline::Outline;
use crate::transition::{self, Mark, undo_places};
use crate::view::{
    EffectView, ExceptionFilter, InstanceDetail, InstanceFilter, InstanceState, InstanceSummary, StepState,
    StepView,
};
use crate::work::{UNDO, at_risk, from_word, word};

const USUAL_PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;
/// How often a waiting reader looks for events that another process of the same database told.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Desk {
    /// Instances, oldest first.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn instances(&self, filter: InstanceFilter) -> Result<Page<InstanceSummary>> {
        let limit = page_size(filter.limit);
        let state = filter.state.map(|state| word(&state)).transpose()?;
        let direction = filter.under_way.map(transition::direction);
        let rows = self.core.db.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT * FROM engine_instances
                    WHERE (process = $1 OR $1 IS NULL) AND (status = $2 OR $2 IS NULL)
                        AND (business_key = $3 OR $3 IS NULL) AND (id > $4 OR $4 IS NULL)
                        AND ((direction = $6 AND status IN ('ready', 'running')) OR $6 IS NULL)
                    ORDER BY id LIMIT $5";
                tx.all(
                    sql,
                    args![
                        filter.process,
                        state,
                        filter.business_key,
                        filter.cursor,
                        limit,
                        direction
                    ],
                )
                .await
            })
        });
        let items = rows.await?.iter().map(summary).collect::<Result<Vec<_>>>()?;
        Ok(page(items, limit, |item| item.id))
    }

    /// An instance with its steps and effects.
    ///
    /// # Errors
    /// Business `not_found`.
    pub async fn instance(&self, id: CanonicalId) -> Result<InstanceDetail> {
        let read = self.core.db.read(move |tx| {
            Box::pin(async move {
                let row = tx
                    .one("SELECT * FROM engine_instances WHERE id = $1", args![id])
                    .await?;
                let row = row.ok_or_else(|| missing("instance"))?;
                let marks = transition::marks(tx, id).await?;
                let sql =
                    "SELECT * FROM engine_effects WHERE instance_id = $1 ORDER BY first_ms, key LIMIT 10000";
                Ok((row, marks, tx.all(sql, args![id]).await?))
            })
        });
        let (row, marks, effects) = read.await?;
        let summary = summary(&row)?;
        let effects = effects
            .iter()
            .map(|row| effect(row, &summary))
            .collect::<Result<_>>()?;
        let outline = self.core.outline(&summary.process, summary.version);
        let place = row.int("step_index")?;
        Ok(InstanceDetail {
            steps: outline.map_or_else(Vec::new, |outline| steps(outline, &marks, place)),
            undo: outline.map_or_else(Vec::new, |outline| undo_names(outline, &marks)),
            effects,
            summary,
        })
    }

    /// Waits until an instance has ended or waits for a person, a signal or a time.
    ///
    /// # Errors
    /// Business `not_found`; Transient `still_running` when the time is over.
    pub async fn rest(&self, id: CanonicalId, within: Duration) -> Result<InstanceSummary> {
        self.watch(id, within, |state| {
            !matches!(state, InstanceState::Ready | InstanceState::Running)
        })
        .await
    }

    /// Waits until an instance is no longer parked, such as after a resolution.
    ///
    /// # Errors
    /// As [`Desk::rest`].
    pub async fn moved_on(&self, id: CanonicalId, within: Duration) -> Result<InstanceSummary> {
        self.watch(id, within, |state| state != InstanceState::Parked)
            .await
    }

    async fn watch(
        &self,
        id: CanonicalId,
        within: Duration,
        wanted: impl Fn(InstanceState) -> bool + Send,
    ) -> Result<InstanceSummary> {
        let end = tokio::time::Instant::now() + within;
        let mut moved = self.core.moved.subscribe();
        loop {
            moved.borrow_and_update();
            let row = self.core.db.read(move |tx| {
                Box::pin(async move {
                    tx.one("SELECT * FROM engine_instances WHERE id = $1", args![id])
                        .await
                })
            });
            let summary = summary(&row.await?.ok_or_else(|| missing("instance"))?)?;
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if wanted(summary.state) {
                return Ok(summary);
            }
            if left.is_zero() {
                let message = format!("the instance is still {:?} at {:?}", summary.state, summary.step);
                return Err(Failure::transient("still_running", message));
            }
            // The time-out stands for what other processes do.
            let _moved = tokio::time::timeout(left.min(LOOK_EVERY), moved.changed()).await;
        }
    }

    /// Exceptions, oldest first.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn exceptions(&self, filter: ExceptionFilter) -> Result<Page<ExceptionRecord>> {
        let limit = page_size(filter.limit);
        let state = filter.state.map(|state| word(&state)).transpose()?;
        let rows = self.core.db.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT * FROM engine_exceptions
                    WHERE (state = $1 OR $1 IS NULL) AND (cause_code = $2 OR $2 IS NULL)
                        AND (cause_subject = $3 OR $3 IS NULL) AND (instance_id = $4 OR $4 IS NULL)
                        AND (id > $5 OR $5 IS NULL)
                    ORDER BY id LIMIT $6";
                let values = args![
                    state,
                    filter.code,
                    filter.subject,
                    filter.instance_id,
                    filter.cursor,
                    limit
                ];
                tx.all(sql, values).await
            })
        });
        let items = rows.await?.iter().map(record).collect::<Result<Vec<_>>>()?;
        Ok(page(items, limit, |item| item.id))
    }

    /// An exception.
    ///
    /// # Errors
    /// Business `not_found`.
    pub async fn exception(&self, id: CanonicalId) -> Result<ExceptionRecord> {
        let row = self.core.db.read(move |tx| {
            Box::pin(async move {
                tx.one("SELECT * FROM engine_exceptions WHERE id = $1", args![id])
                    .await
            })
        });
        record(&row.await?.ok_or_else(|| missing("exception"))?)
    }

    /// Exceptions that are not closed, by cause, the one that is due first first.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn exception_groups(&self) -> Result<Vec<ExceptionGroup>> {
        let rows = self.core.db.read(|tx| {
            Box::pin(async move {
                let sql =
                    "SELECT cause_code, cause_subject, money_amount, money_currency, COUNT(*) AS exceptions,
                        MIN(failure) AS failure, MIN(owner_role) AS owner_role, MIN(opened_ms) AS opened_ms,
                        MIN(sla_ms) AS sla_ms
                    FROM engine_exceptions WHERE closed_ms IS NULL
                    GROUP BY cause_code, cause_subject, money_amount, money_currency";
                tx.all(sql, args![]).await
            })
        });
        let mut groups = BTreeMap::new();
        for row in rows.await? {
            let group = group(&row)?;
            let key = (group.cause.code.clone(), group.cause.subject.clone());
            match groups.remove(&key) {
                Some(other) => groups.insert(key, merged(other, group)?),
                None => groups.insert(key, group),
            };
        }
        let mut groups: Vec<ExceptionGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| group.due_at);
        Ok(groups)
    }

    /// Events after a cursor, at once.
    ///
    /// # Errors
    /// Business `malformed_cursor`.
    pub async fn events(&self, after: &str, limit: u32) -> Result<EventPage> {
        let after = after.to_owned();
        self.core
            .db
            .read(move |tx| Box::pin(async move { outbox::page(tx, &after, limit).await }))
            .await
    }

    /// Events after a cursor; where there are none yet, waits for some.
    ///
    /// # Errors
    /// Business `malformed_cursor`.
    pub async fn wait_for_events(&self, after: &str, limit: u32, wait: Duration) -> Result<EventPage> {
        let end = tokio::time::Instant::now() + wait;
        let mut changed = self.core.db.changed();
        loop {
            changed.borrow_and_update();
            let page = self.events(after, limit).await?;
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if !page.events.is_empty() || left.is_zero() {
                return Ok(page);
            }
            // The time-out stands for what other processes tell.
            let _told = tokio::time::timeout(left.min(LOOK_EVERY), changed.changed()).await;
        }
    }
}

fn page_size(limit: Option<u32>) -> u32 {
    limit.unwrap_or(USUAL_PAGE).clamp(1, LARGEST_PAGE)
}

fn page<T>(items: Vec<T>, limit: u32, id: impl Fn(&T) -> CanonicalId) -> Page<T> {
    let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
    let next_cursor = items.last().filter(|_| full).map(|item| id(item).to_string());
    Page { items, next_cursor }
}

fn summary(row: &Row) -> Result<InstanceSummary> {
    let at_risk = at_risk(row)?;
    Ok(InstanceSummary {
        id: row.id("id")?,
        process: row.text("process")?,
        version: row.int("version")?,
        business_key: row.text("business_key")?,
        title: row.text("title")?,
        state: from_word(row.text("status")?)?,
        step: row.text("step_name")?,
        undoing: row.text("direction")? == UNDO,
        attempt: row.int("attempt")?,
        due_at: row.opt_time("due_ms")?,
        last_failure: row.opt_json("last_failure")?,
        exception_id: row.opt_id("exception_id")?,
        money_at_risk: at_risk.money,
        legal_entity: at_risk.legal_entity,
        region: at_risk.region,
        correlation_id: row.text("correlation_id")?,
        started_at: row.time("started_ms")?,
        updated_at: row.time("updated_ms")?,
        ended_at: row.opt_time("ended_ms")?,
    })
}

fn steps(outline: &Outline, marks: &BTreeMap<i64, Mark>, place: i64) -> Vec<StepView> {
    let with_place = outline.steps.iter().zip(0_i64..);
    with_place
        .map(|(step, index)| {
            let mark = marks.get(&index);
            let state = match mark.map(|mark| mark.kind.as_str()) {
                _ if index == place => StepState::Next,
                Some("done") => StepState::Done,
                Some("skipped") => StepState::Skipped,
                Some("undone") => StepState::Undone,
                _ => StepState::Pending,
            };
            StepView {
                name: step.name.to_owned(),
                state,
                can_undo: step.undo,
                waits: step.waits,
                at: mark.map(|mark| mark.at),
                tries: mark.map(|mark| mark.tries),
                actor: mark.and_then(|mark| mark.actor.clone()),
                reason: mark.and_then(|mark| mark.reason.clone()),
            }
        })
        .collect()
}

fn undo_names(outline: &Outline, marks: &BTreeMap<i64, Mark>) -> Vec<String> {
    undo_places(outline, marks)
        .into_iter()
        .map(|place| outline.step_name(place).to_owned())
        .collect()
}

fn effect(row: &Row, instance: &InstanceSummary) -> Result<EffectView> {
    Ok(EffectView {
        key: row.text("key")?.parse()?,
        instance_id: instance.id,
        process: instance.process.clone(),
        business_key: instance.business_key.clone(),
        step: row.text("step")?,
        target: row.text("target")?,
        what: row.text("what")?,
        digest: row.text("digest")?,
        state: from_word(row.text("status")?)?,
        written: row.opt_json("written")?,
        failure: row.opt_json("failure")?,
        sends: row.int("sends")?,
        first_at: row.time("first_ms")?,
        last_at: row.time("last_ms")?,
    })
}

/// Exceptions of one cause with one amount.
fn group(row: &Row) -> Result<ExceptionGroup> {
    let failure: canonical_model::Failure = row.json("failure")?;
    let count = row.int("exceptions")?;
    let one = at_risk_money(row)?;
    let sum = one.map(|money| Money::new(money.amount * Decimal::from(count), money.currency));
    Ok(ExceptionGroup {
        cause: ExceptionCause {
            code: row.text("cause_code")?,
            subject: row.text("cause_subject")?,
        },
        message: failure.message,
        owner_role: row.text("owner_role")?,
        open: u64::try_from(count).unwrap_or_default(),
        money_at_risk: sum.into_iter().collect(),
        oldest_at: row.time("opened_ms")?,
        due_at: row.time("sla_ms")?,
    })
}

fn at_risk_money(row: &Row) -> Result<Option<Money>> {
    let currency = row
        .opt_text("money_currency")?
        .map(|text| text.parse())
        .transpose()?;
    Ok(row
        .opt_decimal("money_amount")?
        .zip(currency)
        .map(|(amount, currency)| Money::new(amount, currency)))
}

fn merged(one: ExceptionGroup, other: ExceptionGroup) -> Result<ExceptionGroup> {
    let mut sums = one.money_at_risk;
    for money in other.money_at_risk {
        match sums.iter_mut().find(|sum| sum.currency == money.currency) {
            Some(sum) => *sum = sum.checked_add(money)?,
            None => sums.push(money),
        }
    }
    let earlier = |a: DateTime<Utc>, b: DateTime<Utc>| a.min(b);
    Ok(ExceptionGroup {
        open: one.open + other.open,
        money_at_risk: sums,
        oldest_at: earlier(one.oldest_at, other.oldest_at),
        due_at: earlier(one.due_at, other.due_at),
        ..one
    })
}
