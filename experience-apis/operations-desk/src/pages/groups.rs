//! The start page, and decisions about groups.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use canonical_model::{ExceptionCause, GroupResolution, Resolution, ResolutionAction};
use chassis::{Allowed, Caller, Problem};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::{Done, DoneQuery, Shown, check_csrf, hand, key, page, refused};
use crate::permissions::{ReadExceptions, ResolveExceptions};
use crate::state::{Desk, act, correlated};
use crate::view::{Groups, Notice};

/// `GET /`.
pub(crate) async fn show(
    allowed: Allowed<ReadExceptions>,
    request: HttpRequest,
    query: web::Query<DoneQuery>,
    desk: web::Data<Desk>,
) -> Shown {
    groups(&desk, &request, &allowed.caller, query.notice(), StatusCode::OK).await
}

/// One decision about all exceptions of a cause.
#[derive(Deserialize)]
pub(crate) struct GroupForm {
    csrf: String,
    nonce: Uuid,
    code: String,
    subject: String,
    action: ResolutionAction,
    reason: Option<String>,
}

/// `POST /exception-groups/resolution`.
pub(crate) async fn resolve(
    allowed: Allowed<ResolveExceptions>,
    request: HttpRequest,
    form: web::Form<GroupForm>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    check_csrf(&request, &form.csrf)?;
    let form = form.into_inner();
    let group = GroupResolution {
        cause: ExceptionCause {
            code: form.code,
            subject: form.subject,
        },
        resolution: Resolution {
            action: form.action,
            reason: form.reason,
            answer: None,
        },
    };
    let act = act(&key(form.nonce), &allowed.caller);
    match correlated(desk.control.desk().resolve_group(&group, &act)).await {
        Ok(_) => Ok(Done::GroupDecided.at("/")),
        Err(failure) => {
            let (notice, status) = refused(&failure);
            groups(&desk, &request, &allowed.caller, Some(notice), status).await
        }
    }
}

async fn groups(
    desk: &Desk,
    request: &HttpRequest,
    caller: &Caller,
    notice: Option<Notice>,
    status: StatusCode,
) -> Shown {
    let groups = correlated(desk.control.desk().exception_groups()).await?;
    let csrf = chassis::session::csrf(request);
    let body = Groups {
        groups: &groups,
        now: Utc::now(),
        notice: notice.as_ref(),
        hand: hand(caller, &csrf),
    };
    page(caller, "/", "What waits for people", status, &body)
}
