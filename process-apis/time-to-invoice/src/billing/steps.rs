//! The steps of a run.

use canonical_model::{
    Account, BillingEvent, BillingMethod, CanonicalId, EffectKey, Fact, Failure, Invoice, InvoiceCreated,
    LineSource, MappingDomain, Money, Project, RecordRef, Resource, Result, SourceKind, Written,
};

use process_engine::{ItemException, State};

use crate::Ctx;
use crate::charge::{self, Terms};
use crate::control;
use crate::line::PostingLine;
use crate::store::billing::{self, Basis, RunState};
use crate::store::contracts::{self, Agreement, Charge};
use crate::writing::write_once;

use super::process::{Answer, Run};

pub(super) async fn find_agreement(ctx: &Ctx, run: &mut Run) -> Result<()> {
    let project = match run.project {
        Some(project) => project,
        None => project_of_milestone(ctx, run).await?,
    };
    run.project = Some(project);
    let agreement = ctx
        .read(move |tx| Box::pin(contracts::agreement(tx, project)))
        .await?;
    let Some(agreement) = agreement else {
        // The contract is told by an event, which may be behind the milestone: it is waited for within the budget.
        let message = format!("nobody has told yet what was agreed about project {project}");
        return Err(Failure::transient("contract_not_told", message));
    };
    let erp = ctx.services().erp_of(&agreement.scope.legal_entity);
    // Set before anything can be missing, so that an exception names the project.
    run.scope = Some(agreement.scope.clone());
    run.billing_method = Some(agreement.billing_method);
    run.terms = Some(terms(ctx, &agreement, &erp).await?);
    run.erp = Some(erp);
    Ok(())
}

async fn project_of_milestone(ctx: &Ctx, run: &Run) -> Result<CanonicalId> {
    let Some(milestone) = &run.milestone else {
        return Err(Failure::fault(
            "run_without_project",
            "a billing run names neither project nor milestone",
        ));
    };
    let ids = [milestone.project.clone()];
    let known = control::known::<Project>(&ctx.services().control, &milestone.connection, &ids).await?;
    let found = known
        .into_values()
        .next()
        .and_then(|answer| answer.canonical_id());
    found.ok_or_else(|| {
        let message = format!(
            "milestone {:?} is of project {} of {}, which is no project that Fairlead knows",
            milestone.name, milestone.project, milestone.connection
        );
        let subject = format!("project_code:{}:{}", milestone.connection, milestone.project);
        ctx.about(subject, Failure::business("project_not_mapped", message))
    })
}

/// What was agreed, with the ids of the ERP.
async fn terms(ctx: &Ctx, agreement: &Agreement, erp: &str) -> Result<Terms> {
    let scope = &agreement.scope;
    let services = ctx.services();
    let account = id_in_erp::<Account>(ctx, scope.account_id, erp).await?;
    let account = account.ok_or_else(|| {
        let message = format!("account {:?} has no counterpart in {erp}", scope.account_name);
        ctx.about(
            format!("account:{}", scope.account_id),
            Failure::business("account_not_mapped", message),
        )
    })?;
    let project = id_in_erp::<Project>(ctx, scope.project_id, erp).await?;
    let project = project.ok_or_else(|| {
        let message = format!("project {} has no counterpart in {erp}", scope.project_code);
        ctx.about(
            format!("project:{}", scope.project_id),
            Failure::business("project_not_mapped", message),
        )
    })?;
    let code = &scope.legal_entity;
    let question = control::question(MappingDomain::LegalEntity, None, code, Some(erp));
    let found = control::translate(&services.control, &[question]).await?;
    let entity = found
        .into_iter()
        .find_map(|meaning| meaning.value)
        .ok_or_else(|| {
            let message = format!("legal entity {code} is not mapped in {erp}");
            ctx.about(
                format!("legal_entity:{erp}:{code}"),
                Failure::business("legal_entity_not_mapped", message),
            )
        })?;
    let (run, currency) = (run_id(ctx)?, agreement.currency);
    let project_id = scope.project_id;
    let charged_before = ctx
        .read(move |tx| Box::pin(billing::charged_before(tx, run, project_id, currency)))
        .await?;
    Ok(Terms {
        account: RecordRef::labelled(account, scope.account_name.clone()),
        project: RecordRef::labelled(project, scope.project_code.clone()),
        legal_entity: RecordRef::labelled(entity, code.clone()),
        currency,
        cap: agreement.cap,
        charged_before,
        purchase_order: agreement.purchase_order.clone(),
        purchase_order_required: agreement.purchase_order_required,
    })
}

async fn id_in_erp<T: Resource>(ctx: &Ctx, id: CanonicalId, erp: &str) -> Result<Option<String>> {
    let answer = control::of_canonical::<T>(&ctx.services().control, id).await?;
    Ok(answer.id_in(erp).map(str::to_owned))
}

/// A run's business key is its id.
fn run_id(ctx: &Ctx) -> Result<CanonicalId> {
    let key = ctx.business_key();
    key.parse()
        .map_err(|_| Failure::fault("run_unknown", format!("{key:?} is not the id of a billing run")))
}

