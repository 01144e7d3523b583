//! Clients: their accounts departments pay open invoices, which finance books in the ERP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::Sha256;

use super::Addresses;
use super::client::{Answer, FirmError, send, text};

const SYSTEM: &str = "NetSuite";

/// RFC 3986 unreserved characters stay.
const ENCODE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An invoice that waits for money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvoice {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: String,
    /// What is open, as the ERP writes it.
    pub remaining: String,
}

/// Who books payments.
pub struct Payer {
    http: reqwest::Client,
    base_url: String,
    account: String,
    tokens: [String; 4],
}

impl Payer {
    pub(super) fn new(http: reqwest::Client, addresses: &Addresses) -> Result<Self, FirmError> {
        let credentials = &addresses.credentials;
        Ok(Self {
            http,
            base_url: addresses.netsuite.clone(),
            account: credentials.netsuite_account.clone(),
            tokens: credentials.netsuite_tokens.clone(),
        })
    }

    /// Open invoices of a customer.
    ///
    /// # Errors
    /// The ERP refuses or does not answer.
    pub async fn open_invoices(&self, customer_id: &str) -> Result<Vec<OpenInvoice>, FirmError> {
        let rows = self
            .query(&format!(
                "SELECT id FROM transaction WHERE type = 'CustInvc' AND entity = {customer_id}"
            ))
            .await?;
        let mut open = Vec::new();
        for row in rows {
            let id = text(SYSTEM, &row, "/id")?;
            let invoice = self.read(&format!("invoice/{id}")).await?;
            let remaining = text(SYSTEM, &invoice, "/amountRemaining")?;
            if remaining.chars().any(|c| c.is_ascii_digit() && c != '0') {
                open.push(OpenInvoice {
                    id,
                    number: text(SYSTEM, &invoice, "/tranId")?,
                    remaining,
                });
            }
        }
        Ok(open)
    }

    /// Pays an invoice in full. Returns the id of the payment.
    ///
    /// # Errors
    /// The ERP refuses or does not answer.
    pub async fn pay(
        &self,
        customer_id: &str,
        invoice: &OpenInvoice,
        date: NaiveDate,
    ) -> Result<String, FirmError> {
        let amount: serde_json::Number = invoice.remaining.parse().map_err(|_| FirmError::Missing {
            system: SYSTEM,
            what: "amount".to_owned(),
        })?;
        let body = json!({
            "customer": {"id": customer_id}, "tranDate": date, "payment": amount,
            "apply": {"items": [{"doc": {"id": invoice.id}, "apply": true, "amount": amount}]}});
        let answer = self
            .call("POST", "/services/rest/record/v1/customerPayment", Some(&body))
            .await?;
        let location = answer.location.unwrap_or_default();
        Ok(location.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// One record, as the ERP shows it.
    ///
    /// # Errors
    /// The ERP refuses or does not answer.
    pub async fn read(&self, path: &str) -> Result<Value, FirmError> {
        Ok(self
            .call(
                "GET",
                &format!("/services/rest/record/v1/{path}?expandSubResources=true"),
                None,
            )
            .await?
            .body)
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// The ERP refuses or does not answer.
    pub async fn query(&self, suiteql: &str) -> Result<Vec<Value>, FirmError> {
        let answer = self
            .call(
                "POST",
                "/services/rest/query/v1/suiteql?limit=1000",
                Some(&json!({"q": suiteql})),
            )
            .await?;
        Ok(answer
            .body
            .pointer("/items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default())
    }

    /// Something that accounting does by hand: creates (`POST timeBill`), changes (`PATCH timeBill/7`) or deletes a record
    /// (`DELETE timeBill/7`). Returns the id of a record that was made, else nothing.
    ///
    /// # Errors
    /// The ERP refuses or does not answer.
    pub async fn by_hand(&self, method: &str, path: &str, body: Option<&Value>) -> Result<String, FirmError> {
        let answer = self
            .call(method, &format!("/services/rest/record/v1/{path}"), body)
            .await?;
        let location = answer.location.unwrap_or_default();
        Ok(location.rsplit('/').next().unwrap_or_default().to_owned())
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, FirmError> {
        let url = format!("{}{path}", self.base_url);
        let method_name = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or(reqwest::Method::GET);
        let mut request = self.http.request(method_name, &url).header("Prefer", "transient");
        request = request.header("Authorization", self.signature(method, &url));
        if let Some(body) = body {
            request = request.json(body);
        }
        send(SYSTEM, path, request).await
    }

    /// OAuth 1.0a header with HMAC-SHA256.
    fn signature(&self, method: &str, url: &str) -> String {
        let [consumer_key, consumer_secret, token, token_secret] = &self.tokens;
        let encode = |text: &str| utf8_percent_encode(text, ENCODE).to_string();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let timestamp = chrono::Utc::now().timestamp().to_string();
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let oauth = [
            ("oauth_consumer_key", consumer_key.as_str()),
            ("oauth_nonce", &nonce),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", &timestamp),
            ("oauth_token", token),
            ("oauth_version", "1.0"),
        ];
        let mut pairs: Vec<(String, String)> = oauth.iter().map(|(k, v)| (encode(k), encode(v))).collect();
        pairs.extend(url::form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (encode(&k), encode(&v))));
        pairs.sort();
        let parameters = pairs
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join("&");
        let text = format!("{method}&{}&{}", encode(base), encode(&parameters));
        let key = format!("{}&{}", encode(consumer_secret), encode(token_secret));
        let signature = Hmac::<Sha256>::new_from_slice(key.as_bytes())
            .map(|mut mac| {
                mac.update(text.as_bytes());
                STANDARD.encode(mac.finalize().into_bytes())
            })
            .unwrap_or_default();
        let fields = oauth
            .iter()
            .map(|(k, v)| format!("{k}=\"{}\"", encode(v)))
            .collect::<Vec<_>>()
            .join(", ");
        format!(
            "OAuth realm=\"{}\", {fields}, oauth_signature=\"{}\"",
            self.account,
            encode(&signature)
        )
    }
}
