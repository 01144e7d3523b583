//! Decisions of people, sent to the process API that the exception belongs to.

use canonical_model::{
    AssignmentRequest, CanonicalId, ExceptionCause, ExceptionRecord, Failure, GroupResolution, Resolution,
    ResolutionAccepted, ResolutionAction, Result,
};
use chassis::{Caller, IdempotencyKey};
use chrono::Utc;
use process_client::{Act, ProcessClient};
use process_serving::once;

use crate::reconciliation::{self, OURS};
use crate::{Control, desk, mappings};

/// The caller's change, passed on under the caller's key and for the same person.
pub(crate) fn act(key: &IdempotencyKey, caller: &Caller) -> Act {
    Act::keyed(key.0.as_str()).on_behalf_of(caller.actor())
}

/// Gives an exception to somebody.
pub(crate) async fn assign(
    control: &Control,
    id: CanonicalId,
    assignment: &AssignmentRequest,
    actor: &str,
    act: &Act,
) -> Result<ExceptionRecord> {
    let (process_api, _) = find(control, id).await?;
    if process_api == OURS {
        let (assignment, actor) = (assignment.clone(), actor.to_owned());
        return control
            .database
            .write(move |tx| {
                Box::pin(async move { reconciliation::assign(tx, id, &assignment, &actor, Utc::now()).await })
            })
            .await;
    }
    let record = owner(control, &process_api)?
        .desk()
        .assign(id, assignment, act)
        .await?;
    let taken = record.clone();
    // The event says the same in a moment; the person sees it now.
    control
        .database
        .write(move |tx| Box::pin(async move { desk::take(tx, &process_api, &taken).await }))
        .await?;
    Ok(record)
}

/// Decides about one exception.
pub(crate) async fn resolve(
    control: &Control,
    id: CanonicalId,
    resolution: &Resolution,
    actor: &str,
    key: &IdempotencyKey,
    act: &Act,
) -> Result<ResolutionAccepted> {
    check_reason(resolution)?;
    let (process_api, record) = find(control, id).await?;
    check_duties(control, &record.cause, resolution, actor).await?;
    if process_api == OURS {
        let (actor, wake, decided) = (actor.to_owned(), control.wake.clone(), resolution.clone());
        let asked = (id, resolution);
        return once(
            &control.database,
            "difference_resolve",
            &key.0,
            &asked,
            move |tx| {
                Box::pin(async move {
                    reconciliation::decide(tx, id, &decided, &actor, &wake, Utc::now()).await?;
                    Ok(ResolutionAccepted { exceptions: 1 })
                })
            },
        )
        .await;
    }
    owner(control, &process_api)?
        .desk()
        .resolve(id, resolution, act)
        .await
}

/// Decides about all open exceptions of a cause.
pub(crate) async fn resolve_group(
    control: &Control,
    group: &GroupResolution,
    actor: &str,
    key: &IdempotencyKey,
    act: &Act,
) -> Result<ResolutionAccepted> {
    check_reason(&group.resolution)?;
    check_duties(control, &group.cause, &group.resolution, actor).await?;
    let ours = decide_about_ours(control, group, actor, key).await?;
    let theirs = send_to_owners(control, group, act).await?;
    Ok(ResolutionAccepted {
        exceptions: ours.exceptions + theirs.exceptions,
    })
}

/// The part of a group that is of control itself.
async fn decide_about_ours(
    control: &Control,
    group: &GroupResolution,
    actor: &str,
    key: &IdempotencyKey,
) -> Result<ResolutionAccepted> {
    let (actor, wake, decided) = (actor.to_owned(), control.wake.clone(), group.clone());
    once(
        &control.database,
        "differences_resolve",
        &key.0,
        group,
        move |tx| {
            Box::pin(async move {
                let (cause, resolution) = (&decided.cause, &decided.resolution);
                let exceptions =
                    reconciliation::decide_all(tx, cause, resolution, &actor, &wake, Utc::now()).await?;
                Ok(ResolutionAccepted { exceptions })
            })
        },
    )
    .await
}

/// Tries everything again that waits for a subject, such as `role:psa/main:117`. Returns how many exceptions.
pub(crate) async fn retry_about(control: &Control, subject: &str) -> Result<u64> {
    let about = subject.to_owned();
    let causes = control
        .database
        .read(move |tx| Box::pin(async move { desk::causes_about(tx, &about).await }))
        .await?;
    let mut retried = 0;
    for cause in causes {
        let resolution = Resolution {
            action: ResolutionAction::Retry,
            reason: None,
            answer: None,
        };
        let group = GroupResolution { cause, resolution };
        retried += send_to_owners(control, &group, &Act::once()).await?.exceptions;
    }
    Ok(retried)
}

async fn send_to_owners(control: &Control, group: &GroupResolution, act: &Act) -> Result<ResolutionAccepted> {
    let cause = group.cause.clone();
    let owners = control
        .database
        .read(move |tx| Box::pin(async move { desk::owners(tx, &cause).await }))
        .await?;
    let mut exceptions = 0;
    // Those of control itself are decided in its own database.
    for process_api in owners.iter().filter(|process_api| *process_api != OURS) {
        exceptions += owner(control, process_api)?
            .desk()
            .resolve_group(group, act)
            .await?
            .exceptions;
    }
    Ok(ResolutionAccepted { exceptions })
}

async fn find(control: &Control, id: CanonicalId) -> Result<(String, ExceptionRecord)> {
    control
        .database
        .read(move |tx| Box::pin(async move { desk::read(tx, id).await }))
        .await
}

fn owner<'a>(control: &'a Control, process_api: &str) -> Result<&'a ProcessClient> {
    control.processes.get(process_api).ok_or_else(|| {
        Failure::fault(
            "process_api_unknown",
            format!("the settings name no address of {process_api}"),
        )
    })
}

fn check_reason(resolution: &Resolution) -> Result<()> {
    let needed = matches!(
        resolution.action,
        ResolutionAction::Skip | ResolutionAction::Compensate
    );
    let given = resolution
        .reason
        .as_deref()
        .is_some_and(|reason| !reason.trim().is_empty());
    if needed && !given {
        return Err(Failure::business(
            "reason_missing",
            "say why the work shall not be done",
        ));
    }
    Ok(())
}

/// Who set a mapping does not replay by hand what waits for it: what a mapping mends goes on by itself.
async fn check_duties(
    control: &Control,
    cause: &ExceptionCause,
    resolution: &Resolution,
    actor: &str,
) -> Result<()> {
    if !matches!(
        resolution.action,
        ResolutionAction::Retry | ResolutionAction::Answer
    ) {
        return Ok(());
    }
    let subject = cause.subject.clone();
    let set_by = control
        .database
        .read(move |tx| Box::pin(async move { mappings::set_by(tx, &subject).await }))
        .await?;
    if set_by.as_deref() == Some(actor) {
        let message = format!(
            "{actor} set the mapping of {}, so somebody else decides about what waits for it",
            cause.subject
        );
        return Err(Failure::business("segregation_of_duties", message));
    }
    Ok(())
}
