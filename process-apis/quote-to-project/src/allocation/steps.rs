//! The steps of [`super::process`].

use canonical_model::{
    Assignment, AssignmentChanged, AssignmentState, Fact, MappingDomain, Minutes, Person, Project, RecordRef,
    Result, Sourced,
};
use canonical_model::{EffectKey, Verb};
use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::Ctx;
use crate::records::{self, Key};
use crate::references::{self, Gap};

use super::process::{AllocationSync, Forecast, KnownProject, Plan, is_forecast};
use super::store::{self, LastWritten};

/// How soon to look again whether the turn is free, or whether the project has come to the ERP.
const SOON: TimeDelta = TimeDelta::seconds(2);

pub(super) async fn take_turn(ctx: &Ctx, state: &mut AllocationSync) -> Result<()> {
    let (assignment, instance) = (state.assignment(), ctx.instance_id());
    let taken = ctx
        .services()
        .db
        .write(move |tx| Box::pin(async move { store::take_turn(tx, &assignment, instance).await }))
        .await?;
    if taken {
        Ok(())
    } else {
        Err(ctx.wait_until(chrono::Utc::now() + SOON))
    }
}

pub(super) async fn give_turn_back(ctx: &Ctx, state: &mut AllocationSync) -> Result<()> {
    let (assignment, instance) = (state.assignment(), ctx.instance_id());
    ctx.on_commit(move |tx| Box::pin(async move { store::give_turn(tx, &assignment, instance).await }));
    Ok(())
}

/// Reads what is true now, whatever the change was: a later change may have overtaken it.
pub(super) async fn load_assignment(ctx: &Ctx, state: &mut AllocationSync) -> Result<()> {
    let key = state.assignment();
    let last = ctx
        .read(move |tx| Box::pin(async move { store::last_written(tx, &key).await }))
        .await?;
    let psa = ctx.services().psa.at(&state.connection);
    let found = match psa.collection::<Assignment>().read(&state.assignment_id).await {
        Ok(found) => Some(found.data),
        Err(failure) if failure.code == "not_found" => None,
        Err(failure) => return Err(failure),
    };
    let Some(assignment) = current(found, last.as_ref()) else {
        return Ok(());
    };
    let Some(project) = project_of(ctx, state, &assignment).await? else {
        tracing::debug!(assignment.id = %state.assignment_id, project.id = %assignment.project.id,
            "an assignment of a project that is not ours");
        return Ok(());
    };
    state.plan = Some(plan(ctx, state, assignment, project, last.as_ref()).await?);
    Ok(())
}

/// The assignment to write; nothing where it is as it was written before. One that was deleted counts as withdrawn.
fn current(found: Option<Assignment>, last: Option<&LastWritten>) -> Option<Assignment> {
    let assignment = match (found, last) {
        (Some(found), _) => found,
        (None, Some(last)) => Assignment {
            state: AssignmentState::Cancelled,
            ..last.assignment.clone()
        },
        (None, None) => return None,
    };
    last.is_none_or(|last| last.assignment != assignment)
        .then_some(assignment)
}

