//! The OpenID provider over HTTP, as browsers and programs see it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vendor_twins::openid::{OpenId, OpenIdSettings, development_secret};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-0123456789";
const PORTAL: &str = "client-portal-experience-api";

struct Provider {
    base: String,
    http: reqwest::Client,
    twin: RunningTwin,
}

impl Provider {
    #[expect(clippy::disallowed_methods, reason = "test client")]
    fn start() -> Self {
        let settings = OpenIdSettings::default();
        let twin = serve(OpenId::new(Store::in_memory(system_clock()), settings), 0).unwrap();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none());
        Self {
            base: twin.base_url.clone(),
            http: http.build().unwrap(),
            twin,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        response.json().await.unwrap()
    }

    async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.http.post(format!("{}/token", self.base)).form(form);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn service(&self, audience: &str, scope: Option<&str>) -> (u16, Value) {
        let id = "time-to-invoice-process-api";
        let secret = development_secret(id);
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", &secret),
            ("audience", audience),
        ];
        form.extend(scope.map(|s| ("scope", s)));
        self.token(&form).await
    }

    /// Posts the sign-in form and returns the parameters that the browser takes back to the program.
    async fn sign_in(&self, person: &str, changed: &[(&str, &str)]) -> (u16, Vec<(String, String)>) {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut form = vec![
            ("response_type", "code"),
            ("client_id", PORTAL),
            ("redirect_uri", "http://127.0.0.1:45678/sign-in/callback"),
            ("scope", "openid portal:read"),
            ("state", "abc"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("person", person),
        ];
        for (name, value) in changed {
            form.retain(|(n, _)| n != name);
            form.push((name, value));
        }
        let request = self.http.post(format!("{}/authorize", self.base)).form(&form);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let location = response
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap().to_owned());
        let url = location.map(|l| url::Url::parse(&l).unwrap());
        let pairs = url
            .map(|u| u.query_pairs().into_owned().collect())
            .unwrap_or_default();
        (status, pairs)
    }

    async fn redeem(&self, code: &str, verifier: &str) -> (u16, Value) {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", PORTAL),
            ("client_secret", &development_secret(PORTAL)),
            ("code", code),
            ("redirect_uri", "http://127.0.0.1:45678/sign-in/callback"),
            ("code_verifier", verifier),
        ])
        .await
    }

    /// The claims of a token, checked as an API checks them: key set, issuer, audience, expiry.
    async fn claims(&self, token: &Value, audience: &str) -> Value {
        let discovery = self.get("/.well-known/openid-configuration").await;
        let jwks = discovery["jwks_uri"].as_str().unwrap().to_owned();
        let keys: JwkSet = self.http.get(jwks).send().await.unwrap().json().await.unwrap();
        let token = token.as_str().unwrap();
        let key = keys.find(&decode_header(token).unwrap().kid.unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[discovery["issuer"].as_str().unwrap()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let key = DecodingKey::from_jwk(key).unwrap();
        decode::<Value>(token, &key, &validation).unwrap().claims
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.as_str())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_person_signs_in_with_a_code_and_pkce_and_stays_signed_in() {
    let provider = Provider::start();
    let email = "dana.reyes@fabrikam-industrial.example";
    let account = "acc_0190b2c5";
    let url = format!("{}/_twin/people/{email}", provider.base);
    let changed = provider
        .http
        .put(url)
        .json(&json!({"account": account}))
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 200);

    let (status, back) = provider.sign_in(email, &[]).await;
    assert_eq!((status, value(&back, "state")), (303, "abc"));
    let (status, tokens) = provider.redeem(value(&back, "code"), VERIFIER).await;
    assert_eq!(status, 200, "{tokens}");
    let claims = provider.claims(&tokens["access_token"], PORTAL).await;
    assert_eq!(claims["sub"], email);
    assert_eq!(claims["roles"], json!(["client"]));
    assert_eq!(claims["account"], account);
    assert_eq!(claims["scope"], "openid portal:read");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        600
    );
    assert_eq!(provider.claims(&tokens["id_token"], PORTAL).await["nonce"], "n-1");

    let (status, again) = provider.redeem(value(&back, "code"), VERIFIER).await;
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));

    let refresh = |token: Value| {
        let provider = &provider;
        async move {
            let secret = development_secret(PORTAL);
            provider
                .token(&[
                    ("grant_type", "refresh_token"),
                    ("client_id", PORTAL),
                    ("client_secret", &secret),
                    ("refresh_token", token.as_str().unwrap()),
                ])
                .await
        }
    };
    let (status, renewed) = refresh(tokens["refresh_token"].clone()).await;
    assert_eq!(status, 200, "{renewed}");
    assert_ne!(renewed["refresh_token"], tokens["refresh_token"]);
    let (status, spent) = refresh(tokens["refresh_token"].clone()).await;
    assert_eq!((status, &spent["error"]), (400, &json!("invalid_grant")));

    let token = renewed["access_token"].as_str().unwrap();
    let request = provider
        .http
        .get(format!("{}/userinfo", provider.base))
        .bearer_auth(token);
    let info: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&info["name"], &info["account"]),
        (&json!("Dana Reyes"), &json!(account))
    );
    provider.twin.stop().await;
}

