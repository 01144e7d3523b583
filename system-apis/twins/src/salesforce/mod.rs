//! Salesforce: the REST data API (v31.0 to v68.0), its login flows, Bulk API 2.0 and the change event feed.
//!
//! HTTP comes in here and is turned into a [`call::Call`] inside one store transaction; [`routes`] finds the
//! handler. Behaviour follows the REST API, Bulk API 2.0 and object reference guides and recorded answers. Left
//! out: SOSL search, composite graph, duplicate rules, record types, metadata and Apex, the gRPC Pub/Sub API.

mod auth;
mod bulk;
mod bulk_query;
mod bulk_rows;
mod call;
mod coerce;
mod collections;
mod cometd;
mod composite;
mod describe;
mod errors;
mod ids;
mod limits;
mod number;
mod query;
mod read;
mod records;
mod routes;
mod rules;
mod schema;
mod seed;
mod settings;
mod soap;
mod soql;
mod tree;
mod write;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;

pub use schema::{Currency, FieldDefinition, FieldType, ObjectDefinition, OnDelete};
pub use settings::SalesforceSettings;

use crate::faults::{Fault, Faults};
use crate::server::{Twin, VendorFaults};
use crate::store::{Caller, Store};
use call::{Call, Content, Payload, Request, Response, Who};
use errors::ApiError;

/// The org.
pub struct Salesforce {
    store: Store,
    faults: Faults,
    settings: SalesforceSettings,
    schema: schema::Schema,
    sessions: auth::Sessions,
    cursors: query::Cursors,
    usage: limits::Usage,
    subscribers: cometd::Subscribers,
}

impl Salesforce {
    /// An org over a store; an empty store is seeded.
    #[must_use]
    pub fn new(store: Store, settings: SalesforceSettings) -> Arc<Self> {
        let schema = schema::Schema::new(&settings.customisation);
        for object in schema.objects() {
            let indexed = |f: &&FieldDefinition| {
                f.kind == FieldType::Reference || f.unique || f.external_id || f.id_lookup
            };
            for field in object.fields().iter().filter(indexed).filter(|f| f.name != "Id") {
                store.index(object.name(), &field.name);
            }
        }
        let org = Arc::new(Self {
            store,
            faults: Faults::default(),
            settings,
            schema,
            sessions: auth::Sessions::default(),
            cursors: query::Cursors::default(),
            usage: limits::Usage::default(),
            subscribers: cometd::Subscribers::default(),
        });
        if org.store.log_after(0, 1).is_empty() {
            org.seed();
        }
        org
    }

    /// Id of the org in the 18-character form.
    fn org_id(&self) -> String {
        ids::nth("00D", 1)
    }

    fn base_url(&self, request: &HttpRequest) -> String {
        let here = || {
            let info = request.connection_info();
            format!("{}://{}", info.scheme(), info.host())
        };
        self.settings.public_base_url.clone().unwrap_or_else(here)
    }

    /// Runs one call in a transaction of its own; an answer that reports failure leaves no trace.
    fn answer(&self, who: &Who, caller: &Caller, request: &Request) -> Response {
        let outcome = self.store.transact(caller, |tx| {
            let mut call = Call { org: self, who, tx };
            match routes::route(&mut call, request) {
                Ok(response) if !response.failed() => Ok(response),
                Ok(response) => Err(response),
                Err(error) => Err(Response::from(error)),
            }
        });
        outcome.unwrap_or_else(|refused| refused)
    }
}

impl Twin for Salesforce {
    fn name(&self) -> &'static str {
        "salesforce"
    }

    fn store(&self) -> &Store {
        &self.store
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn configure(self: Arc<Self>, config: &mut ServiceConfig) {
        bulk_rows::work_in_background(&self);
        config
            .app_data(web::Data::from(Arc::clone(&self)))
            .route("/services/oauth2/token", web::post().to(auth::token))
            .route("/services/oauth2/revoke", web::route().to(auth::revoke))
            .route("/services/oauth2/userinfo", web::route().to(auth::user_info))
            .route("/id/{org}/{user}", web::get().to(auth::identity))
            .route("/services/Soap/u/{version}", web::post().to(soap::login))
            .route(
                "/services/Soap/u/{version}/{tail:.*}",
                web::post().to(soap::login),
            )
            .route("/services/data", web::get().to(versions))
            .route("/services/data/", web::get().to(versions))
            .route("/services/data/{tail:.*}", web::route().to(data))
            .route("/cometd/{version}", web::post().to(cometd::messages))
            .route("/cometd/{version}/{tail:.*}", web::post().to(cometd::messages))
            .default_service(web::route().to(|| async { rendered(ApiError::not_found().into()) }));
    }

    fn too_many_requests(&self, _retry_after_s: Option<u64>) -> HttpResponse {
        rendered(ApiError::limit().into())
    }

    fn server_error(&self, status: u16) -> HttpResponse {
        let (code, text) = match status {
            502..=504 => (
                "SERVER_UNAVAILABLE",
                "Server is unavailable, please try again later",
            ),
            _ => (
                "UNKNOWN_EXCEPTION",
                "An unexpected error occurred. Please include this ErrorId if you contact support",
            ),
        };
        rendered(ApiError::new(status, code, text).into())
    }

    fn seed(&self) {
        self.cursors.clear();
        self.subscribers.clear();
        seed::plant(self);
    }
}