/// The project of ours. One that we have just made may not be noted yet.
async fn project_of(
    ctx: &Ctx,
    state: &AllocationSync,
    assignment: &Assignment,
) -> Result<Option<KnownProject>> {
    let (psa, id) = (state.connection.clone(), assignment.project.id.clone());
    let known = ctx
        .read(move |tx| Box::pin(async move { store::project(tx, &psa, &id).await }))
        .await?;
    if known.is_some() {
        return Ok(known);
    }
    let psa = ctx.services().psa.at(&state.connection);
    match psa.collection::<Project>().read(&assignment.project.id).await {
        Ok(project) if is_ours(&project) => Err(ctx.wait_until(chrono::Utc::now() + SOON)),
        Ok(_) => Ok(None),
        Err(failure) if failure.code == "not_found" => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn is_ours(project: &Sourced<Project>) -> bool {
    let prefix = format!("{}-", crate::conversion::KEY_PREFIX);
    project
        .effect_key
        .as_ref()
        .is_some_and(|key| key.starts_with(&prefix))
}

async fn plan(
    ctx: &Ctx,
    state: &AllocationSync,
    assignment: Assignment,
    project: KnownProject,
    last: Option<&LastWritten>,
) -> Result<Plan> {
    let psa = state.connection.as_str();
    let person = match &assignment.person {
        Some(person) => Some(email(ctx, psa, person).await?),
        None => None,
    };
    let role = match &assignment.role {
        Some(role) => Some(references::code_of(ctx, psa, MappingDomain::Role, role).await?),
        None => None,
    };
    let crm_role = match (&role, &assignment.role) {
        (Some(code), Some(role)) => {
            let mapped = references::value_of(ctx, MappingDomain::Role, code, &project.crm.0).await?;
            // For visibility only: a role that was never sold is shown as the PSA calls it.
            let word = mapped.unwrap_or_else(|| role.label.clone().unwrap_or_else(|| code.clone()));
            Some(RecordRef::labelled(word.clone(), word))
        }
        _ => None,
    };
    let forecasted = last.and_then(|last| last.forecasted.clone());
    let forecast = match (&person, is_forecast(&assignment)) {
        (Some(email), true) => forecast(ctx, &project, email, role.as_deref()).await?,
        _ if forecasted.is_some() => Forecast::Withdrawn,
        _ => Forecast::None,
    };
    Ok(Plan {
        assignment,
        project,
        person,
        role,
        crm_role,
        forecast,
        shown: last.is_some_and(|last| last.shown),
        forecasted,
    })
}

/// A person's e-mail address: the label, or what the PSA says.
async fn email(ctx: &Ctx, psa: &str, person: &RecordRef) -> Result<String> {
    if let Some(label) = person.label.as_ref().filter(|label| label.contains('@')) {
        return Ok(label.clone());
    }
    let psa = ctx.services().psa.at(psa);
    Ok(psa.collection::<Person>().read(&person.id).await?.data.email)
}

async fn forecast(ctx: &Ctx, project: &KnownProject, email: &str, role: Option<&str>) -> Result<Forecast> {
    let erp = ctx.services().erp.at(&project.erp.0);
    let role = match role {
        None => None,
        Some(code) => match references::value_of(ctx, MappingDomain::Role, code, erp.connection()).await? {
            Some(value) => Some(RecordRef::id(value)),
            None => return Err(Gap::new(MappingDomain::Role, erp.connection(), code).tell(ctx)),
        },
    };
    Ok(Forecast::Of {
        person: references::person(ctx, &erp, email).await?,
        role,
    })
}

pub(super) async fn show_in_crm(ctx: &Ctx, state: &mut AllocationSync) -> Result<()> {
    let key = shared_key("crm", state)?;
    let Some(plan) = &mut state.plan else {
        return Ok(());
    };
    // What the CRM never showed need not be withdrawn there.
    if plan.assignment.state == AssignmentState::Cancelled && !plan.shown {
        return Ok(());
    }
    let crm = ctx.services().crm.at(&plan.project.crm.0);
    if !records::declared::<Assignment>(ctx, &crm, Verb::Write).await? {
        return Ok(());
    }
    let scope = &plan.project.scope;
    let record = Assignment {
        project: RecordRef::labelled(plan.project.crm.1.clone(), scope.project_code.clone()),
        person: plan
            .person
            .clone()
            .map(|email| RecordRef::labelled(email.clone(), email)),
        role: plan.crm_role.clone(),
        ..plan.assignment.clone()
    };
    records::put(ctx, &crm, key, record.clone(), move |found| {
        same_time(found, &record)
    })
    .await?;
    plan.shown = true;
    Ok(())
}

pub(super) async fn forecast_in_erp(ctx: &Ctx, state: &mut AllocationSync) -> Result<()> {
    let key = shared_key("erp", state)?;
    let Some(plan) = &mut state.plan else {
        return Ok(());
    };
    if plan.forecast == Forecast::None {
        return Ok(());
    }
    let connection = &state.connection;
    let erp = ctx.services().erp.at(&plan.project.erp.0);
    if !records::declared::<Assignment>(ctx, &erp, Verb::Write).await? {
        return Ok(());
    }
    let project_id = match &plan.project.erp.1 {
        Some(id) => id.clone(),
        None => erp_project(ctx, connection, plan).await?,
    };
    let project = RecordRef::labelled(project_id, plan.project.scope.project_code.clone());
    let record = erp_record(plan, project);
    plan.forecasted = (record.state == AssignmentState::Confirmed).then(|| record.clone());
    records::put(ctx, &erp, key, record.clone(), move |found| {
        same_time(found, &record)
    })
    .await
    .map(drop)
}

/// The forecast as it is written: a withdrawn one stays, with no time in it, so that the books show that it was.
fn erp_record(plan: &Plan, project: RecordRef) -> Assignment {
    match &plan.forecast {
        Forecast::Of { person, role } => Assignment {
            project,
            person: Some(person.clone()),
            role: role.clone(),
            ..plan.assignment.clone()
        },
        Forecast::None | Forecast::Withdrawn => Assignment {
            project,
            person: plan.forecasted.as_ref().and_then(|before| before.person.clone()),
            role: plan.forecasted.as_ref().and_then(|before| before.role.clone()),
            minutes: Minutes::default(),
            state: AssignmentState::Cancelled,
            ..plan.assignment.clone()
        },
    }
}

/// The project's id in the ERP: staffing may be quicker than the project's way there.
async fn erp_project(ctx: &Ctx, psa: &str, plan: &Plan) -> Result<String> {
    let (psa, id) = (psa.to_owned(), plan.assignment.project.id.clone());
    let known = ctx
        .read(move |tx| Box::pin(async move { store::project(tx, &psa, &id).await }))
        .await?;
    known
        .and_then(|project| project.erp.1)
        .ok_or_else(|| ctx.wait_until(chrono::Utc::now() + SOON))
}

/// One record for each assignment and system, whichever change writes it.
fn shared_key(system: &str, state: &AllocationSync) -> Result<Key> {
    let digest = hex::encode(Sha256::digest(state.assignment().as_bytes()));
    let short: String = digest.chars().take(32).collect();
    let key: EffectKey = format!("q2p-alloc-{system}-{short}").parse()?;
    Ok(Key::Shared(key))
}

fn same_time(found: &Assignment, wanted: &Assignment) -> bool {
    found.state == wanted.state
        && found.minutes == wanted.minutes
        && found.start_date == wanted.start_date
        && found.end_date == wanted.end_date
        && wanted.person.as_ref().is_none_or(|wanted| {
            found
                .person
                .as_ref()
                .is_some_and(|found| found.id == wanted.id || found.label == wanted.label)
        })
}

pub(super) async fn remember(ctx: &Ctx, state: &mut AllocationSync) -> Result<()> {
    let (assignment, instance) = (state.assignment(), ctx.instance_id());
    let written = state.plan.as_ref().map(|plan| LastWritten {
        assignment: plan.assignment.clone(),
        shown: plan.shown,
        forecasted: plan.forecasted.clone(),
    });
    if let Some(plan) = &state.plan {
        ctx.emit(Fact::AssignmentChanged(changed(state, plan)), &state.assignment());
    }
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            if let Some(written) = written {
                store::remember(tx, &assignment, &written).await?;
            }
            store::give_turn(tx, &assignment, instance).await
        })
    });
    Ok(())
}

