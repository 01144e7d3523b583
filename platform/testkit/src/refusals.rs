//! What every API refuses, asked of every operation in its contract.

use chassis::ProblemBody;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

use crate::{Issuer, http};

/// Asks every operation of `contract` without a token (401), with one for another API (401) and with one that was
/// granted nothing (403); then an unknown path (404) and a wrong method (405). All must be problem+json with code and
/// class. `audience` is the API's name; the API must accept tokens of `issuer`.
///
/// # Panics
/// At the first answer that is not as it must be.
pub async fn check_refusals(base_url: &str, contract: &OpenApi, issuer: &Issuer, audience: &str) {
    let client = http();
    let nothing = issuer.service_token(audience, &[]);
    let foreign = issuer.service_token("another-api", &["everything"]);
    for (path, item) in &contract.paths.paths {
        let url = format!("{base_url}{}", filled(path));
        for (method, operation) in operations(item) {
            if !is_guarded(operation) {
                continue;
            }
            let ask = |token: Option<&str>| with_token(client.request(method.clone(), &url), token);
            let place = format!("{method} {path}");
            expect(ask(None), StatusCode::UNAUTHORIZED, "missing_token", &place).await;
            expect(
                ask(Some(&foreign)),
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                &place,
            )
            .await;
            expect(
                ask(Some(&nothing)),
                StatusCode::FORBIDDEN,
                "missing_scope",
                &place,
            )
            .await;
        }
        let wrong = with_token(client.request(Method::TRACE, &url), Some(&nothing));
        let answer = expect(wrong, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", path).await;
        assert!(answer.contains_key("allow"), "{path}: 405 without Allow");
    }
    let unknown = client.get(format!("{base_url}/no/such/path"));
    expect(unknown, StatusCode::NOT_FOUND, "route_not_found", "unknown path").await;
}

/// The problem that an answer carries.
///
/// # Panics
/// When it carries none.
pub async fn problem_of(answer: Response) -> ProblemBody {
    let media_type = answer
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    assert_eq!(media_type, "application/problem+json", "{}", answer.status());
    answer.json().await.expect("a problem")
}

async fn expect(request: RequestBuilder, status: StatusCode, code: &str, place: &str) -> HeaderMap {
    let answer = request.send().await.expect("the API answers");
    let (found, headers) = (answer.status(), answer.headers().clone());
    let problem = problem_of(answer).await;
    assert_eq!(
        (found, problem.code.as_str()),
        (status, code),
        "{place}: {}",
        problem.detail
    );
    assert!(!problem.correlation_id.is_empty(), "{place}: no correlation id");
    headers
}

fn with_token(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// The path with something in the place of each parameter that could be an id or a name.
fn filled(path: &str) -> String {
    let sample = "019712f0-7d8e-7c3a-9a53-0f6f0e1d2c3b";
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| {
        done + sample + part.split_once('}').map_or("", |(_, rest)| rest)
    })
}

fn operations(item: &PathItem) -> Vec<(Method, &Operation)> {
    let known = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    known
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
        .collect()
}

fn is_guarded(operation: &Operation) -> bool {
    let requirements = operation.security.iter().flatten();
    requirements
        .map(|one| serde_json::to_value(one).unwrap_or_default())
        .any(|one| one.as_object().is_some_and(|schemes| !schemes.is_empty()))
}
