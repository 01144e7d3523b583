//! A line in the terms of the ERP. Pure: no clock, no I/O.

use canonical_model::{
    ApprovalState, BillingMethod, CanonicalId, Expense, Failure, Money, RecordRef, Result, Rounding,
    TimeEntry, WorkPosted,
};
use chrono::{DateTime, Utc};

use crate::line::{PostingLine, Work};
use crate::validation::Refusal;

use super::place::Place;
use super::references::References;

/// A time entry as it is booked.
///
/// # Errors
/// Fault `reference_lost` where the line was not validated against these references.
pub fn time_entry(entry: &TimeEntry, place: &Place, references: &References) -> Result<TimeEntry> {
    let role = entry
        .role
        .as_ref()
        .and_then(|role| references.roles.get(&role.id));
    Ok(TimeEntry {
        person: person(&entry.person, references)?,
        project: place.project.clone(),
        task: task(entry.task.as_ref(), references),
        role: role.map(|meaning| meaning.record.clone()),
        date: entry.date,
        minutes: entry.minutes,
        billable: entry.billable,
        rate: entry.rate,
        cost_rate: None,
        legal_entity: place.entity.clone(),
        tax_code: tax_code(entry.tax_code.as_ref(), references),
        note: entry.note.clone(),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: None,
    })
}

/// An expense as it is booked.
///
/// # Errors
/// As [`time_entry`].
pub fn expense(expense: &Expense, place: &Place, references: &References) -> Result<Expense> {
    let category = references.categories.get(&expense.category.id);
    Ok(Expense {
        person: person(&expense.person, references)?,
        project: place.project.clone(),
        task: task(expense.task.as_ref(), references),
        category: category.map(|meaning| meaning.record.clone()).ok_or_else(lost)?,
        legal_entity: place.entity.clone(),
        tax_code: tax_code(expense.tax_code.as_ref(), references),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: None,
        ..expense.clone()
    })
}

fn person(person: &RecordRef, references: &References) -> Result<RecordRef> {
    references.people.get(&person.id).cloned().ok_or_else(lost)
}

fn task(task: Option<&RecordRef>, references: &References) -> Option<RecordRef> {
    references.tasks.get(&task?.id).cloned()
}

fn tax_code(code: Option<&RecordRef>, references: &References) -> Option<RecordRef> {
    references
        .tax_codes
        .get(&code?.id)
        .map(|meaning| meaning.record.clone())
}

fn lost() -> Failure {
    Failure::fault(
        "reference_lost",
        "a line is to be posted whose references were not found",
    )
}

/// What the client pays for a line, in the currency of the contract. Time is charged where the contract says so; under
/// a fixed price the price covers it.
///
/// # Errors
/// Business `missing_exchange_rate` where the line is in another currency and does not say what that is worth.
pub fn charge(line: &PostingLine, place: &Place) -> Result<Option<Money>, Refusal> {
    let by_time = place.billing_method == BillingMethod::TimeAndMaterials;
    if matches!(line.work, Work::Time(_)) && !by_time {
        return Ok(None);
    }
    let Some(money) = line.work.charge() else {
        return Ok(None);
    };
    if money.currency == place.currency {
        return Ok(Some(money));
    }
    let rate = match &line.work {
        Work::Expense(expense) => expense.fx_rate.filter(|rate| !rate.is_zero()),
        Work::Time(_) => None,
    };
    match rate.and_then(|rate| money.amount.checked_div(rate)) {
        Some(amount) => Ok(Some(Money::new(amount, place.currency).rounded(Rounding::HalfUp))),
        None => {
            let message = format!(
                "{} of {} is in {} and its project is charged in {}; set its exchange rate in the PSA",
                line.source_id, line.connection, money.currency, place.currency
            );
            Err(Refusal {
                failure: Box::new(Failure::business("missing_exchange_rate", message)),
                subject: format!("currency:{}:{}", money.currency, place.currency),
            })
        }
    }
}

/// A booked line as it will be charged: what is charged is in the currency of the contract from here on.
#[must_use]
pub fn billed_as(booked: Work, charge: Option<Money>) -> Work {
    match (booked, charge) {
        (Work::Expense(expense), Some(charge)) => Work::Expense(Expense {
            amount: charge,
            fx_rate: None,
            ..expense
        }),
        (work, _) => work,
    }
}

