//! Fields that follow from other records.

use chrono::{Datelike, NaiveDate, Weekday};
use serde_json::{Value, json};

use super::call::{View, date, int, yes};
use super::schema::Collection;
use crate::store::Record;

/// The value of a computed field; `None` for a stored one.
pub(super) fn value(view: View<'_>, collection: &Collection, record: &Record, name: &str) -> Option<Value> {
    if name == "account_id" {
        return Some(Value::from(view.account.settings.account_id));
    }
    match collection.name.as_str() {
        "workspaces" => workspace(view, record, name),
        "stories" => story(view, record, name),
        "users" if name == "account_membership_id" => {
            let found = view.having("account_memberships", "user_id", &record.id);
            Some(found.first().map_or(Value::Null, |m| Value::from(m.id.as_str())))
        }
        "workspace_resources" => seat(view, record, name),
        "workspace_allocations" if name == "percentage" => Some(percentage(record)),
        "assignments" if name == "allocated_minutes" => {
            let days = view.having("story_allocation_days", "assignment_id", &record.id);
            Some(Value::from(days.iter().map(|d| int(d, "minutes")).sum::<i64>()))
        }
        "story_allocation_days" if name == "current" => {
            let assignment = view.follow(record, "assignment_id", "assignments");
            Some(Value::from(assignment.is_some_and(|a| yes(a, "current"))))
        }
        "time_entries" => line(view, collection, record, name),
        "expenses" => match name {
            "is_billable" => Some(record.get("billable").clone()),
            _ => line(view, collection, record, name),
        },
        "timesheet_submissions" | "expense_report_submissions" => submission(view, collection, record, name),
        "invoices" => currency(record.text("currency"), name),
        _ => None,
    }
}

/// Symbol and subunits of a currency, for the fields of those names.
fn currency(code: Option<&str>, name: &str) -> Option<Value> {
    match name {
        "currency_symbol" => Some(Value::from(symbol(code.unwrap_or_default()))),
        "currency_base_unit" => Some(Value::from(base_unit(code.unwrap_or_default()))),
        _ => None,
    }
}

/// A currency's symbol.
fn symbol(code: &str) -> &'static str {
    match code {
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        _ => "$",
    }
}

/// Subunits of one main unit.
pub(super) fn base_unit(code: &str) -> i64 {
    match code {
        "JPY" | "KRW" | "CLP" => 1,
        _ => 100,
    }
}

/// Currencies that projects and cost rates may have.
pub(super) const CURRENCIES: [&str; 10] = [
    "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "SEK", "JPY", "KRW", "CLP",
];

/// An amount as the product shows it to people, without the cents where there are none.
fn formatted(cents: i64, code: &str) -> String {
    let unit = base_unit(code);
    match cents % unit {
        0 => format!("{}{}", symbol(code), cents / unit),
        rest => format!("{}{}.{:02}", symbol(code), cents / unit, rest.abs()),
    }
}

/// What an entry's time is worth, in subunits; half a subunit counts up.
pub(super) fn worth(entry: &Record) -> i64 {
    let per_hour = int(entry, "rate_in_cents") * int(entry, "time_in_minutes");
    (per_hour + 30).div_euclid(60)
}

fn workspace(view: View<'_>, record: &Record, name: &str) -> Option<Value> {
    let code = record.text("currency").unwrap_or("USD");
    let price = record.get("price_in_cents").as_i64();
    Some(match name {
        "currency_symbol" | "currency_base_unit" => return currency(Some(code), name),
        "effective_due_date" => record.get("due_date").clone(),
        "price" => price.map_or(Value::from("TBD"), |cents| Value::from(formatted(cents, code))),
        "status" => status(view, record),
        "default_rate" | "workspace_invoice_preference_id" => Value::Null,
        "change_orders_enabled" => Value::from(false),
        "can_create_line_items" | "can_invite" => Value::from(true),
        "has_budget_access" => Value::from(view.financial(Some(&record.id))),
        "permissions" => json!({"can_upload_files": true, "can_private_message": true, "can_join": false,
            "is_participant": view.participation(&record.id, &view.who.user_id).is_some(), "access_level": "admin",
            "team_lead": false, "user_is_client": false, "can_change_price": true, "can_change_story_billable": true,
            "can_post": true, "can_edit": true, "restricted": false, "can_see_financials": view.financial(Some(&record.id))}),
        "stage" => Value::from("project"),
        "lock_date" => view
            .account
            .lock_date(view.tables)
            .map_or(Value::Null, |d| Value::from(d.to_string())),
        "has_active_timesheet_submissions" => {
            Value::from(has_active(view, "timesheet_submissions", &record.id))
        }
        "has_active_expense_report_submissions" => {
            Value::from(has_active(view, "expense_report_submissions", &record.id))
        }
        "percentage_complete" => progress(view, &record.id),
        _ => return budget(view, record, name),
    })
}

