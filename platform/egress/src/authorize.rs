//! How a request proves who sends it.

use async_trait::async_trait;
use canonical_model::Result;
use secrecy::{ExposeSecret, SecretString};

use crate::Request;

/// Puts credentials on a request.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Adds the credentials; called for each time that a request is sent. The target is the absolute URL.
    ///
    /// # Errors
    /// When no credentials can be had; the request is not sent.
    async fn authorize(&self, request: &mut Request) -> Result<()>;

    /// The system answered 401 to this request as it was authorized: forget what it was authorized with. The first time
    /// the request is authorized and sent once more after this.
    async fn refuse(&self, refused: &Request);
}

/// A token that does not change.
pub struct BearerToken(pub SecretString);

#[async_trait]
impl Authorizer for BearerToken {
    async fn authorize(&self, request: &mut Request) -> Result<()> {
        set_bearer(request, &self.0);
        Ok(())
    }

    async fn refuse(&self, _refused: &Request) {}
}

pub(crate) fn set_bearer(request: &mut Request, token: &SecretString) {
    request.set_header("authorization", &format!("Bearer {}", token.expose_secret()));
}
