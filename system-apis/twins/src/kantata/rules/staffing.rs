//! Seats on projects, allocations of time to them, requests to fill them, and assignments to tasks.

use chrono::NaiveDate;
use serde_json::Value;

use super::project::join;
use super::{Done, Item, text, with_defaults};
use crate::kantata::call::{Call, Request, Response, date, fields as pairs, int};
use crate::kantata::computed::working_minutes;
use crate::kantata::errors::ApiError;
use crate::kantata::{include, list, params};
use crate::store::{Fields, Record};

pub(super) fn create_seat(call: &mut Call<'_, '_>, fields: Fields) -> Done<String> {
    let (workspace, user, role) = (
        owned(&fields, "workspace_id"),
        owned(&fields, "user_id"),
        owned(&fields, "role_id"),
    );
    let id = call.insert(
        "workspace_resources",
        with_defaults(fields, [("user_id", Value::Null), ("role_id", Value::Null)]),
    );
    if let (Some(workspace), Some(user)) = (workspace, user) {
        join(call, &workspace, &user, role.as_deref(), false);
    }
    Ok(id)
}

pub(super) fn update_seat(call: &mut Call<'_, '_>, record: &Record, fields: Fields) -> Done<()> {
    let (user, role) = (owned(&fields, "user_id"), owned(&fields, "role_id"));
    let role = role.or_else(|| record.text("role_id").map(str::to_owned));
    call.change("workspace_resources", &record.id, fields);
    if let (Some(workspace), Some(user)) = (record.text("workspace_id"), user) {
        join(call, workspace, &user, role.as_deref(), false);
    }
    Ok(())
}

fn owned(fields: &Fields, name: &str) -> Option<String> {
    text(fields, name).map(str::to_owned)
}

pub(super) fn delete_seat(call: &mut Call<'_, '_>, record: &Record) {
    for id in ids(call, "workspace_allocations", "workspace_resource_id", &record.id) {
        call.remove("workspace_allocations", &id);
    }
    for id in ids(call, "resource_requests", "resource_id", &record.id) {
        call.remove("resource_requests", &id);
    }
}

fn ids(call: &Call<'_, '_>, table: &str, field: &str, id: &str) -> Vec<String> {
    call.view()
        .having(table, field, id)
        .into_iter()
        .map(|r| r.id.clone())
        .collect()
}

pub(super) fn create_allocation(call: &mut Call<'_, '_>, mut fields: Fields) -> Done<String> {
    let seat_id = fields.remove("resource_id").unwrap_or_default();
    let view = call.view();
    let seat = seat_id
        .as_str()
        .and_then(|id| view.get("workspace_resources", id))
        .ok_or_else(ApiError::not_found)?;
    let workspace = seat.get("workspace_id").clone();
    check_range(&fields, None)?;
    let me = Value::from(call.who.user_id.as_str());
    let fields = with_defaults(
        fields,
        [
            ("hard", false.into()),
            ("notes", Value::Null),
            ("workspace_resource_id", seat_id),
            ("workspace_id", workspace),
            ("creator_id", me.clone()),
            ("updater_id", me),
        ],
    );
    Ok(call.insert("workspace_allocations", fields))
}

pub(super) fn update_allocation(call: &mut Call<'_, '_>, record: &Record, mut fields: Fields) -> Done<()> {
    fields.remove("resource_id");
    check_range(&fields, Some(record))?;
    fields.insert("updater_id".to_owned(), Value::from(call.who.user_id.as_str()));
    call.change("workspace_allocations", &record.id, fields);
    Ok(())
}

fn check_range(fields: &Fields, record: Option<&Record>) -> Done<()> {
    let day = |name: &str| text(fields, name).or_else(|| record.and_then(|r| r.text(name)));
    if day("start_date")
        .zip(day("end_date"))
        .is_some_and(|(start, end)| start > end)
    {
        return Err(ApiError::invalid(
            "end_date",
            "End date must be on or after start date",
        ));
    }
    if fields
        .get("minutes")
        .and_then(Value::as_i64)
        .is_some_and(|m| m < 0)
    {
        return Err(ApiError::invalid(
            "minutes",
            "Minutes must be greater than or equal to 0",
        ));
    }
    Ok(())
}

