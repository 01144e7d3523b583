//! From method and path to the handler: the table of the API.

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::rules::{self, approval, custom, staffing};
use super::schema::Collection;
use super::{events, list, write};

type Answer = Result<Response, ApiError>;

/// Answers one call.
pub(super) fn route(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let account = call.account;
    let collection = |name: &str| account.schema.get(name).ok_or_else(ApiError::not_found);
    match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", ["users", "me"]) => list::me(call.view(), request),
        ("GET", ["subscribed_events"]) => events::list(call.view(), request, call.now()),
        ("GET", ["subscribed_events", "event_types"]) => Ok(events::types(call.view(), request)),
        ("POST", ["external_references", "create_or_update"]) => custom::create_or_update(call, request),
        ("POST", [kind @ ("timesheet_approvals" | "timesheet_rejections" | "timesheet_cancellations")]) => {
            approval::resolve_several(call, kind, request)
        }
        (
            "PUT",
            [
                name @ ("timesheet_submissions" | "expense_report_submissions"),
                id,
                action,
            ],
        ) => approval::resolve_one(call, collection(name)?, (id, action), request),
        ("PUT", ["workspace_allocations", "split"]) => staffing::split(call, request),
        ("PUT", ["resource_requests", id, "update_approver"]) => staffing::update_approver(call, id, request),
        ("GET", ["invoices", "next_invoice_number"]) => Ok(rules::next_invoice_number(call)),
        ("PUT", ["invoices", id, "cancel"]) => rules::cancel_invoice(call, id, request),
        (method, [name]) => several(call, request, method, collection(name)?),
        (method, [name, id]) => single(call, request, method, collection(name)?, id),
        _ => Err(ApiError::not_found()),
    }
}

fn several(call: &mut Call<'_, '_>, request: &Request, method: &str, collection: &Collection) -> Answer {
    match method {
        "GET" if collection.allows('r') => list::list(call.view(), collection, request),
        "POST" if collection.allows('c') => write::create(call, collection, request),
        "DELETE" if collection.allows('d') => write::delete_several(call, collection, request),
        _ => Err(ApiError::not_found()),
    }
}

fn single(
    call: &mut Call<'_, '_>,
    request: &Request,
    method: &str,
    collection: &Collection,
    id: &str,
) -> Answer {
    match method {
        "GET" if collection.allows('r') => list::show(call.view(), collection, id, request),
        "PUT" if collection.allows('u') => write::update(call, collection, id, request),
        "DELETE" if collection.allows('d') => write::delete(call, collection, id),
        _ => Err(ApiError::not_found()),
    }
}
