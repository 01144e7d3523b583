//! The company that buys, in ERP, CRM and PSA. Customers are never taken back.

use canonical_model::{Account, Failure, GoldenAccount, RecordRef, Result, Verb};

use crate::Ctx;
use crate::records::{self, Key, Note};
use crate::references;
use crate::systems::System;

use super::drafts::{self, To};
use super::process::Conversion;

pub(super) async fn ensure_customer(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let customer = state.customer()?.clone();
    let erp = ctx.services().erp.at(&state.frame()?.erp);
    let golden = ctx.services().control.account(customer.canonical_id).await?;
    let id = match id_in(&golden, erp.connection()) {
        Some(id) => id,
        None => {
            let parent = parent_in(ctx, state, &erp).await?;
            let record = drafts::erp_account(state, &golden.account, parent)?;
            let key = Key::Shared(drafts::customer_key(&customer, To::Erp).parse()?);
            let written = records::create(ctx, &erp, key, record).await?;
            let name = golden.account.name.as_str();
            references::register::<Account>(
                ctx,
                customer.canonical_id,
                erp.connection(),
                &written.id,
                Some(name),
            )
            .await?;
            written.id
        }
    };
    if let Some(customer) = &mut state.customer {
        customer.erp = Some(id);
    }
    Ok(())
}

fn id_in(golden: &GoldenAccount, connection: &str) -> Option<String> {
    let reference = golden.references.iter().find(|r| r.connection == connection);
    reference.map(|r| r.id.clone())
}

/// The group that the company belongs to, where the ERP has it.
async fn parent_in(ctx: &Ctx, state: &Conversion, erp: &System) -> Result<Option<RecordRef>> {
    let Some(parent) = &state.deal()?.account.parent else {
        return Ok(None);
    };
    let known = references::known::<Account>(ctx, &state.connection, &parent.id).await?;
    Ok(known.id_in(erp.connection()).map(RecordRef::id))
}

/// A customer that was there before may belong to another company of the firm, whose books are the wrong ones for this
/// deal. A person who knows better skips this step and says why.
pub(super) async fn check_customer_entity(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let frame = state.frame()?;
    let erp = ctx.services().erp.at(&frame.erp);
    let customer = erp.collection::<Account>().read(state.erp_account()?).await?;
    match customer.data.legal_entity {
        Some(entity) if entity.id != frame.erp_entity.id => {
            let name = |entity: &RecordRef| entity.label.clone().unwrap_or_else(|| entity.id.clone());
            let message = format!(
                "customer {:?} ({}) belongs to {} in the ERP but the deal is sold by {}; open the customer for that \
                 company in the ERP and skip this check, or correct the deal in the CRM",
                customer.data.name,
                customer.id,
                name(&entity),
                name(&frame.erp_entity)
            );
            let subject = format!("account:{}:{}", frame.erp, customer.id);
            Err(ctx.about(subject, Failure::business("customer_in_other_entity", message)))
        }
        _ => Ok(()),
    }
}

pub(super) async fn link_customer_in_crm(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let crm = ctx.services().crm.at(&state.connection);
    if !records::declared::<Account>(ctx, &crm, Verb::Link).await? {
        return Ok(());
    }
    let note = Note {
        id: state.deal()?.terms.account_id.clone(),
        system: "erp",
        other_id: state.erp_account()?.to_owned(),
        message: None,
    };
    records::link::<Account>(ctx, &crm, note).await
}

pub(super) async fn ensure_client_in_psa(ctx: &Ctx, state: &mut Conversion) -> Result<()> {
    let customer = state.customer()?.clone();
    let psa = ctx.services().psa.at(&state.frame()?.psa);
    let golden = ctx.services().control.account(customer.canonical_id).await?;
    let id = match id_in(&golden, psa.connection()) {
        Some(id) => id,
        None => {
            let record = drafts::psa_client(state, &golden.account)?;
            let key = Key::Shared(drafts::customer_key(&customer, To::Psa).parse()?);
            let written = records::create(ctx, &psa, key, record).await?;
            let name = golden.account.name.as_str();
            references::register::<Account>(
                ctx,
                customer.canonical_id,
                psa.connection(),
                &written.id,
                Some(name),
            )
            .await?;
            written.id
        }
    };
    if let Some(customer) = &mut state.customer {
        customer.psa = Some(id);
    }
    Ok(())
}
