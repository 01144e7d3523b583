//! What each kind of record asks of a write, beyond the kinds of its fields.

pub(super) mod approval;
mod billing;
pub(super) mod custom;
mod project;
pub(super) mod staffing;
mod story;
mod work;

use serde_json::{Map, Value};

use super::call::Call;
use super::errors::ApiError;
use super::input;
use super::schema::{Access, Collection};
use crate::store::{Fields, Record};

pub(super) use billing::{cancel_invoice, next_invoice_number};

type Item = Map<String, Value>;
type Done<T> = Result<T, ApiError>;

/// Creates a record from an item of a request and returns its id.
pub(super) fn create(call: &mut Call<'_, '_>, collection: &Collection, item: &Item) -> Done<String> {
    let fields = input::fields(call.view(), collection, item, None)?;
    input::required(collection, &fields)?;
    may_write(
        call,
        collection,
        fields.get("workspace_id").and_then(Value::as_str),
    )?;
    let id = match collection.name.as_str() {
        "workspaces" => project::create(call, fields, item)?,
        "workspace_groups" => call.insert(
            "workspace_groups",
            with_defaults(fields, [("company", false.into())]),
        ),
        "participations" => project::join_by_hand(call, fields)?,
        "stories" => story::create(call, fields)?,
        "workspace_resources" => staffing::create_seat(call, fields)?,
        "workspace_allocations" => staffing::create_allocation(call, fields)?,
        "resource_requests" => staffing::create_request(call, fields, item)?,
        "assignments" => staffing::create_assignment(call, fields)?,
        "story_allocation_days" => staffing::create_day(call, fields)?,
        "time_entries" => work::create_time(call, fields)?,
        "expenses" => work::create_expense(call, fields)?,
        "timesheet_submissions" | "expense_report_submissions" => approval::submit(call, collection, fields)?,
        "invoices" => billing::create_invoice(call, fields, item)?,
        "external_payments" => billing::pay(call, fields)?,
        "billing_milestones" => billing::create_milestone(call, fields)?,
        "custom_field_values" => custom::set_value(call, fields)?,
        "cost_rates" => billing::set_cost_rate(call, fields)?,
        name => call.insert(name, fields),
    };
    custom::extras(call, collection, &id, item)?;
    Ok(id)
}

/// Changes a record.
pub(super) fn update(
    call: &mut Call<'_, '_>,
    collection: &Collection,
    record: &Record,
    item: &Item,
) -> Done<()> {
    let fields = input::fields(call.view(), collection, item, Some(record))?;
    may_write(call, collection, record.text("workspace_id"))?;
    match collection.name.as_str() {
        "workspaces" => project::update(call, record, fields, item)?,
        "stories" => story::update(call, record, fields)?,
        "workspace_resources" => staffing::update_seat(call, record, fields)?,
        "workspace_allocations" => staffing::update_allocation(call, record, fields)?,
        "resource_requests" => staffing::resolve_request(call, record, item)?,
        "time_entries" | "expenses" => work::update(call, collection, record, fields)?,
        "custom_field_values" => custom::change_value(call, record, fields)?,
        "billing_milestones" => billing::update_milestone(call, record, fields)?,
        name => call.change(name, &record.id, fields),
    }
    custom::extras(call, collection, &record.id, item)
}

/// Deletes a record, and what cannot be without it.
pub(super) fn delete(call: &mut Call<'_, '_>, collection: &Collection, record: &Record) -> Done<()> {
    may_write(call, collection, record.text("workspace_id"))?;
    match collection.name.as_str() {
        "stories" => story::delete(call, record),
        "workspace_resources" => staffing::delete_seat(call, record),
        "time_entries" | "expenses" => work::check_open(call, collection, record)?,
        "billing_milestones" if record.text("invoice_id").is_some() => {
            return Err(ApiError::invalid("base", "Billing milestone has been invoiced"));
        }
        "custom_field_values" => custom::value_deleted(call, record),
        _ => {}
    }
    custom::forget(call, collection, &record.id);
    call.remove(&collection.name, &record.id);
    Ok(())
}

/// Collections that need an access need it for writing, too; so does a project that the caller does not take part in.
fn may_write(call: &Call<'_, '_>, collection: &Collection, workspace_id: Option<&str>) -> Done<()> {
    let view = call.view();
    let access = match collection.access.as_deref() {
        Some("cost") => Access::Cost,
        Some("financial") => Access::Financial,
        _ => Access::Everybody,
    };
    let account_wide = [
        "workspace_groups",
        "roles",
        "account_memberships",
        "external_references",
    ];
    let denied = !view.may(access, workspace_id)
        || (account_wide.contains(&collection.name.as_str())
            && !call.who.administrator()
            && call.who.permission != "project_lead")
        || workspace_id.is_some_and(|id| {
            let project = call
                .account
                .schema
                .get("workspaces")
                .zip(view.get("workspaces", id));
            project.is_some_and(|(collection, record)| !view.sees(collection, record))
        });
    if denied {
        return Err(ApiError::forbidden("perform this action"));
    }
    Ok(())
}

/// Sets what the client did not.
fn with_defaults<const N: usize>(mut fields: Fields, defaults: [(&str, Value); N]) -> Fields {
    for (name, value) in defaults {
        let slot = fields.entry(name).or_insert(Value::Null);
        if slot.is_null() {
            *slot = value;
        }
    }
    fields
}

/// The text of a field that is to be written.
fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name).and_then(Value::as_str)
}
