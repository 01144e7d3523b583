//! Logs, traces, figures: set up once in a process, however many APIs it runs.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};
use url::Url;

use crate::settings::{LogFormat, TelemetrySettings};

/// Keep it until the process ends: dropping it sends what has not been sent.
#[must_use = "traces stop when the guard is dropped"]
#[derive(Debug, Default)]
pub struct TelemetryGuard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider {
            // At the end of the process there is nobody left to tell.
            let _ = provider.shutdown();
        }
    }
}

/// Starts logging to standard error, and traces where an endpoint is configured. The first call in a process decides;
/// later ones change nothing.
///
/// # Errors
/// When the log filter cannot be read or the endpoint not used.
pub fn start_telemetry(binary: &str, settings: &TelemetrySettings) -> anyhow::Result<TelemetryGuard> {
    // The server library tells of each of its threads; an operator who wants that says `actix_server=info`.
    let filter = EnvFilter::try_new(format!("actix_server=warn,{}", settings.level))
        .with_context(|| format!("telemetry.level: `{}` is not a filter", settings.level))?;
    let logs: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .boxed(),
    };
    let provider = settings
        .otlp_endpoint
        .as_ref()
        .map(|url| tracer_provider(binary, url))
        .transpose()?;
    let traces = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(binary.to_owned())));
    let subscriber = Registry::default().with(logs).with(traces).with(filter);
    if subscriber.try_init().is_err() {
        return Ok(TelemetryGuard::default());
    }
    global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(TelemetryGuard { provider })
}

fn tracer_provider(binary: &str, endpoint: &Url) -> anyhow::Result<SdkTracerProvider> {
    let traces = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(OnRuntime::new()?)
        .with_endpoint(traces)
        .build()
        .context("telemetry.otlp_endpoint cannot be used")?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(binary.to_owned()).build())
        .build())
}

/// Sends spans on a small runtime of its own: the exporter runs in a thread without one, and the runtime of the program
/// may already be ending when the last spans go out.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: &'static Runtime,
}

static EXPORT: OnceLock<Option<Runtime>> = OnceLock::new();

impl OnRuntime {
    #[expect(
        clippy::disallowed_methods,
        reason = "traces go to the operator's collector, which egress knows nothing of"
    )]
    fn new() -> anyhow::Result<Self> {
        let runtime = EXPORT
            .get_or_init(|| {
                Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("traces")
                    .enable_all()
                    .build()
                    .ok()
            })
            .as_ref()
            .context("no thread for traces")?;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self { client, runtime })
    }
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime
            .spawn(async move { client.send_bytes(request).await })
            .await?
    }
}

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder of this process, once.
pub(crate) fn install_metrics() {
    METRICS.get_or_init(|| {
        let buckets = [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ];
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets)
            .ok()?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Another recorder may be there already, put by the program around us: then /metrics stays empty.
        metrics::set_global_recorder(recorder).ok()?;
        Some(handle)
    });
}

/// The figures of this process in Prometheus's text form.
pub(crate) fn render_metrics() -> String {
    match METRICS.get().and_then(Option::as_ref) {
        Some(handle) => {
            handle.run_upkeep();
            handle.render()
        }
        None => String::new(),
    }
}
