//! Ways into the org and out of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use reqwest::Method;
use serde_json::{Value, json};
use vendor_twins::salesforce::SalesforceSettings;
use vendor_twins::store::{Store, system_clock};

use super::{Org, answer, refusal};

const ID: (&str, &str) = ("client_id", "fairlead-development");
const SECRET: (&str, &str) = ("client_secret", "fairlead-development-secret");
const USER: &str = "integration@northwind-advisory.example";

#[tokio::test]
async fn client_credentials_come_in_the_form_or_in_the_header() {
    let org = Org::start().await;
    let url = format!("{}/services/oauth2/token", org.base);
    let basic = org
        .http
        .post(url)
        .basic_auth(ID.1, Some(SECRET.1))
        .form(&[("grant_type", "client_credentials")]);
    let (status, token) = answer(basic).await;
    assert_eq!(status, 200);
    assert_eq!(token["instance_url"], org.base);
    assert_eq!(token["token_type"], "Bearer");
    assert!(token.get("expires_in").is_none() && token.get("refresh_token").is_none());
    assert!(token["issued_at"].as_str().unwrap().parse::<i64>().unwrap() > 1_600_000_000_000);
    let id = token["id"].as_str().unwrap();
    let (status, identity) = answer(
        org.http
            .get(id)
            .bearer_auth(token["access_token"].as_str().unwrap()),
    )
    .await;
    assert_eq!((status, &identity["username"]), (200, &json!(USER)));
    assert_eq!(identity["user_id"], id.rsplit('/').next().unwrap());

    let grant = ("grant_type", "client_credentials");
    let cases = [
        (
            vec![grant, ("client_id", "other"), SECRET],
            "invalid_client_id",
            "client identifier invalid",
        ),
        (
            vec![grant, ID, ("client_secret", "no")],
            "invalid_client",
            "invalid client credentials",
        ),
        (
            vec![("grant_type", "magic"), ID, SECRET],
            "unsupported_grant_type",
            "grant type not supported",
        ),
    ];
    for (form, error, description) in cases {
        let refused = json!({"error": error, "error_description": description});
        assert_eq!(org.token_answer(&form).await, (400, refused));
    }
    org.twin.stop().await;
}

#[tokio::test]
async fn a_signed_assertion_opens_a_session_for_the_user_it_names() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let settings = SalesforceSettings {
        jwt_public_key_pem: Some(pair.public_key_pem()),
        ..Default::default()
    };
    let org = Org::with(Store::in_memory(system_clock()), settings).await;
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let other = jsonwebtoken::EncodingKey::from_rsa_pem(other.serialize_pem().as_bytes()).unwrap();
    let now = chrono::Utc::now().timestamp();
    let good = json!({"iss": ID.1, "sub": USER, "aud": "https://login.salesforce.com", "exp": now + 180});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let cases = [
        (&key, good.clone(), ""),
        (&key, with("exp", json!((now + 180).to_string())), ""),
        (&key, with("aud", json!(org.base)), ""),
        (&key, with("exp", json!(now - 1)), "expired authorization code"),
        (
            &key,
            with("aud", json!("https://elsewhere.example")),
            "audience is invalid",
        ),
        (
            &key,
            with("sub", json!("nobody@northwind-advisory.example")),
            "user hasn't approved this consumer",
        ),
        (&key, with("iss", json!("other")), "client identifier invalid"),
        (&other, good.clone(), "invalid assertion"),
    ];
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    for (key, claims, description) in cases {
        let assertion = jsonwebtoken::encode(&header, &claims, key).unwrap();
        let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (status, body) = org.token_answer(&[grant, ("assertion", &assertion)]).await;
        if description.is_empty() {
            assert_eq!(status, 200, "{claims}: {body}");
        } else {
            assert_eq!(
                (status, &body["error_description"]),
                (400, &json!(description)),
                "{claims}"
            );
        }
    }
    org.twin.stop().await;
}

#[tokio::test]
async fn a_rotated_refresh_token_that_comes_again_ends_the_grant() {
    let settings = SalesforceSettings {
        refresh_token_rotation: true,
        ..Default::default()
    };
    let org = Org::with(Store::in_memory(system_clock()), settings.clone()).await;
    let refresh = async |token: &str| {
        org.token_answer(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ID,
            SECRET,
        ])
        .await
    };
    let (status, first) = refresh(&settings.refresh_token).await;
    let next = first["refresh_token"].as_str().unwrap();
    assert_eq!(status, 200);
    let (status, second) = refresh(next).await;
    assert_eq!(status, 200);
    let gone = json!({"error": "invalid_grant", "error_description": "expired access/refresh token"});
    assert_eq!(refresh(next).await, (400, gone.clone()));
    assert_eq!(
        refresh(second["refresh_token"].as_str().unwrap()).await,
        (400, gone)
    );
    org.twin.stop().await;

    let org = Org::start().await;
    for _ in 0..2 {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", settings.refresh_token.as_str()),
            ID,
        ];
        let (status, body) = org.token_answer(&form).await;
        assert_eq!((status, body.get("refresh_token")), (200, None));
    }
    org.twin.stop().await;
}

