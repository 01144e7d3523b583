//! What is posted and not true any more comes out of the books again.
//!
//! A posted time entry or expense that the PSA changed, un-approved or deleted is taken in hand by one instance. It looks
//! at what the PSA says by now: where that is what was posted again, the line stands and nothing is written. Where the
//! line is on an invoice, a credit note over exactly what was charged is made first. Then its reversal is booked: the same
//! record with the quantity negated, which names the record that it reverses. In the transaction that records the reversal,
//! what the PSA says then is queued as the next generation, if it is approved, and can be charged like any new line.
//! Nothing is deleted in the books.
//! A period that is closed, and an ERP that takes no reversals, wait for a person. A person retries (the period is open
//! again), answers with the day of an open period to reverse on, or with the records that were booked by hand; or skips
//! with a reason: the line stands as it was posted, whatever the PSA says.
//! Taken back: the line stands as it was posted. Never taken back: what is in the books, the credit note too.

use canonical_model::{CanonicalId, Money, ProjectScope, Resolution, Result, SourceKind};
use chrono::NaiveDate;
use process_engine::{AtRisk, ItemContext, OwnerRule, Process, State};
use serde::{Deserialize, Serialize};

use crate::services::Services;
use crate::store::reversal::Changed;

use super::plan::Plan;
use super::steps;

/// Name of the process.
pub const NAME: &str = "work-reversal";

/// A posted line that is not true any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The line.
    pub line: CanonicalId,
    /// The connection of its source, such as `psa/main`.
    pub connection: String,
    /// What its source is.
    pub kind: SourceKind,
    /// The id of its source there.
    pub source_id: String,
    /// The how many-th posting of its source it is.
    pub generation: u32,
    /// What the client pays for it.
    pub charge: Option<Money>,
    /// Canonical code of its legal entity.
    pub legal_entity: Option<String>,
    /// What facts about its project say, once known.
    #[serde(default)]
    pub scope: Option<ProjectScope>,
    /// What is to be written, once that is decided; nothing where the line stands.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// Connection and id of the credit note.
    #[serde(default)]
    pub credit_note: Option<String>,
    /// It is out of the books.
    #[serde(default)]
    pub reversed: bool,
}

/// What a person answers when a reversal stops.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The day, in an open period, that the reversal is booked on.
    #[serde(default)]
    pub reverse_on: Option<NaiveDate>,
    /// Id in the ERP of the reversal that a person booked.
    #[serde(default)]
    pub booked_as: Option<String>,
    /// Id in the ERP of the credit note that a person made.
    #[serde(default)]
    pub credited_as: Option<String>,
}

/// The steps, in their order.
#[must_use]
pub fn definition() -> Process<Reversal, Services> {
    let accountant = OwnerRule {
        role: "project_accountant",
        sla_hours: 24,
    };
    let approver = OwnerRule {
        role: "billing_approver",
        sla_hours: 48,
    };
    Process::named(NAME)
        .version(1)
        .abbreviation("rev")
        .step("look_again", steps::look_again)
        .undo(steps::let_stand)
        .step("credit_invoice", steps::credit_invoice)
        .undo(steps::ask_about_credit)
        .step("reverse_work", steps::reverse_work)
        .undo(steps::adopt)
        .step("mark_in_psa", steps::mark_in_psa)
        .step("close_case", steps::close_case)
        .on_item_resolution(settled_by_hand)
        .owner("credit_note_not_reversible", approver)
        .default_owner(accountant)
}

/// A person says that what a credit note of a reversal that was taken back changed is put right.
async fn settled_by_hand(_ctx: &ItemContext<Services>, _item: &str, _resolution: &Resolution) -> Result<()> {
    Ok(())
}

impl Reversal {
    /// The case of a line that changed after posting, and what makes it single.
    #[must_use]
    pub fn of(changed: &Changed) -> (String, Self) {
        let line = &changed.line;
        let key = format!("{} case {}", line.business_key(), changed.corrections + 1);
        let case = Self {
            line: line.id,
            connection: line.connection.clone(),
            kind: line.work.kind(),
            source_id: line.source_id.clone(),
            generation: line.generation,
            charge: changed.charge,
            legal_entity: line.legal_entity.clone(),
            scope: None,
            plan: None,
            credit_note: None,
            reversed: false,
        };
        (key, case)
    }

    /// What people call the source.
    #[must_use]
    pub fn source(&self) -> String {
        let what = match self.kind {
            SourceKind::Expense => "expense",
            _ => "time entry",
        };
        format!("{what} {} of {}", self.source_id, self.connection)
    }
}

impl State for Reversal {
    fn title(&self) -> String {
        format!("Reverse {}, changed after posting", self.source())
    }

    fn at_risk(&self) -> AtRisk {
        let scope = self.scope.as_ref();
        let entity = scope.map(|scope| scope.legal_entity.clone());
        AtRisk {
            money: self.charge,
            legal_entity: entity.or_else(|| self.legal_entity.clone()),
            region: scope.and_then(|scope| scope.region.clone()),
        }
    }
}