/// `PUT /workspace_allocations/split`: the days before the date stay, those from it on become an allocation of their own.
pub(in super::super) fn split(call: &mut Call<'_, '_>, request: &Request) -> Done<Response> {
    let given = |name: &str| {
        request
            .param(name)
            .or_else(|| request.body.get(name).and_then(params::text))
    };
    let id = given("workspace_allocation_id")
        .ok_or_else(|| ApiError::system(400, "workspace_allocation_id is required"))?;
    let at: Option<NaiveDate> = given("split_date").and_then(|d| d.parse().ok());
    let record = call
        .get("workspace_allocations", &id)
        .ok_or_else(ApiError::not_found)?;
    let (Some(at), Some(from), Some(to)) = (at, date(&record, "start_date"), date(&record, "end_date"))
    else {
        return Err(ApiError::invalid("split_date", "Split date is not a valid date"));
    };
    let Some(before) = at.pred_opt().filter(|_| from < at && at <= to) else {
        return Err(ApiError::invalid(
            "split_date",
            "Split date must be within the allocation",
        ));
    };
    let total = int(&record, "minutes");
    let first = (total * working_minutes(from, before))
        .checked_div(working_minutes(from, to))
        .unwrap_or(0);
    call.change(
        "workspace_allocations",
        &id,
        pairs([("end_date", before.to_string().into()), ("minutes", first.into())]),
    );
    let mut second = record.fields.clone();
    second.extend(pairs([
        ("start_date", at.to_string().into()),
        ("minutes", (total - first).into()),
    ]));
    let new = call.insert("workspace_allocations", second);
    let collection = call
        .account
        .schema
        .get("workspace_allocations")
        .ok_or_else(ApiError::not_found)?;
    Ok(list::some(call.view(), collection, &[id, new], request))
}

/// A request for a seat that is there, or for one that is made with it.
pub(super) fn create_request(call: &mut Call<'_, '_>, fields: Fields, item: &Item) -> Done<String> {
    let given = |name: &str| item.get(name).and_then(params::text).filter(|t| !t.is_empty());
    let seat = match text(&fields, "resource_id") {
        Some(id) => id.to_owned(),
        None => seat_for(call, given("resource_workspace_id"), given("resource_role_id"))?,
    };
    let pending = call.account.settings.request_statuses.pending.clone();
    let open = call.view().having("resource_requests", "resource_id", &seat);
    if open.iter().any(|r| r.text("status") == Some(&pending)) {
        return Err(ApiError::invalid(
            "resource_id",
            "Resource already has a pending request",
        ));
    }
    let days = given("workspace_allocation_start_date").zip(given("workspace_allocation_end_date"));
    if let Some((from, to)) = days {
        let (Ok(from), Ok(to)) = (from.parse::<NaiveDate>(), to.parse::<NaiveDate>()) else {
            return Err(ApiError::invalid(
                "workspace_allocation_start_date",
                "Start date is not a valid date",
            ));
        };
        let share = given("workspace_allocation_percentage")
            .and_then(|p| p.parse::<i64>().ok())
            .unwrap_or(100);
        let minutes = working_minutes(from, to) * share / 100;
        let allocation = pairs([
            ("resource_id", seat.clone().into()),
            ("start_date", from.to_string().into()),
            ("end_date", to.to_string().into()),
            ("minutes", minutes.into()),
        ]);
        create_allocation(call, allocation)?;
    }
    if let Some(resource) = call.account.schema.get("workspace_resources") {
        super::custom::extras(call, resource, &seat, item)?;
    }
    let me = Value::from(call.who.user_id.as_str());
    let mut fields = with_defaults(fields, [("status", pending.into()), ("creator_id", me)]);
    fields.insert("resource_id".to_owned(), seat.into());
    Ok(call.insert("resource_requests", fields))
}

fn seat_for(call: &mut Call<'_, '_>, workspace: Option<String>, role: Option<String>) -> Done<String> {
    let view = call.view();
    let workspace = workspace.filter(|id| view.get("workspaces", id).is_some());
    let role = role.filter(|id| view.get("roles", id).is_some());
    let (Some(workspace), Some(role)) = (workspace, role) else {
        return Err(ApiError::blank("resource_id"));
    };
    create_seat(
        call,
        pairs([("workspace_id", workspace.into()), ("role_id", role.into())]),
    )
}

/// `PUT /resource_requests/<id>` with `request_resolution_status`.
pub(super) fn resolve_request(call: &mut Call<'_, '_>, record: &Record, item: &Item) -> Done<()> {
    let given = |name: &str| item.get(name).and_then(params::text).filter(|t| !t.is_empty());
    let words = call.account.settings.request_statuses.clone();
    if record.text("status") != Some(&words.pending) {
        return Err(ApiError::invalid(
            "base",
            "Resource request has already been resolved",
        ));
    }
    let status = match given("request_resolution_status").as_deref() {
        Some("approve") => words.approved,
        Some("reject") => words.rejected,
        Some("cancel") => words.cancelled,
        _ => {
            return Err(ApiError::invalid(
                "request_resolution_status",
                "Request resolution status is not included in the list",
            ));
        }
    };
    let approver = include::list(record.get("approver_ids")).contains(&call.who.user_id);
    if status == call.account.settings.request_statuses.approved {
        if !approver && !call.who.administrator() {
            return Err(ApiError::forbidden("resolve this resource request"));
        }
        fill(
            call,
            record,
            given("user_id"),
            given("allocations_state").as_deref() != Some("soft"),
        )?;
    }
    call.change(
        "resource_requests",
        &record.id,
        pairs([("status", status.into())]),
    );
    Ok(())
}