#[tokio::test]
async fn a_session_ends_by_time_by_revocation_and_by_fault() {
    let seconds = Arc::new(AtomicI64::new(1_780_000_000));
    let ticking = Arc::clone(&seconds);
    let clock = Arc::new(move || DateTime::from_timestamp(ticking.load(Ordering::SeqCst), 0).unwrap());
    let mut org = Org::with(Store::in_memory(clock), SalesforceSettings::default()).await;
    let expired = (
        401,
        "INVALID_SESSION_ID".to_owned(),
        "Session expired or invalid".to_owned(),
    );
    // Use prolongs a session: two hours count from the last call.
    for wait in [7000, 7000] {
        seconds.fetch_add(wait, Ordering::SeqCst);
        assert_eq!(org.get("limits").await.0, 200);
    }
    seconds.fetch_add(7200, Ordering::SeqCst);
    assert_eq!(refusal(&org.get("limits").await), expired);

    let open = [("grant_type", "client_credentials"), ID, SECRET];
    org.token = org.token_answer(&open).await.1["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        org.get("/services/oauth2/userinfo").await.1["preferred_username"],
        USER
    );
    let revoke = org
        .http
        .post(format!("{}/services/oauth2/revoke", org.base))
        .form(&[("token", &org.token)]);
    assert_eq!(answer(revoke).await.0, 200);
    assert_eq!(refusal(&org.get("limits").await), expired);
    assert_eq!(org.get("/services/oauth2/userinfo").await.0, 403);

    org.token = org.token_answer(&open).await.1["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    org.faults(json!([{"path": "/limits", "fault": {"kind": "expired_token"}, "times": 1}]))
        .await;
    assert_eq!(refusal(&org.get("limits").await), expired);
    assert_eq!(
        refusal(&org.get("limits").await),
        expired,
        "the session is really gone"
    );
    let anonymous = org.http.get(format!("{}/services/data/v60.0/limits", org.base));
    assert_eq!(answer(anonymous).await.0, 401);
    org.twin.stop().await;
}

#[tokio::test]
async fn a_soap_login_gives_a_session_and_a_wrong_password_a_fault() {
    let org = Org::start().await;
    let login = async |password: &str| {
        let body = format!(
            "<env:Envelope><env:Body><n1:login xmlns:n1=\"urn:partner.soap.sforce.com\">\
             <n1:username>sam.ortiz@northwind-advisory.example</n1:username>\
             <n1:password>{password}</n1:password></n1:login></env:Body></env:Envelope>"
        );
        let request = org
            .request(Method::POST, "/services/Soap/u/59.0")
            .header("content-type", "text/xml");
        answer(request.body(body)).await
    };
    let (status, text) = login("fairlead-developmentDEVELOPMENT").await;
    let text = text.as_str().unwrap().to_owned();
    let between = |name: &str| {
        text.split_once(&format!("<{name}>"))
            .unwrap()
            .1
            .split_once('<')
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!((status, between("passwordExpired").as_str()), (200, "false"));
    assert!(between("serverUrl").starts_with(&org.base));
    let session = Org {
        token: between("sessionId"),
        base: org.base.clone(),
        http: org.http.clone(),
        twin: org.twin,
    };
    let (_, me) = session.get("/services/oauth2/userinfo").await;
    assert_eq!(me["user_id"], between("userId"));
    let request = session.request(Method::POST, "/services/Soap/u/59.0");
    let (status, text) = answer(request.body("<username>sam.ortiz</username><password>x</password>")).await;
    assert_eq!(status, 500);
    assert!(
        text.as_str()
            .unwrap()
            .contains("<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>")
    );
    session.twin.stop().await;
}

#[tokio::test]
async fn the_version_list_is_open_and_other_versions_are_unknown() {
    let org = Org::start().await;
    let (status, versions) = answer(org.http.get(format!("{}/services/data", org.base))).await;
    let versions = versions.as_array().unwrap();
    assert_eq!(status, 200);
    assert_eq!(
        (&versions[0]["version"], &versions[versions.len() - 1]["version"]),
        (&json!("31.0"), &json!("68.0"))
    );
    let (_, root) = org.get("").await;
    assert_eq!(root["sobjects"], "/services/data/v60.0/sobjects");
    assert!(root["identity"].as_str().unwrap().starts_with(&org.base));
    for path in [
        "/services/data/v30.0/limits",
        "/services/data/v69.0/limits",
        "nothing",
        "sobjects/Nothing__c",
    ] {
        assert_eq!(refusal(&org.get(path).await).1, "NOT_FOUND", "{path}");
    }
    assert_eq!(refusal(&org.delete("sobjects/Account").await).0, 405);
    org.twin.stop().await;
}

#[tokio::test]
async fn the_daily_allowance_is_shown_and_enforced() {
    let settings = SalesforceSettings {
        daily_api_requests: 3,
        ..Default::default()
    };
    let org = Org::with(Store::in_memory(system_clock()), settings).await;
    let response = org.request(Method::GET, "limits").send().await.unwrap();
    assert_eq!(response.headers()["sforce-limit-info"], "api-usage=1/3");
    let limits: Value = response.json().await.unwrap();
    assert_eq!(limits["DailyApiRequests"], json!({"Max": 3, "Remaining": 2}));
    assert_eq!(org.get("sobjects").await.0, 200);
    assert_eq!(org.get("sobjects").await.0, 200);
    let over = (
        403,
        "REQUEST_LIMIT_EXCEEDED".to_owned(),
        "TotalRequests Limit exceeded.".to_owned(),
    );
    assert_eq!(refusal(&org.get("sobjects").await), over);
    org.twin.stop().await;

    let org = Org::start().await;
    org.faults(json!([{"fault": {"kind": "too_many_requests"}, "times": 1}, {"fault": {"kind": "server_error", "status": 503}, "times": 1}])).await;
    assert_eq!(refusal(&org.get("limits").await), over);
    assert_eq!(refusal(&org.get("limits").await).1, "SERVER_UNAVAILABLE");
    org.twin.stop().await;
}
