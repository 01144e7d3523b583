//! One plain HTTP client, and the errors of people who meet an answer that they did not expect.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use thiserror::Error;

use crate::kantata::FIRM_TOKEN;
use crate::netsuite::NetSuiteSettings;
use crate::salesforce::SalesforceSettings;

/// How the firm's people sign in to each system.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Client id of the CRM's connected app.
    pub salesforce_client_id: String,
    /// Its secret.
    pub salesforce_client_secret: String,
    /// Token of the PSA's administrator.
    pub kantata_token: String,
    /// ERP account.
    pub netsuite_account: String,
    /// Token-based authentication of the ERP: consumer key, consumer secret, token id, token secret.
    pub netsuite_tokens: [String; 4],
}

impl Credentials {
    /// Those that the twins accept in their development set-up.
    #[must_use]
    pub fn development() -> Self {
        let crm = SalesforceSettings::default();
        let erp = NetSuiteSettings::default();
        Self {
            salesforce_client_id: crm.client_id,
            salesforce_client_secret: crm.client_secret,
            kantata_token: FIRM_TOKEN.to_owned(),
            netsuite_account: erp.account_id,
            netsuite_tokens: [
                erp.consumer_key,
                erp.consumer_secret,
                erp.token_id,
                erp.token_secret,
            ],
        }
    }
}

/// Something did not go as a person expects.
#[derive(Debug, Error)]
pub enum FirmError {
    /// No answer.
    #[error("{system} did not answer")]
    NoAnswer {
        /// Which system.
        system: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that says no.
    #[error("{system} answered {status} to {what}: {body}")]
    Refused {
        /// Which system.
        system: &'static str,
        /// What was asked.
        what: String,
        /// The status.
        status: StatusCode,
        /// The body.
        body: String,
    },
    /// An answer without something that it should hold.
    #[error("{system} gave no {what}")]
    Missing {
        /// Which system.
        system: &'static str,
        /// What is missing.
        what: String,
    },
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// A client with a time-out.
#[expect(
    clippy::disallowed_methods,
    reason = "the firm is not part of the product and talks to loopback only"
)]
pub(super) fn http() -> Result<reqwest::Client, FirmError> {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        // People do not repeat what they did. A kept connection may be closed by the twin in the moment of its next use.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(FirmError::Client)
}

/// Sends and returns status, `Location` and JSON body (`Null` where there is none).
pub(super) async fn send(
    system: &'static str,
    what: &str,
    request: RequestBuilder,
) -> Result<Answer, FirmError> {
    let no_answer = |source| FirmError::NoAnswer { system, source };
    let response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    let location = response
        .headers()
        .get("location")
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let body = response.text().await.map_err(no_answer)?;
    if !status.is_success() {
        return Err(FirmError::Refused {
            system,
            what: what.to_owned(),
            status,
            body,
        });
    }
    Ok(Answer {
        location,
        body: serde_json::from_str(&body).unwrap_or(Value::Null),
    })
}

/// A good answer.
pub(super) struct Answer {
    pub(super) location: Option<String>,
    pub(super) body: Value,
}

/// The text at a JSON pointer.
pub(super) fn text(system: &'static str, value: &Value, pointer: &str) -> Result<String, FirmError> {
    match value.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(FirmError::Missing {
            system,
            what: pointer.to_owned(),
        }),
    }
}
