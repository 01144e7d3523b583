//! Traces leave for the collector that the settings name.

use std::net::TcpListener;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chassis::{TelemetrySettings, start_telemetry};
use reqwest::Method;
use tokio::sync::mpsc;
use url::Url;

use crate::support::Sample;

#[tokio::test]
async fn traces_reach_the_collector_and_a_second_start_changes_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, mut received) = mpsc::unbounded_channel();
    let server = HttpServer::new(move || {
        let sender = sender.clone();
        App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
            sender.send((request.path().to_owned(), body)).unwrap();
            std::future::ready(HttpResponse::Ok())
        }))
    });
    tokio::spawn(
        server
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run(),
    );

    let settings = TelemetrySettings {
        otlp_endpoint: Some(Url::parse(&format!("http://{address}")).unwrap()),
        ..TelemetrySettings::default()
    };
    let guard = start_telemetry("sample-api", &settings).unwrap();
    drop(start_telemetry("another-api", &settings).unwrap());

    let sample = Sample::start().await;
    sample
        .ask(Method::GET, "/v1/invoices")
        .header("x-correlation-id", "traced-1")
        .send()
        .await
        .unwrap();
    sample.running.stop().await;
    // What was not sent yet is sent now; on another thread, as the end of `main` would.
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();

    let (path, body) = received.recv().await.unwrap();
    assert_eq!(path, "/v1/traces");
    let body = String::from_utf8_lossy(&body);
    for text in ["sample-api", "GET /v1/invoices", "traced-1"] {
        assert!(body.contains(text), "{text}");
    }
}
