//! The OpenID authorization code flow with PKCE.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use canonical_model::Failure;
use chrono::Utc;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::{Session, Sessions, is_cross_site};
use crate::auth::Claims;
use crate::problem::Problem;

/// A person has so long to sign in.
const SIGN_IN_S: i64 = 600;

/// What is remembered while the person is at the issuer.
#[derive(Serialize, Deserialize)]
struct Attempt {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    expires_at: i64,
}

#[derive(Deserialize)]
pub(super) struct Begin {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Complete {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct IdClaims {
    nonce: Option<String>,
    sub: String,
}

/// Sends the person to the issuer.
pub(super) async fn begin(
    query: web::Query<Begin>,
    sessions: web::Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let attempt = Attempt {
        state: nonce(),
        nonce: nonce(),
        verifier: nonce(),
        next: query
            .into_inner()
            .next
            .filter(|next| is_local(next))
            .unwrap_or_else(|| "/".to_owned()),
        expires_at: Utc::now().timestamp().saturating_add(SIGN_IN_S),
    };
    let location = sessions.authorization_url(&attempt).await?;
    let sealed = sessions.seal.close(&sessions.sign_in_cookie, &attempt)?;
    Ok(HttpResponse::SeeOther()
        .cookie(sessions.cookie(&sessions.sign_in_cookie, sealed, SIGN_IN_S))
        .insert_header((LOCATION, location.as_str()))
        .finish())
}

/// Takes the person back from the issuer.
pub(super) async fn complete(
    request: HttpRequest,
    query: web::Query<Complete>,
    sessions: web::Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let attempt = sessions.attempt(&request, query.state.as_deref())?;
    if let Some(error) = &query.error {
        let failure = Failure::business("sign_in_refused", "The issuer did not sign you in.");
        return Err(Problem(failure.with_detail(error.clone())));
    }
    let code = query.code.as_deref().ok_or_else(stale)?;
    let tokens = sessions.exchange(code, &attempt).await?;
    let session = sessions.open_session(tokens, &attempt).await?;
    let lifetime_s = session.expires_at.saturating_sub(Utc::now().timestamp());
    let sealed = sessions.seal.close(&sessions.session_cookie, &session)?;
    Ok(HttpResponse::SeeOther()
        .cookie(sessions.cookie(&sessions.session_cookie, sealed, lifetime_s))
        .cookie(sessions.cookie(&sessions.sign_in_cookie, String::new(), 0))
        .insert_header((LOCATION, attempt.next))
        .finish())
}

/// Ends the session, here and at the issuer where it offers that.
pub(super) async fn end(
    request: HttpRequest,
    sessions: web::Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let mut answer = HttpResponse::SeeOther();
    if is_cross_site(&request) {
        return Ok(answer.insert_header((LOCATION, "/")).finish());
    }
    // Signing out must work while the issuer does not.
    let end_session = sessions
        .issuer
        .discovery()
        .await
        .ok()
        .and_then(|known| known.end_session_endpoint.clone());
    let location = match end_session {
        Some(mut url) => {
            url.query_pairs_mut()
                .append_pair("client_id", &sessions.settings.client_id)
                .append_pair("post_logout_redirect_uri", sessions.home.as_str());
            url.to_string()
        }
        None => "/".to_owned(),
    };
    Ok(answer
        .cookie(sessions.cookie(&sessions.session_cookie, String::new(), 0))
        .insert_header((LOCATION, location))
        .finish())
}

impl Sessions {
    async fn authorization_url(&self, attempt: &Attempt) -> Result<Url, Failure> {
        let endpoint = self.issuer.discovery().await?.authorization_endpoint.clone();
        let mut url = endpoint.ok_or_else(|| no_endpoint("authorization_endpoint"))?;
        let scope = ["openid", "profile", "email"]
            .into_iter()
            .chain(self.settings.scopes.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", self.callback.as_str())
            .append_pair("scope", &scope)
            .append_pair("audience", self.verifier.audience())
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair(
                "code_challenge",
                &URL_SAFE_NO_PAD.encode(Sha256::digest(attempt.verifier.as_bytes())),
            )
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// The attempt that this answer of the issuer belongs to, begun in this browser.
    fn attempt(&self, request: &HttpRequest, state: Option<&str>) -> Result<Attempt, Failure> {
        let cookie = request.cookie(&self.sign_in_cookie).ok_or_else(stale)?;
        let attempt: Attempt = self
            .seal
            .open(&self.sign_in_cookie, cookie.value())
            .ok_or_else(stale)?;
        let same: bool = attempt
            .state
            .as_bytes()
            .ct_eq(state.unwrap_or_default().as_bytes())
            .into();
        if same && attempt.expires_at > Utc::now().timestamp() {
            Ok(attempt)
        } else {
            Err(stale())
        }
    }

    async fn exchange(&self, code: &str, attempt: &Attempt) -> Result<Tokens, Failure> {
        let endpoint = self.issuer.discovery().await?.token_endpoint.clone();
        let endpoint = endpoint.ok_or_else(|| no_endpoint("token_endpoint"))?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.callback.as_str()),
            ("client_id", &self.settings.client_id),
            ("code_verifier", &attempt.verifier),
            ("audience", self.verifier.audience()),
        ];
        if let Some(secret) = &self.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        let answer = self
            .issuer
            .client()
            .post(endpoint)
            .form(&form)
            .send()
            .await
            .map_err(|error| {
                Failure::transient(
                    "issuer_unavailable",
                    "The issuer of tokens does not answer; sign in again later.",
                )
                .with_detail(error.to_string())
            })?;
        let status = answer.status();
        answer.json().await.map_err(|error| {
            Failure::business("sign_in_refused", "The issuer did not sign you in; begin again.")
                .with_detail(format!("{status}: {error}"))
        })
    }

    /// A session from tokens that prove to be for this API, and for this attempt.
    async fn open_session(&self, tokens: Tokens, attempt: &Attempt) -> Result<Session, Failure> {
        let access: Claims = self
            .verifier
            .claims(&tokens.access_token, self.verifier.audience())
            .await?;
        if let Some(id_token) = &tokens.id_token {
            let id: IdClaims = self.verifier.claims(id_token, &self.settings.client_id).await?;
            if id.nonce.as_deref() != Some(attempt.nonce.as_str()) || id.sub != access.sub {
                return Err(stale());
            }
        }
        let latest = Utc::now()
            .timestamp()
            .saturating_add(i64::from(self.settings.lifetime_s));
        Ok(Session {
            access_token: tokens.access_token,
            expires_at: access.exp.min(latest),
            csrf: nonce(),
        })
    }
}

fn stale() -> Failure {
    Failure::business(
        "malformed_sign_in",
        "This sign-in was not begun here, or too long ago: begin again at /sign-in.",
    )
}

fn no_endpoint(name: &str) -> Failure {
    Failure::fault(
        "issuer_incomplete",
        format!("The issuer's discovery document has no {name}."),
    )
}

fn nonce() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Whether a place to go after signing in is on this API: anything else would be an open redirect.
fn is_local(next: &str) -> bool {
    next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}
