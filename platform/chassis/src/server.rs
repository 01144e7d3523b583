//! The HTTP server of an API, from binding its port to its last answer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Payload, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, FromRequest, HttpRequest, HttpServer, web};
use anyhow::Context;
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::auth::{Issuer, Verifier};
use crate::open::{Document, Readiness, ReadinessCheck};
use crate::session::{SessionSettings, Sessions};
use crate::settings::{AuthSettings, HttpSettings};
use crate::{extract, fallback, open, session, telemetry, tls, watch};

/// What an API brings. Handlers take the state as `web::Data<S>`.
pub struct Api<S> {
    /// Name of the binary.
    pub name: &'static str,
    /// Builds the OpenAPI document.
    pub contract: fn() -> OpenApi,
    /// Registers the handlers.
    pub routes: fn(&mut ServiceConfig<'_>),
    /// What the handlers share; each worker has a clone.
    pub state: S,
}

/// Puts data into the configuration of a worker.
pub type PutData = Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>;

/// What an API may bring besides.
#[derive(Default)]
pub struct Extras {
    /// Whether the API can do its work; without it, it always can.
    pub readiness: Option<Readiness>,
    /// Signing in of people, for APIs with pages.
    pub sessions: Option<SessionSettings>,
    /// What handlers of a shared crate need besides the API's own state, put in as `web::Data`.
    pub data: Option<PutData>,
}

/// A server that listens. Dropping it without [`RunningApi::stop`] ends it at once.
pub struct RunningApi {
    /// Where it listens, such as `http://127.0.0.1:8121`.
    pub base_url: String,
    name: &'static str,
    handle: ServerHandle,
    stopping: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl RunningApi {
    /// Takes no new connections, lets running requests end (within `shutdown_timeout_s`), and returns.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.handle.stop(true).await;
        if let Ok(Err(error)) = self.server.await {
            tracing::error!(api = self.name, %error, "the server ended badly");
        }
        tracing::info!(api = self.name, "stopped");
    }

    /// Cancelled when the API begins to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }
}

/// For handlers whose answer may last (streams, long polls): cancelled when the API begins to stop.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

impl FromRequest for Stopping {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let token = request.app_data::<web::Data<CancellationToken>>();
        ready(Ok(Self(
            token.map(|data| data.get_ref().clone()).unwrap_or_default(),
        )))
    }
}

/// Binds and serves; returns as soon as the API listens. Call it inside a tokio or actix runtime.
///
/// # Errors
/// When the port is taken, or settings name something that is not there.
pub fn start<S>(api: Api<S>, http: &HttpSettings, auth: &AuthSettings) -> anyhow::Result<RunningApi>
where
    S: Clone + Send + 'static,
{
    start_with(api, http, auth, Extras::default())
}

/// As [`start`], with a readiness check or sessions.
///
/// # Errors
/// As [`start`].
pub fn start_with<S>(
    api: Api<S>,
    http: &HttpSettings,
    auth: &AuthSettings,
    extras: Extras,
) -> anyhow::Result<RunningApi>
where
    S: Clone + Send + 'static,
{
    let listener = TcpListener::bind((http.bind.as_str(), http.port))
        .with_context(|| format!("{} cannot listen on {}:{}", api.name, http.bind, http.port))?;
    let base_url = base_url(&listener, http)?;
    let data = extras.data.clone();
    let common = Common::new(&api, http, auth, extras, &base_url)?;
    let stopping = common.stopping.as_ref().clone();
    telemetry::install_metrics();

    let (name, routes, state) = (api.name, api.routes, api.state);
    let server = HttpServer::new(move || {
        let (common, data) = (common.clone(), data.clone());
        App::new()
            .app_data(web::Data::new(state.clone()))
            .wrap(from_fn(watch::watch))
            .configure(|config| common.configure(config))
            .configure(|config| data.iter().for_each(|put| put(config)))
            .into_utoipa_app()
            .configure(routes)
            .into_app()
            .default_service(web::to(fallback::answer))
    })
    .workers(http.workers)
    .disable_signals()
    .client_request_timeout(Duration::from_secs(10))
    .shutdown_timeout(http.shutdown_timeout_s);
    let server = match &http.tls {
        Some(settings) => server.listen_rustls_0_23(listener, tls::server_config(settings)?)?,
        None => server.listen(listener)?,
    }
    .run();

    tracing::info!(api = name, base_url, "listening");
    Ok(RunningApi {
        base_url,
        name,
        handle: server.handle(),
        stopping,
        server: tokio::spawn(server),
    })
}

/// Serves until the process is told to stop (Ctrl-C or SIGTERM), then ends gracefully.
///
/// # Errors
/// As [`start`].
pub async fn serve<S>(api: Api<S>, http: &HttpSettings, auth: &AuthSettings) -> anyhow::Result<()>
where
    S: Clone + Send + 'static,
{
    serve_with(api, http, auth, Extras::default()).await
}

