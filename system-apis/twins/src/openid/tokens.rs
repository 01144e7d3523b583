//! The signing key and what it signs.

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{OpenId, SignIn};

/// The signing key with its public half; both absent when the configured key is not one, which is logged.
pub(super) struct Keys {
    pair: Option<(EncodingKey, Jwk)>,
}

/// The claims of an access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) roles: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
}

impl Keys {
    pub(super) fn new(pem: &str) -> Self {
        let pair = EncodingKey::from_rsa_pem(pem.as_bytes()).and_then(|key| {
            let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256)?;
            public.common.key_id = Some(public.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)?);
            public.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
            Ok((key, public))
        });
        let pair = pair.inspect_err(
            |error| tracing::error!(%error, "the signing key of the OpenID twin is not an RSA key"),
        );
        Self { pair: pair.ok() }
    }

    /// The key set.
    pub(super) fn public(&self) -> Value {
        let keys: Vec<&Jwk> = self.pair.iter().map(|(_, public)| public).collect();
        json!({ "keys": keys })
    }

    /// Signs claims; `None` without a key.
    pub(super) fn sign(&self, kind: &str, claims: &impl Serialize) -> Option<String> {
        let (key, public) = self.pair.as_ref()?;
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(kind.to_owned());
        header.kid.clone_from(&public.common.key_id);
        encode(&header, claims, key).ok()
    }

    /// The claims of an access token that this provider signed and that has not expired.
    pub(super) fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Claims> {
        let (_, public) = self.pair.as_ref()?;
        let mut validation = Validation::new(Algorithm::RS256);
        // The twin's clock may be moved by hand, so expiry is checked against it below.
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let claims = decode::<Claims>(token, &DecodingKey::from_jwk(public).ok()?, &validation)
            .ok()?
            .claims;
        (claims.exp > now.timestamp()).then_some(claims)
    }
}

/// What a token is for.
pub(super) struct Order<'a> {
    pub(super) issuer: String,
    pub(super) client_id: &'a str,
    pub(super) audience: &'a str,
    pub(super) scope: String,
    /// Absent = the program itself.
    pub(super) person: Option<&'a SignIn>,
}

/// A signed access token.
pub(super) fn access_token(provider: &OpenId, order: &Order<'_>) -> Option<String> {
    let now = provider.store.now();
    let person = order.person;
    let claims = Claims {
        iss: order.issuer.clone(),
        sub: person.map_or_else(|| order.client_id.to_owned(), |p| p.email.clone()),
        aud: order.audience.to_owned(),
        client_id: order.client_id.to_owned(),
        scope: order.scope.clone(),
        iat: now.timestamp(),
        exp: (now + provider.settings.token_lifetime).timestamp(),
        jti: uuid::Uuid::new_v4().to_string(),
        roles: person.map(|p| p.roles.clone()),
        email: person.map(|p| p.email.clone()),
        name: person.map(|p| p.name.clone()),
        account: person.and_then(|p| p.account.clone()),
    };
    provider.keys.sign("at+jwt", &claims)
}

/// A signed id token.
pub(super) fn id_token(provider: &OpenId, order: &Order<'_>, nonce: Option<&str>) -> Option<String> {
    let person = order.person?;
    let now = provider.store.now();
    let mut claims = json!({
        "iss": order.issuer, "sub": person.email, "aud": order.client_id, "iat": now.timestamp(),
        "exp": (now + provider.settings.token_lifetime).timestamp(), "email": person.email, "email_verified": true,
        "name": person.name, "roles": person.roles,
    });
    if let (Some(nonce), Some(map)) = (nonce, claims.as_object_mut()) {
        map.insert("nonce".to_owned(), Value::from(nonce));
    }
    provider.keys.sign("JWT", &claims)
}

/// The verified claims of a request's bearer token.
pub(super) fn bearer(provider: &OpenId, request: &HttpRequest) -> Option<Claims> {
    let header = request.headers().get("authorization")?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    provider.keys.verify(token.trim(), provider.store.now())
}