pub(super) async fn compose_invoice(ctx: &Ctx, run: &mut Run) -> Result<()> {
    let answer = ctx.answer::<Answer>().unwrap_or_default();
    leave_out(ctx, run, &answer).await?;
    let terms = current_terms(ctx, run, &answer).await?;
    let (cap, project, id) = (terms.cap, run.scope()?.project_id, run.id);
    let (invoice, lines) = match run.basis {
        Basis::Request | Basis::PeriodEnd => {
            let lines = ctx.read(move |tx| Box::pin(billing::run_lines(tx, id))).await?;
            (charge::time_and_materials(&terms, &lines, run.date), lines)
        }
        Basis::Milestone | Basis::AgreedCharge => {
            let charge = agreed_charge(ctx, run, &answer).await?;
            (for_charge(run, &terms, &charge), Vec::new())
        }
    };
    run.terms = Some(terms);
    let invoice = match invoice {
        Ok(invoice) => invoice,
        Err(failure) if failure.code == "nothing_to_bill" => {
            run.nothing = true;
            end(ctx, run.id, RunState::NothingToBill);
            return Ok(());
        }
        Err(failure) => return Err(ctx.about(format!("project:{project}"), failure)),
    };
    charge::check_adds_up(&invoice, &lines)?;
    reserve(ctx, id, project, &invoice, &lines, cap).await?;
    run.invoice = Some(invoice);
    Ok(())
}

/// Lines that a person does not want on this invoice, and lines that the PSA has changed since, are free at once.
async fn leave_out(ctx: &Ctx, run: &Run, answer: &Answer) -> Result<()> {
    let (id, lines) = (run.id, answer.leave_out.clone());
    let (left, changed) = ctx
        .services()
        .db
        .write(move |tx| {
            Box::pin(async move {
                let left = billing::leave_out(tx, id, &lines).await?;
                Ok((left, billing::leave_out_changed(tx, id).await?))
            })
        })
        .await?;
    if left + changed > 0 {
        tracing::info!(run = %id, left, changed, "left posting lines out of an invoice");
    }
    Ok(())
}

/// What was agreed, as it is now: a contract that was corrected while the run waited counts.
async fn current_terms(ctx: &Ctx, run: &Run, answer: &Answer) -> Result<Terms> {
    let (id, project) = (run.id, run.scope()?.project_id);
    let known = run.terms()?.clone();
    let currency = known.currency;
    let (agreement, charged_before) = ctx
        .read(move |tx| {
            Box::pin(async move {
                let agreement = contracts::agreement(tx, project).await?;
                Ok((
                    agreement,
                    billing::charged_before(tx, id, project, currency).await?,
                ))
            })
        })
        .await?;
    let agreed = agreement.filter(|agreement| agreement.currency == currency);
    let cap = agreed.as_ref().map_or(known.cap, |agreement| agreement.cap);
    let order = agreed.as_ref().map_or_else(
        || known.purchase_order.clone(),
        |agreement| agreement.purchase_order.clone(),
    );
    Ok(Terms {
        cap: cap.filter(|_| !answer.allow_over_cap),
        charged_before,
        purchase_order: answer.purchase_order.clone().or(order),
        ..known
    })
}

/// What the contract says about the milestone or charge of the run.
async fn agreed_charge(ctx: &Ctx, run: &Run, answer: &Answer) -> Result<Charge> {
    let event = run.event.clone().unwrap_or_default();
    let by_milestone = run.basis == Basis::Milestone;
    let charge = ctx
        .read(move |tx| {
            Box::pin(async move {
                if by_milestone {
                    contracts::charge_of_milestone(tx, &event).await
                } else {
                    contracts::charge(tx, &event).await
                }
            })
        })
        .await?;
    match (charge, &run.milestone) {
        (Some(charge), _) => Ok(charge),
        (None, Some(milestone)) if answer.charge_as_planned => Ok(Charge {
            id: run.event.clone().unwrap_or_default(),
            project_id: run.scope()?.project_id,
            description: milestone.name.clone(),
            due: run.through,
            amount: milestone.amount,
            milestone: run.event.clone(),
        }),
        (None, Some(milestone)) => {
            let message = format!(
                "milestone {:?} of {} is reached, but the contract names no charge for it: correct the contract and \
                 retry, answer charge_as_planned to charge {}, or drop the run with a reason",
                milestone.name,
                run.scope()?.project_code,
                milestone.amount
            );
            Err(Failure::business("milestone_not_agreed", message))
        }
        (None, None) => Err(Failure::business(
            "charge_gone",
            "the contract does not name the charge any more",
        )),
    }
}

fn for_charge(run: &Run, terms: &Terms, charge: &Charge) -> Result<Invoice> {
    let event = BillingEvent {
        description: charge.description.clone(),
        date: charge.due,
        amount: charge.amount,
        milestone: None,
    };
    let kind = match run.basis {
        Basis::Milestone => SourceKind::Milestone,
        _ => SourceKind::BillingEvent,
    };
    let record = RecordRef::labelled(run.event.clone().unwrap_or_default(), charge.description.clone());
    charge::agreed_charge(terms, &event, LineSource { kind, record }, run.date)
}

