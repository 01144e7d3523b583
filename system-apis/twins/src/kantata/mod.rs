//! Kantata (formerly Mavenlink) twin: the REST API v1 of one account.
//!
//! The envelope with side-loading and paging, the collections of `schema.json`, bulk writes, approvals, custom fields,
//! external references and the event feed, after the vendor's published contract, its own client and what integrations
//! rely on. Posts and estimates are there, always empty, for readers that take everything. Left out: the OAuth consent
//! pages (tokens come from the settings), project templates, attachments, data exports, invitations.
//!
//! `PUT /_twin/time-lock` (`{"date": "2026-10-31"}`, a past Saturday or null) is the administrator's page for locking time.
//! `PUT /_twin/repairs` (`{"table": "time_entries", "id": "7", "fields": {..}}`) changes a record and tells nobody.

mod call;
mod computed;
mod control;
mod envelope;
mod errors;
mod events;
mod filter;
mod include;
mod input;
mod limits;
mod list;
mod params;
mod present;
mod routes;
mod rules;
mod schema;
mod seed;
mod settings;
mod write;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{FixedOffset, NaiveDate};
use serde_json::Value;

pub use settings::{
    COLLABORATOR_TOKEN, Customisation, DEVELOPMENT_TOKEN, EndpointLimit, FIRM_TOKEN, KantataSettings,
    LEAD_TOKEN, RequestStatuses, Token,
};

use crate::faults::{Fault, Faults};
use crate::server::{Twin, VendorFaults};
use crate::store::{Caller, Store, Tables};
use call::{Call, Request, Response, Who};
use errors::ApiError;

/// The account.
pub struct Kantata {
    store: Store,
    faults: Faults,
    settings: KantataSettings,
    schema: schema::Schema,
    usage: limits::Usage,
}

impl Kantata {
    /// An account over a store; an empty store is seeded.
    #[must_use]
    pub fn new(store: Store, settings: KantataSettings) -> Arc<Self> {
        let schema = schema::Schema::load();
        for collection in schema.all() {
            let ids = collection
                .fields
                .iter()
                .filter(|(_, field)| field.target.is_some());
            for (name, _) in ids {
                store.index(&collection.name, name);
            }
        }
        let others = [
            ("custom_field_values", "_subject"),
            ("custom_field_values", "_unique"),
            ("external_references", "_subject"),
            ("time_entries", "recent_submission_id"),
            ("time_entries", "invoice_id"),
            ("expenses", "recent_submission_id"),
            ("resolutions", "target_id"),
        ];
        for (table, field) in others {
            store.index(table, field);
        }
        let account = Arc::new(Self {
            store,
            faults: Faults::default(),
            settings,
            schema,
            usage: limits::Usage::default(),
        });
        if account.store.log_after(0, 1).is_empty() {
            account.seed();
        }
        account
    }

    /// The account's offset from UTC.
    fn offset(&self) -> FixedOffset {
        let seconds = self.settings.utc_offset_minutes * 60;
        FixedOffset::east_opt(seconds).unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc))
    }

    /// The last day whose time is locked.
    fn lock_date(&self, tables: &Tables) -> Option<NaiveDate> {
        call::date(tables.get(control::LOCK, control::LOCK_ID)?, "date")
    }

    /// Who a request comes from.
    fn authenticate(&self, request: &HttpRequest) -> Result<(Who, String), ApiError> {
        let header = request
            .headers()
            .get("authorization")
            .and_then(|v| v.to_str().ok());
        let secret = header
            .and_then(|h| h.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let secret = secret.map(|(_, secret)| secret.trim());
        let token = self
            .settings
            .tokens
            .iter()
            .find(|t| Some(t.secret.as_str()) == secret);
        let token = token.filter(|_| !VendorFaults::has(request, &Fault::ExpiredToken));
        let token = token.ok_or_else(ApiError::unauthorized)?;
        let who = self.store.read(|tables| {
            let owner = tables
                .find_ignoring_case("users", "email_address", &token.owner)
                .next()?;
            let user_id = Value::from(owner.id.as_str());
            let membership = tables.find("account_memberships", "user_id", &user_id).next()?;
            Some(Who {
                user_id: owner.id.clone(),
                permission: membership.text("permission").unwrap_or_default().to_owned(),
                page_shift: VendorFaults::has(request, &Fault::PageShift),
            })
        });
        Ok((who.ok_or_else(ApiError::unauthorized)?, token.owner.clone()))
    }

    /// Runs one call in a transaction of its own; a refused one leaves no trace.
    fn answer(&self, who: &Who, caller: &Caller, request: &Request) -> Result<Response, ApiError> {
        self.store.transact(caller, |tx| {
            let mut call = Call {
                account: self,
                who,
                tx,
                quiet: false,
            };
            routes::route(&mut call, request)
        })
    }
}