const OLDEST: u32 = 31;
const NEWEST: u32 = 68;

async fn versions() -> HttpResponse {
    let list: Vec<_> = (OLDEST..=NEWEST)
        .map(|v| serde_json::json!({"label": release(v), "url": format!("/services/data/v{v}.0"), "version": format!("{v}.0")}))
        .collect();
    rendered(Response::json(200, list.into()))
}

/// Salesforce ships three releases a year: version 31 was Summer '14.
fn release(version: u32) -> String {
    let count = version - OLDEST;
    match count % 3 {
        0 => format!("Summer '{}", 14 + count / 3),
        1 => format!("Winter '{}", 15 + count / 3),
        _ => format!("Spring '{}", 15 + count / 3),
    }
}

/// Everything below `/services/data/vNN.N`.
async fn data(org: web::Data<Salesforce>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let org = org.into_inner();
    let Some((version, path)) = split_path(request.uri().path()) else {
        return rendered(ApiError::not_found().into());
    };
    let session = match org.sessions.authenticate(&org, &request) {
        Ok(session) => session,
        Err(error) => return rendered(error.into()),
    };
    if !org.usage.count(org.store.now(), org.settings.daily_api_requests) {
        return rendered(ApiError::limit().into());
    }
    let who = Who {
        user_id: session.user_id,
        version,
        base_url: org.base_url(&request),
        locked: VendorFaults::has(&request, &Fault::Locked),
        page_shift: VendorFaults::has(&request, &Fault::PageShift),
    };
    let call = read_request(&request, path, body);
    let caller = caller(&request, session.username);
    let response = org.answer(&who, &caller, &call);
    if call.path.first().is_some_and(|p| p == "jobs") && call.method != "GET" {
        bulk_rows::work_in_background(&org);
    }
    let usage = org.usage.shown(org.store.now(), org.settings.daily_api_requests);
    rendered(response.header("Sforce-Limit-Info", usage))
}

/// `v59.0` and the decoded segments after it.
fn split_path(path: &str) -> Option<(String, Vec<String>)> {
    let rest = path.strip_prefix("/services/data/")?;
    let mut segments = rest.split('/').filter(|s| !s.is_empty());
    let version = segments.next()?.strip_prefix('v')?;
    let (major, minor) = version.split_once('.')?;
    let known = major.parse::<u32>().is_ok_and(|v| (OLDEST..=NEWEST).contains(&v)) && minor == "0";
    let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    known.then(|| (version.to_owned(), segments.map(decode).collect()))
}

fn read_request(request: &HttpRequest, path: Vec<String>, body: Bytes) -> Request {
    let query: Vec<(String, String)> = parameters(request.query_string());
    let headers = request.headers().iter();
    let headers = headers.filter_map(|(n, v)| Some((n.as_str().to_owned(), v.to_str().ok()?.to_owned())));
    let replaced = query
        .iter()
        .find(|(n, _)| n == "_HttpMethod")
        .map(|(_, v)| v.to_ascii_uppercase());
    Request {
        method: replaced.unwrap_or_else(|| request.method().as_str().to_owned()),
        path,
        headers: headers.collect(),
        body: if body.is_empty() {
            Payload::None
        } else {
            Payload::Bytes(body)
        },
        query,
    }
}

fn parameters(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn caller(request: &HttpRequest, name: String) -> Caller {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let client = header("sforce-call-options").and_then(|options| {
        let mut parts = options.split(',').filter_map(|part| part.split_once('='));
        parts
            .find(|(key, _)| key.trim().eq_ignore_ascii_case("client"))
            .map(|(_, v)| v.trim().to_owned())
    });
    Caller {
        name,
        correlation_id: header("x-correlation-id").map(str::to_owned),
        client,
    }
}

fn rendered(response: Response) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::build(status);
    for (name, value) in response.headers {
        answer.insert_header((name, value));
    }
    if status != StatusCode::NO_CONTENT {
        answer.insert_header((
            "Cache-Control",
            "no-cache,must-revalidate,max-age=0,no-store,private",
        ));
    }
    match response.body {
        Content::Empty => answer.finish(),
        Content::Json(value) => answer
            .content_type("application/json;charset=UTF-8")
            .body(value.to_string()),
        Content::Csv(text) => answer.content_type("text/csv").body(text),
    }
}
