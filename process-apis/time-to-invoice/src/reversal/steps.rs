//! The steps of a reversal.

use canonical_model::{
    CanonicalId, CreditNote, EffectKey, Expense, Fact, Failure, Invoice, Link, LinkState, Resource, Result,
    SourceKind, TimeEntry, WorkReversed,
};
use process_engine::{ItemException, State};
use system_client::Verb;

use crate::Ctx;
use crate::line::Work;
use crate::news::News;
use crate::posting::send;
use crate::store::contracts;
use crate::store::reversal::{self, Booked, Held};
use crate::validation;
use crate::writing::write_once;

use super::plan::{Plan, credit_note};
use super::process::{Answer, Reversal};

/// The line as it is now, where it is in hand still. What the PSA says of it counts as seen.
async fn held(ctx: &Ctx, line: CanonicalId) -> Result<Option<Held>> {
    let db = &ctx.services().db;
    db.write(move |tx| Box::pin(async move { reversal::look_at(tx, line).await }))
        .await
}

/// Decides what is to be written. Nothing is where the PSA says again what was posted.
pub(super) async fn look_again(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    let Some(held) = held(ctx, case.line).await? else {
        return Ok(());
    };
    let Some(news) = &held.news else { return Ok(()) };
    if let Some(project) = held.project {
        let agreement = ctx
            .read(move |tx| Box::pin(contracts::agreement(tx, project)))
            .await?;
        // Set before anything can be missing, so that an exception names entity and region.
        case.scope = agreement.map(|agreement| agreement.scope);
    }
    let answer = ctx.answer::<Answer>().unwrap_or_default();
    let mut plan = Plan::of(&held, &answer)?;
    let why = because(case, &held, news);
    check_support(ctx, &plan, case, &why).await?;
    check_periods(ctx, &plan, &why).await?;
    plan.credit = credit(ctx, &held, &plan).await?;
    case.plan = Some(plan);
    Ok(())
}

/// What happened, for the message of an exception.
fn because(case: &Reversal, held: &Held, news: &News) -> String {
    let how = match news {
        News::Approved(_) => "was changed",
        News::NotApproved => "lost its approval",
        News::Deleted => "was deleted",
        News::Unreadable(_) => "cannot be read any more",
    };
    let posted = held.line.erp_id.as_deref().unwrap_or_default();
    let charged = match &held.line.invoice_id {
        Some(invoice) => format!(" and charged on invoice {invoice}"),
        None => String::new(),
    };
    format!(
        "{} {how} in the PSA after it was posted as {posted}{charged}",
        case.source()
    )
}

/// Whether the ERP can take the line back, as far as a person did not.
async fn check_support(ctx: &Ctx, plan: &Plan, case: &Reversal, why: &str) -> Result<()> {
    let systems = &ctx.services().systems;
    let reverses = match case.kind {
        SourceKind::Expense => systems.can::<Expense>(&plan.erp, Verb::Reverse).await?,
        _ => systems.can::<TimeEntry>(&plan.erp, Verb::Reverse).await?,
    };
    let credits = systems.can::<CreditNote>(&plan.erp, Verb::Write).await?;
    let refuse = |what: &str, answer: &str| {
        let message = format!(
            "{why}, and {} cannot {what}: book it there by hand and answer {answer} with its id, bring the PSA back to \
             what was posted and retry, or skip this with the reason and let the posting stand",
            plan.erp
        );
        Err(ctx.about(
            plan.erp.clone(),
            Failure::business("reversal_not_supported", message),
        ))
    };
    if !reverses && plan.booked_as.is_none() {
        return refuse("take it back", "booked_as");
    }
    if plan.invoice.is_some() && !credits && plan.credited_as.is_none() {
        return refuse("make credit notes", "credited_as");
    }
    Ok(())
}

/// Whether the days of what is to be written are open.
async fn check_periods(ctx: &Ctx, plan: &Plan, why: &str) -> Result<()> {
    let periods = ctx.services().systems.periods(&plan.erp).await?;
    let mut days = Vec::new();
    if plan.booked_as.is_none() {
        days.push(plan.work.date());
    }
    if plan.invoice.is_some() && plan.credited_as.is_none() {
        days.push(ctx.now().date_naive());
    }
    for day in days {
        validation::check_period(day, &periods).map_err(|failure| {
            let message = format!(
                "{why}: {}. Open the period and retry, answer reverse_on with a day of an open period, or skip this \
                 with the reason and let the posting stand",
                failure.message
            );
            let failure = Failure::business(&failure.code, message);
            ctx.about(validation::period_subject(day), failure)
        })?;
    }
    Ok(())
}

