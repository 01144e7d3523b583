//! Signing in: a session for a user's password, renewed when Tryton refuses it.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use canonical_model::{Failure, Result};
use egress::{Authorizer, HttpClient, Request, SecretRef, Token, TokenCache};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::settings::Settings;

/// Tryton ends sessions by its own rules; a day is only when we ask for a new one unasked.
const LIFE_S: u64 = 86_400;
const SCHEME: &str = "Session ";

/// What it takes to sign in.
struct SignIn {
    http: HttpClient,
    path: String,
    login: String,
    password: SecretRef,
    language: String,
}

/// An authorizer that signs in at the first call, and again after a 401.
pub(crate) fn authorizer(settings: &Settings, http: HttpClient) -> Arc<dyn Authorizer> {
    let sign_in = Arc::new(SignIn {
        http,
        path: settings.path(),
        login: settings.login.clone(),
        password: settings.password.clone(),
        language: settings.language.clone(),
    });
    Arc::new(Session(TokenCache::new(move || {
        let sign_in = Arc::clone(&sign_in);
        async move { sign_in.open().await }
    })))
}

impl SignIn {
    async fn open(&self) -> Result<Token> {
        let password = self.password.resolve()?;
        let body = json!({
            "id": 0, "method": "common.db.login",
            "params": [self.login, { "password": password.expose_secret() }, self.language],
        });
        let request = Request::post_json(&self.path, &body)
            .reading()
            .template("/{database}/rpc/");
        let answer = self.http.send(request).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => {
                let message = format!(
                    "Tryton does not let {:?} in: check login and password",
                    self.login
                );
                return Err(Failure::fault("sign_in_refused", message));
            }
            StatusCode::NOT_FOUND => {
                let message = format!(
                    "Tryton has no database at {}: check `database` in the settings",
                    self.path
                );
                return Err(Failure::fault("sign_in_refused", message));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let message = "Tryton has refused too many sign-ins and takes none for a while";
                return Err(Failure::transient("vendor_limit_reached", message).retry_after_ms(60_000));
            }
            status => {
                let message = format!("Tryton answered status {status} to our sign-in");
                return Err(Failure::transient("vendor_unavailable", message));
            }
        }
        let body: Value = answer.json()?;
        token_of(&self.login, &body).ok_or_else(|| {
            // Not the answer itself: it may hold a session.
            let message =
                "Tryton answered our sign-in without a session; does this user need a second factor?";
            Failure::fault("sign_in_refused", message)
        })
    }
}

/// The session in `[user id, session, bus address]`, as the header wants it.
fn token_of(login: &str, body: &Value) -> Option<Token> {
    let result = body.get("result")?;
    let (user, session) = (result.get(0)?.as_i64()?, result.get(1)?.as_str()?);
    let access_token = STANDARD.encode(format!("{login}:{user}:{session}"));
    Some(Token {
        access_token: SecretString::from(access_token),
        expires_in_s: LIFE_S,
    })
}

/// The session that is kept.
struct Session(TokenCache);

#[async_trait]
impl Authorizer for Session {
    async fn authorize(&self, request: &mut Request) -> Result<()> {
        let token = self.0.get().await?;
        request.set_header("authorization", &format!("{SCHEME}{}", token.expose_secret()));
        Ok(())
    }

    async fn refuse(&self, refused: &Request) {
        let header = refused.headers.get(http::header::AUTHORIZATION);
        let token = header
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.strip_prefix(SCHEME));
        if let Some(token) = token {
            self.0.forget(token).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_login_user_and_session_in_one() {
        let token = token_of("fairlead", &json!({"id": 0, "result": [2, "abc", null]})).unwrap();
        assert_eq!(
            token.access_token.expose_secret(),
            &STANDARD.encode("fairlead:2:abc")
        );
        assert!(token_of("fairlead", &json!({"id": 0, "error": ["LoginException", []]})).is_none());
    }
}
