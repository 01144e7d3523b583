//! Who may sign in and which programs may ask for tokens, with a development set-up as the default.

use std::collections::BTreeMap;

use chrono::Duration;
use serde::{Deserialize, Serialize};

/// The committed signing key. Public knowledge; what it signs must guard nothing real.
pub const DEVELOPMENT_SIGNING_KEY_PEM: &str = include_str!("development/signing-key.pem");

/// Secret of a development client: `<client id>-development-secret`. Public knowledge.
#[must_use]
pub fn development_secret(client_id: &str) -> String {
    format!("{client_id}-development-secret")
}

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Who; also the token's `sub`.
    pub email: String,
    /// Full name.
    pub name: String,
    /// Role names in snake case, such as `account_lead`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The account that a client belongs to: canonical id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A program that may ask for tokens.
#[derive(Debug, Clone)]
pub struct Client {
    /// Client id.
    pub id: String,
    /// Its secret; absent = a public client, which may use the authorization code only.
    pub secret: Option<String>,
    /// Where sign-in may return to. A URI whose host is loopback fits at every port.
    pub redirect_uris: Vec<String>,
    /// What the client may call: audience and its scopes. `*` as a scope stands for every scope of the audience.
    pub grants: BTreeMap<String, Vec<String>>,
}

/// Set-up of the provider.
#[derive(Debug, Clone)]
pub struct OpenIdSettings {
    /// What tokens name as their issuer; absent = wherever the request came in.
    pub issuer: Option<String>,
    /// RSA private key in PEM.
    pub signing_key_pem: String,
    /// Life of an access token.
    pub token_lifetime: Duration,
    /// The scopes of each audience.
    pub apis: BTreeMap<String, Vec<String>>,
    /// The programs.
    pub clients: Vec<Client>,
    /// The people.
    pub people: Vec<SignIn>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientsFile {
    apis: BTreeMap<String, Vec<String>>,
    clients: Vec<ClientEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientEntry {
    id: String,
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// Audiences with their scopes; `*` stands for every audience.
    may_call: BTreeMap<String, Vec<String>>,
}

impl Default for OpenIdSettings {
    fn default() -> Self {
        let file: ClientsFile = read("clients.json", include_str!("clients.json"));
        let clients = file.clients.into_iter().map(|c| client(c, &file.apis)).collect();
        Self {
            issuer: None,
            signing_key_pem: DEVELOPMENT_SIGNING_KEY_PEM.to_owned(),
            token_lifetime: Duration::minutes(10),
            apis: file.apis,
            clients,
            people: read("people.json", include_str!("people.json")),
        }
    }
}

fn client(entry: ClientEntry, apis: &BTreeMap<String, Vec<String>>) -> Client {
    let everywhere = entry.may_call.get("*");
    let scopes = |audience: &String| entry.may_call.get(audience).or(everywhere).cloned();
    let grants = apis
        .keys()
        .filter_map(|audience| Some((audience.clone(), scopes(audience)?)))
        .collect();
    Client {
        secret: Some(development_secret(&entry.id)),
        id: entry.id,
        redirect_uris: entry.redirect_uris,
        grants,
    }
}

fn read<T: Default + serde::de::DeserializeOwned>(name: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| {
        tracing::error!(%error, name, "a development file of the OpenID twin is not readable");
        T::default()
    })
}
