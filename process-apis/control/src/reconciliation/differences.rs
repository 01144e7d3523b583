//! Differences as exceptions on the desk: opened once, closed when the sides agree, accepted with a reason.

use canonical_model::{
    AssignmentRequest, CanonicalId, Difference, DifferenceCause, DifferenceState, ExceptionCause,
    ExceptionRecord, ExceptionState, Failure, ReconciliationState, Resolution, ResolutionAction, Result,
    SourceKind,
};
use chrono::{DateTime, TimeDelta, Utc};
use persistence::Tx;
use serde_json::json;

use super::compare::{Found, word};
use super::sides::Place;
use super::store::{self, Kept, item_key};
use super::{OURS, Wake};
use crate::audit::{self, Entry};
use crate::desk;

/// Who resolves differences.
const OWNER: &str = "project_accountant";

/// What a person is told about a difference.
fn failure(kind: SourceKind, record: &str, found: &Found) -> Failure {
    let what = format!("{} {record}", word(&kind).replace('_', " "));
    let posting = found.erp.as_ref().map_or("", |erp| erp.record.as_str());
    match found.cause {
        DifferenceCause::DeletedInErp => {
            let message = format!(
                "{what} is posted, and the ERP has no such record any more; restore it there under its external id, or \
                 accept the difference with a reason"
            );
            Failure::business("deleted_in_erp", message)
        }
        DifferenceCause::ChangedInErp => {
            let message = format!(
                "{what} was posted as {posting}, and the ERP has other time, day or value there; correct it in the ERP, or \
                 accept the difference with a reason"
            );
            Failure::business("changed_in_erp", message)
        }
        DifferenceCause::ChangedInPsa => {
            let message = format!(
                "{what} has other time, day or value in the PSA than when it was posted, and the PSA told nobody; correct \
                 it there, or save it again so that it is told"
            );
            Failure::business("changed_in_psa", message)
        }
        DifferenceCause::NoLongerApproved => {
            let message = format!(
                "{what} is posted, and the PSA does not have it or does not call it approved; approve it there, or \
                 withdraw its approval again so that it is told"
            );
            Failure::business("no_longer_approved", message)
        }
        DifferenceCause::NeverQueued => {
            let message = format!(
                "{what} is approved in the PSA and is neither posted nor on its way; save it again there, so that it is told"
            );
            Failure::business("never_queued", message)
        }
        DifferenceCause::PostedByOther => {
            let message = format!(
                "{what} is in the ERP and is no posting of ours; delete it there if it repeats approved work, or accept \
                 it with a reason"
            );
            Failure::business("posted_by_other", message)
        }
        DifferenceCause::PostedTwice => {
            let message = format!(
                "{posting} in the ERP repeats another posting; delete it there, or accept it with a reason"
            );
            Failure::business("posted_twice", message)
        }
    }
}

/// Where and when a difference was found.
pub(super) struct Sighting<'a> {
    pub(super) run: CanonicalId,
    pub(super) kind: SourceKind,
    pub(super) record: &'a str,
    pub(super) place: &'a Place,
    pub(super) now: DateTime<Utc>,
    pub(super) sla_hours: u32,
    pub(super) correlation_id: &'a str,
}

/// Keeps a difference that was found: a new one is opened, a known one is brought up to date, one that was accepted
/// stays accepted while it is the same.
pub(super) async fn note(tx: &mut Tx, at: &Sighting<'_>, found: &Found) -> Result<DifferenceState> {
    let item = item_key(at.kind, at.record);
    let fresh = Difference {
        id: CanonicalId::generate(),
        cause: found.cause,
        kind: at.kind,
        record: at.record.to_owned(),
        project_code: at.place.project_code.clone(),
        legal_entity: at.place.legal_entity.clone(),
        region: at.place.region.clone(),
        date: day_of(found),
        psa: found.psa.clone(),
        journal: found.journal.clone(),
        erp: found.erp.clone(),
        money_at_risk: found.money,
        state: DifferenceState::Open,
        found_at: at.now,
        accepted_by: None,
        reason: None,
    };
    if let Some(mut known) = store::of_item(tx, &item).await? {
        let sides = |d: &Difference| (d.psa.clone(), d.journal.clone(), d.erp.clone());
        let same = known.difference.cause == found.cause && sides(&known.difference) == sides(&fresh);
        let accepted = known.difference.state == DifferenceState::Accepted;
        if same || (!accepted && known.difference.cause == found.cause) {
            let state = if accepted {
                DifferenceState::Accepted
            } else {
                DifferenceState::Open
            };
            known.difference = Difference {
                id: known.difference.id,
                state,
                found_at: known.difference.found_at,
                accepted_by: known.difference.accepted_by.take(),
                reason: known.difference.reason.take(),
                ..fresh
            };
            known.last_run = at.run;
            store::keep(tx, &known).await?;
            if !accepted {
                show(tx, &known, at, found, "exception.changed").await?;
            }
            return Ok(state);
        }
        // It is another difference by now, with another cause or other values than those that were accepted.
        resolve(tx, known, "another difference has taken its place", at.now).await?;
    }
    let kept = Kept {
        difference: fresh,
        item,
        last_run: at.run,
    };
    store::keep(tx, &kept).await?;
    show(tx, &kept, at, found, "exception.opened").await?;
    Ok(DifferenceState::Open)
}

