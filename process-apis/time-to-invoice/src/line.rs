//! A posting line: one approved time entry or expense of the PSA on its way into the ERP.
//!
//! The lines are the journal of what finance has been given: for each source there is at most one live line, and every
//! approved minute and cent stands in exactly one of the states below.

use canonical_model::{
    ApprovalState, CanonicalId, Currency, Expense, Failure, Minutes, Money, Rate, RecordRef, Rounding,
    SourceKind, Sourced, TimeEntry,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use canonical_model::PostingState as LineState;

/// What a line is of, as the PSA says it. References are ids of the PSA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Time.
    Time(TimeEntry),
    /// An expense.
    Expense(Expense),
}

impl Work {
    /// What kind of source it is.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Time(_) => SourceKind::TimeEntry,
            Self::Expense(_) => SourceKind::Expense,
        }
    }

    /// Id of the project in the PSA.
    #[must_use]
    pub fn project(&self) -> &str {
        match self {
            Self::Time(entry) => &entry.project.id,
            Self::Expense(expense) => &expense.project.id,
        }
    }

    /// The day of the work.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        match self {
            Self::Time(entry) => entry.date,
            Self::Expense(expense) => expense.date,
        }
    }

    /// Where its approval stands.
    #[must_use]
    pub fn approval(&self) -> ApprovalState {
        match self {
            Self::Time(entry) => entry.approval,
            Self::Expense(expense) => expense.approval,
        }
    }

    /// Time, none for an expense.
    #[must_use]
    pub fn minutes(&self) -> Minutes {
        match self {
            Self::Time(entry) => entry.minutes,
            Self::Expense(_) => Minutes::default(),
        }
    }

    /// What the client pays for it: hours at their rate, rounded half up to the minor unit; an expense as spent. None
    /// where it is not charged or its rate is missing.
    #[must_use]
    pub fn charge(&self) -> Option<Money> {
        match self {
            Self::Time(entry) if entry.billable => entry.rate.and_then(|rate| price(&rate, entry.minutes)),
            Self::Expense(expense) if expense.billable => Some(expense.amount.rounded(Rounding::HalfUp)),
            _ => None,
        }
    }

    /// What takes it back, booked on a day.
    #[must_use]
    pub fn negated(&self, day: NaiveDate) -> Self {
        match self.clone() {
            Self::Time(entry) => Self::Time(TimeEntry {
                date: day,
                minutes: Minutes::new(-entry.minutes.count()),
                ..entry
            }),
            Self::Expense(expense) => Self::Expense(Expense {
                date: day,
                amount: Money::new(-expense.amount.amount, expense.amount.currency),
                ..expense
            }),
        }
    }

    /// Who worked or spent: the e-mail address where the PSA says it, its id where not.
    #[must_use]
    pub fn person(&self) -> &str {
        let person = match self {
            Self::Time(entry) => &entry.person,
            Self::Expense(expense) => &expense.person,
        };
        person.label.as_deref().unwrap_or(&person.id)
    }

    /// When it was approved, as far as the PSA tells.
    #[must_use]
    pub fn approved_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Time(entry) => entry.approved_at,
            Self::Expense(expense) => expense.approved_at,
        }
    }

    /// SHA-256 over what two entries have in common when one of them was most likely booked twice.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let id = |r: &Option<RecordRef>| r.as_ref().map_or_else(String::new, |r| r.id.clone());
        let parts = match self {
            Self::Time(entry) => [
                entry.person.id.clone(),
                entry.project.id.clone(),
                id(&entry.task),
                id(&entry.role),
                entry.date.to_string(),
                entry.minutes.count().to_string(),
                entry.note.clone().unwrap_or_default(),
            ],
            Self::Expense(expense) => [
                expense.person.id.clone(),
                expense.project.id.clone(),
                id(&expense.task),
                expense.category.id.clone(),
                expense.date.to_string(),
                expense.amount.to_string(),
                expense.note.clone().unwrap_or_default(),
            ],
        };
        hex::encode(Sha256::digest(serde_json::to_vec(&parts).unwrap_or_default()))
    }

    /// SHA-256 over everything that a posting depends on: a change of it after posting needs a correction.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut told = self.clone();
        // Where it stands and who moved it there is not part of what is posted.
        match &mut told {
            Self::Time(entry) => {
                entry.approval = ApprovalState::Approved;
                (
                    entry.approved_by,
                    entry.approved_at,
                    entry.invoice,
                    entry.cost_rate,
                ) = (None, None, None, None);
            }
            Self::Expense(expense) => {
                expense.approval = ApprovalState::Approved;
                (expense.approved_by, expense.approved_at, expense.invoice) = (None, None, None);
            }
        }
        let text = serde_json::to_vec(&told).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }
}

/// A working day of rates per day, where nobody says otherwise.
pub const WORKING_DAY: Minutes = Minutes::new(8 * 60);

fn price(rate: &Rate, minutes: Minutes) -> Option<Money> {
    #[cfg(feature = "simulation")]
    if canonical_model::simulation::planted(canonical_model::simulation::Defect::WrongRounding) {
        let exact = rate.money.amount.checked_mul(minutes.decimal())? / rust_decimal::Decimal::from(60);
        let cut = exact.trunc_with_scale(rate.money.currency.minor_units());
        return Some(Money::new(cut, rate.money.currency));
    }
    rate.price(minutes, WORKING_DAY).ok()
}