/// The fact that a line is in the books.
#[must_use]
pub fn fact(
    line: &PostingLine,
    place: &Place,
    references: &References,
    charge: Option<Money>,
    posted_at: DateTime<Utc>,
) -> WorkPosted {
    let (person, role, spent) = match &line.work {
        Work::Time(entry) => {
            let role = entry
                .role
                .as_ref()
                .and_then(|role| references.roles.get(&role.id));
            (&entry.person, role.map(|meaning| meaning.code.clone()), None)
        }
        Work::Expense(expense) => (&expense.person, None, Some(expense.amount)),
    };
    let email = references
        .people
        .get(&person.id)
        .and_then(|person| person.label.clone());
    WorkPosted {
        scope: place.scope.clone(),
        line_id: line.id,
        source: line.work.kind(),
        source_record: format!("{}/{}", line.connection, line.source_id),
        person: email.unwrap_or_else(|| line.work.person().to_owned()),
        role,
        date: line.work.date(),
        minutes: line.work.minutes(),
        charge,
        spent,
        approved_at: line.work.approved_at(),
        posted_at,
    }
}

/// The subject of facts about a project.
#[must_use]
pub fn subject(project: CanonicalId) -> String {
    project.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::{expense as spent, line, time};
    use canonical_model::{Currency, ProjectScope};
    use rust_decimal::dec;

    fn place(billing_method: BillingMethod) -> Place {
        Place {
            scope: ProjectScope {
                project_id: CanonicalId::generate(),
                project_code: "HEL-1".to_owned(),
                account_id: CanonicalId::generate(),
                account_name: "Helios".to_owned(),
                legal_entity: "de".to_owned(),
                region: None,
            },
            connection: "erp/main".to_owned(),
            project: RecordRef::id("900"),
            entity: Some(RecordRef::id("3")),
            closed: false,
            billing_method,
            currency: Currency::EUR,
        }
    }

    #[test]
    fn a_fixed_price_covers_time_and_not_expenses() {
        let (hours, taxi) = (line(Work::Time(time())), line(Work::Expense(spent())));
        let fixed = place(BillingMethod::FixedFee);
        assert_eq!(charge(&hours, &fixed).unwrap(), None);
        assert_eq!(charge(&taxi, &fixed).unwrap().unwrap().amount, dec!(83.46));
        let by_time = place(BillingMethod::TimeAndMaterials);
        assert_eq!(charge(&hours, &by_time).unwrap().unwrap().amount, dec!(1125));
    }

    #[test]
    fn an_expense_in_another_currency_is_charged_at_its_rate_or_waits() {
        let mut pounds = spent();
        pounds.amount = Money::new(dec!(84.50), Currency::GBP);
        let refused = charge(
            &line(Work::Expense(pounds.clone())),
            &place(BillingMethod::Retainer),
        )
        .unwrap_err();
        assert_eq!(
            (refused.failure.code.as_str(), refused.subject.as_str()),
            ("missing_exchange_rate", "currency:GBP:EUR")
        );
        pounds.fx_rate = Some(dec!(0.845));
        let charged = charge(
            &line(Work::Expense(pounds.clone())),
            &place(BillingMethod::Retainer),
        )
        .unwrap();
        assert_eq!(charged, Some(Money::new(dec!(100), Currency::EUR)));
        let Work::Expense(billed) = billed_as(Work::Expense(pounds), charged) else {
            panic!("an expense stays one");
        };
        assert_eq!(billed.amount, Money::new(dec!(100), Currency::EUR));
    }

    #[test]
    fn what_is_booked_carries_ids_of_the_erp_alone() {
        let mut references = References::default();
        references.people.insert("7".to_owned(), RecordRef::id("11"));
        references.tasks.insert("410".to_owned(), RecordRef::id("55"));
        let item = super::super::references::Meaning {
            record: RecordRef::labelled("204", "Senior Consultant"),
            code: "senior-consultant".to_owned(),
        };
        references.roles.insert("117".to_owned(), item);
        let booked = time_entry(&time(), &place(BillingMethod::TimeAndMaterials), &references).unwrap();
        let ids = (
            booked.person.id,
            booked.project.id,
            booked.task.unwrap().id,
            booked.role.unwrap().id,
        );
        assert_eq!(
            ids,
            (
                "11".to_owned(),
                "900".to_owned(),
                "55".to_owned(),
                "204".to_owned()
            )
        );
        assert_eq!(booked.legal_entity.unwrap().id, "3");
        let lost = time_entry(
            &time(),
            &place(BillingMethod::TimeAndMaterials),
            &References::default(),
        );
        assert_eq!(lost.unwrap_err().code, "reference_lost");
    }
}
