//! Both ways to sign in: a bearer token for a signed assertion, and requests that are signed one by one.
//!
//! Oracle's guide: "OAuth 2.0 Client Credentials Flow" and "Token-based Authentication".

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use canonical_model::{Failure, Result};
use egress::{Authorizer, HttpClient, Request, Response, Token, TokenCache};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use url::Url;

use crate::settings::{Auth, Settings, Signature};

const TOKEN_PATH: &str = "services/rest/auth/oauth2/v1/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// NetSuite takes at most an hour; an assertion is used at once.
const ASSERTION_LIFE_S: i64 = 300;
/// RFC 3986: everything else is percent-encoded in a signature.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The authorizer of a connection; `http` is the client without one, for the token endpoint.
pub(crate) fn authorizer(settings: &Settings, http: HttpClient) -> Result<Arc<dyn Authorizer>> {
    match &settings.auth {
        Auth::Oauth2 {
            client_id,
            certificate_id,
            private_key,
            algorithm,
        } => {
            let signer = Arc::new(Signer {
                client_id: client_id.clone(),
                certificate_id: certificate_id.clone(),
                algorithm: *algorithm,
                key: key(&private_key.resolve()?, *algorithm)?,
                http,
            });
            Ok(Arc::new(TokenCache::new(move || {
                let signer = Arc::clone(&signer);
                async move { signer.fetch().await }
            })))
        }
        Auth::Tba {
            consumer_key,
            consumer_secret,
            token_id,
            token_secret,
        } => Ok(Arc::new(TokenBased {
            realm: settings.account.to_uppercase(),
            consumer_key: consumer_key.resolve()?,
            consumer_secret: consumer_secret.resolve()?,
            token_id: token_id.resolve()?,
            token_secret: token_secret.resolve()?,
        })),
    }
}

fn key(pem: &SecretString, algorithm: Signature) -> Result<EncodingKey> {
    let bytes = pem.expose_secret().as_bytes();
    let key = match algorithm {
        Signature::Ps256 => EncodingKey::from_rsa_pem(bytes),
        Signature::Es256 => EncodingKey::from_ec_pem(bytes),
    };
    key.map_err(|_| {
        Failure::fault(
            "invalid_settings",
            "the private key for NetSuite cannot be read: give PEM that fits the algorithm",
        )
    })
}

struct Signer {
    client_id: String,
    certificate_id: String,
    algorithm: Signature,
    key: EncodingKey,
    http: HttpClient,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    expires_in: Number,
}

/// `expires_in` is a number in the guide and text in the field.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
}

impl Signer {
    async fn fetch(&self) -> Result<Token> {
        let url = token_url(self.http.base_url())?;
        let form = vec![
            ("grant_type".to_owned(), "client_credentials".to_owned()),
            ("client_assertion_type".to_owned(), ASSERTION_TYPE.to_owned()),
            ("client_assertion".to_owned(), self.assertion(url.as_str())?),
        ];
        // Asking twice gives two tokens and does no harm.
        let answer = self.http.send(Request::post_form(url, form).reading()).await?;
        if !answer.status.is_success() {
            return Err(refusal(&answer));
        }
        let answer: TokenAnswer = answer.json()?;
        let expires_in_s = match answer.expires_in {
            Number::Number(seconds) => seconds,
            Number::Text(text) => text.trim().parse().map_err(|_| {
                Failure::fault("undecodable_answer", "NetSuite's token says no life in seconds")
            })?,
        };
        Ok(Token {
            access_token: answer.access_token,
            expires_in_s,
        })
    }

    fn assertion(&self, audience: &str) -> Result<String> {
        let now = canonical_model::clock::now().timestamp();
        let mut header = Header::new(match self.algorithm {
            Signature::Ps256 => Algorithm::PS256,
            Signature::Es256 => Algorithm::ES256,
        });
        header.kid = Some(self.certificate_id.clone());
        let claims = Claims {
            iss: &self.client_id,
            scope: "rest_webservices",
            aud: audience,
            iat: now,
            exp: now + ASSERTION_LIFE_S,
            jti: uuid::Uuid::new_v4().to_string(),
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|error| {
            Failure::fault("invalid_settings", "the assertion for NetSuite cannot be signed")
                .with_detail(error.to_string())
        })
    }
}

fn token_url(base: &Url) -> Result<String> {
    let base = base.as_str().trim_end_matches('/');
    Ok(format!("{base}/{TOKEN_PATH}"))
}

