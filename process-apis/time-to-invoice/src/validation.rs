//! What is checked before a line is posted, so that a refusal is ours, early and clear, and takes no sibling with it.
//!
//! Pure: everything that other systems know comes in through [`Known`].

use canonical_model::{Failure, Minutes, Period, PeriodState, Result};
use chrono::NaiveDate;

use crate::line::{PostingLine, Work};

/// What the other systems say about a line's references. Ids are of the ERP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The project.
    pub project: Option<String>,
    /// The project is closed for postings.
    pub project_closed: bool,
    /// The task; not needed where the line has none.
    pub task: Option<String>,
    /// The person.
    pub person: Option<String>,
    /// The item that the role is charged as.
    pub role: Option<String>,
    /// The kind of expense.
    pub category: Option<String>,
    /// The legal entity.
    pub legal_entity: Option<String>,
    /// Time on the project is covered by an agreed price, so it needs no rate.
    pub fixed_price: bool,
    /// Another live line says the same: same person, task, day and time, from another source.
    pub duplicate_of: Option<String>,
}

/// Limits that come from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest note that the ERP takes, in characters.
    pub note_characters: usize,
    /// Longest day.
    pub minutes_a_day: Minutes,
}

/// A refusal with what it is about, by which exceptions are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub failure: Box<Failure>,
    /// Such as `role:psa/main:117`; empty where each line is a case of its own.
    pub subject: String,
}

/// Checks one line.
///
/// # Errors
/// The first rule that the line breaks, in the order in which a person would want to know.
pub fn check(line: &PostingLine, known: &Known, periods: &[Period], limits: &Limits) -> Result<(), Refusal> {
    let refuse = |code: &str, message: String, subject: String| {
        Err(Refusal {
            failure: Box::new(Failure::business(code, message)),
            subject,
        })
    };
    let connection = &line.connection;
    if known.project.is_none() {
        let project = line.work.project();
        let message = format!(
            "{} is on project {project} of {connection}, which the ERP does not know",
            describe(line)
        );
        return refuse(
            "project_not_mapped",
            message,
            format!("project_code:{connection}:{project}"),
        );
    }
    if known.project_closed {
        let project = line.work.project();
        let message = format!("{} is on project {project}, which is closed", describe(line));
        return refuse(
            "project_closed",
            message,
            format!("project:{connection}:{project}"),
        );
    }
    if known.legal_entity.is_none() {
        let message = format!(
            "the legal entity of {} has no counterpart in the ERP",
            describe(line)
        );
        return refuse(
            "legal_entity_not_mapped",
            message,
            format!("project:{connection}:{}", line.work.project()),
        );
    }
    check_references(line, known)?;
    check_amounts(line, known, limits)?;
    check_period(line.work.date(), periods).map_err(|failure| Refusal {
        subject: period_subject(line.work.date()),
        failure: Box::new(failure),
    })?;
    if let Some(other) = &known.duplicate_of {
        let message = format!(
            "{} repeats {other}: same person, task, day and time",
            describe(line)
        );
        return refuse("duplicate_entry", message, String::new());
    }
    Ok(())
}

fn check_references(line: &PostingLine, known: &Known) -> Result<(), Refusal> {
    let connection = &line.connection;
    let (person, task) = match &line.work {
        Work::Time(entry) => (&entry.person, entry.task.as_ref()),
        Work::Expense(expense) => (&expense.person, expense.task.as_ref()),
    };
    // `what` is also the word of the mapping that mends it: setting that mapping retries the whole group.
    let refuse = |code: &str, what: &str, id: &str| {
        let message = format!(
            "{} {id} of {} has no counterpart in the ERP; map it and retry the group",
            what.replace('_', " "),
            describe(line)
        );
        Err(Refusal {
            failure: Box::new(Failure::business(code, message)),
            subject: format!("{what}:{connection}:{id}"),
        })
    };
    if known.person.is_none() {
        return refuse("person_not_mapped", "person", &person.id);
    }
    if let Some(task) = task.filter(|_| known.task.is_none()) {
        return refuse("task_not_mapped", "task", &task.id);
    }
    match &line.work {
        Work::Time(entry) => match &entry.role {
            Some(role) if known.role.is_none() => refuse("role_not_mapped", "role", &role.id),
            None if known.role.is_none() => {
                let message = format!(
                    "{} names no role, so nobody knows what it is charged as",
                    describe(line)
                );
                Err(Refusal {
                    failure: Box::new(Failure::business("missing_role", message)),
                    subject: format!("person:{connection}:{}", person.id),
                })
            }
            _ => Ok(()),
        },
        Work::Expense(expense) if known.category.is_none() => refuse(
            "expense_category_not_mapped",
            "expense_category",
            &expense.category.id,
        ),
        Work::Expense(_) => Ok(()),
    }
}

fn check_amounts(line: &PostingLine, known: &Known, limits: &Limits) -> Result<(), Refusal> {
    let own = |code: &str, message: String| {
        Err(Refusal {
            failure: Box::new(Failure::business(code, message)),
            subject: String::new(),
        })
    };
    let note = match &line.work {
        Work::Time(entry) => {
            if entry.minutes <= Minutes::default() || entry.minutes > limits.minutes_a_day {
                let message = format!(
                    "{} has {} hours; a day takes more than none and at most {}",
                    describe(line),
                    entry.minutes.hours(),
                    limits.minutes_a_day.hours()
                );
                return own("hours_out_of_range", message);
            }
            if entry.billable && entry.rate.is_none() && !known.fixed_price {
                let subject = format!(
                    "rate:{}:{}",
                    line.connection,
                    entry.role.as_ref().map_or("", |r| r.id.as_str())
                );
                let message = format!("{} is charged to the client but has no rate", describe(line));
                return Err(Refusal {
                    failure: Box::new(Failure::business("missing_rate", message)),
                    subject,
                });
            }
            &entry.note
        }
        Work::Expense(expense) => {
            if expense.amount.amount.is_zero() || expense.amount.amount.is_sign_negative() {
                return own(
                    "amount_out_of_range",
                    format!(
                        "{} is of {}; an expense is more than nothing",
                        describe(line),
                        expense.amount
                    ),
                );
            }
            &expense.note
        }
    };
    let length = note.as_ref().map_or(0, |n| n.chars().count());
    if length > limits.note_characters {
        let message = format!(
            "the note of {} has {length} characters; the ERP takes {}",
            describe(line),
            limits.note_characters
        );
        return own("note_too_long", message);
    }
    Ok(())
}

