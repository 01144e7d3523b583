//! Token-based authentication: OAuth 1.0a with HMAC-SHA256, header only.
//!
//! After the token-based authentication guide. Every `oauth_*` parameter that is present takes part in the signature
//! (clients add `oauth_body_hash`), the realm and the body do not; `+` in the query is a space.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;

use super::call::Call;
use super::settings::NetSuiteSettings;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Nonces that were used, with their time stamps.
#[derive(Default)]
pub(super) struct Nonces(Mutex<HashMap<String, i64>>);

impl Nonces {
    /// Remembers a nonce; false when it was used before.
    fn take(&self, nonce: &str, timestamp: i64, window_s: Option<i64>) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = window_s
            && used.len() > 10_000
        {
            used.retain(|_, t| timestamp - *t <= 2 * window);
        }
        used.insert(nonce.to_owned(), timestamp).is_none()
    }
}

/// Whether the `Authorization: OAuth ...` header of a call is good.
pub(super) fn verified(
    header: &str,
    call: &Call,
    settings: &NetSuiteSettings,
    nonces: &Nonces,
    now_s: i64,
) -> bool {
    let parameters = header_parameters(header);
    let get = |name: &str| {
        parameters
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    };
    let known = get("realm") == Some(settings.account_id.as_str())
        && get("oauth_consumer_key") == Some(settings.consumer_key.as_str())
        && get("oauth_token") == Some(settings.token_id.as_str())
        && get("oauth_signature_method") == Some("HMAC-SHA256")
        && get("oauth_version").is_none_or(|v| v == "1.0");
    let (Some(nonce), Some(timestamp), Some(signature)) = (
        get("oauth_nonce"),
        get("oauth_timestamp").and_then(|t| t.parse::<i64>().ok()),
        get("oauth_signature"),
    ) else {
        return false;
    };
    if !known
        || settings
            .timestamp_window_s
            .is_some_and(|window| (now_s - timestamp).abs() > window)
    {
        return false;
    }
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    let secret = format!(
        "{}&{}",
        encode(&settings.consumer_secret),
        encode(&settings.token_secret)
    );
    let signed = [call.base.as_str(), settings.public_url.as_str()]
        .into_iter()
        .any(|base| {
            let text = base_string(&call.method, base, &call.path, &call.query, &parameters);
            Hmac::<Sha256>::new_from_slice(secret.as_bytes())
                .is_ok_and(|mac| mac.chain_update(text.as_bytes()).verify_slice(&signature).is_ok())
        });
    signed && (!settings.refuse_replayed_nonces || nonces.take(nonce, timestamp, settings.timestamp_window_s))
}

fn header_parameters(header: &str) -> Vec<(String, String)> {
    let header = header.get(5..).unwrap_or_default();
    let decode = |s: &str| {
        percent_decode_str(s.trim().trim_matches('"'))
            .decode_utf8_lossy()
            .into_owned()
    };
    header
        .split(',')
        .filter_map(|p| p.split_once('='))
        .map(|(k, v)| (k.trim().to_owned(), decode(v)))
        .collect()
}

fn base_string(
    method: &str,
    base: &str,
    path: &str,
    query: &[(String, String)],
    oauth: &[(String, String)],
) -> String {
    let signed = oauth
        .iter()
        .filter(|(k, _)| k.starts_with("oauth_") && k != "oauth_signature");
    let mut pairs: Vec<(String, String)> = query
        .iter()
        .chain(signed)
        .map(|(k, v)| (encode(k), encode(v)))
        .collect();
    pairs.sort();
    let parameters: Vec<String> = pairs.into_iter().map(|(k, v)| format!("{k}={v}")).collect();
    let url = format!("{}{path}", without_default_port(&base.to_lowercase()));
    format!(
        "{}&{}&{}",
        method.to_uppercase(),
        encode(&url),
        encode(&parameters.join("&"))
    )
}

fn without_default_port(base: &str) -> &str {
    let default = if base.starts_with("https://") {
        ":443"
    } else {
        ":80"
    };
    base.strip_suffix(default).unwrap_or(base)
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
