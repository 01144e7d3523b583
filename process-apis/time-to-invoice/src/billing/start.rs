//! How runs begin: each claims what it charges for in the transaction that starts it.

use canonical_model::{
    BillingMethod, BillingRunRequest, CanonicalId, Change, Milestone, MilestoneState, Result, SourceKind,
};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use persistence::Tx;
use process_engine::{Engine, Start};
use uuid::Uuid;

use crate::services::Services;
use crate::settings::{Billing, InvoiceDate, Schedule};
use crate::store;
use crate::store::billing::{self, Basis, BillingRun, RunState};
use crate::store::contracts::{self, Charge};

use super::process::{self, Reached, Run};

/// Charges that are begun at once.
const AT_ONCE: u32 = 200;

/// Who brings runs about, when.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// Who asked; `fairlead` where nobody did.
    pub requested_by: String,
    /// Correlates with logs, traces and vendor writes.
    pub correlation_id: String,
    /// When.
    pub now: DateTime<Utc>,
}

impl Occasion {
    /// An occasion that nobody asked for.
    #[must_use]
    pub fn by_itself(now: DateTime<Utc>) -> Self {
        Self {
            requested_by: "fairlead".to_owned(),
            correlation_id: Uuid::now_v7().to_string(),
            now,
        }
    }
}

/// What one run charges for.
struct Wanted {
    basis: Basis,
    project: Option<CanonicalId>,
    event: Option<String>,
    milestone: Option<Reached>,
    through: NaiveDate,
    date: NaiveDate,
    lines: u64,
    state: RunState,
}

/// Starts a run whose claims are made; the instance, or nothing where the period of the project is billed already.
async fn begin(
    engine: &Engine<Services>,
    tx: &mut Tx,
    id: CanonicalId,
    wanted: Wanted,
    occasion: &Occasion,
) -> Result<Option<CanonicalId>> {
    let record = BillingRun {
        id,
        project_id: wanted.project,
        basis: wanted.basis,
        event: wanted.event.clone(),
        through: wanted.through,
        date: wanted.date,
        state: wanted.state,
        net: None,
        lines: wanted.lines,
        invoice: None,
        invoice_number: None,
        requested_by: occasion.requested_by.clone(),
        created_at: occasion.now,
        finished_at: None,
    };
    if !billing::begin(tx, &record).await? || wanted.state != RunState::Running {
        return Ok(None);
    }
    let run = Run {
        id,
        basis: wanted.basis,
        event: wanted.event,
        milestone: wanted.milestone,
        through: wanted.through,
        date: wanted.date,
        project: wanted.project,
        scope: None,
        billing_method: None,
        erp: None,
        terms: None,
        invoice: None,
        written: None,
        nothing: false,
    };
    let start = Start {
        process: process::NAME,
        business_key: &id.to_string(),
        correlation_id: &occasion.correlation_id,
        state: &run,
    };
    Ok(Some(engine.start_in(tx, start).await?.instance_id))
}

/// Starts a run for posted lines of a project; nothing where there are none.
async fn for_lines(
    engine: &Engine<Services>,
    tx: &mut Tx,
    project: CanonicalId,
    basis: Basis,
    (through, date): (NaiveDate, NaiveDate),
    occasion: &Occasion,
) -> Result<Option<CanonicalId>> {
    let id = CanonicalId::generate();
    let lines = billing::claim_lines(tx, id, project, through).await?;
    if lines == 0 {
        return Ok(None);
    }
    let wanted = Wanted {
        basis,
        project: Some(project),
        event: None,
        milestone: None,
        through,
        date,
        lines,
        state: RunState::Running,
    };
    let started = begin(engine, tx, id, wanted, occasion).await?;
    if started.is_none() {
        billing::release_lines(tx, id).await?;
    }
    Ok(started)
}

/// Starts a run for an agreed charge that is due; nothing where another run has it.
async fn for_charge(
    engine: &Engine<Services>,
    tx: &mut Tx,
    charge: &Charge,
    date: NaiveDate,
    occasion: &Occasion,
) -> Result<Option<CanonicalId>> {
    let id = CanonicalId::generate();
    if !billing::claim_event(tx, &charge.id, id).await? {
        return Ok(None);
    }
    let wanted = Wanted {
        basis: Basis::AgreedCharge,
        project: Some(charge.project_id),
        event: Some(charge.id.clone()),
        milestone: None,
        through: charge.due,
        date,
        lines: 0,
        state: RunState::Running,
    };
    begin(engine, tx, id, wanted, occasion).await
}

/// Takes in a change of a milestone: where it is reached, a run begins, once.
///
/// # Errors
/// Failures of the database.
pub async fn milestone_changed(
    engine: &Engine<Services>,
    tx: &mut Tx,
    connection: &str,
    change: Change<Milestone>,
    today: DateTime<Utc>,
) -> Result<()> {
    if let Some(failure) = change.failure {
        return store::intake::set_aside(
            tx,
            connection,
            SourceKind::Milestone,
            &change.id,
            &failure,
            change.changed_at,
        )
        .await;
    }
    let Some(milestone) = change.record.map(|record| record.data) else {
        return Ok(());
    };
    if milestone.state != MilestoneState::Completed {
        return Ok(());
    }
    let (id, event) = (CanonicalId::generate(), format!("{connection}/{}", change.id));
    if !billing::claim_event(tx, &event, id).await? {
        return Ok(());
    }
    let wanted = Wanted {
        basis: Basis::Milestone,
        project: None,
        event: Some(event),
        through: milestone.completed_on.unwrap_or_else(|| today.date_naive()),
        date: today.date_naive(),
        lines: 0,
        state: RunState::Running,
        milestone: Some(Reached {
            connection: connection.to_owned(),
            project: milestone.project.id,
            name: milestone.name,
            amount: milestone.amount,
        }),
    };
    begin(engine, tx, id, wanted, &Occasion::by_itself(today))
        .await
        .map(|_| ())
}