/// A line with its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostingLine {
    /// Its id.
    pub id: CanonicalId,
    /// The connection it came from, such as `psa/main`.
    pub connection: String,
    /// Id of the entry or expense there.
    pub source_id: String,
    /// The n-th posting of that source: 1, and one more after each reversal.
    pub generation: u32,
    /// What it is of.
    pub work: Work,
    /// See [`Work::digest`].
    pub digest: String,
    /// Where it stands.
    pub state: LineState,
    /// Canonical code of the legal entity, once known.
    pub legal_entity: Option<String>,
    /// Its record in the ERP, once posted.
    pub erp_id: Option<String>,
    /// The ERP's id of the project, once known.
    pub erp_project_id: Option<String>,
    /// The ERP's id of the invoice that charges it.
    pub invoice_id: Option<String>,
    /// Why it waits.
    pub failure: Option<Failure>,
}

impl PostingLine {
    /// A new line for an approved source.
    #[must_use]
    pub fn queued(id: CanonicalId, connection: &str, source_id: &str, generation: u32, work: Work) -> Self {
        let digest = work.digest();
        Self {
            id,
            connection: connection.to_owned(),
            source_id: source_id.to_owned(),
            generation,
            work,
            digest,
            state: LineState::Queued,
            legal_entity: None,
            erp_id: None,
            erp_project_id: None,
            invoice_id: None,
            failure: None,
        }
    }

    /// The effect key's stem: the same for every try to post this line, another for each generation.
    #[must_use]
    pub fn business_key(&self) -> String {
        let kind = match self.work.kind() {
            SourceKind::Expense => "expense",
            _ => "time_entry",
        };
        format!(
            "{kind} {} {} #{}",
            self.connection, self.source_id, self.generation
        )
    }
}

/// From an entry as the PSA has it. What the person costs is nobody's business here and is not kept.
#[must_use]
pub fn time_work(entry: &Sourced<TimeEntry>) -> Work {
    Work::Time(TimeEntry {
        cost_rate: None,
        ..entry.data.clone()
    })
}

/// From an expense as the PSA has it.
#[must_use]
pub fn expense_work(expense: &Sourced<Expense>) -> Work {
    Work::Expense(expense.data.clone())
}

/// The sum of the charges of some lines.
///
/// # Errors
/// Fault `currency_mismatch` where they are in several currencies.
pub fn total(currency: Currency, lines: &[PostingLine]) -> canonical_model::Result<Money> {
    Money::sum(currency, lines.iter().filter_map(|line| line.work.charge()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use canonical_model::RatePer;
    use rust_decimal::dec;

    pub(crate) fn time() -> TimeEntry {
        TimeEntry {
            person: RecordRef::labelled("7", "anna.keller@northwind-advisory.example"),
            project: RecordRef::id("31"),
            task: Some(RecordRef::id("410")),
            role: Some(RecordRef::id("117")),
            date: "2026-11-03".parse().unwrap(),
            minutes: Minutes::new(450),
            billable: true,
            rate: Some(Rate {
                money: Money::new(dec!(150), Currency::EUR),
                per: RatePer::Hour,
            }),
            cost_rate: None,
            legal_entity: None,
            tax_code: None,
            note: Some("Workshop".to_owned()),
            approval: ApprovalState::Approved,
            approved_by: None,
            approved_at: None,
            invoice: None,
            reverses: None,
        }
    }

    pub(crate) fn expense() -> Expense {
        Expense {
            person: RecordRef::id("7"),
            project: RecordRef::id("31"),
            task: None,
            category: RecordRef::id("Travel"),
            date: "2026-11-03".parse().unwrap(),
            amount: Money::new(dec!(83.455), Currency::EUR),
            fx_rate: None,
            billable: true,
            reimbursable: true,
            legal_entity: None,
            tax_code: None,
            note: None,
            approval: ApprovalState::Approved,
            approved_by: None,
            approved_at: None,
            invoice: None,
            reverses: None,
        }
    }

    pub(crate) fn line(work: Work) -> PostingLine {
        PostingLine::queued(CanonicalId::generate(), "psa/main", "4711", 1, work)
    }

    #[test]
    fn a_change_of_what_is_posted_changes_the_digest_and_a_change_of_approval_does_not() {
        let posted = Work::Time(time()).digest();
        let mut approved_again = time();
        approved_again.approved_by = Some(RecordRef::id("9"));
        assert_eq!(Work::Time(approved_again).digest(), posted);
        let mut longer = time();
        longer.minutes = Minutes::new(451);
        assert_ne!(Work::Time(longer).digest(), posted);
    }

    #[test]
    fn time_and_expenses_are_charged_to_the_cent() {
        assert_eq!(Work::Time(time()).charge().unwrap().amount, dec!(1125));
        assert_eq!(Work::Expense(expense()).charge().unwrap().amount, dec!(83.46));
        let mut internal = time();
        internal.billable = false;
        assert_eq!(Work::Time(internal).charge(), None);
    }
}