/// As [`serve`], with a readiness check or sessions.
///
/// # Errors
/// As [`start`].
pub async fn serve_with<S>(
    api: Api<S>,
    http: &HttpSettings,
    auth: &AuthSettings,
    extras: Extras,
) -> anyhow::Result<()>
where
    S: Clone + Send + 'static,
{
    let running = start_with(api, http, auth, extras)?;
    told_to_stop().await?;
    running.stop().await;
    Ok(())
}

/// Returns when the process is told to stop: Ctrl-C or SIGTERM.
///
/// # Errors
/// When the process cannot listen to signals.
pub async fn told_to_stop() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// An API that is called within the program: everything but the network. For simulations.
#[cfg(feature = "simulation")]
pub struct InProcess(Common);

#[cfg(feature = "simulation")]
impl InProcess {
    /// What stays the same however often the API is set up anew.
    ///
    /// # Errors
    /// As [`start`].
    pub fn new<S>(api: &Api<S>, http: &HttpSettings, auth: &AuthSettings) -> anyhow::Result<Self> {
        Ok(Self(Common::new(
            api,
            http,
            auth,
            Extras::default(),
            "http://in.process",
        )?))
    }

    /// Takes tokens that were signed with these keys.
    pub async fn trust(&self, keys: &jsonwebtoken::jwk::JwkSet) {
        self.0.verifier.trust(keys).await;
    }

    /// The API over a state.
    pub fn app<S: Clone + 'static>(
        &self,
        routes: fn(&mut ServiceConfig<'_>),
        state: S,
    ) -> App<
        impl actix_web::dev::ServiceFactory<
            actix_web::dev::ServiceRequest,
            Config = (),
            Response = actix_web::dev::ServiceResponse<actix_web::body::BoxBody>,
            Error = actix_web::Error,
            InitError = (),
        > + use<S>,
    > {
        App::new()
            .app_data(web::Data::new(state))
            .wrap(from_fn(watch::watch))
            .configure(|config| self.0.configure(config))
            .into_utoipa_app()
            .configure(routes)
            .into_app()
            .default_service(web::to(fallback::answer))
    }
}

fn base_url(listener: &TcpListener, http: &HttpSettings) -> anyhow::Result<String> {
    let address = listener.local_addr()?;
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    let host = match address.ip() {
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        std::net::IpAddr::V4(ip) => ip.to_string(),
    };
    Ok(format!("{scheme}://{host}:{}", address.port()))
}

/// What all workers of an API share.
#[derive(Clone)]
struct Common {
    verifier: web::Data<Verifier>,
    routes: web::Data<fallback::Routes>,
    document: web::Data<Document>,
    readiness: web::Data<ReadinessCheck>,
    sessions: Option<web::Data<Sessions>>,
    stopping: web::Data<CancellationToken>,
    watch: web::Data<watch::Watch>,
    max_body_bytes: usize,
}

impl Common {
    fn new<S>(
        api: &Api<S>,
        http: &HttpSettings,
        auth: &AuthSettings,
        extras: Extras,
        base_url: &str,
    ) -> anyhow::Result<Self> {
        let contract = (api.contract)();
        let issuer = Arc::new(Issuer::new(auth)?);
        let verifier = web::Data::new(Verifier::new(auth, Arc::clone(&issuer))?);
        let mut open_paths = open::paths();
        let sessions = match &extras.sessions {
            Some(settings) => {
                open_paths.extend(session::paths());
                let home = http.public_url.as_ref().map_or(base_url, |url| url.as_str());
                let verifier = verifier.clone().into_inner();
                Some(web::Data::new(Sessions::new(
                    settings, api.name, home, issuer, verifier,
                )?))
            }
            None => None,
        };
        Ok(Self {
            verifier,
            routes: web::Data::new(fallback::Routes::of(&contract, &open_paths)),
            document: web::Data::new(Document(Bytes::from(contract.to_json()?))),
            readiness: web::Data::new(ReadinessCheck(extras.readiness)),
            sessions,
            stopping: web::Data::new(CancellationToken::new()),
            watch: web::Data::new(watch::Watch {
                api: api.name,
                limit: Duration::from_millis(http.request_timeout_ms),
            }),
            max_body_bytes: http.max_body_bytes,
        })
    }

    fn configure(&self, config: &mut web::ServiceConfig) {
        config
            .app_data(self.verifier.clone())
            .app_data(self.routes.clone())
            .app_data(self.document.clone())
            .app_data(self.readiness.clone())
            .app_data(self.stopping.clone())
            .app_data(self.watch.clone());
        extract::configure(config, self.max_body_bytes);
        open::configure(config);
        if let Some(sessions) = &self.sessions {
            config.app_data(sessions.clone());
            session::configure(config);
        }
    }
}
