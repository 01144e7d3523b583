//! Reconciliations: the list with a form that asks for one, one with figures and differences, and its certificate.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use canonical_model::{CanonicalId, Failure, ReconciliationRequest};
use chassis::{Allowed, Caller, Problem, ValidQuery};
use chrono::NaiveDate;
use serde::Deserialize;
use uuid::Uuid;
use validator::Validate;

use super::{Shown, address, check_csrf, key, page, refused, to};
use crate::handlers::filled;
use crate::handlers::reconciliation::differences::DifferenceFilter;
use crate::handlers::reconciliation::list::ReconciliationFilter;
use crate::permissions::{ReadReconciliations, RunReconciliations, may};
use crate::state::{Desk, act, correlated};
use crate::view::{Certificate, Notice, OneReconciliation, Reconciliations};

/// `GET /reconciliations`.
pub(crate) async fn list(
    allowed: Allowed<ReadReconciliations>,
    request: HttpRequest,
    filter: ValidQuery<ReconciliationFilter>,
    desk: web::Data<Desk>,
) -> Shown {
    listed(&desk, &request, &allowed.caller, filter.0, None, StatusCode::OK).await
}

/// What to compare.
#[derive(Deserialize)]
pub(crate) struct StartForm {
    csrf: String,
    nonce: Uuid,
    #[serde(default, deserialize_with = "filled")]
    period: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    from: Option<NaiveDate>,
    #[serde(default, deserialize_with = "filled")]
    to: Option<NaiveDate>,
    #[serde(default, deserialize_with = "filled")]
    legal_entity: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    region: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    project_code: Option<String>,
}

/// `POST /reconciliations`.
pub(crate) async fn start(
    allowed: Allowed<RunReconciliations>,
    request: HttpRequest,
    form: web::Form<StartForm>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    check_csrf(&request, &form.csrf)?;
    let form = form.into_inner();
    let asked = ReconciliationRequest {
        period: form.period,
        from: form.from,
        to: form.to,
        legal_entity: form.legal_entity,
        region: form.region,
        project_code: form.project_code,
    };
    let act = act(&key(form.nonce), &allowed.caller);
    let started = match asked.validate() {
        Ok(()) => correlated(desk.control.start_reconciliation(&asked, &act)).await,
        Err(_) => {
            let message = "Give a period, or both days with the first not behind the last.";
            Err(Failure::business("invalid_body", message))
        }
    };
    match started {
        Ok(queued) => Ok(to(&format!("/reconciliations/{}", queued.id))),
        Err(failure) => {
            let (notice, status) = refused(&failure);
            let filter = ReconciliationFilter::default();
            listed(&desk, &request, &allowed.caller, filter, Some(notice), status).await
        }
    }
}

async fn listed(
    desk: &Desk,
    request: &HttpRequest,
    caller: &Caller,
    filter: ReconciliationFilter,
    notice: Option<Notice>,
    status: StatusCode,
) -> Shown {
    let state = serde_json::to_value(filter.state).ok();
    let state = state.as_ref().and_then(serde_json::Value::as_str);
    let found = correlated(desk.control.reconciliations(&filter.into())).await?;
    let next = found
        .next_cursor
        .as_deref()
        .map(|cursor| address("/reconciliations", &[("state", state), ("cursor", Some(cursor))]));
    let csrf = chassis::session::csrf(request);
    let body = Reconciliations {
        reconciliations: &found.items,
        next: next.as_deref(),
        notice: notice.as_ref(),
        csrf: may::<RunReconciliations>(caller).then_some(csrf.as_str()),
    };
    page(caller, "/reconciliations", "Reconciliation", status, &body)
}

/// `GET /reconciliations/{id}`.
pub(crate) async fn show(
    allowed: Allowed<ReadReconciliations>,
    id: web::Path<CanonicalId>,
    filter: ValidQuery<DifferenceFilter>,
    desk: web::Data<Desk>,
) -> Shown {
    let id = id.into_inner();
    let calls = async {
        let one = desk.control.reconciliation(id).await?;
        let differences = desk.control.differences(id, &filter.0.into()).await?;
        Ok::<_, Failure>((one, differences))
    };
    let (one, differences) = correlated(calls).await?;
    let next = differences
        .next_cursor
        .as_deref()
        .map(|cursor| address(&format!("/reconciliations/{id}"), &[("cursor", Some(cursor))]));
    let body = OneReconciliation {
        one: &one,
        differences: &differences.items,
        next: next.as_deref(),
    };
    page(
        &allowed.caller,
        "/reconciliations",
        "Reconciliation",
        StatusCode::OK,
        &body,
    )
}

/// `GET /reconciliations/{id}/certificate`.
pub(crate) async fn certificate(
    allowed: Allowed<ReadReconciliations>,
    id: web::Path<CanonicalId>,
    desk: web::Data<Desk>,
) -> Shown {
    let issued = correlated(desk.control.certificate(id.into_inner())).await?;
    let body = Certificate { issued: &issued };
    page(
        &allowed.caller,
        "/reconciliations",
        "Certificate",
        StatusCode::OK,
        &body,
    )
}
