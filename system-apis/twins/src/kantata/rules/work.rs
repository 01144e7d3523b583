//! Time entries and expenses.

use chrono::NaiveDate;
use serde_json::Value;

use super::project::cents;
use super::story::takes_time;
use super::{Done, text, with_defaults};
use crate::kantata::call::{Call, View, date, int, yes};
use crate::kantata::computed::{active_submission, base_unit, submissions_of};
use crate::kantata::errors::ApiError;
use crate::kantata::schema::Collection;
use crate::store::{Fields, Record};

/// Whose entry it becomes. Without administrator's rights another user's id is ignored without a word.
fn owner(call: &Call<'_, '_>, fields: &Fields) -> String {
    let asked = text(fields, "user_id").filter(|_| call.who.administrator());
    asked.unwrap_or(&call.who.user_id).to_owned()
}

pub(super) fn create_time(call: &mut Call<'_, '_>, mut fields: Fields) -> Done<String> {
    let user = owner(call, &fields);
    let view = call.view();
    let project = text(&fields, "workspace_id")
        .and_then(|id| view.get("workspaces", id))
        .ok_or_else(ApiError::not_found)?;
    check_time(view, project, &fields)?;
    let story = text(&fields, "story_id").and_then(|id| view.get("stories", id));
    let billable = story.is_none_or(|s| yes(s, "billable"));
    let currency = project.get("currency").clone();
    let role = text(&fields, "role_id")
        .map(str::to_owned)
        .or_else(|| usual_role(view, &project.id, &user));
    let day = text(&fields, "date_performed").and_then(|d| d.parse().ok());
    let rate = bill_rate(view, project, &user, role.as_deref(), day);
    let cost = cost_rate(view, &user, currency.as_str().unwrap_or_default());
    let me = Value::from(call.who.user_id.as_str());
    fields.insert("user_id".to_owned(), user.into());
    let fields = with_defaults(
        fields,
        [
            ("billable", billable.into()),
            ("role_id", role.into()),
            ("story_id", Value::Null),
            ("notes", Value::Null),
            ("taxable", false.into()),
            ("rate_in_cents", rate.into()),
            ("cost_rate_in_cents", cost.into()),
            ("currency", currency),
            ("creator_id", me),
        ],
    );
    Ok(call.insert("time_entries", fields))
}

fn check_time(view: View<'_>, project: &Record, fields: &Fields) -> Done<()> {
    if fields
        .get("time_in_minutes")
        .and_then(Value::as_i64)
        .is_some_and(|m| m <= 0)
    {
        return Err(ApiError::invalid(
            "time_in_minutes",
            "Time in minutes must be greater than 0",
        ));
    }
    if !yes(project, "time_trackable") {
        return Err(ApiError::invalid("workspace_id", "Workspace does not track time"));
    }
    let notes = text(fields, "notes").unwrap_or_default();
    if yes(project, "require_notes_on_time_entries") && notes.trim().is_empty() {
        return Err(ApiError::blank("notes"));
    }
    let story = text(fields, "story_id").and_then(|id| view.get("stories", id));
    if story.is_some_and(|s| !takes_time(s, &project.id)) {
        return Err(ApiError::invalid("story_id", "Story is invalid"));
    }
    check_lock(view, "date_performed", text(fields, "date_performed"))
}

fn check_lock(view: View<'_>, field: &str, day: Option<&str>) -> Done<()> {
    let lock = view.account.lock_date(view.tables);
    let day: Option<NaiveDate> = day.and_then(|d| d.parse().ok());
    match lock.zip(day) {
        Some((lock, day)) if day <= lock => Err(ApiError::invalid(
            field,
            format!("Date is locked: time is locked through {lock}"),
        )),
        _ => Ok(()),
    }
}

fn usual_role(view: View<'_>, workspace_id: &str, user_id: &str) -> Option<String> {
    let here = view
        .participation(workspace_id, user_id)
        .and_then(|p| p.text("primary_role_id"));
    let usual = view.get("users", user_id).and_then(|u| u.text("role_id"));
    here.or(usual).map(str::to_owned)
}

