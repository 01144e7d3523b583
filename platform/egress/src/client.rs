//! The client: resolves, authorizes, sends, and says what became of a request.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use canonical_model::{Failure, Result};
use governor::{DefaultDirectRateLimiter, Quota};
use http::StatusCode;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use url::Url;

use crate::repeats::Repeats;
use crate::wire_log::{self, Ending};
use crate::{Authorizer, CORRELATION_HEADER, EgressSettings, Kind, Request, Response, failure_from_problem};

/// A read is sent at most three times.
const READ_REPEATS: usize = 2;
/// A read that is asked to wait longer than this is answered with what there is.
const LONGEST_READ_WAIT: Duration = Duration::from_secs(2);

/// Talks to one system. Cheap to clone: clones share connections and limits.
#[derive(Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
    authorizer: Option<Arc<dyn Authorizer>>,
}

struct Inner {
    settings: EgressSettings,
    client: reqwest::Client,
    rate: Option<DefaultDirectRateLimiter>,
    permits: Option<Semaphore>,
    repeats: Repeats,
}

impl HttpClient {
    /// A client for one system.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the certificate file cannot be read or plain HTTP would leave the machine.
    pub fn new(settings: EgressSettings) -> Result<Self> {
        check_transport(&settings, &settings.base_url)?;
        let client = build(&settings)?;
        let rate = settings
            .rate_per_second
            .and_then(std::num::NonZeroU32::new)
            .map(|rate| DefaultDirectRateLimiter::direct(Quota::per_second(rate)));
        let permits = match settings.max_concurrent {
            Some(limit) if limit > 0 => {
                Some(Semaphore::new(usize::try_from(limit).unwrap_or(usize::MAX >> 4)))
            }
            _ => None,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                client,
                rate,
                permits,
                repeats: Repeats::default(),
            }),
            authorizer: None,
        })
    }

    /// The same client, whose requests carry credentials.
    #[must_use]
    pub fn with_authorizer(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.authorizer = Some(authorizer);
        self
    }

    /// The system's name in logs and failures.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    /// The URL that paths are appended to.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.inner.settings.base_url
    }

    /// Sends a request. Whatever status arrives is an answer.
    ///
    /// Reads are sent again, at most twice, when no answer comes or it is 502, 503 or 504, as long as not more than a tenth
    /// of all calls are repeats. Writes are not.
    /// After a 401 any request is authorized anew and sent once more, for a 401 says that it was not applied.
    ///
    /// # Errors
    /// Transient `connection_failed` before anything was sent; `no_answer` or `timeout` after, with an unknown outcome
    /// for a write; Fault for a host that is not allowed or an answer beyond the size limit.
    pub async fn send(&self, request: Request) -> Result<Response> {
        self.send_unless(request, |_| false).await
    }

    /// As [`send`](Self::send); an answer that is `final_one` is not asked for again.
    async fn send_unless(
        &self,
        mut request: Request,
        final_one: impl Fn(&Response) -> bool,
    ) -> Result<Response> {
        self.inner.repeats.earn();
        let url = self.resolve(&request)?;
        request.target = url.to_string();
        request.query.clear();
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_jitter()
            .with_max_times(READ_REPEATS)
            .build();
        loop {
            let result = self.send_authorized(&request, &url).await;
            let told = result.as_ref().is_ok_and(&final_one);
            let pause = if request.kind == Kind::Read && !told {
                repeat_after(&result)
            } else {
                None
            };
            let next = pause.zip(delays.next()).filter(|_| self.inner.repeats.spend());
            let Some((asked, delay)) = next else {
                return result.map_err(|failure| self.met(failure));
            };
            self::pause(delay.max(asked)).await;
        }
    }

    /// Sends a request to one of our own APIs and takes its answer: the JSON of a success, or the failure that the
    /// API's problem document carries.
    ///
    /// # Errors
    /// As [`send`](Self::send), and whatever failure the API answered.
    pub async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        self.exchange_with_own(request)
            .await?
            .json()
            .map_err(|failure| self.met(failure))
    }

    /// As [`call`](Self::call), where the answer of a success has nothing to say.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn tell(&self, request: Request) -> Result<()> {
        self.exchange_with_own(request).await.map(drop)
    }

    async fn exchange_with_own(&self, request: Request) -> Result<Response> {
        // A system behind our API has been asked as often as can help by then.
        let behind = |response: &Response| {
            let source = failure_from_problem(response).source;
            !response.status.is_success() && source.is_some_and(|source| source.contains('/'))
        };
        let response = self.send_unless(request, behind).await?;
        if response.status.is_success() {
            return Ok(response);
        }
        Err(self.met(failure_from_problem(&response)))
    }

    async fn send_authorized(&self, request: &Request, url: &Url) -> Result<Response> {
        let Some(authorizer) = &self.authorizer else {
            return self.send_once(request, url).await;
        };
        let mut authorized = request.clone();
        authorizer.authorize(&mut authorized).await?;
        let response = self.send_once(&authorized, url).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        authorizer.refuse(&authorized).await;
        let mut again = request.clone();
        authorizer.authorize(&mut again).await?;
        let response = self.send_once(&again, url).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            authorizer.refuse(&again).await;
        }
        Ok(response)
    }

    async fn send_once(&self, request: &Request, url: &Url) -> Result<Response> {
        request.check()?;
        let built = self.build_request(request, url)?;
        let _permit = self.wait_for_turn().await?;
        let begun = Instant::now();
        let result = self.exchange(built, request.kind).await;
        let ending = match &result {
            Ok(response) => Ending::Status(response.status.as_u16()),
            Err(failure) => Ending::Failed(&failure.code),
        };
        let host = url.host_str().unwrap_or_default();
        wire_log::record(self.name(), request, host, url.path(), &ending, begun.elapsed());
        result
    }

    async fn exchange(&self, built: reqwest::Request, kind: Kind) -> Result<Response> {
        #[cfg(feature = "simulation")]
        if let Some(wire) = crate::simulation::wire() {
            return self.exchange_within(&*wire, &built, kind).await;
        }
        let mut answer = match self.inner.client.execute(built).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.transport_failure(&error, kind)),
        };
        let status = answer.status();
        let headers = std::mem::take(answer.headers_mut());
        let body = self.read_body(answer, kind).await?;
        Ok(Response {
            status,
            headers,
            body,
            kind,
        })
    }

    #[cfg(feature = "simulation")]
    async fn exchange_within(
        &self,
        wire: &dyn crate::simulation::Wire,
        built: &reqwest::Request,
        kind: Kind,
    ) -> Result<Response> {
        use crate::simulation::{Broken, Sent};
        let body = built.body().and_then(reqwest::Body::as_bytes);
        let carried = wire.carry(Sent {
            client: self.name().to_owned(),
            method: built.method().clone(),
            url: built.url().clone(),
            headers: built.headers().clone(),
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
        });
        let name = self.name();
        match carried.await {
            Ok(answer) => Ok(Response {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
                kind,
            }),
            Err(Broken::Unreachable) => {
                let message = format!("{name} cannot be reached");
                Err(Failure::transient("connection_failed", message))
            }
            Err(Broken::TimedOut) => {
                let message = format!("{name} did not answer in time");
                Err(doubtful(Failure::transient("timeout", message), kind))
            }
            Err(Broken::Lost) => {
                let message = format!("the connection to {name} was lost before its answer");
                Err(doubtful(Failure::transient("no_answer", message), kind))
            }
        }
    }

    async fn read_body(&self, mut answer: reqwest::Response, kind: Kind) -> Result<Bytes> {
        let limit = usize::try_from(self.inner.settings.max_answer_bytes).unwrap_or(usize::MAX);
        let mut body = BytesMut::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > limit => {
                    let message = format!("{} answered more than {limit} bytes", self.name());
                    return Err(doubtful(Failure::fault("answer_too_large", message), kind));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                // Cut off after the status: what the other side did is not known.
                Err(error) => return Err(self.transport_failure(&error, kind)),
            }
        }
    }

    fn build_request(&self, request: &Request, url: &Url) -> Result<reqwest::Request> {
        let mut built = reqwest::Request::new(request.method.clone(), url.clone());
        *built.headers_mut() = request.headers.clone();
        if let Some((content_type, bytes)) = request.encoded_body()? {
            let content_type = http::HeaderValue::try_from(content_type).map_err(|_| {
                Failure::fault("unencodable_request", "a request's media type is no header value")
            })?;
            built
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, content_type);
            *built.body_mut() = Some(bytes.into());
        }
        let correlation = crate::current_correlation_id().and_then(|id| http::HeaderValue::try_from(id).ok());
        if let Some(id) = correlation {
            built.headers_mut().entry(CORRELATION_HEADER).or_insert(id);
        }
        Ok(built)
    }

    /// Waits for our own limits; nothing has been sent when it gives up.
    async fn wait_for_turn(&self) -> Result<Option<SemaphorePermit<'_>>> {
        let waiting = async {
            if let Some(rate) = &self.inner.rate {
                rate.until_ready().await;
            }
            match &self.inner.permits {
                Some(permits) => permits.acquire().await.ok(),
                None => None,
            }
        };
        let longest = Duration::from_millis(self.inner.settings.max_wait_ms);
        tokio::time::timeout(longest, waiting).await.map_err(|_| {
            let message = format!("too many calls wait for {}", self.name());
            Failure::transient("own_limit_reached", message)
        })
    }

    fn transport_failure(&self, error: &reqwest::Error, kind: Kind) -> Failure {
        let name = self.name();
        let detail = chain(error);
        if error.is_connect() {
            let message = format!("{name} cannot be reached");
            return Failure::transient("connection_failed", message).with_detail(detail);
        }
        if error.is_builder() {
            let message = format!("a request to {name} cannot be built");
            return Failure::fault("unencodable_request", message).with_detail(detail);
        }
        let failure = if error.is_timeout() {
            Failure::transient("timeout", format!("{name} did not answer in time"))
        } else {
            Failure::transient(
                "no_answer",
                format!("the connection to {name} was lost before its answer"),
            )
        };
        doubtful(failure.with_detail(detail), kind)
    }

    fn resolve(&self, request: &Request) -> Result<Url> {
        let base = self.base_url();
        let absolute = request.target.starts_with("http://") || request.target.starts_with("https://");
        let text = if absolute {
            request.target.clone()
        } else {
            let (base, path) = (
                base.as_str().trim_end_matches('/'),
                request.target.trim_start_matches('/'),
            );
            if path.is_empty() {
                base.to_owned()
            } else {
                format!("{base}/{path}")
            }
        };
        let mut url = Url::parse(&text).map_err(|error| {
            Failure::fault(
                "unencodable_request",
                format!("a request to {} has no valid URL", self.name()),
            )
            .with_detail(error.to_string())
        })?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        self.check_host(&url)?;
        Ok(url)
    }

    fn check_host(&self, url: &Url) -> Result<()> {
        let settings = &self.inner.settings;
        let host = url.host_str().unwrap_or_default();
        let origin = |url: &Url| {
            url.host_str()
                .map(|host| (host.to_owned(), url.port_or_known_default()))
        };
        let listed = settings
            .allowed_hosts
            .iter()
            .any(|allowed| host_matches(allowed, host, url.port_or_known_default()));
        if !listed && origin(url) != origin(&settings.base_url) {
            let message = format!("{} is not to call host {host}", settings.name);
            return Err(Failure::fault("host_not_allowed", message).at(settings.name.clone()));
        }
        if url.scheme() != settings.base_url.scheme() && url.scheme() != "https" {
            let message = format!("{} is not to leave {}", settings.name, settings.base_url.scheme());
            return Err(Failure::fault("host_not_allowed", message).at(settings.name.clone()));
        }
        check_transport(settings, url)
    }

    fn met(&self, failure: Failure) -> Failure {
        if failure.source.is_some() {
            failure
        } else {
            failure.at(self.name())
        }
    }
}