fn status(view: View<'_>, record: &Record) -> Value {
    let key = int(record, "status_key");
    let known = view
        .account
        .settings
        .customisation
        .statuses
        .iter()
        .find(|s| s.key == key);
    known.map_or(
        Value::Null,
        |s| json!({"color": s.color, "key": s.key, "message": s.message}),
    )
}

fn has_active(view: View<'_>, table: &str, workspace_id: &str) -> bool {
    let submissions = view.having(table, "workspace_id", workspace_id);
    submissions
        .iter()
        .any(|s| matches!(s.text("status"), Some("pending" | "approved")))
}

fn progress(view: View<'_>, workspace_id: &str) -> Value {
    let tasks = view.having("stories", "workspace_id", workspace_id);
    let count = i64::try_from(tasks.len()).unwrap_or(0);
    let done: i64 = tasks.iter().map(|t| int(t, "percentage_complete")).sum();
    Value::from(done.checked_div(count).unwrap_or(0))
}

/// What a project's hours and expenses have used of its price.
fn budget(view: View<'_>, record: &Record, name: &str) -> Option<Value> {
    let code = record.text("currency").unwrap_or("USD");
    let entries = || view.having("time_entries", "workspace_id", &record.id);
    let minutes = |entries: &[&Record]| entries.iter().map(|e| int(e, "time_in_minutes")).sum::<i64>();
    let expenses = || {
        let expenses = view.having("expenses", "workspace_id", &record.id);
        expenses.iter().map(|e| int(e, "amount_in_cents")).sum::<i64>()
    };
    let used = || {
        let billable: i64 = entries()
            .into_iter()
            .filter(|e| yes(e, "billable"))
            .map(worth)
            .sum();
        billable
            + if yes(record, "expenses_in_burn_rate") {
                expenses()
            } else {
                0
            }
    };
    let price = record.get("price_in_cents").as_i64();
    Some(match name {
        "total_expenses_in_cents" => Value::from(expenses()),
        "budget_used_in_cents" => Value::from(used()),
        "budget_used" => Value::from(formatted(used(), code)),
        "budget_remaining" => price.map_or(Value::Null, |p| Value::from(formatted(p - used(), code))),
        "percent_of_budget_used" => Value::from(price.filter(|p| *p > 0).map_or(0, |p| used() * 100 / p)),
        "over_budget" => Value::from(price.is_some_and(|p| used() > p)),
        "minutes_logged" => Value::from(minutes(&entries())),
        "total_minutes_approved" => {
            let mut approved = entries();
            approved.retain(|e| is_approved(view, "timesheet_submissions", e));
            Value::from(minutes(&approved))
        }
        _ => return None,
    })
}

fn story(view: View<'_>, record: &Record, name: &str) -> Option<Value> {
    let entries = || view.having("time_entries", "story_id", &record.id);
    let minutes = |billable: bool| {
        let entries = entries().into_iter().filter(|e| yes(e, "billable") == billable);
        Value::from(entries.map(|e| int(e, "time_in_minutes")).sum::<i64>())
    };
    let value = |invoiced: bool| {
        let entries = entries()
            .into_iter()
            .filter(|e| yes(e, "billable") && e.text("invoice_id").is_some() == invoiced);
        entries.map(worth).sum::<i64>()
    };
    let ancestors = || ancestors(view, record);
    Some(match name {
        "logged_billable_time_in_minutes" => minutes(true),
        "logged_nonbillable_time_in_minutes" => minutes(false),
        "invoiced_balance_in_cents" => Value::from(value(true)),
        "uninvoiced_balance_in_cents" => Value::from(value(false)),
        "budget_used_in_cents" => Value::from(value(true) + value(false)),
        "sub_story_count" => Value::from(view.having("stories", "parent_id", &record.id).len()),
        "subtree_depth" => Value::from(depth_below(view, &record.id)),
        "ancestry_depth" => Value::from(ancestors().len()),
        "ancestor_ids" => Value::from(ancestors()),
        "root_id" => Value::from(ancestors().first().cloned().unwrap_or_else(|| record.id.clone())),
        "status" => json!({"key": record.get("state"), "message": record.get("state")}),
        _ => return None,
    })
}

/// Ids of the tasks above one, from the root down.
pub(super) fn ancestors(view: View<'_>, story: &Record) -> Vec<String> {
    let mut above = Vec::new();
    let mut parent = view.follow(story, "parent_id", "stories");
    while let Some(story) = parent.filter(|p| !above.contains(&p.id)) {
        above.insert(0, story.id.clone());
        parent = view.follow(story, "parent_id", "stories");
    }
    above
}

/// Levels below a task.
pub(super) fn depth_below(view: View<'_>, id: &str) -> usize {
    let below = view.having("stories", "parent_id", id);
    below
        .iter()
        .map(|s| depth_below(view, &s.id) + 1)
        .max()
        .unwrap_or(0)
}

