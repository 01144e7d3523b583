//! Projects and who takes part in them.

use serde_json::Value;

use super::{Done, Item, text, with_defaults};
use crate::kantata::call::{Call, fields};
use crate::kantata::computed::{CURRENCIES, base_unit};
use crate::kantata::errors::ApiError;
use crate::kantata::{include, params};
use crate::store::{Fields, Record};

pub(super) fn create(call: &mut Call<'_, '_>, fields: Fields, item: &Item) -> Done<String> {
    let role = item.get("creator_role").and_then(params::text);
    if role.as_deref().is_some_and(|r| !matches!(r, "maven" | "buyer")) {
        return Err(ApiError::invalid(
            "creator_role",
            "Creator role is not included in the list",
        ));
    }
    let settings = &call.account.settings;
    let first_status = settings.customisation.statuses.first().map_or(0, |s| s.key);
    let approvals = Value::from(settings.approvals_by_default);
    let account_currency = Value::from(settings.currency.as_str());
    let me = Value::from(call.who.user_id.as_str());
    let mut fields = with_defaults(
        fields,
        [
            ("archived", false.into()),
            ("budgeted", false.into()),
            ("access_level", "invitation".into()),
            ("consultant_role_name", "Consultants".into()),
            ("client_role_name", "Clients".into()),
            ("tasks_default_non_billable", false.into()),
            ("stories_are_fixed_fee_by_default", false.into()),
            ("require_time_approvals", approvals.clone()),
            ("require_expense_approvals", approvals),
            ("require_notes_on_time_entries", false.into()),
            ("time_trackable", true.into()),
            ("expenses_in_burn_rate", true.into()),
            ("status_key", first_status.into()),
            ("currency", account_currency),
            ("creator_id", me.clone()),
            ("primary_maven_id", me),
        ],
    );
    settle(call, &mut fields, item)?;
    let lead = text(&fields, "primary_maven_id").map(str::to_owned);
    let id = call.insert("workspaces", fields);
    let creator = call.who.user_id.clone();
    join(call, &id, &creator, None, lead.as_deref() == Some(&creator));
    if let Some(lead) = lead {
        join(call, &id, &lead, None, true);
    }
    Ok(id)
}

pub(super) fn update(call: &mut Call<'_, '_>, record: &Record, mut fields: Fields, item: &Item) -> Done<()> {
    if fields
        .get("title")
        .is_some_and(|t| t.as_str().is_none_or(str::is_empty))
    {
        return Err(ApiError::blank("title"));
    }
    let with_currency = |fields: &mut Fields| {
        fields
            .entry("currency")
            .or_insert_with(|| record.get("currency").clone());
    };
    with_currency(&mut fields);
    settle(call, &mut fields, item)?;
    let lead = text(&fields, "primary_maven_id").map(str::to_owned);
    call.change("workspaces", &record.id, fields);
    if let Some(lead) = lead {
        join(call, &record.id, &lead, None, true);
    }
    Ok(())
}

/// Checks and completes what is to be written: currency of the rate card, price, status, groups.
fn settle(call: &Call<'_, '_>, fields: &mut Fields, item: &Item) -> Done<()> {
    let view = call.view();
    if let Some(card) = text(fields, "rate_card_id").and_then(|id| view.get("rate_cards", id)) {
        fields.insert("currency".to_owned(), card.get("currency").clone());
    }
    let currency = text(fields, "currency").unwrap_or_default().to_owned();
    if !CURRENCIES.contains(&currency.as_str()) {
        return Err(ApiError::invalid(
            "currency",
            "Currency is not included in the list",
        ));
    }
    if let Some(price) = item.get("price").filter(|p| !p.is_null()) {
        let cents = cents(price, base_unit(&currency));
        let cents = cents.ok_or_else(|| ApiError::invalid("price", "Price is not a number"))?;
        fields.insert("price_in_cents".to_owned(), Value::from(cents));
    }
    let known = &call.account.settings.customisation.statuses;
    let status = fields.get("status_key").and_then(Value::as_i64);
    if status.is_some_and(|key| known.iter().all(|s| s.key != key)) {
        return Err(ApiError::invalid(
            "status_key",
            "Status key is not included in the list",
        ));
    }
    let range = text(fields, "start_date").zip(text(fields, "due_date"));
    if range.is_some_and(|(start, due)| start > due) {
        return Err(ApiError::invalid("due_date", "Due date must be after start date"));
    }
    // The primary group is one of the groups.
    if let Some(primary) = text(fields, "primary_workspace_group_id").map(str::to_owned) {
        let mut groups = include::list(fields.get("workspace_group_ids").unwrap_or(&Value::Null));
        if !groups.contains(&primary) {
            groups.push(primary);
        }
        fields.insert("workspace_group_ids".to_owned(), groups.into());
    }
    Ok(())
}

/// An amount in main units, as a number or a text, in subunits.
pub(super) fn cents(amount: &Value, unit: i64) -> Option<i64> {
    let amount: rust_decimal::Decimal = params::text(amount)?.trim().parse().ok()?;
    i64::try_from((amount * rust_decimal::Decimal::from(unit)).round()).ok()
}

/// Makes somebody a participant who is none yet.
pub(super) fn join(
    call: &mut Call<'_, '_>,
    workspace_id: &str,
    user_id: &str,
    role_id: Option<&str>,
    lead: bool,
) {
    let known = call
        .view()
        .participation(workspace_id, user_id)
        .map(|p| (p.id.clone(), p.get("is_team_lead").clone()));
    if let Some((id, leads)) = known {
        if lead && leads != true {
            call.change("participations", &id, fields([("is_team_lead", true.into())]));
        }
        return;
    }
    let usual = call
        .view()
        .get("users", user_id)
        .and_then(|u| u.text("role_id"))
        .map(str::to_owned);
    let role = role_id.map(str::to_owned).or(usual);
    let roles: Vec<String> = role.iter().cloned().collect();
    call.insert(
        "participations",
        fields([
            ("workspace_id", workspace_id.into()),
            ("user_id", user_id.into()),
            ("role", "maven".into()),
            ("access_level", "edit_all".into()),
            ("is_team_lead", lead.into()),
            ("primary_role_id", role.into()),
            ("active_role_ids", roles.into()),
        ]),
    );
}

/// `POST /participations`.
pub(super) fn join_by_hand(call: &mut Call<'_, '_>, fields: Fields) -> Done<String> {
    let ids = text(&fields, "workspace_id").zip(text(&fields, "user_id"));
    if ids.is_some_and(|(workspace, user)| call.view().participation(workspace, user).is_some()) {
        return Err(ApiError::invalid("user_id", "User has already been taken"));
    }
    let fields = with_defaults(
        fields,
        [
            ("role", "maven".into()),
            ("access_level", "edit_all".into()),
            ("is_team_lead", false.into()),
        ],
    );
    Ok(call.insert("participations", fields))
}