/// Puts a person on the seat and makes its allocations firm.
fn fill(call: &mut Call<'_, '_>, request: &Record, user: Option<String>, hard: bool) -> Done<()> {
    let seat = request
        .text("resource_id")
        .and_then(|id| call.get("workspace_resources", id));
    let seat = seat.ok_or_else(ApiError::not_found)?;
    if let Some(user) = user {
        if call.view().get("users", &user).is_none() {
            return Err(ApiError::invalid("user_id", "User is invalid"));
        }
        update_seat(call, &seat, pairs([("user_id", user.into())]))?;
    }
    for id in ids(call, "workspace_allocations", "workspace_resource_id", &seat.id) {
        let me = Value::from(call.who.user_id.as_str());
        call.change(
            "workspace_allocations",
            &id,
            pairs([("hard", hard.into()), ("updater_id", me)]),
        );
    }
    Ok(())
}

/// `PUT /resource_requests/<id>/update_approver`.
pub(in super::super) fn update_approver(
    call: &mut Call<'_, '_>,
    id: &str,
    request: &Request,
) -> Done<Response> {
    let collection = call
        .account
        .schema
        .get("resource_requests")
        .ok_or_else(ApiError::not_found)?;
    let record = super::super::write::visible(call, collection, id)?;
    let body = request
        .body
        .get("resource_request")
        .and_then(Value::as_object)
        .unwrap_or(&request.body);
    let fields = super::input::fields(call.view(), collection, body, Some(&record))?;
    super::input::required(collection, &fields)?;
    call.change("resource_requests", id, fields);
    Ok(list::some(call.view(), collection, &[id.to_owned()], request))
}

/// A seat wins over a person; whoever is assigned again is current again.
pub(super) fn create_assignment(call: &mut Call<'_, '_>, mut fields: Fields) -> Done<String> {
    let view = call.view();
    let story = text(&fields, "story_id")
        .and_then(|id| view.get("stories", id))
        .ok_or_else(ApiError::not_found)?;
    let workspace = story.get("workspace_id").clone();
    let seat = text(&fields, "resource_id").and_then(|id| view.get("workspace_resources", id));
    if let Some(seat) = seat {
        if seat.get("workspace_id") != &workspace {
            return Err(ApiError::invalid("resource_id", "Resource is invalid"));
        }
        let person = seat.get("user_id").clone();
        fields.insert("assignee_id".to_owned(), person);
    }
    if fields.get("assignee_id").is_none_or(Value::is_null) && seat.is_none() {
        return Err(ApiError::blank("assignee_id"));
    }
    let known = view.having("assignments", "story_id", &story.id);
    let same = |a: &&Record| {
        Some(a.get("assignee_id")) == fields.get("assignee_id")
            && a.get("resource_id") == fields.get("resource_id").unwrap_or(&Value::Null)
    };
    let before = known.into_iter().find(same).map(|a| a.id.clone());
    if let Some(id) = before {
        fields.insert("current".to_owned(), true.into());
        call.change("assignments", &id, fields);
        return Ok(id);
    }
    let fields = with_defaults(fields, [("current", true.into()), ("workspace_id", workspace)]);
    Ok(call.insert("assignments", fields))
}

/// One record for each assignment and day.
pub(super) fn create_day(call: &mut Call<'_, '_>, fields: Fields) -> Done<String> {
    let view = call.view();
    let assignment = text(&fields, "assignment_id")
        .and_then(|id| view.get("assignments", id))
        .ok_or_else(ApiError::not_found)?;
    let days = view.having("story_allocation_days", "assignment_id", &assignment.id);
    if days.iter().any(|d| d.text("date") == text(&fields, "date")) {
        return Err(ApiError::invalid("date", "Date has already been taken"));
    }
    let (story, workspace) = (
        assignment.get("story_id").clone(),
        assignment.get("workspace_id").clone(),
    );
    let fields = with_defaults(fields, [("story_id", story), ("workspace_id", workspace)]);
    Ok(call.insert("story_allocation_days", fields))
}
