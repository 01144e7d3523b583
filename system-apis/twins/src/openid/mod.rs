//! OpenID Connect provider: the firm's people sign in, its programs get their tokens.
//!
//! Discovery, keys, authorization code with PKCE (S256), refresh, client credentials and user info, as RFC 6749, 7636
//! and OpenID Connect Core have them. Access tokens are JWTs signed with RS256 and made for one audience. There are no
//! passwords: the page lists the development people, and whoever opens it picks one.
//!
//! `GET /_twin/people` and `PUT /_twin/people/{email}` (`name`, `roles`, `account`) are the administrator's side.

mod authorize;
mod grant;
mod page;
mod people;
mod settings;
mod tokens;

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

pub use settings::{Client, DEVELOPMENT_SIGNING_KEY_PEM, OpenIdSettings, SignIn, development_secret};

use crate::faults::Faults;
use crate::server::Twin;
use crate::store::Store;

/// The provider.
pub struct OpenId {
    store: Store,
    faults: Faults,
    settings: OpenIdSettings,
    keys: tokens::Keys,
}

impl OpenId {
    /// A provider over a store; people who are not in the store yet are added.
    #[must_use]
    pub fn new(store: Store, settings: OpenIdSettings) -> Arc<Self> {
        let keys = tokens::Keys::new(&settings.signing_key_pem);
        let provider = Arc::new(Self {
            store,
            faults: Faults::default(),
            settings,
            keys,
        });
        provider.seed();
        provider
    }

    fn issuer(&self, request: &HttpRequest) -> String {
        let here = || {
            let info = request.connection_info();
            format!("{}://{}", info.scheme(), info.host())
        };
        self.settings.issuer.clone().unwrap_or_else(here)
    }

    fn client(&self, id: &str) -> Option<&Client> {
        self.settings.clients.iter().find(|c| c.id == id)
    }
}

impl Twin for OpenId {
    fn name(&self) -> &'static str {
        "openid"
    }

    fn store(&self) -> &Store {
        &self.store
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn configure(self: Arc<Self>, config: &mut ServiceConfig) {
        config
            .app_data(web::Data::from(self))
            .route("/.well-known/openid-configuration", web::get().to(discovery))
            .route("/jwks", web::get().to(jwks))
            .route("/authorize", web::get().to(authorize::show))
            .route("/authorize", web::post().to(authorize::sign_in))
            .route("/token", web::post().to(grant::token))
            .route("/userinfo", web::get().to(people::user_info))
            .route("/userinfo", web::post().to(people::user_info));
    }

    fn configure_control(self: Arc<Self>, config: &mut ServiceConfig) {
        config
            .app_data(web::Data::from(self))
            .route("/people", web::get().to(people::list))
            .route("/people/{email}", web::put().to(people::set));
    }

    fn too_many_requests(&self, retry_after_s: Option<u64>) -> HttpResponse {
        let mut answer = HttpResponse::TooManyRequests();
        if let Some(seconds) = retry_after_s {
            answer.insert_header(("Retry-After", seconds.to_string()));
        }
        answer.json(json!({"error": "temporarily_unavailable"}))
    }

    fn server_error(&self, status: u16) -> HttpResponse {
        let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
        HttpResponse::build(status).json(json!({"error": "server_error"}))
    }

    fn seed(&self) {
        people::plant(self);
    }
}

async fn discovery(provider: web::Data<OpenId>, request: HttpRequest) -> HttpResponse {
    let issuer = provider.issuer(&request);
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": scopes(&provider.settings),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "name", "email", "roles", "account"],
    }))
}

fn scopes(settings: &OpenIdSettings) -> Vec<Value> {
    let mut all: Vec<&str> = settings.apis.values().flatten().map(String::as_str).collect();
    all.extend(["openid", "profile", "email"]);
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(Value::from).collect()
}

async fn jwks(provider: web::Data<OpenId>) -> HttpResponse {
    HttpResponse::Ok().json(provider.keys.public())
}
