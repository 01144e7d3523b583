//! The steps of a batch.

use std::collections::BTreeMap;

use canonical_model::{BillingMethod, Expense, Fact, Failure, Result, SourceKind, TimeEntry};
use process_engine::{AtRisk, ItemException};

use crate::Ctx;
use crate::line::{LineState, PostingLine, Work};
use crate::store::posting::{self, Booked, Refused};
use crate::validation::{self, Known, Refusal};

use super::draft;
use super::place::{self, Found, Place};
use super::process::Batch;
use super::references;
use super::send;

/// The lines of the batch that are still on their way.
async fn lines_in_hand(ctx: &Ctx) -> Result<Vec<PostingLine>> {
    let batch = ctx.business_key().to_owned();
    let lines = ctx
        .read(move |tx| Box::pin(async move { posting::batch_lines(tx, &batch).await }))
        .await?;
    Ok(lines
        .into_iter()
        .filter(|line| line.state == LineState::Posting)
        .collect())
}

/// The lines were given to the batch when it began.
pub(super) async fn take_lines(_ctx: &Ctx, _batch: &mut Batch) -> Result<()> {
    Ok(())
}

/// Lines that a taken back or skipped step left on their way wait again: under their keys they are posted once, whatever
/// became of the first try.
pub(super) async fn give_back(ctx: &Ctx, batch: &mut Batch) -> Result<()> {
    adopt(ctx, batch).await?;
    let (batch, now) = (ctx.business_key().to_owned(), ctx.now());
    let wake = ctx.services().waiting.clone();
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            tx.after_commit(move || wake.notify_one());
            posting::give_back_batch(tx, &batch, now).await.map(|_| ())
        })
    });
    Ok(())
}

pub(super) async fn find_project(ctx: &Ctx, batch: &mut Batch) -> Result<()> {
    let (psa, project) = (&batch.group.connection, &batch.group.project);
    let found = place::find(ctx.services(), psa, project, ctx.id("project")).await?;
    let refusal = match found {
        Found::Place(place) => {
            note_place(ctx, &place);
            batch.place = Some(*place);
            return Ok(());
        }
        Found::Unknown => None,
        Found::EntityNotMapped(connection, value) => Some(entity_not_mapped(&connection, &value)),
        Found::AccountNotKnown(connection, id) => Some(account_not_known(&connection, &id)),
    };
    let lines = lines_in_hand(ctx).await?;
    let refused = lines
        .into_iter()
        .map(|line| {
            let refusal = refusal.clone().unwrap_or_else(|| unknown_project(&line));
            (line, refusal)
        })
        .collect();
    refuse(ctx, None, refused);
    Ok(())
}

fn note_place(ctx: &Ctx, place: &Place) {
    let (batch, scope) = (ctx.business_key().to_owned(), place.scope.clone());
    let (method, currency) = (place.billing_method, place.currency);
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            crate::store::contracts::know(tx, &scope, method, currency).await?;
            posting::note_place(tx, &batch, scope.project_id, &scope.legal_entity).await
        })
    });
}

fn unknown_project(line: &PostingLine) -> Refusal {
    let limits = validation::Limits {
        note_characters: usize::MAX,
        minutes_a_day: canonical_model::Minutes::DAY,
    };
    validation::check(line, &Known::default(), &[], &limits)
        .err()
        .unwrap_or_else(|| Refusal {
            failure: Box::new(Failure::business(
                "project_not_mapped",
                "the project is not known in the ERP",
            )),
            subject: String::new(),
        })
}

fn entity_not_mapped(connection: &str, value: &str) -> Refusal {
    let message = format!("legal entity {value:?} of {connection} is not mapped; map it and retry the group");
    Refusal {
        failure: Box::new(Failure::business("legal_entity_not_mapped", message)),
        subject: format!("legal_entity:{connection}:{value}"),
    }
}

