//! What an org's administrator would have set up before an integration is let in.

use chrono::Duration;

use super::schema::{ObjectDefinition, development_customisation};

/// Set-up of the org. The default is a public, fixed development credential and must not guard anything real.
#[derive(Debug, Clone)]
pub struct SalesforceSettings {
    /// Consumer key of the connected app.
    pub client_id: String,
    /// Consumer secret.
    pub client_secret: String,
    /// Public key (PEM) of the certificate that is uploaded to the app for the JWT bearer flow; without one the
    /// flow is refused.
    pub jwt_public_key_pem: Option<String>,
    /// User that the client credentials flow runs as.
    pub integration_user: String,
    /// Password of every user, for the older login flows.
    pub password: String,
    /// Security token that may follow the password.
    pub security_token: String,
    /// A refresh token that was granted to the integration user beforehand.
    pub refresh_token: String,
    /// Whether each refresh returns a new refresh token and spends the old one.
    pub refresh_token_rotation: bool,
    /// Where clients reach the org; absent = wherever the request came in.
    pub public_base_url: Option<String>,
    /// Rows of a query page when the client does not ask for less.
    pub page_size: usize,
    /// How long a session lives after its last use.
    pub token_lifetime: Duration,
    /// API calls per rolling 24 hours.
    pub daily_api_requests: u64,
    /// The customer's own fields and objects.
    pub customisation: Vec<ObjectDefinition>,
}

impl Default for SalesforceSettings {
    fn default() -> Self {
        Self {
            client_id: "fairlead-development".to_owned(),
            client_secret: "fairlead-development-secret".to_owned(),
            jwt_public_key_pem: None,
            integration_user: "integration@northwind-advisory.example".to_owned(),
            password: "fairlead-development".to_owned(),
            security_token: "DEVELOPMENT".to_owned(),
            refresh_token: "5Aep861-fairlead-development-refresh".to_owned(),
            refresh_token_rotation: false,
            public_base_url: None,
            page_size: 2000,
            token_lifetime: Duration::hours(2),
            daily_api_requests: 5_000_000,
            customisation: development_customisation(),
        }
    }
}
