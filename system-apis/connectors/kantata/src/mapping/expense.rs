//! Expenses.

use canonical_model::{Expense, RecordRef, Result};

use super::{Approval, View, approval, currency, entity_of, money, person_ref, project_ref, task_ref};
use crate::wire::Record;

/// The collection of the submissions that expenses are put on.
pub(crate) const SUBMISSIONS: &str = "expense_report_submissions";

/// Reads an expense. Its amount is in the project's currency: Kantata converts when it is entered.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Expense> {
    let currency = currency(record)?;
    record.shown_to_finance("amount_in_cents")?;
    let amount = record.int("amount_in_cents")?;
    let amount = record.needed("amount_in_cents", amount)?;
    let workspace = view.envelope.follow(record, "workspace_id", "workspaces");
    // Unlike entries, expenses do not say that they are approved.
    let free =
        workspace.is_some_and(|w| w.has("require_expense_approvals") && !w.flag("require_expense_approvals"));
    let Approval { state, by, at } = approval(view, record, SUBMISSIONS, free)?;
    let (date, category) = (record.date("date")?, record.needed_text("category")?);
    Ok(Expense {
        person: person_ref(view, record.needed_text("user_id")?),
        project: project_ref(view, record.needed_text("workspace_id")?),
        task: record.text("story_id").map(|id| task_ref(view, id)),
        category: RecordRef::labelled(category.clone(), category),
        date: record.needed("date", date)?,
        amount: money(record, amount, currency)?,
        fx_rate: None,
        billable: record.flag("is_billable"),
        reimbursable: record.flag("reimbursable"),
        legal_entity: workspace.and_then(|workspace| entity_of(view, workspace)),
        tax_code: None,
        note: record.text("notes"),
        approval: state,
        approved_by: by,
        approved_at: at,
        invoice: record.text("invoice_id").map(RecordRef::id),
        reverses: None,
    })
}