fn account_not_known(connection: &str, id: &str) -> Refusal {
    let message = format!(
        "account {id} of {connection}, which pays for the project, is no golden account; match it and retry the group"
    );
    Refusal {
        failure: Box::new(Failure::business("account_not_mapped", message)),
        subject: format!("account:{connection}:{id}"),
    }
}

pub(super) async fn resolve_references(ctx: &Ctx, batch: &mut Batch) -> Result<()> {
    let Some(place) = &batch.place else { return Ok(()) };
    let lines = lines_in_hand(ctx).await?;
    let psa = &batch.group.connection;
    batch.references = references::resolve(ctx.services(), psa, &place.connection, &lines).await?;
    Ok(())
}

pub(super) async fn validate_lines(ctx: &Ctx, batch: &mut Batch) -> Result<()> {
    let Some(place) = &batch.place else { return Ok(()) };
    let services = ctx.services();
    let (limits, periods) = (
        services.posting.limits(),
        services.systems.periods(&place.connection).await?,
    );
    let key = ctx.business_key().to_owned();
    let repeats = ctx
        .read(move |tx| Box::pin(async move { posting::duplicates(tx, &key).await }))
        .await?;
    let repeats: BTreeMap<_, _> = repeats.into_iter().collect();
    let mut refused = Vec::new();
    for line in lines_in_hand(ctx).await? {
        let known = Known {
            project: Some(place.project.id.clone()),
            project_closed: place.closed,
            legal_entity: place.entity.as_ref().map(|entity| entity.id.clone()),
            fixed_price: place.billing_method != BillingMethod::TimeAndMaterials,
            duplicate_of: repeats.get(&line.id).cloned(),
            ..batch.references.known(&line)
        };
        let checked = validation::check(&line, &known, &periods, &limits)
            .map_err(|refusal| batch.references.sharpen(&line, refusal))
            .and_then(|()| batch.references.check_tax_code(&line))
            .and_then(|()| draft::charge(&line, place).map(|_| ()));
        if let Err(refusal) = checked {
            refused.push((line, refusal));
        }
    }
    refuse(ctx, Some(place), refused);
    Ok(())
}

/// Sets lines aside, each with an exception of its own.
fn refuse(ctx: &Ctx, place: Option<&Place>, refused: Vec<(PostingLine, Refusal)>) {
    let (now, mut rows) = (ctx.now(), Vec::with_capacity(refused.len()));
    for (line, refusal) in refused {
        ctx.raise(ItemException {
            item_key: line.id.to_string(),
            title: title(&line),
            failure: (*refusal.failure).clone(),
            subject: refusal.subject.clone(),
            at_risk: AtRisk {
                money: line.work.charge(),
                legal_entity: place.map(|place| place.scope.legal_entity.clone()),
                region: place.and_then(|place| place.scope.region.clone()),
            },
        });
        rows.push(Refused {
            id: line.id,
            failure: *refusal.failure,
            subject: refusal.subject,
        });
    }
    if !rows.is_empty() {
        ctx.on_commit(move |tx| Box::pin(async move { posting::except(tx, &rows, now).await }));
    }
}

fn title(line: &PostingLine) -> String {
    let what = match &line.work {
        Work::Time(entry) => format!("{} h", entry.minutes.hours()),
        Work::Expense(expense) => expense.amount.to_string(),
    };
    format!("{what} of {} on {}", line.work.person(), line.work.date())
}

