//! The document and what is served without a token.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use utoipa::openapi::RefOr;

use crate::support::{Sample, contract};

#[tokio::test]
async fn the_served_contract_is_the_printed_one_and_complete() {
    let sample = Sample::start().await;
    let served: Value = sample
        .client
        .get(sample.url("/openapi.json"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(served, serde_json::to_value(contract()).unwrap());
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(served["info"]["title"], "Sample");
    assert!(served["info"]["license"].is_null());
    assert_eq!(
        served["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
    let create = &served["paths"]["/v1/invoices"]["post"];
    assert_eq!(create["parameters"][0]["name"], "Idempotency-Key");
    for status in ["400", "401", "403", "409", "413", "415", "422", "503"] {
        assert!(create["responses"][status].is_object(), "{status}");
    }
    assert!(served["paths"]["/v1/invoices"]["get"]["responses"]["413"].is_null());
}

#[test]
fn a_contract_is_told_what_it_lacks() {
    assert_eq!(testkit::contract_findings(&contract()), Vec::<String>::new());
    let mut poor = contract();
    let operation = poor
        .paths
        .paths
        .values_mut()
        .find_map(|item| item.post.as_mut())
        .unwrap();
    operation.operation_id = Some("List".to_owned());
    operation.description = None;
    operation.security = None;
    let RefOr::T(parameter) = &mut operation.parameters.as_mut().unwrap()[0] else {
        panic!("a parameter in place");
    };
    parameter.description = None;
    operation.responses.responses.remove("200");
    let findings = testkit::contract_findings(&poor).join("\n");
    for lacking in [
        "operation id",
        "description",
        "security",
        "parameter Idempotency-Key",
        "not a refusal",
    ] {
        assert!(findings.contains(lacking), "{lacking} is not in: {findings}");
    }
}

#[tokio::test]
async fn open_endpoints_need_no_token() {
    let sample = Sample::start().await;
    for (path, text) in [
        ("/health/live", "live"),
        ("/health/ready", "ready"),
        ("/docs/", "swagger"),
        ("/metrics", ""),
    ] {
        let answer = sample.client.get(sample.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(answer.text().await.unwrap().contains(text), "{path}");
    }
    sample.ask(Method::GET, "/v1/invoices").send().await.unwrap();
    let figures = sample
        .client
        .get(sample.url("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let figure = "fairlead_http_requests_total{api=\"sample-api\",method=\"GET\",route=\"/v1/invoices\",status=\"200\"}";
    assert!(figures.contains(figure), "{figures}");
}
