//! Sessions: opened by one of three OAuth 2.0 flows, shared by all calls, renewed when refused or old.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use canonical_model::{Failure, Result};
use chrono::Utc;
use egress::{Authorizer, EgressSettings, HttpClient, Request, Token, TokenCache};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use crate::failure;
use crate::settings::{Auth, Settings};
use crate::wire::Granted;

const PATH: &str = "/services/oauth2/token";
/// Salesforce refuses assertions that hold for more than five minutes.
const ASSERTION_S: i64 = 180;

/// The session that all calls of one connection share.
pub(crate) struct Session {
    cache: TokenCache,
    door: Arc<Door>,
}

/// What is needed to sign in, and where the last sign-in sent us.
struct Door {
    http: HttpClient,
    auth: Auth,
    login_url: Url,
    session_s: u64,
    instance: Mutex<Option<Url>>,
    /// The newest refresh token, when the app rotates them.
    rotated: Mutex<Option<SecretString>>,
}

impl Session {
    /// Nothing is asked for before the first call, but secrets that are not there are noticed now.
    pub(crate) fn new(egress: &EgressSettings, settings: &Settings) -> Result<Self> {
        let door = Arc::new(Door {
            http: HttpClient::new(egress.clone())?,
            auth: settings.auth.clone(),
            login_url: settings.login_url.clone(),
            session_s: settings.limits.session_s,
            instance: Mutex::new(None),
            rotated: Mutex::new(None),
        });
        door.check_secrets()?;
        let shared = Arc::clone(&door);
        let cache = TokenCache::new(move || {
            let door = Arc::clone(&shared);
            async move { door.sign_in().await }
        });
        Ok(Self { cache, door })
    }

    /// Where the org is: after a sign-in that is where the answer says, never where we signed in.
    pub(crate) async fn instance(&self) -> Result<Url> {
        self.cache.get().await?;
        let instance = self
            .door
            .instance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(instance.unwrap_or_else(|| self.door.login_url.clone()))
    }
}

#[async_trait]
impl Authorizer for Session {
    async fn authorize(&self, request: &mut Request) -> Result<()> {
        self.cache.authorize(request).await
    }

    async fn refuse(&self, refused: &Request) {
        self.cache.refuse(refused).await;
    }
}

impl Door {
    fn check_secrets(&self) -> Result<()> {
        match &self.auth {
            Auth::ClientCredentials { client_secret, .. } => client_secret.resolve().map(drop),
            Auth::JwtBearer { private_key, .. } => signing_key(&private_key.resolve()?).map(drop),
            Auth::RefreshToken {
                client_secret,
                refresh_token,
                rotated_token_file,
                ..
            } => {
                if let Some(secret) = client_secret {
                    secret.resolve()?;
                }
                if rotated_token_file.as_deref().is_some_and(Path::exists) {
                    return Ok(());
                }
                refresh_token.resolve().map(drop)
            }
        }
    }

    async fn sign_in(&self) -> Result<Token> {
        let form = self.form()?;
        // A sign-in changes nothing that anybody counts, so egress may repeat it; but a refresh with rotation spends
        // its token, and is sent once.
        let request = Request::post_form(self.endpoint(), form).template(PATH);
        let request = if self.rotates() {
            request
        } else {
            request.reading()
        };
        let response = self.http.send(request).await.map_err(not_applied)?;
        if !response.status.is_success() {
            return Err(failure::of_sign_in(&response).at(self.http.name()));
        }
        let granted: Granted = response.json().map_err(not_applied)?;
        let instance = Url::parse(&granted.instance_url).map_err(|error| {
            let message = "Salesforce's sign-in names no address to go on with";
            Failure::fault("unexpected_answer", message).with_detail(error.to_string())
        })?;
        *self.instance.lock().unwrap_or_else(PoisonError::into_inner) = Some(instance);
        if let Some(next) = granted.refresh_token {
            self.keep(next).await;
        }
        Ok(Token {
            access_token: granted.access_token,
            expires_in_s: self.session_s,
        })
    }