fn changed(state: &AllocationSync, plan: &Plan) -> AssignmentChanged {
    AssignmentChanged {
        scope: plan.project.scope.clone(),
        assignment: format!("{}/{}", state.connection, state.assignment_id),
        person: plan.person.clone(),
        role: plan.role.clone(),
        state: plan.assignment.state,
        start_date: plan.assignment.start_date,
        end_date: plan.assignment.end_date,
        minutes: plan.assignment.minutes,
        changed_at: state.changed_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(state: AssignmentState, hours: i64) -> Assignment {
        Assignment {
            project: RecordRef::id("1"),
            person: Some(RecordRef::labelled(
                "11",
                "anna.keller@northwind-advisory.example",
            )),
            role: None,
            start_date: "2026-10-01".parse().unwrap(),
            end_date: "2026-10-31".parse().unwrap(),
            minutes: Minutes::new(hours * 60),
            state,
        }
    }

    fn written(assignment: Assignment) -> LastWritten {
        LastWritten {
            assignment,
            shown: true,
            forecasted: None,
        }
    }

    #[test]
    fn what_was_written_before_is_an_echo_and_what_was_deleted_is_withdrawn() {
        let confirmed = assignment(AssignmentState::Confirmed, 40);
        let last = written(confirmed.clone());
        assert_eq!(current(Some(confirmed.clone()), Some(&last)), None);
        assert_eq!(current(Some(confirmed.clone()), None), Some(confirmed));
        let withdrawn = current(None, Some(&last)).unwrap();
        assert_eq!(withdrawn.state, AssignmentState::Cancelled);
        assert_eq!(current(None, Some(&written(withdrawn))), None);
        assert_eq!(current(None, None), None);
    }

    #[test]
    fn only_confirmed_time_of_a_person_is_forecast() {
        assert!(is_forecast(&assignment(AssignmentState::Confirmed, 40)));
        assert!(!is_forecast(&assignment(AssignmentState::Tentative, 40)));
        assert!(!is_forecast(&assignment(AssignmentState::Confirmed, 0)));
        let seat = Assignment {
            person: None,
            ..assignment(AssignmentState::Confirmed, 40)
        };
        assert!(!is_forecast(&seat));
    }
}
