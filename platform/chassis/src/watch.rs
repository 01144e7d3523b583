//! Around every request: correlation id, span, time limit, one log line, figures, and a last guard for strays.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use canonical_model::{Failure, FailureClass};
use futures_util::FutureExt;
use opentelemetry::global;
use opentelemetry::propagation::Extractor;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::auth::verify_ahead;
use crate::correlation::{self, CORRELATION, CorrelationId};
use crate::fallback::{self, Routes};
use crate::problem::Problem;
use crate::session;

/// What is the same for every request of an API.
pub(crate) struct Watch {
    pub(crate) api: &'static str,
    pub(crate) limit: Duration,
}

/// The outermost middleware.
pub(crate) async fn watch(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let offered = request
        .headers()
        .get(correlation::HEADER)
        .and_then(|value| value.to_str().ok());
    let id = CorrelationId::of(offered);
    request.extensions_mut().insert(id.clone());
    let settings = request.app_data::<web::Data<Watch>>().cloned();
    let (api, limit) = settings.map_or(("", Duration::from_secs(60)), |w| (w.api, w.limit));
    let span = span(api, &request, &id);
    let method = request.method().clone();
    let began = Instant::now();
    CORRELATION
        .scope(id.0.clone(), async move {
            let work = async move {
                verify_ahead(request.request()).await;
                next.call(request).await
            };
            let outcome = guarded(work, limit).await;
            let outcome = outcome.map(|answer| answer.map_into_boxed_body()).map(normalised);
            record(api, method.as_str(), began.elapsed(), &outcome);
            finished(outcome.map(session::readable), &id)
        })
        .instrument(span)
        .await
}

/// A handler that takes too long or panics is answered for; what it was writing may or may not have happened.
async fn guarded<B>(
    call: impl Future<Output = Result<ServiceResponse<B>, Error>>,
    limit: Duration,
) -> Result<ServiceResponse<B>, Error> {
    let failure = match tokio::time::timeout(limit, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(_)) => {
            Failure::fault("handler_panicked", "The request met a fault of ours.").outcome_unknown()
        }
        Err(_) => Failure::transient(
            "request_timed_out",
            "The request took longer than this API allows.",
        )
        .outcome_unknown(),
    };
    log_failure(&failure);
    let answer = Problem(failure.clone()).error_response();
    Err(InternalError::from_response(failure, answer).into())
}

/// Refusals that actix writes by itself have an empty body: they get ours.
fn normalised(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = answer.status();
    let bare = status.is_client_error() && !answer.headers().contains_key(CONTENT_TYPE);
    if !bare {
        return answer;
    }
    let request = answer.request().clone();
    let routes = request.app_data::<web::Data<Routes>>();
    let allowed = answer.headers().get(ALLOW).and_then(|value| value.to_str().ok());
    let ours = match (status, routes) {
        (StatusCode::METHOD_NOT_ALLOWED, _) => {
            fallback::method_not_allowed(request.method(), allowed.unwrap_or_default())
        }
        (StatusCode::NOT_FOUND, Some(routes)) => routes
            .refuse(request.method(), request.path())
            .unwrap_or_else(|problem| problem.error_response()),
        _ => Problem(Failure::business("bad_request", "The request cannot be read.")).error_response(),
    };
    answer.into_response(ours)
}

/// The headers that every answer has.
fn finished(
    outcome: Result<ServiceResponse<BoxBody>, Error>,
    id: &CorrelationId,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match outcome {
        Ok(mut answer) => {
            add_headers(answer.headers_mut(), id);
            Ok(answer)
        }
        Err(error) => {
            let mut answer = error.error_response();
            add_headers(answer.headers_mut(), id);
            Err(InternalError::from_response(error, answer).into())
        }
    }
}

/// The correlation id, and what keeps a browser from doing more with an answer than it should. A handler's own word on
/// caching or content policy stands.
fn add_headers(headers: &mut HeaderMap, id: &CorrelationId) {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(correlation::HEADER, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// Everything from this API itself; images and styles also inline, as charts and the documentation need them.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn span(api: &str, request: &ServiceRequest, id: &CorrelationId) -> Span {
    let span = tracing::info_span!(
        "request",
        api,
        correlation_id = %id.0,
        otel.kind = "server",
        otel.name = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
        http.request.method = %request.method(),
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
    );
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request)));
    // Refused only where no trace is recorded at all, and then there is nothing to join.
    let _ = span.set_parent(parent);
    span
}

struct Headers<'r>(&'r ServiceRequest);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.headers().get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.headers().keys().map(|name| name.as_str()).collect()
    }
}

/// The request's log line, its span's end and its figures.
fn record(
    api: &'static str,
    method: &str,
    took: Duration,
    outcome: &Result<ServiceResponse<BoxBody>, Error>,
) {
    let (status, route) = match outcome {
        Ok(answer) => (answer.status(), answer.request().match_pattern()),
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let span = Span::current();
    span.record("otel.name", format!("{method} {route}"));
    span.record("http.route", route.as_str());
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    if let Some(failure) = outcome.as_ref().ok().and_then(failure_of) {
        log_failure(failure);
    }
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    // What machines ask every few seconds would drown what people look for.
    if matches!(route.as_str(), "/health/live" | "/health/ready" | "/metrics") {
        tracing::debug!(status = status.as_u16(), duration_ms, "answered {method} {route}");
    } else {
        tracing::info!(status = status.as_u16(), duration_ms, "answered {method} {route}");
    }
    let labels = [
        ("api", api.to_owned()),
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("fairlead_http_requests_total", &labels).increment(1);
    metrics::histogram!("fairlead_http_request_duration_seconds", &labels).record(took.as_secs_f64());
}

fn failure_of(answer: &ServiceResponse<BoxBody>) -> Option<&Failure> {
    answer
        .response()
        .error()?
        .as_error::<Problem>()
        .map(|problem| &problem.0)
}

/// Logged once, here, where it is handled: an answer to the caller.
fn log_failure(failure: &Failure) {
    let Failure {
        class,
        code,
        message,
        source,
        detail,
        ..
    } = failure;
    let (source, detail) = (source.as_deref(), detail.as_deref());
    match class {
        FailureClass::Fault => tracing::error!(code, source, detail, "answered with a fault: {message}"),
        FailureClass::Transient => tracing::warn!(code, source, detail, "answered as unavailable: {message}"),
        FailureClass::Business => tracing::info!(code, source, detail, "refused: {message}"),
    }
}