/// The credit note over what was charged, where the line is on an invoice and no person made one.
async fn credit(ctx: &Ctx, held: &Held, plan: &Plan) -> Result<Option<CreditNote>> {
    let (Some(invoice), Some(charge), Some(booked)) = (&plan.invoice, held.charge, &held.billed_as) else {
        return Ok(None);
    };
    if plan.credited_as.is_some() {
        return Ok(None);
    }
    let record = ctx
        .services()
        .systems
        .collection::<Invoice>(&plan.erp)?
        .read(invoice)
        .await?;
    let date = ctx.now().date_naive().max(record.data.date);
    let of = (invoice.as_str(), &record.data.account);
    Ok(Some(credit_note(&held.line, booked, charge, of, date)))
}

/// Whether the PSA says again what was posted, before this step may have written anything.
async fn came_back(ctx: &Ctx, case: &Reversal) -> Result<bool> {
    if case.credit_note.is_some() || ctx.may_have_written(ctx.step()).await? {
        return Ok(false);
    }
    Ok(held(ctx, case.line).await?.is_none_or(|held| held.news.is_none()))
}

fn credit_key(ctx: &Ctx, case: &Reversal) -> EffectKey {
    ctx.shared_key(&format!("credit {}", generation(case, case.generation)))
}

fn reversal_key(ctx: &Ctx, case: &Reversal) -> EffectKey {
    ctx.shared_key(&generation(case, case.generation + 1))
}

fn generation(case: &Reversal, generation: u32) -> String {
    let kind = crate::store::kind_word(case.kind);
    format!("{kind} {} {} #{generation}", case.connection, case.source_id)
}

pub(super) async fn credit_invoice(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    let answer = ctx.answer::<Answer>().unwrap_or_default();
    let Some(plan) = &mut case.plan else { return Ok(()) };
    plan.take(&answer);
    let (erp, credited_as, note) = (plan.erp.clone(), plan.credited_as.clone(), plan.credit.clone());
    if plan.invoice.is_none() {
        return Ok(());
    }
    let id = match (credited_as, note) {
        (Some(id), _) => id,
        (None, None) => return Ok(()),
        (None, Some(note)) => {
            if came_back(ctx, case).await? {
                case.plan = None;
                return Ok(());
            }
            write_once(ctx, &erp, credit_key(ctx, case), &note).await?.id
        }
    };
    record_credit(ctx, case, format!("{erp}/{id}"));
    Ok(())
}

fn record_credit(ctx: &Ctx, case: &mut Reversal, credit_note: String) {
    case.credit_note = Some(credit_note.clone());
    let (line, now) = (case.line, ctx.now());
    ctx.on_commit(move |tx| Box::pin(async move { reversal::credited(tx, line, &credit_note, now).await }));
}

/// A credit note is in the ledger and stays there: a person is asked to charge the line again.
pub(super) async fn ask_about_credit(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    let Some(plan) = &case.plan else { return Ok(()) };
    if case.reversed {
        return Ok(());
    }
    let (erp, made) = (plan.erp.clone(), plan.credit.is_some());
    if case.credit_note.is_none() && made {
        let remote = ctx.services().systems.collection::<CreditNote>(&erp)?;
        if let Some(written) = remote.find_by_key(&credit_key(ctx, case)).await? {
            record_credit(ctx, case, format!("{erp}/{}", written.id));
        }
    }
    let Some(credit_note) = &case.credit_note else {
        return Ok(());
    };
    let message = format!(
        "credit note {credit_note} took {} off its invoice, and its posting stands: charge it again in the ERP, or \
         reverse it there too, then skip this with the reason",
        case.source()
    );
    ctx.raise(ItemException {
        item_key: format!("credit {credit_note}"),
        title: format!("Charge what credit note {credit_note} took off"),
        failure: Failure::business("credit_note_not_reversible", message),
        subject: String::new(),
        at_risk: case.at_risk(),
    });
    Ok(())
}

