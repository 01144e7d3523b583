//! Tokens: fetched once for many, renewed after a 401, never without end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use canonical_model::{Failure, FailureClass};
use egress::{
    Authorizer, BearerToken, ClientCredentials, ClientCredentialsSettings, HttpClient, Request, Token,
    TokenCache,
};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::sync::Notify;

use crate::peer::{Peer, Reply};

/// A cache whose n-th token is `token-n`, and how often it was filled.
fn counting(expires_in_s: u64) -> (Arc<TokenCache>, Arc<AtomicU64>) {
    let fetched = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&fetched);
    let cache = TokenCache::new(move || {
        let n = count.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::task::yield_now().await;
            Ok(Token {
                access_token: format!("token-{n}").into(),
                expires_in_s,
            })
        }
    });
    (Arc::new(cache), fetched)
}

#[tokio::test]
async fn fifty_calls_at_once_fetch_one_token() {
    let (cache, fetched) = counting(3600);
    let tokens = join_all((0..50).map(|_| cache.get())).await;
    assert!(
        tokens
            .into_iter()
            .all(|token| token.unwrap().expose_secret() == "token-0")
    );
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_that_is_about_to_expire_is_not_used() {
    let (cache, _) = counting(1);
    assert_eq!(cache.get().await.unwrap().expose_secret(), "token-0");
    assert_eq!(cache.get().await.unwrap().expose_secret(), "token-1");
}

#[tokio::test]
async fn who_waited_for_a_fetch_that_failed_shares_its_failure() {
    let fetched = Arc::new(AtomicUsize::new(0));
    let (count, gate) = (Arc::clone(&fetched), Arc::new(Notify::new()));
    let open = Arc::clone(&gate);
    let cache = TokenCache::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            Err(Failure::transient("token_issuer_unavailable", "down"))
        }
    });
    let asking = join_all((0..20).map(|_| cache.get()));
    let (results, ()) = tokio::join!(asking, async { open.notify_one() });
    assert!(results.iter().all(Result::is_err));
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    open.notify_one();
    assert!(cache.get().await.is_err());
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn fifty_writes_on_an_expired_token_refresh_it_once_and_are_each_applied_once() {
    let peer = Peer::start(|_, request| match request.header("authorization") {
        Some("Bearer token-1") => Reply::status(201),
        _ => Reply::status(401),
    })
    .await;
    let (cache, fetched) = counting(3600);
    cache.get().await.unwrap();
    let client = peer.client().with_authorizer(cache);
    let calls = (0..50).map(|n| client.send(Request::post_json("/records", &json!({"n": n}))));
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().status, 201);
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
    let mut applied: Vec<_> = peer
        .received()
        .into_iter()
        .filter(|request| request.header("authorization") == Some("Bearer token-1"))
        .map(|request| request.body)
        .collect();
    applied.sort();
    applied.dedup();
    assert_eq!(applied.len(), 50);
}

#[tokio::test]
async fn a_second_401_is_the_answer_and_its_token_is_not_used_again() {
    let peer = Peer::always(Reply::status(401)).await;
    let (cache, fetched) = counting(3600);
    let client = peer.client().with_authorizer(cache);
    let answer = client
        .send(Request::post_json("/records", &json!({})))
        .await
        .unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!((peer.received().len(), fetched.load(Ordering::SeqCst)), (2, 2));
    client
        .send(Request::post_json("/records", &json!({})))
        .await
        .unwrap();
    let received = peer.received();
    let tokens: BTreeSet<_> = received.iter().map(|r| r.header("authorization")).collect();
    assert_eq!((received.len(), tokens.len()), (4, 4), "{tokens:?}");
}

fn credentials(issuer: &Peer) -> ClientCredentials {
    ClientCredentials::new(ClientCredentialsSettings {
        token_url: issuer.url.join("/token").unwrap(),
        client_id: "time-to-invoice-process-api".to_owned(),
        client_secret: "a secret".into(),
        scope: Some("records:read records:write".to_owned()),
        audience: Some("erp-system-api".to_owned()),
        ca_file: None,
        allow_plain_http: false,
    })
    .unwrap()
}

#[tokio::test]
async fn client_credentials_say_who_asks_for_what() {
    let issuer = Peer::always(Reply::json(
        r#"{"access_token":"granted","token_type":"bearer","expires_in":300}"#,
    ))
    .await;
    let peer = Peer::always(Reply::status(200)).await;
    let client = peer.client().with_authorizer(Arc::new(credentials(&issuer)));
    for _ in 0..2 {
        client.send(Request::get("/")).await.unwrap();
    }
    let asked = issuer.received();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /token");
    for part in [
        "grant_type=client_credentials",
        "scope=records%3Aread+records%3Awrite",
        "audience=erp-system-api",
    ] {
        assert!(asked[0].body.contains(part), "{}", asked[0].body);
    }
    assert!(asked[0].header("authorization").unwrap().starts_with("Basic "));
    assert_eq!(peer.received()[1].header("authorization"), Some("Bearer granted"));
}

#[tokio::test]
async fn a_refusal_of_credentials_is_a_fault_and_an_issuer_that_is_down_is_not() {
    let cases = [
        (
            Reply::Whole(401, "", r#"{"error":"invalid_client"}"#.to_owned()),
            "credentials_refused",
            FailureClass::Fault,
        ),
        (
            Reply::json("<html>"),
            "undecodable_token_answer",
            FailureClass::Fault,
        ),
        (
            Reply::status(500),
            "token_issuer_unavailable",
            FailureClass::Transient,
        ),
        (
            Reply::status(429),
            "token_issuer_unavailable",
            FailureClass::Transient,
        ),
        (Reply::Hangup, "no_answer", FailureClass::Transient),
    ];
    for (reply, code, class) in cases {
        let issuer = Peer::always(reply).await;
        let peer = Peer::always(Reply::status(200)).await;
        let client = peer.client().with_authorizer(Arc::new(credentials(&issuer)));
        let failure = client
            .send(Request::post_json("/", &json!({})))
            .await
            .unwrap_err();
        assert_eq!((failure.code.as_str(), failure.class), (code, class));
        // The write never left, whatever became of the token.
        assert!(!failure.is_unknown());
        assert!(peer.received().is_empty());
    }
}

#[tokio::test]
async fn credentials_never_show_in_a_debug_print() {
    let mut request = Request::get("/");
    BearerToken("hush-hush".into())
        .authorize(&mut request)
        .await
        .unwrap();
    assert!(!format!("{request:?}").contains("hush-hush"));
    assert!(
        HttpClient::new(egress::EgressSettings::new(
            "x",
            "https://a.example".parse().unwrap()
        ))
        .is_ok()
    );
}