/// Counts the run against the cap before the invoice is made, so that another run cannot take the same room.
async fn reserve(
    ctx: &Ctx,
    run: CanonicalId,
    project: CanonicalId,
    invoice: &Invoice,
    lines: &[PostingLine],
    cap: Option<Money>,
) -> Result<()> {
    let net = invoice.net.unwrap_or_else(|| Money::zero(invoice.currency));
    let lines = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    ctx.services()
        .db
        .write(move |tx| Box::pin(billing::reserve(tx, run, project, net, lines, cap)))
        .await
        .map_err(|failure| ctx.about(format!("project:{project}"), failure))
}

/// Ends a run without an invoice when the step is committed.
fn end(ctx: &Ctx, run: CanonicalId, state: RunState) {
    let now = ctx.now();
    ctx.on_commit(move |tx| Box::pin(billing::end_without_invoice(tx, run, state, now)));
}

/// What the run charges for was claimed when it began.
pub(super) async fn take_claims(_ctx: &Ctx, _run: &mut Run) -> Result<()> {
    Ok(())
}

pub(super) async fn release_claims(ctx: &Ctx, run: &mut Run) -> Result<()> {
    if run.written.is_none() {
        end(ctx, run.id, RunState::Dropped);
    }
    Ok(())
}

pub(super) async fn create_invoice(ctx: &Ctx, run: &mut Run) -> Result<()> {
    let Some(invoice) = run.invoice.clone() else {
        return Ok(());
    };
    let written = write_once(ctx, run.erp()?, invoice_key(ctx), &invoice).await?;
    record(ctx, run, &invoice, &written).await?;
    run.written = Some(written);
    Ok(())
}

/// Records the invoice with its lines, and tells it.
async fn record(ctx: &Ctx, run: &Run, invoice: &Invoice, written: &Written) -> Result<()> {
    let (id, now, scope) = (run.id, ctx.now(), run.scope()?.clone());
    let (name, number) = (format!("{}/{}", run.erp()?, written.id), written.code.clone());
    let lines = ctx.read(move |tx| Box::pin(billing::run_lines(tx, id))).await?;
    let subject = scope.project_id.to_string();
    let fact = InvoiceCreated {
        scope,
        invoice: name.clone(),
        billing_method: run.billing_method.unwrap_or(BillingMethod::TimeAndMaterials),
        date: run.date,
        net: invoice.net.unwrap_or_else(|| Money::zero(invoice.currency)),
        lines: lines.into_iter().map(|line| line.id).collect(),
        through: run.through,
        created_at: now,
    };
    ctx.emit(Fact::InvoiceCreated(fact), &subject);
    ctx.on_commit(move |tx| {
        Box::pin(async move { billing::invoiced(tx, id, &name, number.as_deref(), now).await })
    });
    Ok(())
}

/// The key of the run's invoice: the same for every step, so that an undo can look for it too.
fn invoice_key(ctx: &Ctx) -> EffectKey {
    ctx.shared_key(&format!("invoice {}", ctx.business_key()))
}

/// Records an invoice that was made although the step that made it did not end: what it charges for is charged.
async fn adopt(ctx: &Ctx, run: &mut Run) -> Result<()> {
    let (Some(invoice), None) = (run.invoice.clone(), &run.written) else {
        return Ok(());
    };
    let remote = ctx.services().systems.collection::<Invoice>(run.erp()?)?;
    if let Some(written) = remote.find_by_key(&invoice_key(ctx)).await? {
        record(ctx, run, &invoice, &written).await?;
        run.written = Some(written);
    }
    Ok(())
}

/// An invoice is in the ledger: only a credit note takes it back, and a person makes that.
pub(super) async fn ask_for_credit(ctx: &Ctx, run: &mut Run) -> Result<()> {
    adopt(ctx, run).await?;
    let Some(written) = &run.written else {
        return Ok(());
    };
    let number = written.code.as_deref().unwrap_or(&written.id);
    let message =
        format!("invoice {number} is in the ledger: credit it in the ERP, then skip this with the reason");
    ctx.raise(ItemException {
        item_key: format!("credit {}/{}", run.erp()?, written.id),
        title: format!("Credit invoice {number}"),
        failure: Failure::business("invoice_not_reversible", message),
        subject: String::new(),
        at_risk: run.at_risk(),
    });
    Ok(())
}

pub(super) async fn register_invoice(ctx: &Ctx, run: &mut Run) -> Result<()> {
    let Some(written) = &run.written else {
        return Ok(());
    };
    let (control, number) = (&ctx.services().control, written.code.as_deref());
    control::register::<Invoice>(control, ctx.id("invoice"), run.erp()?, &written.id, number).await
}

/// A run whose invoice a person skipped ends without one, unless it was made all the same.
pub(super) async fn close_run(ctx: &Ctx, run: &mut Run) -> Result<()> {
    adopt(ctx, run).await?;
    if run.written.is_none() && !run.nothing {
        end(ctx, run.id, RunState::Dropped);
    }
    Ok(())
}