    fn endpoint(&self) -> String {
        format!("{}{PATH}", self.login_url.as_str().trim_end_matches('/'))
    }

    fn rotates(&self) -> bool {
        matches!(
            &self.auth,
            Auth::RefreshToken {
                rotated_token_file: Some(_),
                ..
            }
        )
    }

    fn form(&self) -> Result<Vec<(String, String)>> {
        let pairs = match &self.auth {
            Auth::ClientCredentials {
                client_id,
                client_secret,
            } => vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", client_id.clone()),
                (
                    "client_secret",
                    client_secret.resolve()?.expose_secret().to_owned(),
                ),
            ],
            Auth::JwtBearer {
                client_id,
                username,
                private_key,
                audience,
            } => {
                let issuer = self.login_url.as_str().trim_end_matches('/');
                let audience = audience.as_deref().unwrap_or(issuer);
                let claims = Claims {
                    iss: client_id,
                    sub: username,
                    aud: audience,
                    exp: Utc::now().timestamp() + ASSERTION_S,
                };
                vec![
                    (
                        "grant_type",
                        "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned(),
                    ),
                    ("assertion", signed(&claims, &private_key.resolve()?)?),
                ]
            }
            Auth::RefreshToken {
                client_id,
                client_secret,
                refresh_token,
                rotated_token_file,
            } => {
                let token = match self.newest(rotated_token_file.as_deref()) {
                    Some(token) => token,
                    None => refresh_token.resolve()?,
                };
                let mut pairs = vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("client_id", client_id.clone()),
                    ("refresh_token", token.expose_secret().to_owned()),
                ];
                if let Some(secret) = client_secret {
                    pairs.push(("client_secret", secret.resolve()?.expose_secret().to_owned()));
                }
                pairs
            }
        };
        Ok(pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect())
    }

    /// The newest refresh token that rotation gave, from memory or from the file of an earlier run.
    fn newest(&self, file: Option<&Path>) -> Option<SecretString> {
        let held = self
            .rotated
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        held.or_else(|| {
            let text = std::fs::read_to_string(file?).ok()?;
            let text = text.trim();
            (!text.is_empty()).then(|| SecretString::from(text.to_owned()))
        })
    }

    /// Keeps a rotated token. Using the one before it again would revoke the whole grant.
    async fn keep(&self, next: SecretString) {
        *self.rotated.lock().unwrap_or_else(PoisonError::into_inner) = Some(next.clone());
        let Auth::RefreshToken {
            rotated_token_file, ..
        } = &self.auth
        else {
            return;
        };
        let kept = match rotated_token_file {
            Some(file) => write_secret(file.clone(), next).await,
            None => Err(std::io::Error::other("no rotated_token_file is set")),
        };
        if let Err(error) = kept {
            tracing::error!(connection = self.http.name(), %error, "a rotated refresh token could not be kept: the next start needs a new grant");
        }
    }
}

async fn write_secret(file: PathBuf, secret: SecretString) -> std::io::Result<()> {
    let written = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let beside = file.with_extension("new");
        let mut options = std::fs::OpenOptions::new();
        let mut handle = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        handle.write_all(secret.expose_secret().as_bytes())?;
        handle.sync_all()?;
        std::fs::rename(&beside, &file)
    });
    written
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Whatever went wrong while signing in, the call itself was not sent.
fn not_applied(failure: Failure) -> Failure {
    Failure {
        outcome: canonical_model::Outcome::NotApplied,
        ..failure
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

fn signing_key(pem: &SecretString) -> Result<EncodingKey> {
    EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).map_err(|error| {
        let message = "the private key of the Salesforce connection is no RSA key in PEM";
        Failure::fault("invalid_private_key", message).with_detail(error.to_string())
    })
}

fn signed(claims: &Claims<'_>, pem: &SecretString) -> Result<String> {
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &signing_key(pem)?).map_err(|error| {
        let message = "the assertion for Salesforce's sign-in cannot be signed";
        Failure::fault("invalid_private_key", message).with_detail(error.to_string())
    })
}