/// Begins what is due without being asked for: agreed charges on their day, and time and materials of the period that
/// ended last. How many runs began.
///
/// # Errors
/// Failures of the database.
pub async fn what_is_due(
    engine: &Engine<Services>,
    tx: &mut Tx,
    settings: &Billing,
    occasion: &Occasion,
) -> Result<usize> {
    let today = occasion.now.date_naive();
    let mut begun = 0;
    for charge in contracts::due_charges(tx, today, AT_ONCE).await? {
        begun += usize::from(for_charge(engine, tx, &charge, today, occasion).await?.is_some());
    }
    let Some(through) = last_period_end(settings, today) else {
        return Ok(begun);
    };
    let date = match settings.invoice_date {
        InvoiceDate::Today => today,
        InvoiceDate::PeriodEnd => through,
    };
    for project in billing::projects_of_period(tx, through).await? {
        let period = (through, date);
        let started = for_lines(engine, tx, project, Basis::PeriodEnd, period, occasion).await?;
        begun += usize::from(started.is_some());
    }
    Ok(begun)
}

/// The last day of the last period whose grace is over.
#[must_use]
pub fn last_period_end(settings: &Billing, today: NaiveDate) -> Option<NaiveDate> {
    let day = today.checked_sub_days(Days::new(settings.grace_days.into()))?;
    match settings.schedule {
        Schedule::Monthly => day.with_day(1)?.pred_opt(),
        Schedule::Weekly => {
            let since_monday = day.weekday().num_days_from_monday();
            day.checked_sub_days(Days::new(u64::from(since_monday) + 1))
        }
        Schedule::OnRequest => None,
    }
}

/// What a request brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// How many runs.
    pub runs: usize,
    /// The instance, where it is one.
    pub instance_id: Option<CanonicalId>,
}

/// Begins what a person or a program asks for.
///
/// # Errors
/// Failures of the database.
pub async fn requested(
    engine: &Engine<Services>,
    tx: &mut Tx,
    request: &BillingRunRequest,
    occasion: &Occasion,
) -> Result<Begun> {
    let date = request.date.unwrap_or_else(|| occasion.now.date_naive());
    let mut instances = Vec::new();
    for charge in contracts::due_charges(tx, request.up_to, u32::MAX >> 1).await? {
        if is_meant(tx, request, charge.project_id).await? {
            instances.extend(for_charge(engine, tx, &charge, date, occasion).await?);
        }
    }
    for project in billing::projects_to_bill(tx, request.up_to).await? {
        if is_meant(tx, request, project).await? {
            let period = (request.up_to, date);
            instances.extend(for_lines(engine, tx, project, Basis::Request, period, occasion).await?);
        }
    }
    if let (true, Some(project)) = (instances.is_empty(), request.project_id) {
        nothing_for(engine, tx, project, (request.up_to, date), occasion).await?;
    }
    Ok(Begun {
        runs: instances.len(),
        instance_id: instances.first().copied().filter(|_| instances.len() == 1),
    })
}

async fn is_meant(tx: &mut Tx, request: &BillingRunRequest, project: CanonicalId) -> Result<bool> {
    if request.project_id.is_some_and(|wanted| wanted != project) {
        return Ok(false);
    }
    let (entity, method) = (&request.legal_entity, request.billing_method);
    if entity.is_none() && method.is_none() {
        return Ok(true);
    }
    let agreement = contracts::agreement(tx, project).await?;
    Ok(agreement.is_some_and(|agreement| {
        entity
            .as_ref()
            .is_none_or(|entity| *entity == agreement.scope.legal_entity)
            && method.is_none_or(|method: BillingMethod| method == agreement.billing_method)
    }))
}

/// A request that finds nothing leaves a trace: whoever asked can see that it was answered.
async fn nothing_for(
    engine: &Engine<Services>,
    tx: &mut Tx,
    project: CanonicalId,
    (through, date): (NaiveDate, NaiveDate),
    occasion: &Occasion,
) -> Result<()> {
    let wanted = Wanted {
        basis: Basis::Request,
        project: Some(project),
        event: None,
        milestone: None,
        through,
        date,
        lines: 0,
        state: RunState::NothingToBill,
    };
    begin(engine, tx, CanonicalId::generate(), wanted, occasion)
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(schedule: Schedule) -> Billing {
        Billing {
            schedule,
            grace_days: 3,
            invoice_date: InvoiceDate::Today,
            interval_ms: 60_000,
        }
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_billed_once_its_grace_is_over() {
        let monthly = settings(Schedule::Monthly);
        assert_eq!(
            last_period_end(&monthly, day("2026-12-03")),
            Some(day("2026-10-31"))
        );
        assert_eq!(
            last_period_end(&monthly, day("2026-12-04")),
            Some(day("2026-11-30"))
        );
        let weekly = settings(Schedule::Weekly);
        // 2026-11-22 is a Sunday.
        assert_eq!(
            last_period_end(&weekly, day("2026-11-25")),
            Some(day("2026-11-15"))
        );
        assert_eq!(
            last_period_end(&weekly, day("2026-11-26")),
            Some(day("2026-11-22"))
        );
        assert_eq!(
            last_period_end(&settings(Schedule::OnRequest), day("2026-12-04")),
            None
        );
    }
}
