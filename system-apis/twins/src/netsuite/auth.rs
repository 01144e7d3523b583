//! Who is calling: a bearer token or a signed request.

use actix_web::HttpResponse;

use super::NetSuite;
use super::call::Call;
use super::errors::Refusal;
use super::oauth1;
use super::oauth2::Checked;
use crate::store::Caller;

impl NetSuite {
    /// The token endpoint.
    pub(super) fn token(&self, call: &Call) -> HttpResponse {
        if call.method != "POST" {
            return Refusal::wrong_method(&call.method).response();
        }
        self.tokens
            .issue(call, &self.settings, self.store.now().timestamp())
    }

    /// The caller, or the refusal that it gets. With `expired`, a good bearer token counts as expired.
    #[expect(clippy::result_large_err, reason = "the refusal is the answer itself")]
    pub(super) fn authenticate(
        &self,
        authorization: Option<&str>,
        call: &Call,
        expired: bool,
    ) -> Result<Caller, HttpResponse> {
        let now_s = self.store.now().timestamp();
        let authorization = authorization.unwrap_or_default();
        let (scheme, credentials) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let name = match scheme.to_lowercase().as_str() {
            "bearer" if credentials.trim().is_empty() => {
                return Err(self.bearer_refusal(400, "invalid_request"));
            }
            "bearer" => match self.tokens.check(credentials.trim(), now_s) {
                Checked::Valid(client) if !expired => client,
                Checked::OutOfScope => return Err(Refusal::forbidden("REST Web Services").response()),
                _ => return Err(self.bearer_refusal(401, "invalid_token")),
            },
            "oauth"
                if !expired && oauth1::verified(authorization, call, &self.settings, &self.nonces, now_s) =>
            {
                self.settings.token_id.clone()
            }
            _ => return Err(Refusal::invalid_login().response()),
        };
        Ok(Caller {
            name,
            correlation_id: call.correlation_id.clone(),
            ..Caller::default()
        })
    }

    fn bearer_refusal(&self, status: u16, error: &str) -> HttpResponse {
        let mut response = match status {
            401 => Refusal::invalid_login().response(),
            _ => Refusal::invalid_request("Malformed Authorization header.").response(),
        };
        let challenge = format!(
            "Bearer realm=\"{}\", error=\"{error}\", error_description=\"Invalid login attempt.\"",
            self.settings.account_id
        );
        if let Ok(value) = actix_web::http::header::HeaderValue::from_str(&challenge) {
            response
                .headers_mut()
                .insert(actix_web::http::header::WWW_AUTHENTICATE, value);
        }
        response
    }
}