fn day_of(found: &Found) -> chrono::NaiveDate {
    let sides = [&found.journal, &found.psa, &found.erp];
    let first = sides.into_iter().flatten().next();
    first.map_or_else(|| chrono::NaiveDate::MIN, |record| record.date)
}

/// Puts a difference on the desk, or brings it up to date there.
async fn show(tx: &mut Tx, kept: &Kept, at: &Sighting<'_>, found: &Found, action: &str) -> Result<()> {
    let difference = &kept.difference;
    let told = failure(difference.kind, &difference.record, found);
    let known = desk::read(tx, difference.id).await.ok().map(|(_, record)| record);
    let changed = known.as_ref().is_none_or(|known| {
        known.failure != told
            || known.state != ExceptionState::Open
            || known.money_at_risk != difference.money_at_risk
    });
    if !changed {
        return Ok(());
    }
    let assignee = known.as_ref().and_then(|known| known.assignee.clone());
    let side = difference
        .journal
        .as_ref()
        .or(difference.psa.as_ref())
        .or(difference.erp.as_ref());
    let (person, minutes, value) = side.map_or((String::new(), 0, None), |side| {
        (side.person.clone(), side.minutes.count(), side.value)
    });
    let amount = match (difference.kind, value) {
        (SourceKind::Expense, Some(value)) => value.to_string(),
        _ => format!("{} h", canonical_model::Minutes::new(minutes).hours()),
    };
    let record = ExceptionRecord {
        id: difference.id,
        process: "reconciliation".to_owned(),
        instance_id: at.run,
        step: "compare".to_owned(),
        business_key: kept.item.clone(),
        title: format!(
            "{amount} of {person} on {}: {}",
            difference.date,
            words(difference.cause)
        ),
        cause: ExceptionCause {
            code: told.code.clone(),
            subject: format!("project:{}", difference.project_code),
        },
        failure: told,
        owner_role: OWNER.to_owned(),
        state: if assignee.is_some() {
            ExceptionState::Assigned
        } else {
            ExceptionState::Open
        },
        assignee,
        money_at_risk: difference.money_at_risk,
        legal_entity: Some(difference.legal_entity.clone()).filter(|entity| !entity.is_empty()),
        region: Some(difference.region.clone()).filter(|region| !region.is_empty()),
        opened_at: difference.found_at,
        due_at: difference.found_at + TimeDelta::hours(at.sla_hours.into()),
        closed_at: None,
        resolution: None,
        correlation_id: at.correlation_id.to_owned(),
    };
    desk::take(tx, OURS, &record).await?;
    log(tx, &record, action, "reconciliation", at.now).await
}

fn words(cause: DifferenceCause) -> &'static str {
    match cause {
        DifferenceCause::DeletedInErp => "deleted in the ERP",
        DifferenceCause::ChangedInErp => "other time, day or value in the ERP",
        DifferenceCause::ChangedInPsa => "changed in the PSA after posting",
        DifferenceCause::NoLongerApproved => "no longer approved in the PSA",
        DifferenceCause::NeverQueued => "approved and never posted",
        DifferenceCause::PostedByOther => "posted by somebody else",
        DifferenceCause::PostedTwice => "posted twice",
    }
}

/// What happened to an exception, without its message: it may name people.
pub(super) async fn log(
    tx: &mut Tx,
    record: &ExceptionRecord,
    action: &str,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let entry = Entry {
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: record.business_key.clone(),
        detail: json!({
            "exception": record.id,
            "process": record.process,
            "step": record.step,
            "cause": record.cause,
            "state": record.state,
            "resolution": record.resolution.as_ref().map(|r| json!({"action": r.action, "reason": r.reason})),
        }),
        correlation_id: record.correlation_id.clone(),
    };
    audit::append(tx, &[entry], now.timestamp_millis()).await
}

/// The sides agree by now, or the difference is another one.
pub(super) async fn resolve(tx: &mut Tx, mut kept: Kept, why: &str, now: DateTime<Utc>) -> Result<()> {
    let accepted = kept.difference.state == DifferenceState::Accepted;
    kept.difference.state = DifferenceState::Resolved;
    store::keep(tx, &kept).await?;
    if accepted {
        return Ok(());
    }
    let resolution = Resolution {
        action: ResolutionAction::Retry,
        reason: Some(why.to_owned()),
        answer: None,
    };
    close(
        tx,
        kept.difference.id,
        ExceptionState::Resolved,
        resolution,
        "reconciliation",
        now,
    )
    .await
}

