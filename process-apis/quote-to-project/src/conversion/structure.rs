//! What the project is made of: workstreams, milestones, billing schedule, and the people who are wanted.

use canonical_model::{
    BillingSchedule, Fact, Milestone, MilestoneState, ResourceRequest, ResourceRequestState, Result,
    SystemKind, Task, Verb,
};

use crate::Ctx;
use crate::records::{self, Key};
use crate::references;
use crate::systems::System;

use super::drafts;
use super::process::Conversion;

pub(super) async fn create_workstreams_in_psa(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    let project = state.psa_project()?.to_owned();
    create_workstreams(ctx, state, &psa, &project).await
}

pub(super) async fn create_workstreams_in_erp(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    let project = state.erp_project()?.to_owned();
    create_workstreams(ctx, state, &erp, &project).await
}

/// A workstream has one canonical id in both systems, so that time booked on it in the PSA finds it in the ERP.
async fn create_workstreams(ctx: &Ctx, state: &Conversion, system: &System, project_id: &str) -> Result<()> {
    if !records::declared::<Task>(ctx, system, Verb::Write).await? {
        return Ok(());
    }
    let workstreams = state.deal()?.terms.workstreams();
    let what = |name: &str| format!("workstream {name}");
    let tasks = workstreams
        .iter()
        .map(|w| (what(&w.name), drafts::task(w, project_id)))
        .collect();
    let written = records::create_all(ctx, system, tasks).await?;
    for (workstream, written) in workstreams.iter().zip(written) {
        let (id, name) = (ctx.id(&what(&workstream.name)), workstream.name.as_str());
        references::register::<Task>(ctx, id, system.connection(), &written.id, Some(name)).await?;
    }
    Ok(())
}

/// Creates the milestones, then tells billing what was agreed: a charge names the milestone that brings it about.
pub(super) async fn create_milestones(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    let sold = state.deal()?.terms.milestones.clone();
    let project = state.psa_project()?.to_owned();
    if !sold.is_empty() && records::declared::<Milestone>(ctx, &psa, Verb::Write).await? {
        let what = |n: usize| format!("milestone {}", n + 1);
        let drafted = sold.iter().enumerate();
        let drafted = drafted
            .map(|(n, m)| (what(n), drafts::milestone(m, &project)))
            .collect();
        let written = records::create_all(ctx, &psa, drafted).await?;
        for (n, (milestone, written)) in sold.iter().zip(&written).enumerate() {
            let (id, name) = (ctx.id(&what(n)), milestone.name.as_str());
            references::register::<Milestone>(ctx, id, psa.connection(), &written.id, Some(name)).await?;
        }
        state.milestones = written.into_iter().map(|w| w.id).collect();
    }
    let agreed = drafts::contract_fact(state, ctx.services().terms.purchase_order_required)?;
    ctx.emit(Fact::ContractAgreed(agreed), ctx.business_key());
    Ok(())
}

/// Cancels those that nobody has reached. What was reached may have been charged.
pub(super) async fn cancel_milestones(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    if state.milestones.is_empty() {
        return Ok(());
    }
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    records::check_ownership::<Milestone>(ctx, &["state"], SystemKind::Psa).await?;
    for id in state.milestones.clone() {
        let now = psa.collection::<Milestone>().read(&id).await?;
        if now.data.state != MilestoneState::Planned {
            continue;
        }
        let record = Milestone {
            state: MilestoneState::Cancelled,
            ..now.data
        };
        records::update(
            ctx,
            &psa,
            Key::Own(format!("cancel milestone {id}")),
            &id,
            record,
            |found: &Milestone| found.state == MilestoneState::Cancelled,
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn create_billing_schedule(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    if !records::declared::<BillingSchedule>(ctx, &erp, Verb::Write).await? {
        return Ok(());
    }
    let schedule = drafts::billing_schedule(state)?;
    let name = schedule.name.clone();
    let written = records::create(ctx, &erp, Key::Own("billing schedule".to_owned()), schedule).await?;
    let id = ctx.id("billing schedule");
    references::register::<BillingSchedule>(ctx, id, erp.connection(), &written.id, Some(&name)).await
}

pub(super) async fn request_staffing(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    let demands = state.deal()?.terms.demands();
    if demands.is_empty() || !records::declared::<ResourceRequest>(ctx, &psa, Verb::Write).await? {
        return Ok(());
    }
    let what = |n: usize| format!("request {}", n + 1);
    let mut drafted = Vec::with_capacity(demands.len());
    for (n, demand) in demands.iter().enumerate() {
        drafted.push((what(n), drafts::request(state, demand)?));
    }
    let written = records::create_all(ctx, &psa, drafted).await?;
    for (n, (demand, written)) in demands.iter().zip(&written).enumerate() {
        let id = ctx.id(&what(n));
        references::register::<ResourceRequest>(ctx, id, psa.connection(), &written.id, Some(&demand.role))
            .await?;
        let asked = drafts::staffing_fact(state, demand, &written.id, ctx.now())?;
        ctx.emit(Fact::StaffingRequested(asked), ctx.business_key());
    }
    state.requests = written.into_iter().map(|w| w.id).collect();
    Ok(())
}

/// Cancels those that nobody is placed for.
pub(super) async fn cancel_requests(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    if state.requests.is_empty() {
        return Ok(());
    }
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    records::check_ownership::<ResourceRequest>(ctx, &["state"], SystemKind::Psa).await?;
    for id in state.requests.clone() {
        let now = psa.collection::<ResourceRequest>().read(&id).await?;
        if now.data.state != ResourceRequestState::Open {
            continue;
        }
        let record = ResourceRequest {
            state: ResourceRequestState::Cancelled,
            ..now.data
        };
        let key = Key::Own(format!("cancel request {id}"));
        records::update(ctx, &psa, key, &id, record, |found: &ResourceRequest| {
            found.state == ResourceRequestState::Cancelled
        })
        .await?;
    }
    Ok(())
}