/// Waits. In a simulation its clock moves instead.
pub async fn pause(time: Duration) {
    #[cfg(feature = "simulation")]
    if let Some(wire) = crate::simulation::wire() {
        return wire.pause(time);
    }
    tokio::time::sleep(time).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that builds clients"
)]
fn build(settings: &EgressSettings) -> Result<reqwest::Client> {
    #[cfg(feature = "simulation")]
    if let Some(client) = crate::simulation::idle_client() {
        return Ok(client);
    }
    let invalid = |detail: String| {
        let message = format!("the client of {} cannot be set up: {detail}", settings.name);
        Failure::fault("invalid_egress_settings", message).at(settings.name.clone())
    };
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("fairlead/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .timeout(Duration::from_millis(settings.timeout_ms))
        .pool_idle_timeout(Duration::from_secs(30))
        .tcp_nodelay(true)
        .gzip(true);
    if let Some(path) = &settings.ca_file {
        let pem = std::fs::read(path).map_err(|error| invalid(format!("{}: {error}", path.display())))?;
        let authorities =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| invalid(chain(&error)))?;
        if authorities.is_empty() {
            return Err(invalid(format!("{} holds no certificate", path.display())));
        }
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(|error| invalid(chain(&error)))
}

fn check_transport(settings: &EgressSettings, url: &Url) -> Result<()> {
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if here || settings.allow_plain_http => Ok(()),
        scheme => {
            let host = url.host_str().unwrap_or_default();
            let message = format!(
                "{}: {scheme} to {host} is not encrypted; use https",
                settings.name
            );
            Err(Failure::fault("invalid_egress_settings", message).at(settings.name.clone()))
        }
    }
}

fn host_matches(allowed: &str, host: &str, port: Option<u16>) -> bool {
    if let Some(domain) = allowed.strip_prefix("*.") {
        return host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
    }
    allowed == host || port.is_some_and(|port| allowed == format!("{host}:{port}"))
}

/// How long a read waits, at least, before it is sent again; `None` when it is not.
fn repeat_after(result: &Result<Response>) -> Option<Duration> {
    match result {
        Ok(response) => {
            let busy = matches!(
                response.status,
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            );
            let asked = Duration::from_millis(response.retry_after_ms().unwrap_or(0));
            (busy && asked <= LONGEST_READ_WAIT).then_some(asked)
        }
        Err(failure) => matches!(
            failure.code.as_str(),
            "connection_failed" | "no_answer" | "timeout"
        )
        .then_some(Duration::ZERO),
    }
}

fn doubtful(failure: Failure, kind: Kind) -> Failure {
    match kind {
        Kind::Read => failure,
        Kind::Write => failure.outcome_unknown(),
    }
}

/// An error and its causes, without the URL, whose query may hold what is not to be logged.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() {
        "connect".to_owned()
    } else {
        "exchange".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
