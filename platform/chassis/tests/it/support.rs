//! A small API with everything that an API of Fairlead has.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use canonical_model::Failure;
use chassis::{
    Allowed, Api, CorrelationId, Extras, Handled, HttpSettings, IdempotencyKey, Permission, Problem, Role,
    RunningApi, Valid, ValidQuery, start_with,
};
use reqwest::{Client, Method, RequestBuilder};
use serde::{Deserialize, Serialize};
use testkit::Issuer;
use tokio::sync::Notify;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

pub(crate) const NAME: &str = "sample-api";

/// Reads invoices.
#[derive(Debug, Clone)]
pub(crate) struct InvoiceRead;

impl Permission for InvoiceRead {
    const SCOPE: &'static str = "invoices:read";
    const ROLES: &'static [Role] = &[Role::ProjectAccountant, Role::Auditor];
}

/// Writes invoices; no person may.
#[derive(Debug, Clone)]
pub(crate) struct InvoiceWrite;

impl Permission for InvoiceWrite {
    const SCOPE: &'static str = "invoices:write";
    const ROLES: &'static [Role] = &[];
}

/// An invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, Validate)]
pub(crate) struct Invoice {
    /// Its number.
    #[validate(length(min = 1, max = 20))]
    pub(crate) number: String,
    /// Its lines.
    #[validate(nested)]
    pub(crate) lines: Vec<Line>,
}

/// A line of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, Validate)]
pub(crate) struct Line {
    /// Minutes of work.
    #[validate(range(min = 1, max = 1440))]
    pub(crate) minutes: u32,
}

/// Which invoices.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// How many at most.
    #[validate(range(min = 1, max = 100))]
    #[serde(default)]
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u32>,
}

/// What the handlers share.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) entered: Arc<Notify>,
    pub(crate) release: Arc<Notify>,
}

/// List invoices
///
/// Answers who asked and under which correlation id.
#[utoipa::path(operation_id = "list_invoices", tag = "invoices", params(Which), security(("bearer" = ["invoices:read"])),
    responses((status = 200, description = "Them.", body = Vec<String>), Problem))]
#[get("/v1/invoices")]
async fn list(
    allowed: Allowed<InvoiceRead>,
    id: CorrelationId,
    _: ValidQuery<Which>,
) -> Handled<Vec<String>> {
    let current = chassis::current_correlation_id().unwrap_or_default();
    Ok(web::Json(vec![allowed.caller.actor().to_owned(), id.0, current]))
}

/// Read an invoice
///
/// There is none, one that breaks, one that is slow, and one whose vendor breaks its contract.
#[utoipa::path(operation_id = "read_invoice", tag = "invoices", params(("number" = String, Path, description = "Its number.")),
    security(("bearer" = ["invoices:read"])), responses((status = 200, description = "It.", body = Invoice), Problem))]
#[get("/v1/invoices/{number}")]
async fn read(
    _: Allowed<InvoiceRead>,
    number: web::Path<String>,
    shared: web::Data<Shared>,
) -> Handled<Invoice> {
    match number.as_str() {
        "slow" => {
            shared.entered.notify_one();
            shared.release.notified().await;
            Ok(web::Json(Invoice {
                number: number.into_inner(),
                lines: Vec::new(),
            }))
        }
        "broken" => panic!("a bug"),
        "vendor" => Err(Problem(
            Failure::fault("undecodable_answer", "It cannot be read.").at("erp/main"),
        )),
        "locked" => Err(Problem(
            Failure::transient("record_locked", "It is locked.").retry_after_ms(2_500),
        )),
        _ => Err(Problem(Failure::business(
            "not_found",
            "There is no such invoice.",
        ))),
    }
}

/// Create an invoice
///
/// Answers it.
#[utoipa::path(operation_id = "create_invoice", tag = "invoices", params(IdempotencyKey), request_body = Invoice,
    security(("bearer" = ["invoices:write"])), responses((status = 200, description = "It.", body = Invoice), Problem))]
#[post("/v1/invoices")]
async fn create(_: Allowed<InvoiceWrite>, _: IdempotencyKey, body: Valid<Invoice>) -> Handled<Invoice> {
    Ok(web::Json(body.0))
}

async fn page(allowed: Allowed<InvoiceRead>, request: HttpRequest) -> HttpResponse {
    let name = allowed.caller.name.unwrap_or_default();
    HttpResponse::Ok()
        .content_type("text/html")
        .body(format!("{name}|{}", chassis::session::csrf(&request)))
}

#[derive(Deserialize)]
struct Form {
    csrf: String,
}

async fn submit(
    _: Allowed<InvoiceRead>,
    request: HttpRequest,
    form: web::Form<Form>,
) -> Result<HttpResponse, Problem> {
    chassis::session::check_csrf(&request, &form.csrf)?;
    Ok(HttpResponse::NoContent().finish())
}

fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(read).service(create).map(|inner| {
        inner.service(
            web::resource("/page")
                .route(web::get().to(page))
                .route(web::post().to(submit)),
        )
    });
}

pub(crate) fn contract() -> OpenApi {
    chassis::contract(
        "Sample",
        "1.0.0",
        "An API for tests.",
        &[("invoices", "Invoices.")],
        routes,
    )
}

/// The API with its issuer.
pub(crate) struct Sample {
    pub(crate) issuer: Issuer,
    pub(crate) running: RunningApi,
    pub(crate) shared: Shared,
    pub(crate) client: Client,
}

impl Sample {
    pub(crate) async fn start() -> Self {
        Self::start_with(HttpSettings::default(), Extras::default()).await
    }

    pub(crate) async fn start_with(http: HttpSettings, extras: Extras) -> Self {
        let issuer = Issuer::start().await;
        let shared = Shared::default();
        let api = Api {
            name: NAME,
            contract,
            routes,
            state: shared.clone(),
        };
        let running = start_with(api, &http, &issuer.auth(NAME), extras).unwrap();
        Self {
            issuer,
            running,
            shared,
            client: testkit::http(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.base_url)
    }

    /// A request with a service's token for everything.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let token = self
            .issuer
            .service_token(NAME, &["invoices:read", "invoices:write"]);
        self.client.request(method, self.url(path)).bearer_auth(token)
    }
}