/// Closes an exception of ours on the desk.
pub(super) async fn close(
    tx: &mut Tx,
    id: CanonicalId,
    state: ExceptionState,
    resolution: Resolution,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let (_, mut record) = desk::read(tx, id).await?;
    record.state = state;
    record.closed_at = Some(now);
    record.resolution = Some(resolution);
    desk::take(tx, OURS, &record).await?;
    log(tx, &record, "exception.closed", actor, now).await
}

/// Gives an exception of ours to somebody, or to nobody.
///
/// # Errors
/// Business `not_found`, or `already_closed` where it is decided.
pub(crate) async fn assign(
    tx: &mut Tx,
    id: CanonicalId,
    assignment: &AssignmentRequest,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<ExceptionRecord> {
    let (_, mut record) = desk::read(tx, id).await?;
    check_open(&record)?;
    record.assignee.clone_from(&assignment.assignee);
    if record.state != ExceptionState::Retrying {
        record.state = match record.assignee {
            Some(_) => ExceptionState::Assigned,
            None => ExceptionState::Open,
        };
    }
    desk::take(tx, OURS, &record).await?;
    log(tx, &record, "exception.changed", actor, now).await?;
    Ok(record)
}

fn check_open(record: &ExceptionRecord) -> Result<()> {
    if record.closed_at.is_none() {
        return Ok(());
    }
    let message = format!("exception {} is decided already", record.id);
    Err(Failure::business("already_closed", message))
}

/// Carries out a person's decision about an exception of ours: to compare again, or to accept with a reason.
///
/// # Errors
/// Business `not_found`; `already_closed` where it is decided; `resolution_not_offered` for any other action.
pub(crate) async fn decide(
    tx: &mut Tx,
    id: CanonicalId,
    resolution: &Resolution,
    actor: &str,
    wake: &Wake,
    now: DateTime<Utc>,
) -> Result<()> {
    let (_, record) = desk::read(tx, id).await?;
    check_open(&record)?;
    let kept = store::difference(tx, id).await?;
    match (resolution.action, kept) {
        (ResolutionAction::Retry, Some(mut kept)) => {
            kept.difference.state = DifferenceState::Retrying;
            store::keep(tx, &kept).await?;
            let mut record = record;
            record.state = ExceptionState::Retrying;
            desk::take(tx, OURS, &record).await?;
            log(tx, &record, "exception.changed", actor, now).await?;
            let wake = wake.differences.clone();
            tx.after_commit(move || wake.notify_one());
            Ok(())
        }
        (ResolutionAction::Skip, Some(mut kept)) => {
            kept.difference.state = DifferenceState::Accepted;
            kept.difference.accepted_by = Some(actor.to_owned());
            kept.difference.reason.clone_from(&resolution.reason);
            let run = kept.last_run;
            store::keep(tx, &kept).await?;
            close(tx, id, ExceptionState::Skipped, resolution.clone(), actor, now).await?;
            compare_again_when_last(tx, run, wake, now).await
        }
        (ResolutionAction::Skip, None) => {
            close(tx, id, ExceptionState::Skipped, resolution.clone(), actor, now).await
        }
        (ResolutionAction::Retry, None) => super::gap::compare_again(tx, &record, actor, wake, now).await,
        _ => {
            let message = "a difference is compared again (retry) or accepted with a reason (skip); it is mended in the \
                           systems that differ";
            Err(Failure::business("resolution_not_offered", message))
        }
    }
}

/// The same decision about every open exception of ours of one cause; how many.
///
/// # Errors
/// As [`decide`].
pub(crate) async fn decide_all(
    tx: &mut Tx,
    cause: &ExceptionCause,
    resolution: &Resolution,
    actor: &str,
    wake: &Wake,
    now: DateTime<Utc>,
) -> Result<u64> {
    let ids = store::of_cause(tx, &cause.code, &cause.subject).await?;
    let mut decided = 0;
    for id in ids {
        decide(tx, id, resolution, actor, wake, now).await?;
        decided += 1;
    }
    Ok(decided)
}

/// Once the last difference that a comparison found is decided, the same is compared once more: for the certificate.
pub(super) async fn compare_again_when_last(
    tx: &mut Tx,
    run: CanonicalId,
    wake: &Wake,
    now: DateTime<Utc>,
) -> Result<()> {
    let compared = store::read(tx, run).await?;
    if compared.state != ReconciliationState::Differs || store::waiting(tx, run).await? > 0 {
        return Ok(());
    }
    let again = store::NewRun {
        id: CanonicalId::generate(),
        trigger: canonical_model::ReconciliationTrigger::Resolved,
        requested_by: compared.requested_by,
        scope: compared.scope,
        correlation_id: CanonicalId::generate().to_string(),
        gap_exception: None,
    };
    super::begin(tx, &again, now.timestamp_millis()).await?;
    let wake = wake.runs.clone();
    tx.after_commit(move || wake.notify_one());
    Ok(())
}
