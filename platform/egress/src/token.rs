//! A cached access token: many callers, one refresh.

use std::time::Duration;

use async_trait::async_trait;
use canonical_model::{Failure, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::authorize::set_bearer;
use crate::{Authorizer, Request};

/// A token as its issuer gave it.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub access_token: SecretString,
    /// How long it holds, from now.
    pub expires_in_s: u64,
}

type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<Token>> + Send + Sync>;

/// Keeps a token until shortly before it expires or is refused. However many callers need one at once, one fetches it
/// and the others get what that one got, be it the token or the failure.
pub struct TokenCache {
    fetch: Fetch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failed: Option<(Instant, Failure)>,
}

struct Held {
    token: SecretString,
    fresh_until: Instant,
}

impl TokenCache {
    /// A cache that is filled by `fetch` when it is first asked.
    pub fn new<F, Fut>(fetch: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Token>> + Send + 'static,
    {
        Self {
            fetch: Box::new(move || fetch().boxed()),
            state: Mutex::default(),
        }
    }

    /// The token, fetched when there is none that still holds.
    ///
    /// # Errors
    /// The failure of the fetch.
    pub async fn get(&self) -> Result<SecretString> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(held) = state
            .held
            .as_ref()
            .filter(|held| Instant::now() < held.fresh_until)
        {
            return Ok(held.token.clone());
        }
        // Who waited while a fetch failed shares that failure: an issuer that is down is not called once a caller.
        if let Some((_, failure)) = state.failed.as_ref().filter(|(at, _)| *at >= asked_at) {
            return Err(failure.clone());
        }
        match (self.fetch)().await {
            Ok(token) => {
                state.failed = None;
                state.held = Some(Held {
                    token: token.access_token.clone(),
                    fresh_until: Instant::now() + usable_for(token.expires_in_s),
                });
                Ok(token.access_token)
            }
            Err(failure) => {
                state.held = None;
                state.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// Forgets this token; one that was fetched in the meantime stays.
    pub async fn forget(&self, token: &str) {
        #[cfg(feature = "simulation")]
        if canonical_model::simulation::planted(canonical_model::simulation::Defect::StaleToken) {
            return;
        }
        let mut state = self.state.lock().await;
        if state
            .held
            .as_ref()
            .is_some_and(|held| held.token.expose_secret() == token)
        {
            state.held = None;
        }
    }
}

/// A tenth of the life, at most a minute, is left for the way to the other side and for clocks that differ.
fn usable_for(expires_in_s: u64) -> Duration {
    Duration::from_secs(expires_in_s.saturating_sub((expires_in_s / 10).clamp(1, 60)))
}

/// As a bearer token.
#[async_trait]
impl Authorizer for TokenCache {
    async fn authorize(&self, request: &mut Request) -> Result<()> {
        let token = self.get().await?;
        set_bearer(request, &token);
        Ok(())
    }

    async fn refuse(&self, refused: &Request) {
        let header = refused.headers.get(http::header::AUTHORIZATION);
        if let Some(token) = header
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.strip_prefix("Bearer "))
        {
            self.forget(token).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_expires() {
        let cases = [(3600, 3540), (300, 270), (20, 18), (1, 0), (0, 0)];
        for (life, usable) in cases {
            assert_eq!(usable_for(life).as_secs(), usable);
        }
    }
}
