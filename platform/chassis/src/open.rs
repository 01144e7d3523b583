//! What every API serves without a token: health, metrics, contract, documentation. None of it carries data.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use canonical_model::Failure;
use futures_util::future::BoxFuture;
use serde_json::json;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::problem::Problem;
use crate::server::Stopping;
use crate::telemetry;

/// Says whether an API can do its work right now; asked by `/health/ready`.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// The paths of this module, for the answer to a wrong method.
pub(crate) fn paths() -> Vec<(&'static str, Method)> {
    [
        "/health/live",
        "/health/ready",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/{file:.*}",
    ]
    .into_iter()
    .map(|path| (path, Method::GET))
    .collect()
}

/// The contract as it is served.
pub(crate) struct Document(pub(crate) Bytes);

/// The readiness check, if the API brought one.
pub(crate) struct ReadinessCheck(pub(crate) Option<Readiness>);

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/health/live", web::get().to(live))
        .route("/health/ready", web::get().to(ready))
        .route("/metrics", web::get().to(metrics))
        .route("/openapi.json", web::get().to(document))
        .route("/docs", web::get().to(to_docs))
        .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")));
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

async fn ready(check: web::Data<ReadinessCheck>, stopping: Stopping) -> Result<HttpResponse, Problem> {
    if stopping.0.is_cancelled() {
        return Err(Problem(Failure::transient("stopping", "This API is stopping.")));
    }
    if let Some(check) = &check.0 {
        check().await.map_err(Problem)?;
    }
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}

async fn metrics() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(telemetry::render_metrics())
}

async fn document(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(document.0.clone())
}

async fn to_docs() -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header(("location", "/docs/"))
        .finish()
}