fn seat(view: View<'_>, record: &Record, name: &str) -> Option<Value> {
    let role = || {
        view.follow(record, "role_id", "roles")
            .and_then(|r| r.text("name"))
    };
    let person = || {
        view.follow(record, "user_id", "users")
            .and_then(|u| u.text("full_name"))
    };
    let allocations = || view.having("workspace_allocations", "workspace_resource_id", &record.id);
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    Some(match name {
        "role_name" => text(role()),
        "full_name" => text(person()),
        "display_label" => text(person().or(record.text("label")).or(role())),
        "total_allocated_minutes" => {
            Value::from(allocations().iter().map(|a| int(a, "minutes")).sum::<i64>())
        }
        "earliest_allocation_date" => text(allocations().iter().filter_map(|a| a.text("start_date")).min()),
        "latest_allocation_date" => text(allocations().iter().filter_map(|a| a.text("end_date")).max()),
        "participation_id" => {
            let ids = record.text("workspace_id").zip(record.text("user_id"));
            text(
                ids.and_then(|(w, u)| view.participation(w, u))
                    .map(|p| p.id.as_str()),
            )
        }
        "pending_resource_request_id" => {
            let pending = &view.account.settings.request_statuses.pending;
            let requests = view.having("resource_requests", "resource_id", &record.id);
            text(
                requests
                    .iter()
                    .find(|r| r.text("status") == Some(pending))
                    .map(|r| r.id.as_str()),
            )
        }
        _ => return None,
    })
}

/// An allocation's share of eight hours on each working day of its range.
fn percentage(record: &Record) -> Value {
    let range = date(record, "start_date").zip(date(record, "end_date"));
    let full = range.map_or(0, |(from, to)| working_minutes(from, to));
    Value::from((int(record, "minutes") * 100).checked_div(full).unwrap_or(0))
}

/// Eight hours for each day from Monday to Friday.
pub(super) fn working_minutes(from: NaiveDate, to: NaiveDate) -> i64 {
    let days = from.iter_days().take_while(|day| *day <= to);
    let working = days.filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun));
    i64::try_from(working.count()).unwrap_or(0) * 480
}

/// Whether a line is on an approved submission or in a project that asks for no approval.
pub(super) fn is_approved(view: View<'_>, submissions: &str, line: &Record) -> bool {
    if active_submission(view, submissions, line).is_some_and(|s| s.text("status") == Some("approved")) {
        return true;
    }
    let required = if submissions == "timesheet_submissions" {
        "require_time_approvals"
    } else {
        "require_expense_approvals"
    };
    let workspace = view.follow(line, "workspace_id", "workspaces");
    workspace.is_some_and(|w| !yes(w, required))
}

/// The submission that a line is on, while that is pending or approved.
pub(super) fn active_submission<'v>(view: View<'v>, submissions: &str, line: &Record) -> Option<&'v Record> {
    let recent = view.follow(line, "recent_submission_id", submissions);
    recent.filter(|s| matches!(s.text("status"), Some("pending" | "approved")))
}

/// The collection of submissions that a line of this collection goes on.
pub(super) fn submissions_of(lines: &str) -> &'static str {
    if lines == "expenses" {
        "expense_report_submissions"
    } else {
        "timesheet_submissions"
    }
}

fn line(view: View<'_>, collection: &Collection, record: &Record, name: &str) -> Option<Value> {
    let submissions = submissions_of(&collection.name);
    Some(match name {
        "active_submission_id" => {
            active_submission(view, submissions, record).map_or(Value::Null, |s| Value::from(s.id.as_str()))
        }
        "approved" => Value::from(is_approved(view, submissions, record)),
        "is_invoiced" => Value::from(record.text("invoice_id").is_some()),
        "user_can_edit" => {
            let approved = is_approved(view, submissions, record);
            Value::from(!approved && record.text("invoice_id").is_none())
        }
        _ => return currency(record.text("currency"), name),
    })
}

fn submission(view: View<'_>, collection: &Collection, record: &Record, name: &str) -> Option<Value> {
    let status = record.text("status").unwrap_or_default();
    let (lines, total): (_, fn(&Record) -> i64) = if collection.name == "timesheet_submissions" {
        ("time_entries", |entry| {
            if yes(entry, "billable") { worth(entry) } else { 0 }
        })
    } else {
        ("expenses", |expense| int(expense, "amount_in_cents"))
    };
    let total = || {
        let lines = view.having(lines, "recent_submission_id", &record.id);
        lines.into_iter().map(total).sum::<i64>()
    };
    let code = view
        .follow(record, "workspace_id", "workspaces")
        .and_then(|w| w.text("currency"));
    Some(match name {
        "line_item_total_in_cents" => Value::from(total()),
        "line_item_total_formatted" => Value::from(formatted(total(), code.unwrap_or("USD"))),
        "currency" => code.map_or(Value::Null, Value::from),
        "currency_base_unit" => return currency(code, name),
        "type" => Value::from(collection.event_subject().unwrap_or_default()),
        "permissions" => json!({
            "can_cancel_submission": status == "pending", "can_approve_submission": status == "pending",
            "can_reject_submission": matches!(status, "pending" | "approved"),
            "can_resubmit_submission": matches!(status, "rejected" | "cancelled")}),
        _ => return None,
    })
}