/// What an hour is charged at: agreed for the person on the project, else the project's rate card, else, in the account's
/// currency, the person's usual rate.
fn bill_rate(
    view: View<'_>,
    project: &Record,
    user: &str,
    role: Option<&str>,
    day: Option<NaiveDate>,
) -> Option<i64> {
    let agreed = view
        .participation(&project.id, user)
        .and_then(|p| p.get("rate_in_cents").as_i64());
    let card = || {
        let versions = view.having(
            "rate_card_versions",
            "rate_card_id",
            project.text("rate_card_id")?,
        );
        let mut in_force = versions.into_iter().filter(|v| {
            let from = view
                .follow(v, "rate_card_set_version_id", "rate_card_set_versions")
                .and_then(|s| date(s, "effective_date"));
            from.is_none_or(|from| day.is_none_or(|day| from <= day))
        });
        let version = in_force.next_back()?;
        let roles = view.having("rate_card_roles", "rate_card_version_id", &version.id);
        let rate = roles
            .iter()
            .find(|r| r.text("role_id") == role)
            .map_or(version.get("default_rate"), |r| r.get("rate"));
        cents(rate, base_unit(project.text("currency")?))
    };
    let usual = || {
        let home = project.text("currency") == Some(&view.account.settings.currency);
        let membership = view
            .having("account_memberships", "user_id", user)
            .into_iter()
            .next()?;
        membership.get("bill_rate_in_cents").as_i64().filter(|_| home)
    };
    agreed.or_else(card).or_else(usual)
}

/// What an hour costs the firm, in the project's currency.
fn cost_rate(view: View<'_>, user: &str, currency: &str) -> Option<i64> {
    let membership = view
        .having("account_memberships", "user_id", user)
        .into_iter()
        .next()?;
    let rates = view.having("cost_rates", "account_membership_id", &membership.id);
    let own = rates.iter().find(|r| r.text("currency") == Some(currency));
    let usual = || {
        membership
            .get("cost_rate_in_cents")
            .as_i64()
            .filter(|_| currency == view.account.settings.currency)
    };
    own.map(|r| int(r, "amount_in_subunits")).or_else(usual)
}

pub(super) fn create_expense(call: &mut Call<'_, '_>, mut fields: Fields) -> Done<String> {
    let user = owner(call, &fields);
    let view = call.view();
    let project = text(&fields, "workspace_id")
        .and_then(|id| view.get("workspaces", id))
        .ok_or_else(ApiError::not_found)?;
    let currency = project.text("currency").unwrap_or_default().to_owned();
    if let Some(Value::Object(foreign)) = fields.remove("foreign_exchange_amount") {
        // Without an exchange table, only the project's own currency can be converted.
        let same = foreign.get("source_currency").and_then(Value::as_str) == Some(&currency);
        let amount = foreign
            .get("source_value")
            .and_then(|v| cents(v, base_unit(&currency)));
        let amount = amount.filter(|_| same);
        let wrong = || ApiError::invalid("foreign_exchange_amount", "Foreign exchange amount is invalid");
        fields.insert("amount_in_cents".to_owned(), amount.ok_or_else(wrong)?.into());
    }
    if fields.get("amount_in_cents").is_none_or(Value::is_null) {
        return Err(ApiError::blank("amount_in_cents"));
    }
    check_lock(view, "date", text(&fields, "date"))?;
    let categories = view.tables.rows("expense_categories");
    let category = categories
        .into_iter()
        .find(|c| c.text("name") == text(&fields, "category"))
        .map(|c| c.id.clone());
    fields.insert("user_id".to_owned(), user.into());
    let fields = with_defaults(
        fields,
        [
            ("expense_category_id", category.into()),
            ("billable", true.into()),
            ("reimbursable", true.into()),
            ("taxable", false.into()),
            ("notes", Value::Null),
            ("story_id", Value::Null),
            ("currency", currency.into()),
        ],
    );
    Ok(call.insert("expenses", fields))
}

pub(super) fn update(
    call: &mut Call<'_, '_>,
    collection: &Collection,
    record: &Record,
    fields: Fields,
) -> Done<()> {
    check_open(call, collection, record)?;
    let view = call.view();
    if collection.name == "time_entries" {
        let project = view
            .follow(record, "workspace_id", "workspaces")
            .ok_or_else(ApiError::not_found)?;
        let mut whole = record.fields.clone();
        whole.extend(fields.clone());
        check_time(view, project, &whole)?;
    } else {
        check_lock(view, "date", text(&fields, "date"))?;
    }
    call.change(&collection.name, &record.id, fields);
    Ok(())
}

/// A line that is approved, invoiced or locked stays as it is.
pub(super) fn check_open(call: &Call<'_, '_>, collection: &Collection, record: &Record) -> Done<()> {
    let view = call.view();
    let active = active_submission(view, submissions_of(&collection.name), record);
    if active.is_some_and(|s| s.text("status") == Some("approved")) {
        return Err(ApiError::invalid(
            "base",
            "This entry has been approved and cannot be changed",
        ));
    }
    if record.text("invoice_id").is_some() {
        return Err(ApiError::invalid(
            "base",
            "This entry has been invoiced and cannot be changed",
        ));
    }
    let day = if collection.name == "time_entries" {
        "date_performed"
    } else {
        "date"
    };
    check_lock(view, day, record.text(day))
}
