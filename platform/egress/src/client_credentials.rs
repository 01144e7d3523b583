//! Tokens by the OAuth 2.0 client credentials grant, for our own services and for vendors.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use canonical_model::{Failure, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use oauth2::basic::{BasicClient, BasicErrorResponse};
use oauth2::{AsyncHttpClient, ClientId, ClientSecret, RequestTokenError, Scope, TokenResponse, TokenUrl};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::{Authorizer, EgressSettings, HttpClient, Request, SecretRef, Token, TokenCache};

/// A token whose issuer does not say how long it holds is asked for again after this.
const UNSAID_LIFE: Duration = Duration::from_secs(300);

/// What is needed to ask for a token.
#[derive(Debug, Clone)]
pub struct ClientCredentialsSettings {
    /// Where tokens are given.
    pub token_url: Url,
    /// Who asks.
    pub client_id: String,
    /// How it proves itself.
    pub client_secret: SecretString,
    /// Scopes, separated by spaces.
    pub scope: Option<String>,
    /// The API that the token is for, where the issuer wants to know.
    pub audience: Option<String>,
    /// Certificate authorities (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// See [`EgressSettings::allow_plain_http`].
    pub allow_plain_http: bool,
}

/// The identity of a binary: section `[identity]` of its settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentitySettings {
    /// Where service tokens are given.
    pub token_url: Url,
    /// Who asks.
    pub client_id: String,
    /// Where its secret is.
    pub client_secret: SecretRef,
    /// Certificate authorities (PEM) to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// See [`EgressSettings::allow_plain_http`].
    #[serde(default)]
    pub allow_plain_http: bool,
}

impl IdentitySettings {
    /// Authorizes calls to one API: `audience` is its binary's name, `scope` what is to be done there.
    ///
    /// # Errors
    /// Fault when the secret is not available or the issuer's address is not allowed.
    pub fn authorizer(&self, audience: &str, scope: &str) -> Result<Arc<dyn Authorizer>> {
        let credentials = ClientCredentials::new(ClientCredentialsSettings {
            token_url: self.token_url.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.resolve()?,
            scope: Some(scope.to_owned()),
            audience: Some(audience.to_owned()),
            ca_file: self.ca_file.clone(),
            allow_plain_http: self.allow_plain_http,
        })?;
        Ok(Arc::new(credentials))
    }
}

/// Gets a token, keeps it, and gets another when it expires or is refused.
pub struct ClientCredentials {
    cache: TokenCache,
}

impl ClientCredentials {
    /// Nothing is asked for before the first call.
    ///
    /// # Errors
    /// Fault when the issuer's address is not allowed.
    pub fn new(settings: ClientCredentialsSettings) -> Result<Self> {
        let name = settings.token_url.host_str().unwrap_or("token issuer").to_owned();
        let mut egress = EgressSettings::new(name, settings.token_url.clone());
        egress.timeout_ms = 20_000;
        egress.max_answer_bytes = 256 * 1024;
        egress.ca_file.clone_from(&settings.ca_file);
        egress.allow_plain_http = settings.allow_plain_http;
        let http = TokenHttp(HttpClient::new(egress)?);
        let shared = Arc::new((settings, http));
        let fetch = move || {
            let shared = Arc::clone(&shared);
            async move { fetch_token(&shared.0, &shared.1).await }
        };
        Ok(Self {
            cache: TokenCache::new(fetch),
        })
    }
}

#[async_trait]
impl Authorizer for ClientCredentials {
    async fn authorize(&self, request: &mut Request) -> Result<()> {
        self.cache.authorize(request).await
    }

    async fn refuse(&self, refused: &Request) {
        self.cache.refuse(refused).await;
    }
}

async fn fetch_token(settings: &ClientCredentialsSettings, http: &TokenHttp) -> Result<Token> {
    let client = BasicClient::new(ClientId::new(settings.client_id.clone()))
        .set_client_secret(ClientSecret::new(
            settings.client_secret.expose_secret().to_owned(),
        ))
        .set_token_uri(TokenUrl::from_url(settings.token_url.clone()));
    let scopes = settings.scope.iter().flat_map(|scope| scope.split_whitespace());
    let mut exchange = client
        .exchange_client_credentials()
        .add_scopes(scopes.map(|scope| Scope::new(scope.to_owned())));
    if let Some(audience) = &settings.audience {
        exchange = exchange.add_extra_param("audience", audience.clone());
    }
    let answer = exchange.request_async(http).await.map_err(refusal)?;
    Ok(Token {
        access_token: SecretString::from(answer.access_token().secret().clone()),
        expires_in_s: answer.expires_in().unwrap_or(UNSAID_LIFE).as_secs(),
    })
}

/// The issuer said no, or nothing that can be read. The call that the token was for has not been sent.
fn refusal(error: RequestTokenError<Failure, BasicErrorResponse>) -> Failure {
    match error {
        RequestTokenError::Request(failure) => failure,
        RequestTokenError::ServerResponse(answer) => {
            let message = format!("the token issuer refuses our credentials: {}", answer.error());
            Failure::fault("credentials_refused", message).with_detail(answer.to_string())
        }
        // The answer may hold a token: it is not kept.
        RequestTokenError::Parse(error, _) => Failure::fault(
            "undecodable_token_answer",
            "the token issuer's answer cannot be read",
        )
        .with_detail(error.to_string()),
        RequestTokenError::Other(detail) => Failure::fault(
            "undecodable_token_answer",
            "the token issuer's answer cannot be read",
        )
        .with_detail(detail),
    }
}

/// The `oauth2` crate's requests, sent by our client.
struct TokenHttp(HttpClient);

impl<'c> AsyncHttpClient<'c> for TokenHttp {
    type Error = Failure;
    type Future = BoxFuture<'c, Result<oauth2::HttpResponse>>;

    fn call(&'c self, request: oauth2::HttpRequest) -> Self::Future {
        self.exchange(request).boxed()
    }
}

impl TokenHttp {
    async fn exchange(&self, request: oauth2::HttpRequest) -> Result<oauth2::HttpResponse> {
        let (parts, bytes) = request.into_parts();
        // Asking twice gives two tokens and does no harm, so it is a read.
        let mut ours =
            Request::post_bytes(parts.uri.to_string(), "application/x-www-form-urlencoded", bytes).reading();
        ours.headers = parts.headers;
        let answer = self.0.send(ours).await?;
        if answer.status.is_server_error() || answer.status == http::StatusCode::TOO_MANY_REQUESTS {
            let message = format!(
                "the token issuer is not available (status {})",
                answer.status.as_u16()
            );
            let mut failure = Failure::transient("token_issuer_unavailable", message);
            failure.retry_after_ms = answer.retry_after_ms();
            return Err(failure);
        }
        let mut converted = http::Response::new(answer.body.to_vec());
        *converted.status_mut() = answer.status;
        *converted.headers_mut() = answer.headers;
        Ok(converted)
    }
}
