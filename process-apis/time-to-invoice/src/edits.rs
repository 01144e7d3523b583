//! What a person may change about a line on the desk: how it is posted, never what was worked.
//!
//! Minutes, days, amounts and who worked belong to the PSA: they are mended there, and come back through the feed.

use canonical_model::{Failure, Rate, RecordRef, Result};
use serde::{Deserialize, Serialize};

use crate::line::Work;

/// A person's decisions about one line, kept beside it until the PSA changes the line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// The note to post in the place of the PSA's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The role to charge it as (id in the PSA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The rate to charge it at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// It looks like another line and is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_a_duplicate: bool,
}

impl Edits {
    /// Reads a person's answer.
    ///
    /// # Errors
    /// Business `malformed_answer`, saying what can be answered.
    pub fn of_answer(answer: Option<&serde_json::Value>) -> Result<Self> {
        let refuse = |why: String| {
            let message = format!(
                "{why}; an answer about a line is an object of note, role (its id in the PSA), rate and \
                 not_a_duplicate: hours, days and amounts are mended in the PSA"
            );
            Failure::business("malformed_answer", message)
        };
        let answer = answer.ok_or_else(|| refuse("the answer is missing".to_owned()))?;
        let edits: Self =
            serde_json::from_value(answer.clone()).map_err(|error| refuse(error.to_string()))?;
        if edits == Self::default() {
            return Err(refuse("the answer changes nothing".to_owned()));
        }
        Ok(edits)
    }

    /// These decisions and later ones, which win.
    #[must_use]
    pub fn with(self, later: Self) -> Self {
        Self {
            note: later.note.or(self.note),
            role: later.role.or(self.role),
            rate: later.rate.or(self.rate),
            not_a_duplicate: later.not_a_duplicate || self.not_a_duplicate,
        }
    }

    /// The work as it shall be posted.
    #[must_use]
    pub fn apply(&self, work: Work) -> Work {
        match work {
            Work::Time(mut entry) => {
                entry.note = self.note.clone().or(entry.note);
                entry.role = self.role.clone().map(RecordRef::id).or(entry.role);
                entry.rate = self.rate.or(entry.rate);
                Work::Time(entry)
            }
            Work::Expense(mut expense) => {
                expense.note = self.note.clone().or(expense.note);
                Work::Expense(expense)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::time;
    use serde_json::json;

    #[test]
    fn an_answer_changes_how_a_line_is_posted_and_never_what_was_worked() {
        let hours = Edits::of_answer(Some(&json!({ "minutes": 480 }))).unwrap_err();
        assert_eq!(hours.code, "malformed_answer");
        assert!(hours.message.contains("mended in the PSA"), "{}", hours.message);

        let first = Edits::of_answer(Some(&json!({ "note": "Short", "role": "118" }))).unwrap();
        let edits = first.with(Edits::of_answer(Some(&json!({ "note": "Shorter" }))).unwrap());
        let Work::Time(entry) = edits.apply(Work::Time(time())) else {
            panic!("a time entry stays one");
        };
        assert_eq!(entry.note.as_deref(), Some("Shorter"));
        assert_eq!(entry.role.map(|r| r.id), Some("118".to_owned()));
        assert_eq!((entry.minutes, entry.rate), (time().minutes, time().rate));
    }
}