#[tokio::test]
async fn a_sign_in_that_is_not_in_order_gets_no_token() {
    let provider = Provider::start();
    let person = "helen.cho@northwind-advisory.example";
    let (_, back) = provider.sign_in(person, &[]).await;
    let (status, refused) = provider.redeem(value(&back, "code"), "another-verifier").await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));

    for (change, error) in [
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("audience", "erp-system-api"), "invalid_target"),
        (("person", "nobody@northwind-advisory.example"), "access_denied"),
    ] {
        let (status, back) = provider.sign_in(person, &[change]).await;
        assert_eq!((status, value(&back, "error")), (303, error), "{change:?}");
        assert_eq!(value(&back, "code"), "");
    }
    for change in [
        ("redirect_uri", "http://evil.example/sign-in/callback"),
        ("client_id", "stranger"),
    ] {
        let (status, back) = provider.sign_in(person, &[change]).await;
        assert_eq!((status, back.len()), (400, 0), "{change:?}");
    }
}

#[tokio::test]
async fn the_page_lists_the_people_and_keeps_the_request() {
    let provider = Provider::start();
    let query = "response_type=code&client_id=staffing-experience-api&redirect_uri=http%3A%2F%2F127.0.0.1%3A8103\
                 %2Fsign-in%2Fcallback&state=x%22y&code_challenge=abc&code_challenge_method=S256";
    let url = format!("{}/authorize?{query}", provider.base);
    let page = provider.http.get(url).send().await.unwrap().text().await.unwrap();
    for expected in [
        "Helen Cho",
        "resource manager",
        "value=\"erik.sandberg@northwind-advisory.example\"",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(page.contains("state=x%22y&amp;code_challenge=abc"));
}

#[tokio::test]
async fn a_program_gets_only_what_is_registered_for_it() {
    let provider = Provider::start();
    let (status, tokens) = provider
        .service("erp-system-api", Some("records:read cost-rates:read"))
        .await;
    assert_eq!(
        (status, &tokens["token_type"]),
        (200, &json!("Bearer")),
        "{tokens}"
    );
    let claims = provider.claims(&tokens["access_token"], "erp-system-api").await;
    assert_eq!(claims["scope"], "records:read cost-rates:read");
    assert_eq!(
        (&claims["sub"], claims.get("roles")),
        (&json!("time-to-invoice-process-api"), None)
    );

    let (status, all) = provider.service("erp-system-api", None).await;
    assert_eq!(
        (status, &all["scope"]),
        (200, &json!("records:read records:write cost-rates:read"))
    );
    let (status, refused) = provider.service("erp-system-api", Some("records:erase")).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_scope")));
    let (status, refused) = provider.service("staffing-experience-api", None).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_target")));

    let basic = |secret: &str| {
        let request = provider.http.post(format!("{}/token", provider.base));
        request
            .basic_auth("time-to-invoice-process-api", Some(secret))
            .form(&[
                ("grant_type", "client_credentials"),
                ("audience", "psa-system-api"),
            ])
    };
    let good = basic(&development_secret("time-to-invoice-process-api"));
    assert_eq!(good.send().await.unwrap().status(), 200);
    let bad = basic("guess").send().await.unwrap();
    assert_eq!(bad.status(), 401);
    assert_eq!(bad.json::<Value>().await.unwrap()["error"], "invalid_client");
}
