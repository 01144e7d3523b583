//! Access tokens: signature, issuer, audience, times.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use canonical_model::{CanonicalId, Failure};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Caller, Issuer, Role};
use crate::settings::AuthSettings;

/// How far the clocks of issuer and API may be apart.
const LEEWAY_S: u64 = 15;

/// Checks the tokens of one issuer for one audience.
pub(crate) struct Verifier {
    issuer: Arc<Issuer>,
    audience: String,
    algorithms: Vec<Algorithm>,
}

/// What Fairlead reads of a token.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    #[serde(default)]
    pub(crate) scope: String,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) account: Option<CanonicalId>,
    pub(crate) exp: i64,
}

impl Verifier {
    pub(crate) fn new(settings: &AuthSettings, issuer: Arc<Issuer>) -> anyhow::Result<Self> {
        let algorithms = settings
            .algorithms
            .iter()
            .map(|name| pinned(name))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self {
            issuer,
            audience: settings.audience.clone(),
            algorithms,
        })
    }

    /// Takes these keys as those of the issuer.
    #[cfg(feature = "simulation")]
    pub(crate) async fn trust(&self, keys: &jsonwebtoken::jwk::JwkSet) {
        self.issuer.trust(keys).await;
    }

    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// The caller that an access token speaks for.
    pub(crate) async fn caller(&self, token: &str) -> Result<Caller, Failure> {
        let claims: Claims = self.claims(token, &self.audience).await?;
        let is_service = claims.roles.is_none();
        Ok(Caller {
            subject: claims.sub,
            name: claims.name,
            email: claims.email,
            roles: claims
                .roles
                .iter()
                .flatten()
                .filter_map(|role| role.parse::<Role>().ok())
                .collect(),
            scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
            account: claims.account,
            is_service,
            on_behalf_of: None,
        })
    }

    /// The claims of a token of our issuer for `audience`.
    pub(crate) async fn claims<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<T, Failure> {
        let header = decode_header(token).map_err(|error| refused(&error))?;
        // The algorithm comes from our list and must fit the key: what the token says of itself decides nothing.
        if !self.algorithms.contains(&header.alg) {
            return Err(refused(&format!("algorithm {:?} is not accepted", header.alg)));
        }
        let id = header.kid.as_deref().unwrap_or_default();
        let key = self
            .issuer
            .key(id)
            .await?
            .ok_or_else(|| refused(&"unknown key"))?;
        if key.algorithm.is_some_and(|algorithm| algorithm != header.alg) {
            return Err(refused(&"the key is for another algorithm"));
        }
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(self.issuer.names());
        validation.set_audience(&[audience]);
        let data = decode(token, &key.decoding, &validation).map_err(|error| refused(&error))?;
        Ok(data.claims)
    }
}

fn pinned(name: &str) -> anyhow::Result<Algorithm> {
    let algorithm = Algorithm::from_str(name)
        .with_context(|| format!("auth.algorithms: `{name}` is not an algorithm"))?;
    let symmetric = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    anyhow::ensure!(
        !symmetric.contains(&algorithm),
        "auth.algorithms: {name} is symmetric; whoever could check such a token could also make one"
    );
    Ok(algorithm)
}

/// Callers learn that a token is refused; why is for the log, where it does not help a forger.
fn refused(why: &(impl ToString + ?Sized)) -> Failure {
    Failure::business(
        "invalid_token",
        "The access token is expired, or not made for this API by its issuer.",
    )
    .with_detail(why.to_string())
}
