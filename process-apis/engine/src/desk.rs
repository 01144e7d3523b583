//! What people decide: assignments, resolutions, signals, replays. What they see is in the sibling module.

mod queries;

use std::sync::Arc;

use canonical_model::{
    CanonicalId, ExceptionCause, ExceptionRecord, Failure, Resolution, ResolutionAction, Result,
};
use persistence::{Row, Tx, args, outbox};
use serde::Serialize;
use serde_json::json;

use crate::InstanceRef;
use crate::core::Core;
use crate::exceptions::{record, tell};
use crate::transition;
use crate::work::{FORWARD, Work, json as text};

/// Longest reason that a person can give.
const LONGEST_REASON: usize = 2000;

/// Steps at which instances wait with exceptions.
macro_rules! waiting_at_sql {
    ($which:literal) => {
        concat!(
            "SELECT DISTINCT i.process, i.version, i.step_index FROM engine_exceptions e
            JOIN engine_instances i ON i.exception_id = e.id
            WHERE e.closed_ms IS NULL AND i.direction = 'forward' AND ",
            $which
        )
    };
}

/// Instances and exceptions as people see them, and what people decide. Who may decide what, and four eyes, is checked
/// by the caller. Clones share it.
#[derive(Clone)]
pub struct Desk {
    pub(crate) core: Arc<Core>,
}

impl Desk {
    /// Gives an exception to a person, or to nobody.
    ///
    /// # Errors
    /// Business `not_found`, `already_closed`.
    pub async fn assign_exception(
        &self,
        id: CanonicalId,
        assignee: Option<String>,
    ) -> Result<ExceptionRecord> {
        let desk = self.clone();
        self.core
            .db
            .write(move |tx| {
                Box::pin(async move { desk.assign_exception_in(tx, id, assignee.as_deref()).await })
            })
            .await
    }

    /// [`Desk::assign_exception`] in the caller's transaction.
    ///
    /// # Errors
    /// See there.
    pub async fn assign_exception_in(
        &self,
        tx: &mut Tx,
        id: CanonicalId,
        assignee: Option<&str>,
    ) -> Result<ExceptionRecord> {
        let sql = "UPDATE engine_exceptions SET assignee = $2, state = CASE
                WHEN state = 'open' AND $3 THEN 'assigned' WHEN state = 'assigned' AND NOT $3 THEN 'open' ELSE state END
            WHERE id = $1 AND closed_ms IS NULL RETURNING *";
        match tx.one(sql, args![id, assignee, assignee.is_some()]).await? {
            Some(row) => {
                let record = record(&row)?;
                tell(tx, &self.core, "exception.changed", &record).await?;
                Ok(record)
            }
            None => Err(self.refusal(tx, id).await?),
        }
    }

    /// Decides about an exception. It is `retrying` from now on and carried out in the background.
    ///
    /// # Errors
    /// Business `not_found`, `already_closed`, `already_retrying`, `reason_missing`, `answer_missing`, `step_needed`.
    pub async fn resolve_exception(
        &self,
        id: CanonicalId,
        resolution: Resolution,
        actor: &str,
    ) -> Result<ExceptionRecord> {
        let (desk, actor) = (self.clone(), actor.to_owned());
        self.core
            .db
            .write(move |tx| {
                Box::pin(async move { desk.resolve_exception_in(tx, id, &resolution, &actor).await })
            })
            .await
    }

    /// [`Desk::resolve_exception`] in the caller's transaction.
    ///
    /// # Errors
    /// See there.
    pub async fn resolve_exception_in(
        &self,
        tx: &mut Tx,
        id: CanonicalId,
        resolution: &Resolution,
        actor: &str,
    ) -> Result<ExceptionRecord> {
        check(resolution)?;
        if resolution.action == ResolutionAction::Skip {
            let at = tx.all(waiting_at_sql!("e.id = $1"), args![id]).await?;
            self.may_skip(&at)?;
        }
        let sql =
            "UPDATE engine_exceptions SET state = 'retrying', resolution = $2, resolver = $3, work_ms = $4,
                work_token = NULL, work_tries = 0
            WHERE id = $1 AND state IN ('open', 'assigned') RETURNING *";
        let Some(row) = tx
            .one(
                sql,
                args![id, text(resolution)?, actor, canonical_model::clock::now()],
            )
            .await?
        else {
            return Err(self.refusal(tx, id).await?);
        };
        let record = record(&row)?;
        tell(tx, &self.core, "exception.changed", &record).await?;
        let decision = json!({
            "decision": resolution.action, "reason": resolution.reason, "answer": resolution.answer, "actor": actor,
            "exception_id": id, "process": record.process, "instance_id": record.instance_id, "step": record.step,
            "cause": record.cause,
        });
        self.decided(tx, &record.business_key, &record.correlation_id, decision)
            .await?;
        Ok(record)
    }