impl Twin for Kantata {
    fn name(&self) -> &'static str {
        "kantata"
    }

    fn store(&self) -> &Store {
        &self.store
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn configure(self: Arc<Self>, config: &mut ServiceConfig) {
        config
            .app_data(web::Data::from(self))
            .route("/api/v1/{tail:.*}", web::route().to(api))
            .default_service(web::route().to(|| async { refused(&ApiError::not_found()) }));
    }

    fn configure_control(self: Arc<Self>, config: &mut ServiceConfig) {
        config
            .app_data(web::Data::from(self))
            .route("/time-lock", web::put().to(control::set_lock))
            .route("/repairs", web::put().to(control::repair));
    }

    fn too_many_requests(&self, _retry_after_s: Option<u64>) -> HttpResponse {
        too_many()
    }

    fn server_error(&self, status: u16) -> HttpResponse {
        let message = match status {
            503 => "Service is unavailable",
            504 => "The request timed out",
            _ => "An internal server error occurred",
        };
        refused(&ApiError::system(status, message))
    }

    fn seed(&self) {
        seed::plant(self);
    }
}

/// Everything below `/api/v1`.
async fn api(account: web::Data<Kantata>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let (who, owner) = match account.authenticate(&request) {
        Ok(known) => known,
        Err(error) => return refused(&error),
    };
    if VendorFaults::has(&request, &Fault::Locked) {
        return refused(&ApiError::system(503, "Service is unavailable"));
    }
    let call = match read_request(&request, &body) {
        Ok(call) => call,
        Err(error) => return refused(&error),
    };
    let collection = call.path.first().map(String::as_str).unwrap_or_default();
    if !account.usage.count(
        &account.settings,
        &owner,
        &call.method,
        collection,
        account.store.now(),
    ) {
        return too_many();
    }
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    let caller = Caller {
        name: owner,
        correlation_id: header("x-correlation-id"),
        client: header("user-agent"),
    };
    match account.answer(&who, &caller, &call) {
        Ok(Response { status, body }) => rendered(status, body.as_ref()),
        Err(error) => refused(&error),
    }
}

fn read_request(request: &HttpRequest, body: &[u8]) -> Result<Request, ApiError> {
    let path = request.path().strip_prefix("/api/v1/").unwrap_or_default();
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".json").unwrap_or(path);
    let query = params::form(request.query_string().as_bytes());
    Ok(Request {
        method: request.method().as_str().to_owned(),
        path: path.split('/').map(str::to_owned).collect(),
        query,
        body: params::body(request, body)?,
    })
}

fn refused(error: &ApiError) -> HttpResponse {
    rendered(error.status, Some(&error.body()))
}

/// The vendor documents no body for it, so this one is no JSON.
fn too_many() -> HttpResponse {
    builder(StatusCode::TOO_MANY_REQUESTS)
        .content_type("text/plain")
        .body("Retry later\n")
}

fn rendered(status: u16, body: Option<&Value>) -> HttpResponse {
    let mut answer = builder(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    match body {
        Some(body) => answer
            .content_type("application/json; charset=utf-8")
            .body(body.to_string()),
        None => answer.finish(),
    }
}

fn builder(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header(("x-request-id", uuid::Uuid::new_v4().to_string()));
    answer.insert_header(("x-runtime", "0.042"));
    answer
}
