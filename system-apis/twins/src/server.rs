//! Runs one twin: an actix server on loopback with fault control and the twin's own control surface.
//!
//! The control surface is under `/_twin/` on every twin and speaks plain JSON without a token, because a twin
//! listens on loopback only: `GET writes?after=&limit=` (the write log), `GET` and `PUT faults`
//! (`{"seed":1,"rules":[..]}`), `POST reset`, `GET health`. Tables whose name begins with an underscore are a
//! twin's own memory (jobs, grants) rather than the vendor's records: they are journalled but not shown there.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody, SizedStream};
use actix_web::dev::{Extensions, Server, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpMessage, HttpResponse, HttpServer};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};

use crate::faults::{Fault, Faults, Rule};
use crate::store::Store;

/// What a vendor's folder provides to be served.
pub trait Twin: Send + Sync + 'static {
    /// Short name for logs, such as `salesforce`.
    fn name(&self) -> &'static str;
    /// The twin's state.
    fn store(&self) -> &Store;
    /// The twin's faults.
    fn faults(&self) -> &Faults;
    /// Registers the vendor's routes; handlers reach the twin as `web::Data` that this function adds.
    fn configure(self: Arc<Self>, config: &mut ServiceConfig);
    /// Adds calls of the twin's own to the control surface, below `/_twin`. Most twins have none.
    fn configure_control(self: Arc<Self>, _config: &mut ServiceConfig) {}
    /// The vendor's answer when it is over its limit.
    fn too_many_requests(&self, retry_after_s: Option<u64>) -> HttpResponse;
    /// The vendor's answer when it fails.
    fn server_error(&self, status: u16) -> HttpResponse;
    /// Called after `POST /_twin/reset` has emptied the store: puts the twin's initial data back.
    fn seed(&self);
}

/// Vendor faults that meet a request; handlers read them from the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct VendorFaults(pub Vec<Fault>);

impl VendorFaults {
    /// Whether a vendor fault meets this request.
    #[must_use]
    pub fn has(request: &actix_web::HttpRequest, fault: &Fault) -> bool {
        request
            .extensions()
            .get::<VendorFaults>()
            .is_some_and(|f| f.0.contains(fault))
    }
}

/// A running twin. Dropping it leaves the server running; call [`RunningTwin::stop`].
pub struct RunningTwin {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    handle: ServerHandle,
}

impl RunningTwin {
    /// Stops the server and waits for it.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

/// Serves a twin on a loopback port (0 = any free one). Must be called inside a tokio run time.
///
/// # Errors
/// The port is taken.
pub fn serve(twin: Arc<dyn Twin>, port: u16) -> std::io::Result<RunningTwin> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let server = server(twin, listener)?;
    let handle = server.handle();
    tokio::spawn(server);
    Ok(RunningTwin { base_url, handle })
}

fn server(twin: Arc<dyn Twin>, listener: TcpListener) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        let twin = Arc::clone(&twin);
        let for_faults = Arc::clone(&twin);
        let for_control = Arc::clone(&twin);
        App::new()
            .wrap(from_fn(move |request, next| {
                meet_faults(Arc::clone(&for_faults), request, next)
            }))
            .app_data(web::PayloadConfig::new(160 * 1024 * 1024))
            .app_data(web::JsonConfig::default().limit(64 * 1024 * 1024))
            .app_data(web::Data::from(Arc::clone(&twin)))
            .configure(|config| control_surface(config, for_control))
            .configure(move |config| twin.configure(config))
    })
    .workers(1)
    .on_connect(remember_socket)
    // A twin that is busy answers late; it does not say 408, which its vendor would not.
    .client_request_timeout(Duration::from_secs(60))
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    Ok(server)
}

/// The connection's socket, kept so that a fault can reset it.
struct Socket(socket2::Socket);

fn remember_socket(connection: &dyn std::any::Any, extensions: &mut Extensions) {
    use std::os::fd::AsFd;
    if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>()
        && let Ok(duplicate) = stream.as_fd().try_clone_to_owned()
    {
        extensions.insert(Socket(socket2::Socket::from(duplicate)));
    }
}

fn reset_connection(request: &actix_web::HttpRequest) {
    if let Some(Socket(socket)) = request.conn_data::<Socket>() {
        // Either call may fail when the client has already gone, which is what we want anyway.
        let _gone = socket.set_linger(Some(Duration::ZERO));
        let _gone = socket.shutdown(std::net::Shutdown::Both);
    }
}

