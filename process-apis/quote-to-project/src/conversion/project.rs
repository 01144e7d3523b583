//! Contract and project, in CRM, PSA and ERP.

use canonical_model::{
    Contract, Expense, Failure, ListQuery, Project, ProjectStatus, Result, SystemKind, TimeEntry, Verb,
};

use crate::Ctx;
use crate::allocation::{process::KnownProject, store};
use crate::records::{self, Key};
use crate::references;
use crate::systems::System;

use super::drafts::{self, To};
use super::process::Conversion;

pub(super) async fn create_contract_in_crm(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    create_contract(ctx, state, &crm, drafts::crm_contract).await
}

pub(super) async fn create_contract_in_erp(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    create_contract(ctx, state, &erp, drafts::erp_contract).await
}

async fn create_contract(
    ctx: &Ctx,
    state: &Conversion,
    system: &System,
    draft: fn(&Conversion) -> Result<Contract>,
) -> Result<()> {
    if !records::declared::<Contract>(ctx, system, Verb::Write).await? {
        return Ok(());
    }
    let contract = draft(state)?;
    let name = contract.name.clone();
    let written = records::create(ctx, system, Key::Own("contract".to_owned()), contract).await?;
    references::register::<Contract>(
        ctx,
        ctx.id("contract"),
        system.connection(),
        &written.id,
        Some(&name),
    )
    .await
}

pub(super) async fn create_project_in_psa(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    let id = create_project(ctx, state, &psa, To::Psa).await?;
    // In a CRM, which has no projects, the opportunity stands for the project.
    let (project, code) = (state.project()?.canonical_id, state.project()?.code.clone());
    references::register::<Project>(
        ctx,
        project,
        &state.connection,
        &state.opportunity_id,
        Some(&code),
    )
    .await?;
    if let Some(project) = &mut state.project {
        project.psa = Some(id);
    }
    note_project(ctx, state)
}

pub(super) async fn create_project_in_erp(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    let id = create_project(ctx, state, &erp, To::Erp).await?;
    if let Some(project) = &mut state.project {
        project.erp = Some(id);
    }
    note_project(ctx, state)
}

/// Lets allocations find the project, from the moment that its id is saved.
fn note_project(ctx: &Ctx, state: &Conversion) -> Result<()> {
    let (psa, psa_id) = (state.frame()?.psa.clone(), state.psa_project()?.to_owned());
    let known = KnownProject {
        scope: state.scope()?,
        crm: (state.connection.clone(), state.opportunity_id.clone()),
        erp: (state.frame()?.erp.clone(), state.project()?.erp.clone()),
    };
    ctx.on_commit(move |tx| Box::pin(async move { store::note_project(tx, &psa, &psa_id, &known).await }));
    Ok(())
}

async fn create_project(ctx: &Ctx, state: &Conversion, system: &System, to: To) -> Result<String> {
    let record = drafts::project(state, to)?;
    let project = state.project()?;
    let written = records::create(ctx, system, Key::Own("project".to_owned()), record).await?;
    let code = project.code.as_str();
    references::register::<Project>(
        ctx,
        project.canonical_id,
        system.connection(),
        &written.id,
        Some(code),
    )
    .await?;
    Ok(written.id)
}

/// Closes the project where nobody has booked on it yet. A project with work is for people to settle.
pub(super) async fn close_empty_project_in_psa(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let Some(id) = state.project.as_ref().and_then(|project| project.psa.clone()) else {
        return Ok(());
    };
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    let query = ListQuery {
        project: Some(id.clone()),
        limit: Some(1),
        ..ListQuery::default()
    };
    let time = psa.collection::<TimeEntry>().list(&query).await?;
    let expenses = psa.collection::<Expense>().list(&query).await?;
    if !time.items.is_empty() || !expenses.items.is_empty() {
        let message = format!(
            "time or expenses are booked on project {}; settle them in the PSA before the project is closed",
            state.project()?.code
        );
        return Err(Failure::business("project_has_work", message));
    }
    set_status(ctx, &psa, &id, ProjectStatus::Closed).await
}

pub(super) async fn close_project_in_erp(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let Some(id) = state.project.as_ref().and_then(|project| project.erp.clone()) else {
        return Ok(());
    };
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    set_status(ctx, &erp, &id, ProjectStatus::Closed).await
}

/// Sets the state of a project and nothing else. The state is delivery's: it comes from the PSA.
pub(super) async fn set_status(ctx: &Ctx, system: &System, id: &str, status: ProjectStatus) -> Result<()> {
    let now = system.collection::<Project>().read(id).await?;
    if now.data.status == status {
        return Ok(());
    }
    records::check_ownership::<Project>(ctx, &["status"], SystemKind::Psa).await?;
    let what = match status {
        ProjectStatus::Planned => "plan",
        ProjectStatus::Active => "activate",
        ProjectStatus::Closed => "close",
    };
    let record = drafts::project_state(&now.data, status);
    records::update(
        ctx,
        system,
        Key::Own(format!("{what} project")),
        id,
        record,
        move |found| found.status == status,
    )
    .await
    .map(drop)
}
