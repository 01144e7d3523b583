//! An issuer of tokens on loopback: real RS256 keys, discovery, JWKS, client credentials, authorization code.

mod endpoints;
mod key;

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use canonical_model::CanonicalId;
use chassis::{AuthSettings, Role};
use chrono::Utc;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Map, Value, json};
use url::Url;

use key::SigningKey;

const LIFETIME_S: i64 = 600;

/// Somebody who signs in.
#[derive(Debug, Clone)]
pub struct Person {
    /// E-mail address, which is also the subject.
    pub email: String,
    /// What the person is for Fairlead.
    pub roles: Vec<Role>,
    /// The account of a client.
    pub account: Option<CanonicalId>,
}

/// The issuer; it ends when it is dropped.
pub struct Issuer {
    state: Arc<State>,
    server: ServerHandle,
}

pub(crate) struct State {
    url: Url,
    key: SigningKey,
    person: Mutex<Person>,
    attempts: Mutex<HashMap<String, endpoints::Attempt>>,
    key_fetches: AtomicUsize,
}

impl Issuer {
    /// Starts an issuer on a free port. Call it inside a tokio or actix runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let state = Arc::new(State {
            url: Url::parse(&format!("http://{address}")).expect("a URL"),
            key: SigningKey::generate(),
            person: Mutex::new(Person {
                email: "anna.keller@northwind-advisory.example".to_owned(),
                roles: vec![Role::Viewer],
                account: None,
            }),
            attempts: Mutex::new(HashMap::new()),
            key_fetches: AtomicUsize::new(0),
        });
        let data = web::Data::from(Arc::clone(&state));
        let server =
            HttpServer::new(move || App::new().app_data(data.clone()).configure(endpoints::configure))
                .workers(1)
                .disable_signals()
                .listen(listener)
                .expect("the issuer listens")
                .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            state,
            server: handle,
        }
    }

    /// The issuer's URL, as in the claim `iss`.
    #[must_use]
    pub fn url(&self) -> Url {
        self.state.url.clone()
    }

    /// Settings of an API that accepts this issuer's tokens for `audience`.
    #[must_use]
    pub fn auth(&self, audience: &str) -> AuthSettings {
        AuthSettings::new(self.url(), audience)
    }

    /// How often the keys have been fetched.
    #[must_use]
    pub fn key_fetches(&self) -> usize {
        self.state.key_fetches.load(Ordering::SeqCst)
    }

    /// Whoever signs in from now on at `/authorize` is this person.
    pub fn sign_in_as(&self, email: &str, roles: &[Role], account: Option<CanonicalId>) {
        let person = Person {
            email: email.to_owned(),
            roles: roles.to_vec(),
            account,
        };
        *self.state.person.lock().expect("no test panicked here") = person;
    }

    /// A token of a service.
    #[must_use]
    pub fn service_token(&self, audience: &str, scopes: &[&str]) -> String {
        self.state
            .sign(self.state.claims("test-service", audience, scopes))
    }

    /// A token of a person.
    #[must_use]
    pub fn person_token(&self, audience: &str, scopes: &[&str], roles: &[Role], email: &str) -> String {
        let person = Person {
            email: email.to_owned(),
            roles: roles.to_vec(),
            account: None,
        };
        self.state
            .sign(self.state.person_claims(&person, audience, scopes))
    }

    /// A token of somebody at a client.
    #[must_use]
    pub fn client_token(&self, audience: &str, scopes: &[&str], account: CanonicalId) -> String {
        let person = Person {
            email: "buyer@client.example".to_owned(),
            roles: vec![Role::Client],
            account: Some(account),
        };
        self.state
            .sign(self.state.person_claims(&person, audience, scopes))
    }

    /// A service's token that has expired.
    #[must_use]
    pub fn expired_token(&self, audience: &str, scopes: &[&str]) -> String {
        self.state
            .sign(self.with(audience, scopes, "exp", json!(Utc::now().timestamp() - 3_600)))
    }

    /// Tokens that no API may accept, each with what is wrong with it.
    #[must_use]
    pub fn bad_tokens(&self, audience: &str, scopes: &[&str]) -> Vec<(&'static str, String)> {
        let good = self.state.claims("test-service", audience, scopes);
        let later = json!(Utc::now().timestamp() + 3_600);
        let mut endless = good.clone();
        endless.remove("exp");
        let mut tokens = vec![
            ("expired", self.expired_token(audience, scopes)),
            (
                "not yet valid",
                self.state.sign(self.with(audience, scopes, "nbf", later)),
            ),
            ("without an end", self.state.sign(endless)),
            ("for another audience", self.service_token("another-api", scopes)),
            (
                "of another issuer",
                self.state
                    .sign(self.with(audience, scopes, "iss", json!("https://else.example"))),
            ),
        ];
        tokens.extend(self.state.key.forgeries(&good));
        tokens
    }

    fn with(&self, audience: &str, scopes: &[&str], claim: &str, value: Value) -> Map<String, Value> {
        let mut claims = self.state.claims("test-service", audience, scopes);
        claims.insert(claim.to_owned(), value);
        claims
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        // The command is sent at once; nobody waits for the end.
        drop(self.server.stop(false));
    }
}

impl State {
    fn claims(&self, subject: &str, audience: &str, scopes: &[&str]) -> Map<String, Value> {
        let now = Utc::now().timestamp();
        let claims = json!({
            "iss": self.url.as_str().trim_end_matches('/'),
            "sub": subject,
            "aud": [audience],
            "iat": now,
            "exp": now + LIFETIME_S,
            "scope": scopes.join(" "),
        });
        claims.as_object().cloned().unwrap_or_default()
    }

    fn person_claims(&self, person: &Person, audience: &str, scopes: &[&str]) -> Map<String, Value> {
        let mut claims = self.claims(&person.email, audience, scopes);
        claims.insert("email".to_owned(), json!(person.email));
        claims.insert("name".to_owned(), json!(display_name(&person.email)));
        claims.insert("roles".to_owned(), json!(person.roles));
        if let Some(account) = person.account {
            claims.insert("account".to_owned(), json!(account));
        }
        claims
    }

    fn sign(&self, claims: Map<String, Value>) -> String {
        self.key.sign(&claims)
    }

    fn key_set(&self) -> JwkSet {
        self.key_fetches.fetch_add(1, Ordering::SeqCst);
        self.key.public_set()
    }
}

/// `anna.keller@x` is Anna Keller.
fn display_name(email: &str) -> String {
    let local = email.split('@').next().unwrap_or_default();
    let words = local.split('.').map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
            .unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}