pub(super) async fn post_lines(ctx: &Ctx, batch: &mut Batch) -> Result<()> {
    let Some(place) = batch.place.clone() else {
        return Ok(());
    };
    let lines = lines_in_hand(ctx).await?;
    if lines.is_empty() {
        return Ok(());
    }
    let works = lines
        .iter()
        .map(|line| in_the_terms_of_the_erp(line, batch, &place))
        .collect::<Result<Vec<_>>>()?;
    let results = match batch.group.kind {
        SourceKind::Expense => {
            let records = works.iter().filter_map(|work| match work {
                Work::Expense(expense) => Some(expense.clone()),
                Work::Time(_) => None,
            });
            send::post::<Expense>(ctx, &place.connection, &lines, records.collect()).await?
        }
        _ => {
            let records = works.iter().filter_map(|work| match work {
                Work::Time(entry) => Some(entry.clone()),
                Work::Expense(_) => None,
            });
            send::post::<TimeEntry>(ctx, &place.connection, &lines, records.collect()).await?
        }
    };
    let (mut booked, mut refused) = (Vec::new(), Vec::new());
    for ((line, work), result) in lines.into_iter().zip(works).zip(results) {
        match result {
            Ok(written) => booked.push((line, work, written.id)),
            Err(failure) => {
                let subject = place.connection.clone();
                let failure = Box::new(failure);
                refused.push((line, Refusal { failure, subject }));
            }
        }
    }
    record(ctx, batch, &place, booked)?;
    refuse(ctx, Some(&place), refused);
    Ok(())
}

fn in_the_terms_of_the_erp(line: &PostingLine, batch: &Batch, place: &Place) -> Result<Work> {
    match &line.work {
        Work::Time(entry) => draft::time_entry(entry, place, &batch.references).map(Work::Time),
        Work::Expense(expense) => draft::expense(expense, place, &batch.references).map(Work::Expense),
    }
}

/// Records lines that were posted although the step that posts them did not end: who gives them back unseen forgets what
/// is in the books where their approval is withdrawn before they are posted again.
async fn adopt(ctx: &Ctx, batch: &Batch) -> Result<()> {
    let Some(place) = batch.place.clone() else {
        return Ok(());
    };
    if !ctx.may_have_written("post_lines").await? {
        return Ok(());
    }
    let (systems, erp) = (&ctx.services().systems, &place.connection);
    let mut booked = Vec::new();
    for line in lines_in_hand(ctx).await? {
        let key = ctx.shared_key(&line.business_key());
        let found = match batch.group.kind {
            SourceKind::Expense => systems.collection::<Expense>(erp)?.find_by_key(&key).await?,
            _ => systems.collection::<TimeEntry>(erp)?.find_by_key(&key).await?,
        };
        if let Some(written) = found {
            let work = in_the_terms_of_the_erp(&line, batch, &place)?;
            booked.push((line, work, written.id));
        }
    }
    record(ctx, batch, &place, booked)
}

/// Records what is in the books, and tells it.
fn record(ctx: &Ctx, batch: &Batch, place: &Place, booked: Vec<(PostingLine, Work, String)>) -> Result<()> {
    let (now, mut rows) = (ctx.now(), Vec::with_capacity(booked.len()));
    let subject = draft::subject(place.scope.project_id);
    for (line, work, erp_id) in booked {
        let charge = draft::charge(&line, place).map_err(|refusal| *refusal.failure)?;
        let fact = draft::fact(&line, place, &batch.references, charge, now);
        ctx.emit(Fact::WorkPosted(fact), &subject);
        rows.push(Booked {
            id: line.id,
            erp_id,
            charge,
            billed_as: draft::billed_as(work, charge),
        });
    }
    let place = posting::Place {
        erp_connection: place.connection.clone(),
        erp_project_id: place.project.id.clone(),
        project_id: place.scope.project_id,
        legal_entity: place.scope.legal_entity.clone(),
    };
    if !rows.is_empty() {
        ctx.on_commit(move |tx| Box::pin(async move { posting::book(tx, &place, &rows, now).await }));
    }
    Ok(())
}

pub(super) async fn mark_in_psa(ctx: &Ctx, batch: &mut Batch) -> Result<()> {
    let key = ctx.business_key().to_owned();
    let lines = ctx
        .read(move |tx| Box::pin(async move { posting::batch_lines(tx, &key).await }))
        .await?;
    let posted: Vec<PostingLine> = lines
        .into_iter()
        .filter(|line| line.state == LineState::Posted)
        .collect();
    let psa = &batch.group.connection;
    match batch.group.kind {
        SourceKind::Expense => send::mark::<Expense>(ctx, psa, &posted).await,
        _ => send::mark::<TimeEntry>(ctx, psa, &posted).await,
    }
}
