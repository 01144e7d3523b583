//! The issuer of tokens: its discovery document and its keys.

use std::time::{Duration, Instant};

use anyhow::Context;
use canonical_model::Failure;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use moka::future::Cache;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use crate::settings::AuthSettings;

/// Keys are fetched anew after so long, so that a withdrawn key ends.
const KEY_LIFE: Duration = Duration::from_secs(3_600);
/// A token with an unknown key makes us ask the issuer at most this often: a forger must not turn us against it.
const REFETCH_AFTER: Duration = Duration::from_secs(5);
/// After a failed fetch the issuer is asked again sooner, so that we recover quickly.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What the issuer says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Discovery {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: Url,
    pub(crate) authorization_endpoint: Option<Url>,
    pub(crate) token_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
}

/// A public key of the issuer, and the algorithm it is for where the issuer says so.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) decoding: DecodingKey,
    pub(crate) algorithm: Option<Algorithm>,
}

/// The issuer, asked as seldom as possible.
pub(crate) struct Issuer {
    client: reqwest::Client,
    names: Vec<String>,
    discovery_url: String,
    jwks_url: Option<Url>,
    discovery: OnceCell<Discovery>,
    keys: Cache<String, Key>,
    /// When the keys may be fetched again. Held during a fetch: callers that wait find the keys afterwards.
    next_fetch: Mutex<Option<Instant>>,
}

impl Issuer {
    pub(crate) fn new(settings: &AuthSettings) -> anyhow::Result<Self> {
        let bare = settings.issuer.as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            client: client(settings)?,
            discovery_url: format!("{bare}/.well-known/openid-configuration"),
            names: vec![bare.clone(), format!("{bare}/")],
            jwks_url: settings.jwks_url.clone(),
            discovery: OnceCell::new(),
            keys: Cache::builder().max_capacity(64).time_to_live(KEY_LIFE).build(),
            next_fetch: Mutex::new(None),
        })
    }

    /// The spellings of the issuer that its tokens may carry: a URL with and without the last slash is one issuer.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) async fn discovery(&self) -> Result<&Discovery, Failure> {
        self.discovery
            .get_or_try_init(|| async {
                let found: Discovery = self.fetch(&self.discovery_url).await?;
                if self.names.contains(&found.issuer) {
                    return Ok(found);
                }
                Err(Failure::fault(
                    "issuer_mismatch",
                    "The issuer's discovery document names another issuer.",
                ))
            })
            .await
    }

    /// The key with this id; `None` when the issuer has no such key.
    pub(crate) async fn key(&self, id: &str) -> Result<Option<Key>, Failure> {
        if let Some(key) = self.keys.get(id).await {
            return Ok(Some(key));
        }
        let mut next_fetch = self.next_fetch.lock().await;
        if let Some(key) = self.keys.get(id).await {
            return Ok(Some(key));
        }
        if next_fetch.is_some_and(|time| Instant::now() < time) {
            return if self.keys.iter().next().is_some() {
                Ok(None)
            } else {
                Err(unavailable("asked just now"))
            };
        }
        let fetched = self.fetch_keys().await;
        let pause = if fetched.is_ok() {
            REFETCH_AFTER
        } else {
            RETRY_AFTER
        };
        *next_fetch = Instant::now().checked_add(pause);
        fetched?;
        Ok(self.keys.get(id).await)
    }

    async fn fetch_keys(&self) -> Result<(), Failure> {
        let url = match &self.jwks_url {
            Some(url) => url,
            None => &self.discovery().await?.jwks_uri,
        };
        let set: JwkSet = self.fetch(url.as_str()).await?;
        let sole = set.keys.len() == 1;
        for jwk in &set.keys {
            let Some(key) = usable(jwk) else { continue };
            if let Some(id) = &jwk.common.key_id {
                self.keys.insert(id.clone(), key.clone()).await;
            }
            // A token may leave the key's id out when there is no choice.
            if sole {
                self.keys.insert(String::new(), key).await;
            }
        }
        Ok(())
    }

    /// Takes these keys as fetched.
    #[cfg(feature = "simulation")]
    pub(crate) async fn trust(&self, set: &JwkSet) {
        for jwk in &set.keys {
            if let (Some(key), Some(id)) = (usable(jwk), &jwk.common.key_id) {
                self.keys.insert(id.clone(), key).await;
            }
        }
    }

    async fn fetch<T: DeserializeOwned>(&self, url: &str) -> Result<T, Failure> {
        let answer = self
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let answer = answer.error_for_status().map_err(|error| unavailable(&error))?;
        answer.json().await.map_err(|error| unavailable(&error))
    }
}

fn unavailable(why: &(impl ToString + ?Sized)) -> Failure {
    Failure::transient(
        "issuer_unavailable",
        "The issuer of tokens does not answer, so that none can be checked.",
    )
    .with_detail(why.to_string())
    .retry_after_ms(1_000)
}

/// Signature keys of public kinds; symmetric keys have no business in a published set.
fn usable(jwk: &Jwk) -> Option<Key> {
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    if matches!(jwk.algorithm, jsonwebtoken::jwk::AlgorithmParameters::OctetKey(_)) {
        return None;
    }
    let algorithm = jwk
        .common
        .key_algorithm
        .and_then(|name| name.to_string().parse().ok());
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { decoding, algorithm })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the chassis asks the issuer for keys and cannot use egress, which is ours"
)]
fn client(settings: &AuthSettings) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    if let Some(file) = &settings.ca_file {
        let pem = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let certificate = reqwest::Certificate::from_pem(&pem)
            .with_context(|| format!("{} holds no certificate", file.display()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder
        .build()
        .context("the HTTP client for the issuer cannot be built")
}
