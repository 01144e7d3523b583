//! Sessions of people in a browser: sign-in at the issuer, the access token in a sealed cookie, CSRF tokens.
//!
//! The API keeps nothing: the cookie is the session. It is encrypted, `HttpOnly` and `SameSite=Lax`, holds the access
//! token that the issuer made for this API, and ends with that token.

mod readable;
mod seal;
mod sign_in;

use std::sync::Arc;

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::Method;
use actix_web::{HttpRequest, web};
use anyhow::Context;
use canonical_model::Failure;
use chrono::Utc;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::Url;
use url::form_urlencoded;

use crate::auth::{Issuer, Verifier};
use crate::secret::Reference;
pub(crate) use readable::readable;
use seal::Seal;

/// How people sign in to an API with pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// The client id that the issuer knows this API by.
    pub client_id: String,
    /// The client secret, where the issuer demands one beside PKCE.
    #[serde(default)]
    pub client_secret: Option<Reference>,
    /// The scopes to ask for, beside `openid profile email`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The key that seals cookies (at least 32 characters). Made at start when absent: then a restart signs people out,
    /// and only one instance of this API may run.
    #[serde(default)]
    pub key: Option<Reference>,
    /// A session lasts no longer than this, whatever the token says.
    #[serde(default = "default_lifetime_s")]
    pub lifetime_s: u32,
}

fn default_lifetime_s() -> u32 {
    8 * 3_600
}

/// What a session's cookie holds.
#[derive(Serialize, Deserialize)]
struct Session {
    access_token: String,
    expires_at: i64,
    csrf: String,
}

/// The session keeper of one API.
pub(crate) struct Sessions {
    seal: Seal,
    issuer: Arc<Issuer>,
    verifier: Arc<Verifier>,
    settings: SessionSettings,
    client_secret: Option<SecretString>,
    callback: Url,
    home: Url,
    secure: bool,
    session_cookie: String,
    sign_in_cookie: String,
}

impl Sessions {
    pub(crate) fn new(
        settings: &SessionSettings,
        api: &str,
        home: &str,
        issuer: Arc<Issuer>,
        verifier: Arc<Verifier>,
    ) -> anyhow::Result<Self> {
        let home = Url::parse(&format!("{}/", home.trim_end_matches('/'))).context("http.public_url")?;
        let secure = home.scheme() == "https";
        // Cookies ignore ports: APIs on one host must not overwrite each other's.
        let prefix = if secure { "__Host-" } else { "" };
        Ok(Self {
            seal: Seal::new(settings.key.as_ref())?,
            issuer,
            verifier,
            client_secret: settings
                .client_secret
                .as_ref()
                .map(Reference::resolve)
                .transpose()?,
            settings: settings.clone(),
            callback: home.join("sign-in/callback")?,
            home,
            secure,
            session_cookie: format!("{prefix}{api}"),
            sign_in_cookie: format!("{prefix}{api}-sign-in"),
        })
    }

    fn session(&self, request: &HttpRequest) -> Option<Session> {
        let cookie = request.cookie(&self.session_cookie)?;
        let session: Session = self.seal.open(&self.session_cookie, cookie.value())?;
        (session.expires_at > Utc::now().timestamp()).then_some(session)
    }

    fn cookie(&self, name: &str, value: String, lifetime_s: i64) -> Cookie<'static> {
        Cookie::build(name.to_owned(), value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .max_age(CookieDuration::seconds(lifetime_s))
            .finish()
    }
}

/// The paths of this module, for the answer to a wrong method.
pub(crate) fn paths() -> Vec<(&'static str, Method)> {
    ["/sign-in", "/sign-in/callback", "/sign-out"]
        .into_iter()
        .map(|path| (path, Method::GET))
        .collect()
}

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/sign-in", web::get().to(sign_in::begin))
        .route("/sign-in/callback", web::get().to(sign_in::complete))
        .route("/sign-out", web::get().to(sign_in::end));
}

/// The access token of the session, if the request has one.
pub(crate) fn access_token(request: &HttpRequest) -> Result<Option<String>, Failure> {
    let Some(session) = current(request) else {
        return Ok(None);
    };
    // Browsers send the cookie along by themselves; what another site makes them send must have no effect.
    if !request.method().is_safe() && is_cross_site(request) {
        return Err(Failure::business(
            "csrf_refused",
            "This request comes from another site.",
        ));
    }
    Ok(Some(session.access_token))
}

/// Where to send a person who must sign in first; `None` where a program is calling, or the API has no pages.
pub(crate) fn sign_in_location(request: &HttpRequest) -> Option<String> {
    if request.method() != Method::GET || !is_read_by_a_person(request) {
        return None;
    }
    let here: String = form_urlencoded::byte_serialize(request.uri().to_string().as_bytes()).collect();
    Some(format!("/sign-in?next={here}"))
}

/// The CSRF token of the session, for the hidden field `csrf` of a form; empty without a session.
#[must_use]
pub fn csrf(request: &HttpRequest) -> String {
    current(request).map(|session| session.csrf).unwrap_or_default()
}

/// Checks the field `csrf` of a form that came with a session. A caller with a token in its header needs none: no
/// browser sends that by itself.
///
/// # Errors
/// Business `csrf_refused` when the field is not the session's token.
pub fn check_csrf(request: &HttpRequest, field: &str) -> Result<(), Failure> {
    if request.headers().contains_key("authorization") {
        return Ok(());
    }
    let expected = csrf(request);
    let same: bool = expected.as_bytes().ct_eq(field.as_bytes()).into();
    if same && !expected.is_empty() {
        return Ok(());
    }
    Err(Failure::business(
        "csrf_refused",
        "The form is not from this session: load the page again and repeat.",
    ))
}

fn current(request: &HttpRequest) -> Option<Session> {
    request.app_data::<web::Data<Sessions>>()?.session(request)
}

/// Whether this is a browser that shows pages of this API.
fn is_read_by_a_person(request: &HttpRequest) -> bool {
    let accepts = request
        .headers()
        .get("accept")
        .and_then(|value| value.to_str().ok());
    request.app_data::<web::Data<Sessions>>().is_some()
        && accepts.is_some_and(|text| text.contains("text/html"))
}

fn is_cross_site(request: &HttpRequest) -> bool {
    let site = request
        .headers()
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}
