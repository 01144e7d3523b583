//! Approved time and expenses into the books.
//!
//! Waiting lines of one kind and project are given to a batch, at most so many as the setting says. The batch finds what
//! the lines' references are in the ERP, checks each line, and posts the sound ones in the vendor's bulk form. A line
//! that we or the ERP refuse becomes an exception of its own, with its cause and the money that waits; its siblings go
//! on. Posted lines are marked in the PSA, so that people see where their hours are, and told as facts.
//! A person retries a line, skips it with a reason, or answers with another note, role or rate; it then goes into a
//! later batch, under the same key, so it is posted once at most.
//! Taken back: lines that are not in the books go back into the queue. Never taken back here: what is in them. A change in the PSA after posting is a case of its own.

use std::sync::Arc;

use canonical_model::{CanonicalId, Failure, Money, Resolution, ResolutionAction, Result};
use chrono::{DateTime, Utc};
use persistence::{BoxFuture, Tx};
use process_engine::{AtRisk, GroupContext, ItemContext, OwnerRule, Process, State};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::edits::Edits;
use crate::services::Services;
use crate::store::{self, posting::Group};

use super::place::Place;
use super::references::References;
use super::steps;

/// Name of the process.
pub const NAME: &str = "time-posting";

/// A batch of lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// What its lines have in common.
    pub group: Group,
    /// How many lines it began with.
    pub lines: u64,
    /// What clients pay for them, where that is one currency.
    pub charge: Option<Money>,
    /// Where they are booked, once found.
    #[serde(default)]
    pub place: Option<Place>,
    /// What their references are in the ERP.
    #[serde(default)]
    pub references: References,
}

impl Batch {
    /// A batch that nothing is known of but its lines.
    #[must_use]
    pub fn new(group: Group, lines: u64, charge: Option<Money>) -> Self {
        Self {
            group,
            lines,
            charge,
            place: None,
            references: References::default(),
        }
    }
}

/// The steps, in their order.
#[must_use]
pub fn definition() -> Process<Batch, Services> {
    let process = Process::named(NAME)
        .version(1)
        .abbreviation("t2i")
        .step("take_lines", steps::take_lines)
        .undo(steps::give_back)
        .step("find_project", steps::find_project)
        .needed()
        .step("resolve_references", steps::resolve_references)
        .needed()
        .step("validate_lines", steps::validate_lines)
        .needed()
        .step("post_lines", steps::post_lines)
        .step("mark_in_psa", steps::mark_in_psa)
        .step("close_batch", steps::give_back)
        .on_item_resolution(decide)
        .on_group_resolution(decide_all);
    with_owners(process)
}

impl State for Batch {
    fn title(&self) -> String {
        let what = match self.group.kind {
            canonical_model::SourceKind::Expense => "expenses",
            _ => "time entries",
        };
        let place = self.place.as_ref().map(|place| place.scope.project_code.as_str());
        let project = place.unwrap_or(&self.group.project);
        format!(
            "{} {what} on project {project} of {}",
            self.lines, self.group.connection
        )
    }

    fn at_risk(&self) -> AtRisk {
        let scope = self.place.as_ref().map(|place| &place.scope);
        AtRisk {
            money: self.charge,
            legal_entity: scope.map(|scope| scope.legal_entity.clone()),
            region: scope.and_then(|scope| scope.region.clone()),
        }
    }
}

/// What a person decided about one line.
async fn decide(ctx: &ItemContext<Services>, item: &str, resolution: &Resolution) -> Result<()> {
    let waiting = &ctx.services().waiting;
    ctx.on_commit(change(vec![line_id(item)?], resolution, ctx.now(), waiting)?);
    Ok(())
}

/// What a person decided about many lines of one cause.
async fn decide_all(ctx: &GroupContext<Services>, items: &[String], resolution: &Resolution) -> Result<()> {
    let ids = items.iter().map(|item| line_id(item)).collect::<Result<_>>()?;
    ctx.on_commit(change(ids, resolution, ctx.now(), &ctx.services().waiting)?);
    Ok(())
}

fn line_id(item: &str) -> Result<CanonicalId> {
    item.parse().map_err(|_| {
        Failure::fault(
            "item_unknown",
            format!("{item:?} is not the id of a posting line"),
        )
    })
}

type Change = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<()>> + Send>;

/// What a decision does to lines.
fn change(
    ids: Vec<CanonicalId>,
    resolution: &Resolution,
    now: DateTime<Utc>,
    waiting: &Arc<Notify>,
) -> Result<Change> {
    let wake = Arc::clone(waiting);
    Ok(match resolution.action {
        ResolutionAction::Retry => Box::new(move |tx| {
            Box::pin(async move {
                tx.after_commit(move || wake.notify_one());
                store::desk::requeue(tx, &ids, now).await.map(|_| ())
            })
        }),
        ResolutionAction::Skip => {
            Box::new(move |tx| Box::pin(async move { store::desk::skip(tx, &ids, now).await.map(|_| ()) }))
        }
        ResolutionAction::Answer => {
            let edits = Edits::of_answer(resolution.answer.as_ref())?;
            Box::new(move |tx| {
                Box::pin(async move {
                    tx.after_commit(move || wake.notify_one());
                    store::desk::edit(tx, &ids, &edits, now).await.map(|_| ())
                })
            })
        }
        ResolutionAction::Compensate => {
            let message =
                "a line that is not in the books has nothing to take back: retry, answer or skip it";
            return Err(Failure::business("nothing_to_compensate", message));
        }
    })
}

const STEWARD: OwnerRule = OwnerRule {
    role: "data_steward",
    sla_hours: 8,
};
const ACCOUNTANT: OwnerRule = OwnerRule {
    role: "project_accountant",
    sla_hours: 24,
};

fn with_owners(process: Process<Batch, Services>) -> Process<Batch, Services> {
    let to_map = [
        "project_not_mapped",
        "legal_entity_not_mapped",
        "account_not_mapped",
        "person_not_mapped",
        "task_not_mapped",
        "role_not_mapped",
        "expense_category_not_mapped",
        "tax_code_not_mapped",
    ];
    let process = to_map
        .into_iter()
        .fold(process, |process, code| process.owner(code, STEWARD));
    let to_decide = [
        "project_closed",
        "missing_role",
        "missing_rate",
        "hours_out_of_range",
        "amount_out_of_range",
        "note_too_long",
        "period_closed",
        "no_period",
        "duplicate_entry",
        "missing_exchange_rate",
    ];
    to_decide
        .into_iter()
        .fold(process, |process, code| process.owner(code, ACCOUNTANT))
}
