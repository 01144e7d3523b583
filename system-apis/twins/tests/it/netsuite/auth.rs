//! Both ways to sign in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::Algorithm;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::Sha256;
use vendor_twins::netsuite::{
    DEVELOPMENT_CERTIFICATE_ID, DEVELOPMENT_EC_CERTIFICATE_ID, DEVELOPMENT_EC_PRIVATE_KEY_PEM,
    DEVELOPMENT_PRIVATE_KEY_PEM, NetSuiteSettings,
};

use super::{Account, Answer, answer, assertion, claims, grant};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn rsa(claims: &Value, algorithm: Algorithm) -> String {
    assertion(
        claims,
        algorithm,
        DEVELOPMENT_CERTIFICATE_ID,
        DEVELOPMENT_PRIVATE_KEY_PEM,
    )
}

fn error(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["error"].as_str().unwrap_or_default())
}

#[actix_web::test]
async fn an_assertion_by_either_key_buys_a_token() {
    let account = Account::start().await;
    let curve = assertion(
        &claims(&account.base),
        Algorithm::ES256,
        DEVELOPMENT_EC_CERTIFICATE_ID,
        DEVELOPMENT_EC_PRIVATE_KEY_PEM,
    );
    let answer = account.token_answer(&grant(&curve)).await;
    assert_eq!(
        (answer.status, &answer.body["token_type"]),
        (200, &json!("Bearer"))
    );
    assert_eq!(answer.body["expires_in"], 3600);
    for scope in [
        json!("restlets,rest_webservices"),
        json!("restlets rest_webservices"),
        json!(["rest_webservices"]),
    ] {
        let mut claims = claims(&account.base);
        claims["scope"] = scope;
        let signed = rsa(&claims, Algorithm::PS256);
        assert_eq!(account.token_answer(&grant(&signed)).await.status, 200);
    }
}

#[actix_web::test]
async fn a_wrong_assertion_is_refused_by_name() {
    let account = Account::start().await;
    let with = |field: &str, value: Value| {
        let mut claims = claims(&account.base);
        claims[field] = value;
        rsa(&claims, Algorithm::PS256)
    };
    let now = chrono::Utc::now().timestamp();
    let cases = [
        (with("iss", json!("somebody")), (401, "invalid_client")),
        (
            with("aud", json!("https://elsewhere.example")),
            (400, "invalid_grant"),
        ),
        (with("exp", json!(now - 1)), (400, "invalid_grant")),
        (with("exp", json!(now + 7200)), (400, "invalid_grant")),
        (with("scope", json!("everything")), (400, "invalid_scope")),
        (
            rsa(&claims(&account.base), Algorithm::RS256),
            (400, "invalid_grant"),
        ),
        ("nonsense".to_owned(), (400, "invalid_grant")),
    ];
    for (assertion, expected) in cases {
        let answer = account.token_answer(&grant(&assertion)).await;
        assert_eq!(error(&answer), expected);
    }
    let answer = account.token_answer(&[("grant_type", "password")]).await;
    assert_eq!(error(&answer), (400, "unsupported_grant_type"));
}

#[actix_web::test]
async fn a_bad_or_old_token_is_challenged() {
    let mut account = Account::with(NetSuiteSettings {
        token_lifetime_s: 0,
        ..NetSuiteSettings::default()
    })
    .await;
    for token in [account.token.clone(), "x".to_owned()] {
        account.token = token;
        let answer = account.get("record/v1/customer").await;
        assert_eq!(
            (answer.status, answer.refusal().1.as_str()),
            (401, "INVALID_LOGIN")
        );
        let challenge = answer.headers.get("www-authenticate").unwrap().to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The header of a request signed with the development token. `realm` and nonce can be wrong.
fn signed(method: &str, url: &str, query: &[(&str, &str)], nonce: &str, realm: &str) -> String {
    let timestamp = chrono::Utc::now().timestamp().to_string();
    let oauth = [
        ("oauth_body_hash", "some clients send one"),
        ("oauth_consumer_key", "fairlead-development-consumer-key"),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", &timestamp),
        ("oauth_token", "fairlead-development-token"),
        ("oauth_version", "1.0"),
    ];
    let mut pairs: Vec<(String, String)> = oauth
        .iter()
        .chain(query)
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    let parameters: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = format!("{method}&{}&{}", encode(url), encode(&parameters.join("&")));
    let key = "fairlead-development-consumer-secret&fairlead-development-token-secret";
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    let signature = STANDARD.encode(mac.chain_update(text.as_bytes()).finalize().into_bytes());
    let header: Vec<String> = oauth
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", encode(value)))
        .collect();
    format!(
        "OAuth {}, oauth_signature=\"{}\", realm=\"{realm}\"",
        header.join(", "),
        encode(&signature)
    )
}

#[actix_web::test]
async fn a_signed_request_is_good_once() {
    let account = Account::start().await;
    let url = format!("{}/services/rest/record/v1/employee", account.base);
    let query = [("limit", "2"), ("q", "email CONTAIN northwind")];
    let send = async |authorization: String| {
        let request = account.http.get(&url).query(&query);
        answer(request.header("authorization", authorization)).await
    };
    let header = signed("GET", &url, &query, "n-1", "7001234_SB1");
    let first = send(header.clone()).await;
    assert_eq!(
        (first.status, &first.body["count"]),
        (200, &json!(2)),
        "{}",
        first.body
    );
    assert_eq!(
        send(header).await.refusal().1,
        "INVALID_LOGIN",
        "a replayed nonce"
    );
    let wrong = [
        signed("GET", &url, &query, "n-2", "7001234_sb1"),
        signed("POST", &url, &query, "n-3", "7001234_SB1"),
        signed("GET", &url, &[("limit", "3")], "n-4", "7001234_SB1"),
    ];
    for header in wrong {
        assert_eq!(send(header).await.refusal().1, "INVALID_LOGIN");
    }
}
