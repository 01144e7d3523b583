//! What a reversal writes: decided once, so that every try writes the same. Pure.

use canonical_model::{
    CreditNote, Expense, Failure, InvoiceLine, LineSource, Money, RecordRef, Result, TimeEntry,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::line::{PostingLine, Work};
use crate::store::reversal::Held;

use super::process::Answer;

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The ERP connection, such as `erp/main`.
    pub erp: String,
    /// The reversal, in the ERP's terms.
    pub work: Work,
    /// The invoice that charges for the line: its id in the ERP.
    pub invoice: Option<String>,
    /// The credit note, where one is to be made.
    pub credit: Option<CreditNote>,
    /// Id of the reversal that a person booked.
    pub booked_as: Option<String>,
    /// Id of the credit note that a person made.
    pub credited_as: Option<String>,
}

impl Plan {
    /// What takes a line out of the books.
    ///
    /// # Errors
    /// Fault `line_not_posted` where it is not in them.
    pub fn of(held: &Held, answer: &Answer) -> Result<Self> {
        let line = &held.line;
        let missing = || {
            let message = format!("{} is to be reversed and is not in the ERP", line.business_key());
            Failure::fault("line_not_posted", message)
        };
        let (erp, erp_id) = held.erp.clone().zip(line.erp_id.as_deref()).ok_or_else(missing)?;
        let booked = held.billed_as.as_ref().ok_or_else(missing)?;
        let day = answer.reverse_on.unwrap_or_else(|| booked.date());
        // An id of the ERP holds no slash: what stands before the last one is the connection.
        let invoice = line
            .invoice_id
            .as_deref()
            .map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
        Ok(Self {
            work: reversal(booked, &line.work, erp_id, day, invoice.is_some()),
            erp,
            invoice,
            credit: None,
            booked_as: answer.booked_as.clone(),
            credited_as: answer.credited_as.clone(),
        })
    }

    /// What a person answered later.
    pub fn take(&mut self, answer: &Answer) {
        if let Some(day) = answer.reverse_on {
            match &mut self.work {
                Work::Time(entry) => entry.date = day,
                Work::Expense(expense) => expense.date = day,
            }
        }
        let later = |answer: &Option<String>, known: &mut Option<String>| {
            if answer.is_some() {
                known.clone_from(answer);
            }
        };
        later(&answer.booked_as, &mut self.booked_as);
        later(&answer.credited_as, &mut self.credited_as);
    }
}

/// The record that takes another one back. What was on an invoice is credited by a credit note, and its reversal is not
/// charged a second time.
fn reversal(booked: &Work, told: &Work, erp_id: &str, day: NaiveDate, invoiced: bool) -> Work {
    let reverses = Some(RecordRef::id(erp_id));
    match (booked.negated(day), told) {
        (Work::Time(entry), _) => Work::Time(TimeEntry {
            billable: entry.billable && !invoiced,
            reverses,
            ..entry
        }),
        // An expense is charged in the currency of the contract and was booked in that in which it was paid.
        (Work::Expense(expense), Work::Expense(paid)) => Work::Expense(Expense {
            amount: Money::new(-paid.amount.amount, paid.amount.currency),
            fx_rate: paid.fx_rate,
            billable: expense.billable && !invoiced,
            reverses,
            ..expense
        }),
        (work @ Work::Expense(_), Work::Time(_)) => work,
    }
}

/// A credit note over exactly what was charged for a line.
#[must_use]
pub fn credit_note(
    line: &PostingLine,
    booked: &Work,
    charge: Money,
    (invoice, account): (&str, &RecordRef),
    date: NaiveDate,
) -> CreditNote {
    let (what, role) = match booked {
        Work::Time(entry) => {
            let role = entry
                .role
                .as_ref()
                .and_then(|role| role.label.as_deref())
                .unwrap_or("Time");
            (format!("{role}, {} h", entry.minutes.hours()), entry.role.clone())
        }
        Work::Expense(expense) => {
            let category = expense.category.label.as_deref().unwrap_or("Expense");
            (category.to_owned(), None)
        }
    };
    let source = LineSource {
        kind: booked.kind(),
        record: RecordRef::id(line.erp_id.clone().unwrap_or_default()),
    };
    CreditNote {
        number: None,
        account: account.clone(),
        invoice: RecordRef::id(invoice),
        date,
        currency: charge.currency,
        lines: vec![InvoiceLine {
            description: format!("{what}, of {}", booked.date()),
            quantity: Decimal::ONE,
            unit_price: charge,
            amount: charge,
            role,
            tax_code: None,
            sources: vec![source],
        }],
        total: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::{expense, line, time};
    use canonical_model::{Currency, Minutes};
    use rust_decimal::dec;

    fn held(work: Work, billed_as: Work, invoice: Option<&str>) -> Held {
        let line = PostingLine {
            erp_id: Some("5512".to_owned()),
            invoice_id: invoice.map(str::to_owned),
            ..line(work.clone())
        };
        Held {
            charge: billed_as.charge(),
            line,
            told: work,
            billed_as: Some(billed_as),
            erp: Some("erp/main".to_owned()),
            project: None,
            news: None,
        }
    }

    #[test]
    fn a_reversal_is_what_was_booked_negated_on_its_day_or_on_another() {
        let mut booked = time();
        booked.person = RecordRef::id("11");
        let of = held(Work::Time(time()), Work::Time(booked), None);
        let Work::Time(entry) = Plan::of(&of, &Answer::default()).unwrap().work else {
            panic!("time stays time");
        };
        assert_eq!((entry.minutes, entry.date), (Minutes::new(-450), time().date));
        assert_eq!(
            (entry.person.id.as_str(), entry.reverses),
            ("11", Some(RecordRef::id("5512")))
        );
        assert!(entry.billable, "what was not charged is not to be charged either");
        let later = Answer {
            reverse_on: Some("2026-12-01".parse().unwrap()),
            ..Answer::default()
        };
        assert_eq!(
            Plan::of(&of, &later).unwrap().work.date().to_string(),
            "2026-12-01"
        );
    }

    #[test]
    fn what_was_invoiced_is_credited_to_the_cent_and_its_reversal_is_not_charged() {
        let mut pounds = expense();
        pounds.amount = Money::new(dec!(84.50), Currency::GBP);
        pounds.fx_rate = Some(dec!(0.845));
        let mut billed = expense();
        billed.amount = Money::new(dec!(100), Currency::EUR);
        let of = held(
            Work::Expense(pounds),
            Work::Expense(billed.clone()),
            Some("erp/main/107"),
        );
        let plan = Plan::of(&of, &Answer::default()).unwrap();
        assert_eq!(plan.invoice.as_deref(), Some("107"));
        let Work::Expense(reversal) = plan.work else {
            panic!("an expense stays one");
        };
        assert_eq!(reversal.amount, Money::new(dec!(-84.50), Currency::GBP));
        assert!(!reversal.billable);
        let (charge, account) = (of.charge.unwrap(), RecordRef::id("12"));
        let note = credit_note(
            &of.line,
            &Work::Expense(billed),
            charge,
            ("107", &account),
            time().date,
        );
        let total = Money::sum(note.currency, note.lines.iter().map(|l| l.amount)).unwrap();
        assert_eq!(total, Money::new(dec!(100), Currency::EUR));
    }

    #[test]
    fn what_is_not_in_the_books_is_not_taken_out() {
        let mut of = held(Work::Time(time()), Work::Time(time()), None);
        of.line.erp_id = None;
        assert_eq!(
            Plan::of(&of, &Answer::default()).unwrap_err().code,
            "line_not_posted"
        );
    }
}