fn refusal(answer: &Response) -> Failure {
    let status = answer.status.as_u16();
    if answer.status.is_server_error() || status == 429 {
        let message = format!("NetSuite gives no tokens at the moment (status {status})");
        let mut failure = Failure::transient("token_issuer_unavailable", message);
        failure.retry_after_ms = answer.retry_after_ms();
        return failure;
    }
    let word = answer
        .json::<TokenError>()
        .map_or_else(|_| format!("status {status}"), |e| e.error);
    let message = format!("NetSuite refuses our credentials ({word}): check client id, certificate and role");
    Failure::fault("credentials_refused", message)
}

/// OAuth 1.0a: every request carries its own signature.
struct TokenBased {
    realm: String,
    consumer_key: SecretString,
    consumer_secret: SecretString,
    token_id: SecretString,
    token_secret: SecretString,
}

#[async_trait]
impl Authorizer for TokenBased {
    async fn authorize(&self, request: &mut Request) -> Result<()> {
        let url = Url::parse(&request.target).map_err(|error| {
            Failure::fault("unencodable_request", "a request to NetSuite has no absolute URL")
                .with_detail(error.to_string())
        })?;
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let timestamp = canonical_model::clock::now().timestamp().to_string();
        let header = self.header(request.method.as_str(), &url, &nonce, &timestamp)?;
        request.set_header("authorization", &header);
        Ok(())
    }

    async fn refuse(&self, _refused: &Request) {}
}

impl TokenBased {
    fn header(&self, method: &str, url: &Url, nonce: &str, timestamp: &str) -> Result<String> {
        let oauth = [
            ("oauth_consumer_key", self.consumer_key.expose_secret()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", timestamp),
            ("oauth_token", self.token_id.expose_secret()),
            ("oauth_version", "1.0"),
        ];
        let text = base_string(method, url, &oauth);
        let key = format!(
            "{}&{}",
            encode(self.consumer_secret.expose_secret()),
            encode(self.token_secret.expose_secret())
        );
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|error| {
            Failure::fault("invalid_settings", "a request to NetSuite cannot be signed")
                .with_detail(error.to_string())
        })?;
        let signature = STANDARD.encode(mac.chain_update(text.as_bytes()).finalize().into_bytes());
        let parameters = oauth
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", encode(value)));
        let parameters: Vec<String> = parameters.collect();
        Ok(format!(
            "OAuth realm=\"{}\", {}, oauth_signature=\"{}\"",
            self.realm,
            parameters.join(", "),
            encode(&signature)
        ))
    }
}

/// What is signed: method, address without its query, and all parameters in order. The body takes no part.
fn base_string(method: &str, url: &Url, oauth: &[(&str, &str)]) -> String {
    let own = oauth.iter().map(|(name, value)| (encode(name), encode(value)));
    let query = url
        .query_pairs()
        .map(|(name, value)| (encode(&name), encode(&value)));
    let mut pairs: Vec<(String, String)> = own.chain(query).collect();
    pairs.sort();
    let parameters: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut address = url.clone();
    address.set_query(None);
    address.set_fragment(None);
    format!(
        "{}&{}&{}",
        method.to_uppercase(),
        encode(address.as_str()),
        encode(&parameters.join("&"))
    )
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_has_the_published_signature() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let signer = TokenBased {
            realm: "123456".to_owned(),
            consumer_key: secret("ef40afdd8abaac111b13825dd5e5e2ddddb44f86d5a0dd6dcf38c20aae6b67e4"),
            consumer_secret: secret("d26ad321a4b2f23b0741c8d38392ce01c3e23e109df6c96eac6d099e9ab9e8b5"),
            token_id: secret("2b0ce516420110bcbd36b69e99196d1b7f6de3c6234c5afb799b73d87569f5cc"),
            token_secret: secret("c29a677df7d5439a458c063654187e3d678d73aca8e3c9d8bea1478a3eb0d295"),
        };
        let url = "https://123456.suitetalk.api.netsuite.com/services/rest/record/v1/employee/40"
            .parse()
            .unwrap();
        let header = signer
            .header("GET", &url, "fjaLirsIcCGVZWzBX0pg", "1508242306")
            .unwrap();
        let signature = encode("B5OIWznZ2YP0OB7VrJrGkYsTh+8H+5T9Hag+o92q0zY=");
        assert!(
            header.ends_with(&format!("oauth_signature=\"{signature}\"")),
            "{header}"
        );
    }
}
