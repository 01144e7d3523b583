//! NetSuite twin: SuiteTalk REST web services of one OneWorld account.
//!
//! Records, SuiteQL, asynchronous jobs, metadata and both ways to sign in, after the SuiteTalk REST guide, the REST API
//! Browser 2026.1 and what client libraries rely on. SOAP and RESTlets are not here.

mod auth;
mod call;
mod collection;
mod errors;
mod filter;
mod input;
mod jobs;
mod metadata;
mod oauth1;
mod oauth2;
mod options;
mod output;
mod references;
mod rules;
mod schema;
mod seed;
mod service;
mod settings;
mod suiteql;
mod transform;
mod value;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use self::call::{Call, Reply};
use self::errors::{Answer, Refusal};
use self::references::ExternalIds;
use self::schema::Schema;
pub use self::settings::{
    Certificate, DEVELOPMENT_CERTIFICATE_ID, DEVELOPMENT_EC_CERTIFICATE_ID, DEVELOPMENT_EC_PRIVATE_KEY_PEM,
    DEVELOPMENT_PRIVATE_KEY_PEM, DateFormat, JobBillingType, NetSuiteSettings,
};
use crate::faults::{Fault, Faults};
use crate::server::{Twin, VendorFaults};
use crate::store::{Caller, Store};

const LARGEST_BODY: usize = 104 * 1024 * 1024;

/// The twin.
pub struct NetSuite {
    store: Store,
    faults: Faults,
    settings: NetSuiteSettings,
    schema: Schema,
    external: ExternalIds,
    tokens: oauth2::Tokens,
    nonces: oauth1::Nonces,
    in_flight: AtomicUsize,
}

/// One of the account's concurrent requests.
struct Slot<'a>(&'a AtomicUsize);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl NetSuite {
    /// A twin over a store; an empty store is seeded, and jobs that a former process left unfinished are finished.
    #[must_use]
    pub fn new(store: Store, settings: NetSuiteSettings) -> Arc<Self> {
        let schema = Schema::load(&settings);
        let twin = Self {
            store,
            faults: Faults::default(),
            settings,
            schema,
            external: ExternalIds::default(),
            tokens: oauth2::Tokens::new(),
            nonces: oauth1::Nonces::default(),
            in_flight: AtomicUsize::new(0),
        };
        if twin.store.read(|tables| tables.names().next().is_none()) {
            twin.seed();
        } else {
            twin.store
                .read(|tables| twin.external.rebuild(tables, &twin.schema));
            twin.resume_jobs();
        }
        Arc::new(twin)
    }

    /// Takes one of the account's places, if one is free.
    fn enter(&self) -> Option<Slot<'_>> {
        let before = self.in_flight.fetch_add(1, Ordering::SeqCst);
        let slot = Slot(&self.in_flight);
        (before < self.settings.concurrency_limit).then_some(slot)
    }

    fn answer(&self, call: &Call, caller: &Caller, faults: &RequestFaults) -> Answer<Reply> {
        let path = call.path.as_str();
        if call.method == "OPTIONS" {
            return Ok(Reply::empty(None));
        }
        if path.starts_with(service::RECORD_PATH) {
            if faults.locked {
                locked(call)?;
            }
            if Self::is_asynchronous(call) {
                return self.submit(caller, call);
            }
            if call.is_batch() && call.method != "GET" {
                let detail =
                    "Batch operations are asynchronous. Use the request header 'Prefer: respond-async'.";
                return Err(Refusal::invalid_request(detail).at(errors::Place::Header("Prefer".to_owned())));
            }
            return self.store.transact(caller, |tx| self.execute(tx, call));
        }
        if path == suiteql::PATH {
            return suiteql::query(self, call, faults.page_shift);
        }
        if path.starts_with("/services/rest/async/v1/job") {
            return self.job_service(call);
        }
        Err(Refusal::no_resource(path))
    }
}

/// Vendor faults of one request.
struct RequestFaults {
    locked: bool,
    page_shift: bool,
}

/// A locked record cannot be loaded, and not be written either.
fn locked(call: &Call) -> Answer<()> {
    match (call.method.as_str(), call.segments(service::RECORD_PATH).len()) {
        ("GET", 2..) => Err(Refusal::user_error(
            "This record has been locked by a user defined workflow.",
        )),
        ("PATCH" | "PUT" | "DELETE", _) => Err(Refusal::changed()),
        _ => Ok(()),
    }
}

async fn serve(twin: web::Data<NetSuite>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let Some(_slot) = twin.enter() else {
        return Refusal::over_limit().response();
    };
    let body = match payload.to_bytes_limited(LARGEST_BODY).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Refusal::invalid_request(error.to_string()).response(),
        Err(_) => return Refusal::invalid_request("The request is larger than 104 MB.").response(),
    };
    if twin.settings.processing_ms > 0 {
        tokio::time::sleep(Duration::from_millis(twin.settings.processing_ms)).await;
    }
    let call = Call::read(&request, &body, &twin.settings.public_url);
    if call.path == oauth2::TOKEN_PATH {
        return twin.token(&call);
    }
    let expired = VendorFaults::has(&request, &Fault::ExpiredToken);
    let authorization = request
        .headers()
        .get("authorization")
        .and_then(|h| h.to_str().ok());
    let caller = match twin.authenticate(authorization, &call, expired) {
        Ok(caller) => caller,
        Err(refused) => return refused,
    };
    let faults = RequestFaults {
        locked: VendorFaults::has(&request, &Fault::Locked),
        page_shift: VendorFaults::has(&request, &Fault::PageShift),
    };
    match twin.answer(&call, &caller, &faults) {
        Ok(reply) => reply.response(),
        Err(refusal) => refusal.reply().response(),
    }
}

impl Twin for NetSuite {
    fn name(&self) -> &'static str {
        "netsuite"
    }

    fn store(&self) -> &Store {
        &self.store
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn configure(self: Arc<Self>, config: &mut ServiceConfig) {
        config.app_data(web::Data::from(self));
        config.service(web::resource("/services/rest/{path:.*}").to(serve));
    }

    fn too_many_requests(&self, retry_after_s: Option<u64>) -> HttpResponse {
        let mut response = Refusal::over_limit().response();
        if let Some(seconds) = retry_after_s {
            response
                .headers_mut()
                .insert(actix_web::http::header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn server_error(&self, status: u16) -> HttpResponse {
        if status == 500 {
            return Refusal::unexpected(500, &uuid::Uuid::new_v4().simple().to_string()).response();
        }
        let code = actix_web::http::StatusCode::from_u16(status)
            .unwrap_or(actix_web::http::StatusCode::SERVICE_UNAVAILABLE);
        HttpResponse::build(code)
            .content_type("text/html")
            .body("<html><head><title>NetSuite</title></head><body>Your data is temporarily unavailable.</body></html>")
    }

    fn seed(&self) {
        seed::plant(self);
        self.store
            .read(|tables| self.external.rebuild(tables, &self.schema));
    }
}
