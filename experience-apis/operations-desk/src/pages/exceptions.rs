//! The list of exceptions.

use actix_web::http::StatusCode;
use actix_web::web;
use chassis::{Allowed, ValidQuery};
use chrono::Utc;

use super::{Shown, address, page};
use crate::handlers::exception::list::ExceptionFilter;
use crate::permissions::ReadExceptions;
use crate::state::{Desk, correlated};
use crate::view::{Exceptions, Narrowed};

/// `GET /exceptions`.
pub(crate) async fn show(
    allowed: Allowed<ReadExceptions>,
    filter: ValidQuery<ExceptionFilter>,
    desk: web::Data<Desk>,
) -> Shown {
    let filter = filter.0;
    let narrowed = Narrowed {
        state: filter.state,
        code: filter.code.clone(),
        subject: filter.subject.clone(),
        owner_role: filter.owner_role.clone(),
        legal_entity: filter.legal_entity.clone(),
        region: filter.region.clone(),
    };
    let found = correlated(desk.control.desk().exceptions(&filter.into())).await?;
    let next = found.next_cursor.as_deref().map(|cursor| next(&narrowed, cursor));
    let body = Exceptions {
        exceptions: &found.items,
        narrowed: &narrowed,
        next: next.as_deref(),
        now: Utc::now(),
    };
    page(
        &allowed.caller,
        "/exceptions",
        "Exceptions",
        StatusCode::OK,
        &body,
    )
}

fn next(narrowed: &Narrowed, cursor: &str) -> String {
    let state = serde_json::to_value(narrowed.state).ok();
    let state = state.as_ref().and_then(serde_json::Value::as_str);
    let pairs = [
        ("state", state),
        ("code", narrowed.code.as_deref()),
        ("subject", narrowed.subject.as_deref()),
        ("owner_role", narrowed.owner_role.as_deref()),
        ("legal_entity", narrowed.legal_entity.as_deref()),
        ("region", narrowed.region.as_deref()),
        ("cursor", Some(cursor)),
    ];
    address("/exceptions", &pairs)
}