    /// Decides about all open exceptions of one cause; how many they are. One statement marks them, the background
    /// carries them out.
    ///
    /// # Errors
    /// Business `reason_missing`, `answer_missing`.
    pub async fn resolve_group(
        &self,
        cause: ExceptionCause,
        resolution: Resolution,
        actor: &str,
    ) -> Result<u64> {
        let (desk, actor) = (self.clone(), actor.to_owned());
        self.core
            .db
            .write(move |tx| {
                Box::pin(async move { desk.resolve_group_in(tx, &cause, &resolution, &actor).await })
            })
            .await
    }

    /// [`Desk::resolve_group`] in the caller's transaction.
    ///
    /// # Errors
    /// See there.
    pub async fn resolve_group_in(
        &self,
        tx: &mut Tx,
        cause: &ExceptionCause,
        resolution: &Resolution,
        actor: &str,
    ) -> Result<u64> {
        check(resolution)?;
        if resolution.action == ResolutionAction::Skip {
            let sql = waiting_at_sql!("e.cause_code = $1 AND e.cause_subject = $2");
            let at = tx.all(sql, args![&cause.code, &cause.subject]).await?;
            self.may_skip(&at)?;
        }
        let sql = "UPDATE engine_exceptions SET state = 'retrying', resolution = $3, resolver = $4, work_ms = $5,
                work_token = NULL, work_tries = 0
            WHERE cause_code = $1 AND cause_subject = $2 AND closed_ms IS NULL AND state IN ('open', 'assigned')";
        let values = args![
            &cause.code,
            &cause.subject,
            text(resolution)?,
            actor,
            canonical_model::clock::now()
        ];
        let count = tx.execute(sql, values).await?;
        if count > 0 {
            let decision = json!({
                "decision": resolution.action, "reason": resolution.reason, "answer": resolution.answer,
                "actor": actor, "cause": cause, "exceptions": count,
            });
            let subject = format!("{} {}", cause.code, cause.subject);
            self.decided(tx, subject.trim(), &CanonicalId::generate().to_string(), decision)
                .await?;
        }
        Ok(count)
    }

    /// Tells an instance something that one of its steps waits for, now or later.
    ///
    /// # Errors
    /// Business `not_found`.
    pub async fn signal(
        &self,
        to: impl Into<InstanceRef>,
        name: &str,
        payload: &impl Serialize,
    ) -> Result<()> {
        let (desk, to, name) = (self.clone(), to.into(), name.to_owned());
        let payload = serde_json::to_value(payload).unwrap_or_default();
        self.core
            .db
            .write(move |tx| Box::pin(async move { desk.signal_in(tx, to, &name, &payload).await }))
            .await
    }

    /// [`Desk::signal`] in the caller's transaction.
    ///
    /// # Errors
    /// See there.
    pub async fn signal_in(
        &self,
        tx: &mut Tx,
        to: impl Into<InstanceRef>,
        name: &str,
        payload: &(impl Serialize + Sync),
    ) -> Result<()> {
        let row = match to.into() {
            InstanceRef::Id(id) => {
                tx.one("SELECT id FROM engine_instances WHERE id = $1", args![id])
                    .await?
            }
            InstanceRef::Key(process, key) => {
                let sql = "SELECT id FROM engine_instances WHERE process = $1 AND business_key = $2";
                tx.one(sql, args![process, key]).await?
            }
        };
        let id = row.ok_or_else(|| missing("instance"))?.id("id")?;
        let now = canonical_model::clock::now();
        // Touches the instance in any case: a worker that is about to put it aside for this signal waits for us.
        let sql = "UPDATE engine_instances SET
                due_ms = CASE WHEN status = 'waiting' AND step_name = $2 THEN $3 ELSE due_ms END,
                status = CASE WHEN status = 'waiting' AND step_name = $2 THEN 'ready' ELSE status END
            WHERE id = $1";
        tx.execute(sql, args![id, name, now]).await?;
        let sql = "INSERT INTO engine_signals (id, instance_id, name, payload, received_ms) VALUES ($1, $2, $3, $4, $5)";
        tx.execute(sql, args![CanonicalId::generate(), id, name, text(payload)?, now])
            .await?;
        let core = Arc::clone(&self.core);
        tx.after_commit(move || core.work.notify_one());
        Ok(())
    }

    /// Runs an instance again from a step, with the state that it had there. Effects that were applied are not sent
    /// again: what they gave is given again.
    ///
    /// # Errors
    /// Business `not_found`, `reason_missing`, `not_replayable` where it is under way, taken back, or has no such step.
    pub async fn replay(&self, id: CanonicalId, from_step: &str, actor: &str, reason: &str) -> Result<()> {
        let (desk, step, actor, reason) = (
            self.clone(),
            from_step.to_owned(),
            actor.to_owned(),
            reason.to_owned(),
        );
        self.core
            .db
            .write(move |tx| Box::pin(async move { desk.replay_in(tx, id, &step, &actor, &reason).await }))
            .await
    }