/// Whether a day falls into a period that takes postings.
///
/// # Errors
/// Business `period_closed` or `no_period`.
pub fn check_period(date: NaiveDate, periods: &[Period]) -> Result<()> {
    let period = periods
        .iter()
        .find(|p| p.start_date <= date && date <= p.end_date);
    match period {
        Some(period) if period.state == PeriodState::Open => Ok(()),
        Some(period) => {
            let message = format!(
                "{date} falls into {}, which takes no postings; open it or decide on another day",
                period.name
            );
            Err(Failure::business("period_closed", message))
        }
        None => Err(Failure::business(
            "no_period",
            format!("the ERP has no accounting period for {date}"),
        )),
    }
}

/// What exceptions about a closed period are grouped by.
#[must_use]
pub fn period_subject(date: NaiveDate) -> String {
    format!("period:{}", date.format("%Y-%m"))
}

fn describe(line: &PostingLine) -> String {
    let what = match &line.work {
        Work::Time(_) => "time entry",
        Work::Expense(_) => "expense",
    };
    format!("{what} {} of {}", line.source_id, line.work.date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::{expense, line, time};
    use canonical_model::Money;
    use rust_decimal::dec;

    fn known() -> Known {
        let id = || Some("1".to_owned());
        Known {
            project: id(),
            project_closed: false,
            task: id(),
            person: id(),
            role: id(),
            category: id(),
            legal_entity: id(),
            fixed_price: false,
            duplicate_of: None,
        }
    }

    fn november(state: PeriodState) -> Vec<Period> {
        let (start_date, end_date) = ("2026-11-01".parse().unwrap(), "2026-11-30".parse().unwrap());
        vec![Period {
            name: "Nov 2026".to_owned(),
            start_date,
            end_date,
            state,
        }]
    }

    fn code_and_subject(line: &PostingLine, known: &Known, periods: &[Period]) -> (String, String) {
        let limits = Limits {
            note_characters: 20,
            minutes_a_day: Minutes::DAY,
        };
        let refusal = check(line, known, periods, &limits).unwrap_err();
        (refusal.failure.code, refusal.subject)
    }

    #[test]
    fn each_rule_refuses_its_own_line_and_says_what_to_mend() {
        let open = november(PeriodState::Open);
        let entry = time();
        let as_line = |entry: &canonical_model::TimeEntry| line(Work::Time(entry.clone()));
        let pair = |code: &str, subject: &str| (code.to_owned(), subject.to_owned());

        let unknown_project = Known {
            project: None,
            ..known()
        };
        assert_eq!(
            code_and_subject(&as_line(&entry), &unknown_project, &open),
            pair("project_not_mapped", "project_code:psa/main:31")
        );
        let unmapped_role = Known {
            role: None,
            ..known()
        };
        assert_eq!(
            code_and_subject(&as_line(&entry), &unmapped_role, &open),
            pair("role_not_mapped", "role:psa/main:117")
        );
        let mut long_day = entry.clone();
        long_day.minutes = Minutes::new(25 * 60);
        assert_eq!(
            code_and_subject(&as_line(&long_day), &known(), &open),
            pair("hours_out_of_range", "")
        );
        let mut unrated = entry.clone();
        unrated.rate = None;
        assert_eq!(
            code_and_subject(&as_line(&unrated), &known(), &open),
            pair("missing_rate", "rate:psa/main:117")
        );
        let fixed = Known {
            fixed_price: true,
            ..known()
        };
        let limits = Limits {
            note_characters: 20,
            minutes_a_day: Minutes::DAY,
        };
        assert_eq!(check(&as_line(&unrated), &fixed, &open, &limits), Ok(()));
        let mut wordy = entry.clone();
        wordy.note = Some("word ".repeat(5));
        assert_eq!(
            code_and_subject(&as_line(&wordy), &known(), &open),
            pair("note_too_long", "")
        );
        let closed = november(PeriodState::Closed);
        assert_eq!(
            code_and_subject(&as_line(&entry), &known(), &closed),
            pair("period_closed", "period:2026-11")
        );
        let copy = Known {
            duplicate_of: Some("4711".to_owned()),
            ..known()
        };
        assert_eq!(
            code_and_subject(&as_line(&entry), &copy, &open),
            pair("duplicate_entry", "")
        );
        let mut nothing = expense();
        nothing.amount = Money {
            amount: dec!(0),
            ..nothing.amount
        };
        assert_eq!(
            code_and_subject(&line(Work::Expense(nothing)), &known(), &open),
            pair("amount_out_of_range", "")
        );
    }

    #[test]
    fn a_sound_line_passes() {
        let limits = Limits {
            note_characters: 20,
            minutes_a_day: Minutes::DAY,
        };
        for work in [Work::Time(time()), Work::Expense(expense())] {
            assert_eq!(
                check(&line(work), &known(), &november(PeriodState::Open), &limits),
                Ok(())
            );
        }
    }
}
