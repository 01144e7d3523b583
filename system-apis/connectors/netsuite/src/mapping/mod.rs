//! Pure functions between NetSuite's records and the canonical ones: no clock, no I/O.

pub(crate) mod account;
pub(crate) mod assignment;
pub(crate) mod billing_schedule;
pub(crate) mod contract;
pub(crate) mod credit_note;
pub(crate) mod expense;
pub(crate) mod finance;
pub(crate) mod invoice;
pub(crate) mod payment;
pub(crate) mod person;
pub(crate) mod project;
pub(crate) mod task;
pub(crate) mod time_entry;

use canonical_model::{ApprovalState, Currency, Money, RecordRef, Result};

use crate::directory::Lookups;
use crate::settings::ApprovalIds;
use crate::wire::Record;

/// An amount field in a currency field of the same record.
pub(crate) fn money(record: &Record, field: &str, currency: Currency) -> Result<Option<Money>> {
    Ok(record.number(field)?.map(|amount| Money::new(amount, currency)))
}

/// A reference that must be there.
pub(crate) fn required(record: &Record, field: &str) -> Result<RecordRef> {
    record.reference(field).ok_or_else(|| record.bad(field))
}

/// A person that must be there, labelled with the e-mail address.
pub(crate) fn person(record: &Record, field: &str, lookups: &Lookups) -> Result<RecordRef> {
    lookups.person(record, field).ok_or_else(|| record.bad(field))
}

impl ApprovalIds {
    /// The state of a record's approval.
    pub(crate) fn state(&self, record: &Record, setting: &str) -> Result<ApprovalState> {
        let id = record.text("approvalStatus").unwrap_or_default();
        let known = [
            (&self.draft, ApprovalState::Draft),
            (&self.submitted, ApprovalState::Submitted),
            (&self.approved, ApprovalState::Approved),
            (&self.rejected, ApprovalState::Rejected),
        ];
        let found = known.iter().find(|(own, _)| **own == id).map(|(_, state)| *state);
        found.ok_or_else(|| record.unmapped("approvalStatus", setting))
    }

    /// The id of a state.
    pub(crate) fn id(&self, state: ApprovalState) -> &str {
        match state {
            ApprovalState::Draft => &self.draft,
            ApprovalState::Submitted => &self.submitted,
            ApprovalState::Approved => &self.approved,
            ApprovalState::Rejected => &self.rejected,
        }
    }

    /// The id of a state's word in a listing.
    pub(crate) fn of_word(&self, word: &str) -> Result<Vec<String>> {
        let id = match word {
            "draft" => &self.draft,
            "submitted" => &self.submitted,
            "approved" => &self.approved,
            "rejected" => &self.rejected,
            _ => return Err(crate::resources::unknown_state(word)),
        };
        Ok(vec![id.clone()])
    }
}

/// Who approved something and when, as one text for a custom field.
pub(crate) fn approval_note(
    by: Option<&RecordRef>,
    at: Option<chrono::DateTime<chrono::Utc>>,
) -> Option<String> {
    let by = by.map(|by| by.label.clone().unwrap_or_else(|| by.id.clone()));
    let at = at.map(crate::resources::version);
    match (by, at) {
        (None, None) => None,
        (by, at) => Some([by, at].into_iter().flatten().collect::<Vec<_>>().join(" at ")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The development account's settings.
    pub(crate) fn settings() -> crate::Settings {
        toml::from_str(crate::EXAMPLE).unwrap()
    }

    /// A record from its JSON.
    pub(crate) fn record(value: serde_json::Value) -> Record {
        Record::new(value).unwrap()
    }

    /// Currencies and people of the development account.
    pub(crate) fn lookups() -> Lookups {
        Lookups::new(
            &[("1", "USD"), ("2", "GBP"), ("4", "EUR"), ("9", "ZZZ")],
            &[("11", "anna.keller@northwind-advisory.example")],
        )
    }
}