    /// [`Desk::replay`] in the caller's transaction.
    ///
    /// # Errors
    /// See there.
    pub async fn replay_in(
        &self,
        tx: &mut Tx,
        id: CanonicalId,
        from_step: &str,
        actor: &str,
        reason: &str,
    ) -> Result<()> {
        if reason.trim().is_empty() {
            return Err(Failure::business(
                "reason_missing",
                "say why the instance is run again",
            ));
        }
        let sql = "SELECT * FROM engine_instances WHERE id = $1";
        let row = tx.one(sql, args![id]).await?.ok_or_else(|| missing("instance"))?;
        let (status, work) = (row.text("status")?, Work::from_row(&row)?);
        let outline = self.core.outline(&work.process, work.version);
        let place = outline.and_then(|outline| outline.steps.iter().position(|step| step.name == from_step));
        let place = place
            .and_then(|place| i64::try_from(place).ok())
            .filter(|place| *place <= work.step_index);
        let (Some(place), "parked" | "done", false) = (place, status.as_str(), work.undoing) else {
            let message = format!("a {status} instance cannot be run again from {from_step:?}");
            return Err(Failure::business("not_replayable", message));
        };
        let sql = "SELECT state FROM engine_journal WHERE instance_id = $1 AND step_index < $2
            AND kind IN ('started', 'done', 'skipped') ORDER BY sequence DESC LIMIT 1";
        let state = tx
            .one(sql, args![id, place])
            .await?
            .ok_or_else(|| missing("state"))?
            .text("state")?;
        let at = Work {
            step_index: place,
            step_name: from_step.to_owned(),
            ..work.clone()
        };
        transition::journal(tx, &at, "replayed", &state, Some((actor, Some(reason)))).await?;
        let now = canonical_model::clock::now();
        let sql =
            "UPDATE engine_instances SET status = 'ready', due_ms = $2, ended_ms = NULL, step_index = $3,
                step_name = $4, direction = $5, sequence = sequence + 1, state = $6, attempt = 0,
                retry_since_ms = NULL, answer = NULL, updated_ms = $2,
                step_since_ms = COALESCE((SELECT MAX(since_ms) FROM engine_journal
                    WHERE instance_id = $1 AND step_index = $3 AND kind = 'done'), step_since_ms)
            WHERE id = $1 AND status IN ('parked', 'done')";
        tx.execute(sql, args![id, now, place, from_step, FORWARD, state])
            .await?;
        let decision = json!({
            "decision": "replay", "reason": reason, "actor": actor, "process": work.process, "instance_id": id,
            "step": from_step,
        });
        self.decided(tx, &work.business_key, &work.correlation_id, decision)
            .await
    }

    /// Tells a decision, and wakes those who carry it out once it is committed.
    async fn decided(
        &self,
        tx: &mut Tx,
        subject: &str,
        correlation_id: &str,
        decision: serde_json::Value,
    ) -> Result<()> {
        let core = Arc::clone(&self.core);
        tx.after_commit(move || {
            core.decisions.notify_one();
            core.work.notify_one();
        });
        outbox::append(
            tx,
            &self
                .core
                .event("decision.made", subject, correlation_id, decision),
        )
        .await
    }

    /// Refuses to skip steps whose findings later ones need.
    fn may_skip(&self, at: &[Row]) -> Result<()> {
        for row in at {
            let (process, place) = (row.text("process")?, row.int("step_index")?);
            let outline = self.core.outline(&process, row.int("version")?);
            let needed = outline
                .and_then(|outline| outline.step(place))
                .filter(|step| step.needed);
            if let Some(step) = needed {
                let message = format!(
                    "{process} cannot go on without what {} finds: retry it, or take the work back",
                    step.name
                );
                return Err(Failure::business("step_needed", message));
            }
        }
        Ok(())
    }

    /// Why an exception could not be changed.
    async fn refusal(&self, tx: &mut Tx, id: CanonicalId) -> Result<Failure> {
        let row = tx
            .one("SELECT closed_ms FROM engine_exceptions WHERE id = $1", args![id])
            .await?;
        Ok(match row.map(|row| row.opt_int("closed_ms")).transpose()? {
            None => missing("exception"),
            Some(Some(_)) => Failure::business("already_closed", "the exception has been closed"),
            Some(None) => Failure::business("already_retrying", "the exception is being tried again"),
        })
    }
}

fn check(resolution: &Resolution) -> Result<()> {
    let reason = resolution.reason.as_deref().map_or("", str::trim);
    let needs_reason = matches!(
        resolution.action,
        ResolutionAction::Skip | ResolutionAction::Compensate
    );
    if needs_reason && reason.is_empty() {
        return Err(Failure::business(
            "reason_missing",
            "say why, to skip or to take back",
        ));
    }
    if reason.chars().count() > LONGEST_REASON {
        return Err(Failure::business(
            "reason_too_long",
            format!("a reason has at most {LONGEST_REASON} characters"),
        ));
    }
    if resolution.action == ResolutionAction::Answer && resolution.answer.is_none() {
        return Err(Failure::business(
            "answer_missing",
            "an answer is needed to go on with one",
        ));
    }
    Ok(())
}

pub(crate) fn missing(what: &str) -> Failure {
    Failure::business("not_found", format!("there is no such {what}"))
}
