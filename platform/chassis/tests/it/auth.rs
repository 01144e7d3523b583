//! Who may call.

use canonical_model::FailureClass;
use chassis::Role;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use testkit::problem_of;

use crate::support::{NAME, Sample};

const SCOPES: &[&str] = &["invoices:read"];

#[tokio::test]
async fn a_sound_token_is_accepted_in_both_shapes() {
    let sample = Sample::start().await;
    let auditor = sample
        .issuer
        .person_token(NAME, SCOPES, &[Role::Auditor], "ada@northwind.example");
    for (token, caller) in [
        (sample.issuer.service_token(NAME, SCOPES), "test-service"),
        (auditor, "ada@northwind.example"),
    ] {
        let answer = sample
            .client
            .get(sample.url("/v1/invoices"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.json::<Vec<String>>().await.unwrap()[0], caller);
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_whatever_is_wrong_with_it() {
    let sample = Sample::start().await;
    for (what, token) in sample.issuer.bad_tokens(NAME, SCOPES) {
        let answer = sample
            .client
            .get(sample.url("/v1/invoices"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "a token {what}");
        assert!(
            answer.headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
        let problem = problem_of(answer).await;
        assert_eq!(
            (problem.code.as_str(), problem.class),
            ("invalid_token", FailureClass::Business),
            "a token {what}"
        );
    }
    let basic = sample
        .client
        .get(sample.url("/v1/invoices"))
        .basic_auth("user", Some("password"))
        .send()
        .await
        .unwrap();
    assert_eq!(problem_of(basic).await.code, "invalid_token");
}

#[tokio::test]
async fn a_person_needs_the_scope_and_one_of_the_roles() {
    let sample = Sample::start().await;
    let ask = |scopes: &[&str], roles: &[Role], method: Method| {
        let token = sample
            .issuer
            .person_token(NAME, scopes, roles, "ada@northwind.example");
        sample
            .client
            .request(method, sample.url("/v1/invoices"))
            .bearer_auth(token)
            .send()
    };
    let no_scope = ask(&["other"], &[Role::Auditor], Method::GET).await.unwrap();
    assert_eq!(
        (no_scope.status(), problem_of(no_scope).await.code.as_str()),
        (StatusCode::FORBIDDEN, "missing_scope")
    );
    let no_role = ask(SCOPES, &[Role::Administrator], Method::GET).await.unwrap();
    assert_eq!(
        (no_role.status(), problem_of(no_role).await.code.as_str()),
        (StatusCode::FORBIDDEN, "missing_role")
    );
    let for_services = ask(&["invoices:write"], Role::ALL, Method::POST).await.unwrap();
    assert_eq!(problem_of(for_services).await.code, "missing_role");
    // A person without any role is still a person, not a service.
    let nobody = ask(SCOPES, &[], Method::GET).await.unwrap();
    assert_eq!(problem_of(nobody).await.code, "missing_role");
}

#[tokio::test]
async fn only_a_service_acts_for_somebody_else() {
    let sample = Sample::start().await;
    let auditor = sample
        .issuer
        .person_token(NAME, SCOPES, &[Role::Auditor], "ada@northwind.example");
    for (token, actor) in [
        (sample.issuer.service_token(NAME, SCOPES), "eve@x.example"),
        (auditor, "ada@northwind.example"),
    ] {
        let request = sample.client.get(sample.url("/v1/invoices")).bearer_auth(token);
        let answer = request
            .header("x-on-behalf-of", "eve@x.example")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.json::<Vec<String>>().await.unwrap()[0], actor);
    }
}

#[tokio::test]
async fn a_crowd_fetches_the_keys_once_and_forgers_do_not_make_us_ask_again() {
    let sample = Sample::start().await;
    let answers = join_all((0..40).map(|_| sample.ask(Method::GET, "/v1/invoices").send())).await;
    assert!(
        answers
            .into_iter()
            .all(|answer| answer.unwrap().status() == StatusCode::OK)
    );
    assert_eq!(sample.issuer.key_fetches(), 1);
    let forged = sample
        .issuer
        .bad_tokens(NAME, SCOPES)
        .into_iter()
        .find(|(what, _)| what.contains("unknown key"))
        .unwrap()
        .1;
    let ask = || {
        sample
            .client
            .get(sample.url("/v1/invoices"))
            .bearer_auth(&forged)
            .send()
    };
    let answers = join_all((0..40).map(|_| ask())).await;
    assert!(
        answers
            .into_iter()
            .all(|answer| answer.unwrap().status() == StatusCode::UNAUTHORIZED)
    );
    assert_eq!(sample.issuer.key_fetches(), 1);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_makes_us_unavailable_not_open() {
    let sample = Sample::start().await;
    let token = sample.issuer.service_token(NAME, SCOPES);
    let Sample {
        issuer,
        running,
        client,
        ..
    } = sample;
    // The issuer's port is closed once its server has ended.
    let issuer_url = issuer.url();
    drop(issuer);
    while client.get(issuer_url.clone()).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
    let answer = client
        .get(format!("{}/v1/invoices", running.base_url))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    let problem = problem_of(answer).await;
    assert_eq!(
        (problem.code.as_str(), problem.class),
        ("issuer_unavailable", FailureClass::Transient)
    );
}
