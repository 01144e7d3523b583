//! One exception, and decisions about it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use canonical_model::{
    AssignmentRequest, CanonicalId, ExceptionRecord, Failure, MappingDomain, ReferenceMapping, Resolution,
    ResolutionAction,
};
use chassis::{Allowed, Caller, Problem};
use chrono::Utc;
use process_client::MappingQuery;
use serde::Deserialize;
use uuid::Uuid;

use super::{Done, DoneQuery, Shown, check_csrf, hand, key, page, person, refused};
use crate::permissions::{ReadExceptions, ResolveExceptions, WriteMappings, may};
use crate::state::{Desk, act, correlated};
use crate::view::{MappingOffer, Notice, One};

/// `GET /exceptions/{id}`.
pub(crate) async fn show(
    allowed: Allowed<ReadExceptions>,
    request: HttpRequest,
    id: web::Path<CanonicalId>,
    query: web::Query<DoneQuery>,
    desk: web::Data<Desk>,
) -> Shown {
    let id = id.into_inner();
    one(
        &desk,
        &request,
        &allowed.caller,
        id,
        query.notice(),
        StatusCode::OK,
    )
    .await
}

/// To whom an exception goes.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum To {
    Me,
    Nobody,
}

/// Somebody takes it or gives it back.
#[derive(Deserialize)]
pub(crate) struct AssignmentForm {
    csrf: String,
    nonce: Uuid,
    to: To,
}

/// `POST /exceptions/{id}/assignment`.
pub(crate) async fn assign(
    allowed: Allowed<ResolveExceptions>,
    request: HttpRequest,
    id: web::Path<CanonicalId>,
    form: web::Form<AssignmentForm>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    check_csrf(&request, &form.csrf)?;
    let (id, caller) = (id.into_inner(), &allowed.caller);
    let (assignee, done) = match form.to {
        To::Me => (Some(person(caller).to_owned()), Done::Taken),
        To::Nobody => (None, Done::GivenBack),
    };
    let act = act(&key(form.nonce), caller);
    let control = desk.control.desk();
    let outcome = correlated(control.assign(id, &AssignmentRequest { assignee }, &act)).await;
    after(&desk, &request, caller, id, outcome.map(|_| done)).await
}

/// A decision.
#[derive(Deserialize)]
pub(crate) struct ResolutionForm {
    csrf: String,
    nonce: Uuid,
    action: ResolutionAction,
    reason: Option<String>,
    answer: Option<String>,
}

impl ResolutionForm {
    fn resolution(&self) -> Result<Resolution, Failure> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let answer = filled(&self.answer)
            .map(|text| serde_json::from_str(&text))
            .transpose();
        let answer = answer.map_err(|error| {
            Failure::business("malformed_answer", format!("The answer is not JSON: {error}."))
        })?;
        Ok(Resolution {
            action: self.action,
            reason: filled(&self.reason),
            answer,
        })
    }
}

/// `POST /exceptions/{id}/resolution`.
pub(crate) async fn resolve(
    allowed: Allowed<ResolveExceptions>,
    request: HttpRequest,
    id: web::Path<CanonicalId>,
    form: web::Form<ResolutionForm>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    check_csrf(&request, &form.csrf)?;
    let (id, caller) = (id.into_inner(), &allowed.caller);
    let act = act(&key(form.nonce), caller);
    let outcome = match form.resolution() {
        Ok(resolution) => correlated(desk.control.desk().resolve(id, &resolution, &act)).await,
        Err(failure) => Err(failure),
    };
    after(&desk, &request, caller, id, outcome.map(|_| Done::Decided)).await
}

/// What a value stands for.
#[derive(Deserialize)]
pub(crate) struct MappingForm {
    csrf: String,
    nonce: Uuid,
    domain: MappingDomain,
    connection: String,
    value: String,
    code: String,
}

/// `POST /exceptions/{id}/mapping`.
pub(crate) async fn map(
    allowed: Allowed<WriteMappings>,
    request: HttpRequest,
    id: web::Path<CanonicalId>,
    form: web::Form<MappingForm>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    check_csrf(&request, &form.csrf)?;
    let (id, form) = (id.into_inner(), form.into_inner());
    let act = act(&key(form.nonce), &allowed.caller);
    let mapping = ReferenceMapping {
        domain: form.domain,
        connection: form.connection,
        value: form.value.trim().to_owned(),
        code: form.code.trim().to_owned(),
    };
    let outcome = correlated(desk.control.set_mapping(&mapping, &act)).await;
    after(
        &desk,
        &request,
        &allowed.caller,
        id,
        outcome.map(|_| Done::Mapped),
    )
    .await
}

/// The exception again: with what was done, or with why it was refused.
async fn after(
    desk: &Desk,
    request: &HttpRequest,
    caller: &Caller,
    id: CanonicalId,
    outcome: Result<Done, Failure>,
) -> Result<HttpResponse, Problem> {
    match outcome {
        Ok(done) => Ok(done.at(&format!("/exceptions/{id}"))),
        Err(failure) => {
            let (notice, status) = refused(&failure);
            one(desk, request, caller, id, Some(notice), status).await
        }
    }
}

async fn one(
    desk: &Desk,
    request: &HttpRequest,
    caller: &Caller,
    id: CanonicalId,
    notice: Option<Notice>,
    status: StatusCode,
) -> Shown {
    let exception = correlated(desk.control.desk().exception(id)).await?;
    let mapping = offer(desk, caller, &exception).await?;
    let csrf = chassis::session::csrf(request);
    let body = One {
        exception: &exception,
        now: Utc::now(),
        notice: notice.as_ref(),
        mapping: mapping.as_ref(),
        hand: hand(caller, &csrf),
    };
    page(caller, "/exceptions", &exception.title, status, &body)
}

/// The mapping that would mend it, with the codes that are in use, for who may set it.
async fn offer(
    desk: &Desk,
    caller: &Caller,
    exception: &ExceptionRecord,
) -> Result<Option<MappingOffer>, Failure> {
    let Some(mut offer) = MappingOffer::of(exception).filter(|_| may::<WriteMappings>(caller)) else {
        return Ok(None);
    };
    let query = MappingQuery {
        domain: Some(offer.domain),
        connection: None,
    };
    let known = correlated(desk.control.mappings(&query)).await?;
    offer.codes = known.into_iter().map(|mapping| mapping.code).collect();
    offer.codes.sort();
    offer.codes.dedup();
    Ok(Some(offer))
}
