//! Reading: lists, single records, and the caller's own user.

use super::call::{Request, Response, View};
use super::errors::ApiError;
use super::schema::{Access, Collection};
use super::{envelope, filter, params};
use crate::store::Record;

type Answer = Result<Response, ApiError>;

/// `GET /<collection>`.
pub(super) fn list(view: View<'_>, collection: &Collection, request: &Request) -> Answer {
    allowed(view, collection)?;
    if let Some(missing) = collection.needs.iter().find(|name| request.param(name).is_none()) {
        return Err(ApiError::system(
            400,
            format!("Missing required parameter: {missing}"),
        ));
    }
    let request = &without_case_of_subject(collection, request);
    let only = request
        .param("only")
        .filter(|_| request.param("search").is_none());
    let mut found: Vec<&Record> = candidates(view, collection, request)
        .into_iter()
        .filter(|record| {
            only.as_deref()
                .is_none_or(|ids| params::parts(ids).contains(&record.id.as_str()))
        })
        .filter(|record| filter::matches(view, collection, record, request))
        .collect();
    filter::sort(collection, &mut found, request.param("order").as_deref());
    let page = match only {
        Some(_) => envelope::Page::whole(request),
        None if view.who.page_shift => envelope::Page::of(request).shifted(),
        None => envelope::Page::of(request),
    };
    let asked = envelope::asked(collection, request);
    Ok(Response::ok(envelope::build(
        view, collection, &found, page, &asked,
    )))
}

/// Custom field values take `workspace` for `Workspace`.
fn without_case_of_subject(collection: &Collection, request: &Request) -> Request {
    let mut request = request.clone();
    if collection.name == "custom_field_values"
        && let Some(subject) = request.param("subject_type")
        && let Some(known) = view_name(&subject)
    {
        request.query.insert("subject_type".to_owned(), known.into());
    }
    request
}

fn view_name(subject: &str) -> Option<&'static str> {
    let known = [
        "Estimate",
        "Story",
        "User",
        "Workspace",
        "WorkspaceGroup",
        "Resource",
    ];
    let plain = subject.replace('_', "");
    known.into_iter().find(|k| k.eq_ignore_ascii_case(&plain))
}

fn candidates<'v>(view: View<'v>, collection: &Collection, request: &Request) -> Vec<&'v Record> {
    match filter::indexed(collection, request) {
        Some((field, id)) => view.having(&collection.name, field, &id),
        None => view.tables.rows(&collection.name).collect(),
    }
}

/// Whether the caller may read the collection at all.
fn allowed(view: View<'_>, collection: &Collection) -> Result<(), ApiError> {
    let access = match collection.access.as_deref() {
        Some("cost") => Access::Cost,
        // Without a project in sight, leads are let in and see the records of their projects.
        Some("financial") if view.who.permission != "project_lead" => Access::Financial,
        _ => Access::Everybody,
    };
    if view.may(access, None) {
        return Ok(());
    }
    Err(ApiError::forbidden("access this resource"))
}

/// `GET /<collection>/<id>`: not there, hidden from the caller and hidden by a default filter are the same to a reader.
pub(super) fn show(view: View<'_>, collection: &Collection, id: &str, request: &Request) -> Answer {
    allowed(view, collection)?;
    let record = view.get(&collection.name, id).ok_or_else(ApiError::not_found)?;
    if !filter::matches(view, collection, record, request) {
        return Err(ApiError::not_found());
    }
    Ok(some(view, collection, std::slice::from_ref(&record.id), request))
}

/// The answer that shows the records of these ids, in their order.
pub(super) fn some(view: View<'_>, collection: &Collection, ids: &[String], request: &Request) -> Response {
    let records: Vec<&Record> = ids
        .iter()
        .filter_map(|id| view.get(&collection.name, id))
        .collect();
    let asked = envelope::asked(collection, request);
    Response::ok(envelope::build(
        view,
        collection,
        &records,
        envelope::Page::whole(request),
        &asked,
    ))
}

/// `GET /users/me`.
pub(super) fn me(view: View<'_>, request: &Request) -> Answer {
    let users = view.account.schema.get("users").ok_or_else(ApiError::not_found)?;
    Ok(some(
        view,
        users,
        std::slice::from_ref(&view.who.user_id),
        request,
    ))
}