pub(super) async fn reverse_work(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    let answer = ctx.answer::<Answer>().unwrap_or_default();
    let Some(plan) = &mut case.plan else { return Ok(()) };
    plan.take(&answer);
    let plan = plan.clone();
    let id = match &plan.booked_as {
        Some(id) => id.clone(),
        None => {
            if came_back(ctx, case).await? {
                case.plan = None;
                return Ok(());
            }
            let key = reversal_key(ctx, case);
            match &plan.work {
                Work::Time(entry) => write_once(ctx, &plan.erp, key, entry).await?.id,
                Work::Expense(expense) => write_once(ctx, &plan.erp, key, expense).await?.id,
            }
        }
    };
    record(ctx, case, &plan, id);
    Ok(())
}

/// Records that the line is out of the books, and tells it.
fn record(ctx: &Ctx, case: &mut Reversal, plan: &Plan, erp_id: String) {
    case.reversed = true;
    let booked = Booked {
        line: case.line,
        reversal: ctx.id("reversal"),
        erp_id,
        day: plan.work.date(),
        booked_as: plan.work.clone(),
        at: ctx.now(),
    };
    if let Some(fact) = fact(case, plan, &booked) {
        let subject = fact.scope.project_id.to_string();
        ctx.emit(Fact::WorkReversed(fact), &subject);
    }
    let wake = ctx.services().waiting.clone();
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            if reversal::finish(tx, &booked).await? {
                tx.after_commit(move || wake.notify_one());
            }
            Ok(())
        })
    });
}

fn fact(case: &Reversal, plan: &Plan, booked: &Booked) -> Option<WorkReversed> {
    let spent = match &plan.work {
        Work::Expense(expense) => Some(expense.amount),
        Work::Time(_) => None,
    };
    Some(WorkReversed {
        scope: case.scope.clone()?,
        line_id: booked.reversal,
        reverses: booked.line,
        source: case.kind,
        source_record: format!("{}/{}", case.connection, case.source_id),
        person: plan.work.person().to_owned(),
        date: booked.day,
        minutes: plan.work.minutes(),
        charge: case
            .charge
            .map(|charge| canonical_model::Money::new(-charge.amount, charge.currency)),
        spent,
        credit_note: case.credit_note.clone(),
        reversed_at: booked.at,
    })
}

/// Records a reversal that was booked although the step that booked it did not end.
pub(super) async fn adopt(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    let Some(plan) = case.plan.clone().filter(|_| !case.reversed) else {
        return Ok(());
    };
    let (systems, key) = (&ctx.services().systems, reversal_key(ctx, case));
    let found = match case.kind {
        SourceKind::Expense => {
            systems
                .collection::<Expense>(&plan.erp)?
                .find_by_key(&key)
                .await?
        }
        _ => {
            systems
                .collection::<TimeEntry>(&plan.erp)?
                .find_by_key(&key)
                .await?
        }
    };
    if let Some(written) = found {
        record(ctx, case, &plan, written.id);
    }
    Ok(())
}

/// Shows in the PSA that its entry is out of the books, unless it is on its way into them again.
pub(super) async fn mark_in_psa(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    if !case.reversed {
        return Ok(());
    }
    let (connection, source_id) = (case.connection.clone(), case.source_id.clone());
    let (kind, generation) = (case.kind, case.generation);
    let again = ctx
        .read(move |tx| {
            Box::pin(
                async move { reversal::is_posted_anew(tx, &connection, kind, &source_id, generation).await },
            )
        })
        .await?;
    if again {
        return Ok(());
    }
    match case.kind {
        SourceKind::Expense => unmark::<Expense>(ctx, case).await,
        _ => unmark::<TimeEntry>(ctx, case).await,
    }
}

async fn unmark<T: Resource>(ctx: &Ctx, case: &Reversal) -> Result<()> {
    let link = Link {
        key: ctx.shared_key(&format!("mark {}", generation(case, case.generation + 1))),
        id: case.source_id.clone(),
        system: "erp".to_owned(),
        other_id: None,
        state: LinkState::Failed,
        message: Some("Taken out of the books: it is not approved as it was posted".to_owned()),
    };
    send::link::<T>(ctx, &case.connection, vec![link]).await
}

/// A person who skipped the reversal of a line that is credited is told what is left to do.
pub(super) async fn close_case(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    ask_about_credit(ctx, case).await?;
    let_stand(ctx, case).await
}

/// A line that was not reversed stands as it was posted: the PSA came back to it, or a person decided so.
pub(super) async fn let_stand(ctx: &Ctx, case: &mut Reversal) -> Result<()> {
    if !case.reversed {
        let (line, now) = (case.line, ctx.now());
        ctx.on_commit(move |tx| Box::pin(async move { reversal::release(tx, line, now).await }));
    }
    Ok(())
}