type Answer = Result<ServiceResponse<BoxBody>, actix_web::Error>;

async fn meet_faults(
    twin: Arc<dyn Twin>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    if path.starts_with("/_twin/") {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let faults = twin.faults().meet(request.method().as_str(), &path);
    let mut after = None;
    let mut for_vendor = Vec::new();
    for fault in faults {
        match fault {
            Fault::Latency { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Fault::TooManyRequests { retry_after_s } => {
                return Ok(request.into_response(twin.too_many_requests(retry_after_s)));
            }
            Fault::ServerError { status } => return Ok(request.into_response(twin.server_error(status))),
            Fault::ResetBefore => {
                reset_connection(request.request());
                return Ok(request.into_response(HttpResponse::ServiceUnavailable().finish()));
            }
            Fault::ResetAfter | Fault::TruncatedBody => after = Some(fault),
            Fault::ExpiredToken | Fault::PageShift | Fault::Locked => for_vendor.push(fault),
        }
    }
    request.extensions_mut().insert(VendorFaults(for_vendor));
    let response = next.call(request).await?.map_into_boxed_body();
    match after {
        Some(Fault::ResetAfter) => {
            reset_connection(response.request());
            Ok(response)
        }
        Some(_) => truncate(response).await,
        None => Ok(response),
    }
}

/// Announces the whole body, sends the first half, then breaks off.
async fn truncate(response: ServiceResponse<BoxBody>) -> Answer {
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let whole = actix_web::body::to_bytes(body).await.unwrap_or_default();
    let announced = u64::try_from(whole.len().max(2)).unwrap_or(2);
    let half = whole.slice(0..whole.len() / 2);
    let sent = futures_util::stream::once(std::future::ready(Ok(half)));
    // The server forgets what it has not flushed when a body fails: leave it time to send the first half.
    let broken = futures_util::stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("truncated by fault control"))
    });
    let body: Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>>>> = Box::pin(sent.chain(broken));
    Ok(ServiceResponse::new(
        request,
        head.set_body(BoxBody::new(SizedStream::new(announced, body))),
    ))
}

fn control_surface(config: &mut ServiceConfig, twin: Arc<dyn Twin>) {
    config.service(
        web::scope("/_twin")
            .route(
                "/health",
                web::get().to(|| async { HttpResponse::Ok().json(serde_json::json!({"status": "up"})) }),
            )
            .route("/writes", web::get().to(writes))
            .route("/faults", web::get().to(read_faults))
            .route("/faults", web::put().to(set_faults))
            .route("/reset", web::post().to(reset))
            .configure(|config| twin.configure_control(config)),
    );
}

#[derive(Deserialize)]
struct WritesQuery {
    #[serde(default)]
    after: u64,
    #[serde(default = "all")]
    limit: usize,
}

fn all() -> usize {
    100_000
}

async fn writes(twin: web::Data<dyn Twin>, query: web::Query<WritesQuery>) -> HttpResponse {
    let mut entries = twin.store().log_after(query.after, query.limit);
    entries.retain(|entry| !entry.table.starts_with('_'));
    HttpResponse::Ok().json(entries)
}

/// Body of `PUT /_twin/faults`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// Where the generator starts; absent = where the twin was started with.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The rules; an empty list ends all faults.
    pub rules: Vec<Rule>,
}

async fn read_faults(twin: web::Data<dyn Twin>) -> HttpResponse {
    HttpResponse::Ok().json(twin.faults().report())
}

async fn set_faults(twin: web::Data<dyn Twin>, plan: web::Json<FaultPlan>) -> HttpResponse {
    let plan = plan.into_inner();
    let seed = plan.seed.unwrap_or_else(|| twin.faults().first_seed());
    match twin.faults().set(plan.rules, seed) {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(error) => HttpResponse::BadRequest().json(serde_json::json!({"error": error.to_string()})),
    }
}

async fn reset(twin: web::Data<dyn Twin>) -> HttpResponse {
    match twin.store().reset() {
        Ok(()) => {
            twin.seed();
            HttpResponse::NoContent().finish()
        }
        Err(error) => {
            HttpResponse::InternalServerError().json(serde_json::json!({"error": error.to_string()}))
        }
    }
}
