//! The life of a server: correlation, readiness, TLS, the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use canonical_model::Failure;
use chassis::{Api, Extras, HttpSettings, TlsSettings};
use futures_util::FutureExt;
use rcgen::CertifiedKey;
use reqwest::{Method, StatusCode};
use testkit::problem_of;

use crate::support::{NAME, Sample};

#[tokio::test]
async fn one_correlation_id_from_request_to_answer() {
    let sample = Sample::start().await;
    let answer = sample
        .ask(Method::GET, "/v1/invoices")
        .header("x-correlation-id", "order-66_a")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-correlation-id"], "order-66_a");
    assert_eq!(
        answer.json::<Vec<String>>().await.unwrap()[1..],
        ["order-66_a", "order-66_a"]
    );

    let refused = sample
        .client
        .get(sample.url("/v1/invoices"))
        .header("x-correlation-id", "mine")
        .send()
        .await
        .unwrap();
    assert_eq!(problem_of(refused).await.correlation_id, "mine");

    let unsound = sample
        .ask(Method::GET, "/v1/invoices")
        .header("x-correlation-id", "a b")
        .send()
        .await
        .unwrap();
    let made = unsound.headers()["x-correlation-id"].to_str().unwrap().to_owned();
    assert!(uuid::Uuid::parse_str(&made).is_ok(), "{made}");
}

#[tokio::test]
async fn readiness_is_what_the_api_says() {
    let well = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&well);
    let readiness = Arc::new(move || {
        let outcome = match asked.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(Failure::transient(
                "database_unavailable",
                "The database does not answer.",
            )),
        };
        std::future::ready(outcome).boxed()
    });
    let extras = Extras {
        readiness: Some(readiness),
        ..Extras::default()
    };
    let sample = Sample::start_with(HttpSettings::default(), extras).await;
    let ready = || sample.client.get(sample.url("/health/ready")).send();
    let unwell = ready().await.unwrap();
    assert_eq!(unwell.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem_of(unwell).await.code, "database_unavailable");
    well.store(true, Ordering::SeqCst);
    assert_eq!(ready().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_lets_a_running_request_end_and_takes_no_other() {
    let sample = Sample::start().await;
    let slow = tokio::spawn(sample.ask(Method::GET, "/v1/invoices/slow").send());
    sample.shared.entered.notified().await;
    let stopping = sample.running.stopping();
    let url = sample.url("/health/live");
    let stop = tokio::spawn(sample.running.stop());
    stopping.cancelled().await;
    // The port closes while the request still runs.
    while testkit::http().get(&url).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!slow.is_finished());
    sample.shared.release.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    stop.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_end() {
    let sample = Sample::start().await;
    sample
        .ask(Method::GET, "/v1/invoices")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let began = std::time::Instant::now();
    sample.running.stop().await;
    assert!(
        began.elapsed() < std::time::Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    drop(sample.client);
}

#[tokio::test]
async fn a_taken_port_is_said_at_once() {
    let sample = Sample::start().await;
    let port = sample
        .running
        .base_url
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let http = HttpSettings {
        port,
        ..HttpSettings::default()
    };
    let api = Api {
        name: NAME,
        contract: crate::support::contract,
        routes: |_| {},
        state: (),
    };
    let error = chassis::start(api, &http, &sample.issuer.auth(NAME))
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{error}"
    );
}

#[tokio::test]
async fn tls_is_served_with_the_configured_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate_file, cert.pem()).unwrap();
    std::fs::write(&key_file, signing_key.serialize_pem()).unwrap();
    let tls = Some(TlsSettings {
        certificate_file,
        key_file,
    });
    let sample = Sample::start_with(
        HttpSettings {
            tls,
            ..HttpSettings::default()
        },
        Extras::default(),
    )
    .await;
    assert!(sample.running.base_url.starts_with("https://127.0.0.1:"));
    assert!(
        sample
            .client
            .get(sample.url("/health/live"))
            .send()
            .await
            .is_err(),
        "an unknown authority is not trusted"
    );
    let trusting = testkit::http_trusting(&cert.pem());
    let answer = trusting.get(sample.url("/health/live")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
