//! The project opens for time, and everybody hears of it.

use canonical_model::{Fact, Opportunity, ProjectStatus, RecordRef, Result, SystemKind, Verb};

use crate::Ctx;
use crate::records::{self, Key, Note};

use super::drafts;
use super::process::Conversion;
use super::project::set_status;

pub(super) async fn activate_in_psa(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    set_status(ctx, &psa, state.psa_project()?, ProjectStatus::Active).await
}

pub(super) async fn activate_in_erp(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    set_status(ctx, &erp, state.erp_project()?, ProjectStatus::Active).await?;
    state.activated_at = Some(ctx.now());
    Ok(())
}

/// Tells the rest of the firm before the CRM is told, which may be away: time can be booked from now on.
pub(super) async fn announce(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let at = state.activated_at.unwrap_or_else(|| ctx.now());
    let activated = drafts::activation_fact(state, at)?;
    ctx.emit(Fact::ProjectActivated(activated), ctx.business_key());
    Ok(())
}

pub(super) async fn tell_crm(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    write_project_state(ctx, state, "active").await
}

/// What the deal shows decides: the step that tells the CRM may have been given up after its write had got through, so
/// this is the undo of the step before it.
pub(super) async fn tell_crm_it_was_withdrawn(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    let deal = crm
        .collection::<Opportunity>()
        .read(&state.opportunity_id)
        .await?;
    let shows_ours = match (&deal.data.project, state.psa_project()) {
        (Some(shown), Ok(ours)) => shown.id == ours,
        _ => false,
    };
    if !shows_ours {
        return Ok(());
    }
    write_project_state(ctx, state, "withdrawn").await
}

/// Writes id, code and state of the project onto the deal. What sales owns goes back as it was read, under the version
/// that was read: a salesperson who saves in between is not overwritten, the step reads again.
async fn write_project_state(ctx: &Ctx, state: &Conversion, word: &'static str) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    if !records::declared::<Opportunity>(ctx, &crm, Verb::Write).await? {
        return Ok(());
    }
    let project = state.project()?;
    let reference = RecordRef::labelled(state.psa_project()?, project.code.clone());
    let now = crm
        .collection::<Opportunity>()
        .read(&state.opportunity_id)
        .await?;
    let told = |found: &Opportunity, reference: &RecordRef| {
        found.project.as_ref().is_some_and(|p| p.id == reference.id)
            && found.project_status.as_deref() == Some(word)
    };
    if told(&now.data, &reference) {
        return Ok(());
    }
    records::check_ownership::<Opportunity>(ctx, &["project", "project_status"], SystemKind::Psa).await?;
    let key = Key::Own(format!("{word} {}", now.version.as_deref().unwrap_or("")));
    let record = told_record(&now.data, reference.clone(), word);
    records::update_version(
        ctx,
        &crm,
        key,
        (&state.opportunity_id, now.version),
        record,
        move |found| told(found, &reference),
    )
    .await
    .map(drop)
}

/// The deal with the project on it; what is absent stays as it is.
fn told_record(now: &Opportunity, project: RecordRef, word: &str) -> Opportunity {
    Opportunity {
        name: now.name.clone(),
        stage: now.stage,
        account: None,
        owner: None,
        amount: None,
        close_date: now.close_date,
        signature_date: None,
        legal_entity: None,
        region: None,
        billing_method: None,
        target_margin_percent: None,
        project_manager: None,
        start_date: None,
        end_date: None,
        purchase_order: None,
        rate_card: None,
        cap: None,
        lines: Vec::new(),
        project: Some(project),
        project_status: Some(word.to_owned()),
    }
}

pub(super) async fn link_deal_in_crm(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    if !records::declared::<Opportunity>(ctx, &crm, Verb::Link).await? {
        return Ok(());
    }
    let note = Note {
        id: state.opportunity_id.clone(),
        system: "psa",
        other_id: state.psa_project()?.to_owned(),
        message: Some(format!("Project {}", state.project()?.code)),
    };
    records::link::<Opportunity>(ctx, &crm, note).await
}
