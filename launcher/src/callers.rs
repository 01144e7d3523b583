//! What the launcher asks of the APIs, as any program of the firm would: with a token, over REST.

use anyhow::{Context, bail};
use canonical_model::{BillingRunRequest, ReferenceMapping};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use vendor_twins::firm::Tryton;
use vendor_twins::openid::development_secret;

use crate::{Development, Erp};

/// The firm's own programs at the platform.
pub struct Finance {
    http: reqwest::Client,
    set_up: Development,
}

/// Mappings of reference data, as `config/development/mappings.toml` holds them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mappings {
    mapping: Vec<ReferenceMapping>,
}

impl Finance {
    /// Programs of the development firm.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    #[expect(
        clippy::disallowed_methods,
        reason = "stands for a customer's program, which has an HTTP client of its own, and talks to loopback only"
    )]
    pub fn new(set_up: &Development) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(60))
            // Nothing is repeated here. A kept connection may be closed by the other side in the moment of its next use.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            http,
            set_up: set_up.clone(),
        })
    }

    /// A service token for an API.
    ///
    /// # Errors
    /// The provider refuses.
    pub async fn token(&self, audience: &str, scope: &str) -> anyhow::Result<String> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "fairlead"),
            ("client_secret", &development_secret("fairlead")),
            ("audience", audience),
            ("scope", scope),
        ];
        let url = format!("{}/token", self.set_up.url("openid"));
        let answer = self.http.post(url).form(&form).send().await?.error_for_status()?;
        let body: Value = answer.json().await?;
        Ok(body
            .get("access_token")
            .and_then(Value::as_str)
            .context("no access_token")?
            .to_owned())
    }

    /// Tells control what the values of the development firm's systems stand for.
    ///
    /// # Errors
    /// Control refuses.
    pub async fn set_mappings(&self) -> anyhow::Result<usize> {
        let mappings: Mappings = toml::from_str(include_str!("../../config/development/mappings.toml"))?;
        let token = self.token("control-process-api", "mappings:write").await?;
        let url = format!("{}/v1/mappings", self.set_up.url("control-process-api"));
        let mappings = self.as_the_systems_write_them(mappings.mapping)?;
        for mapping in &mappings {
            let request = self.http.put(&url).bearer_auth(&token).json(mapping);
            checked(request, "a mapping").await?;
        }
        Ok(mappings.len())
    }

    /// The file tells the ids of the NetSuite twin; another ERP has its own.
    fn as_the_systems_write_them(
        &self,
        mappings: Vec<ReferenceMapping>,
    ) -> anyhow::Result<Vec<ReferenceMapping>> {
        let Erp::Tryton(installation) = self.set_up.erp() else {
            return Ok(mappings);
        };
        let mut translated = Vec::new();
        for mapping in mappings {
            if mapping.connection == "erp/main" {
                translated.extend(installation.translated(&mapping)?);
            } else {
                translated.push(mapping);
            }
        }
        Ok(translated)
    }

    /// The ERP's finance people, where the ERP is a real Tryton.
    ///
    /// # Errors
    /// The person's password cannot be read.
    pub fn at_tryton(&self) -> anyhow::Result<Option<Tryton>> {
        match self.set_up.erp() {
            Erp::NetSuite => Ok(None),
            Erp::Tryton(installation) => {
                let address = installation.finance(&self.set_up.url("tryton"))?;
                Ok(Some(Tryton::at(address)?))
            }
        }
    }

    /// Lets a client's person sign in at the portal for the account of a project.
    ///
    /// # Errors
    /// Insight or the provider refuses, or the project is not known.
    pub async fn connect_client(&self, project_code: &str, email: &str, name: &str) -> anyhow::Result<()> {
        let project = self.project(project_code).await?;
        let account = project
            .get("account_id")
            .and_then(Value::as_str)
            .context("a project without account")?;
        let url = format!("{}/_twin/people/{email}", self.set_up.url("openid"));
        let person = json!({"name": name, "roles": ["client"], "account": account});
        checked(self.http.put(url).json(&person), "a person of the client")
            .await
            .map(drop)
    }

    async fn project(&self, project_code: &str) -> anyhow::Result<Value> {
        let token = self.token("insight-process-api", "insight:read").await?;
        let url = format!(
            "{}/v1/projects?limit=1000",
            self.set_up.url("insight-process-api")
        );
        let projects = checked(self.http.get(url).bearer_auth(token), "projects").await?;
        let items = projects
            .get("items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let is_it = |p: &Value| p.get("project_code").and_then(Value::as_str) == Some(project_code);
        items
            .into_iter()
            .find(is_it)
            .context("insight does not know the project")
    }

    /// Asks for an invoice of what is posted on a project.
    ///
    /// # Errors
    /// Time-to-invoice or insight refuses, or the project is not known.
    pub async fn run_billing(&self, project_code: &str) -> anyhow::Result<()> {
        let project = self.project(project_code).await?;
        let id = project
            .get("project_id")
            .and_then(Value::as_str)
            .context("a project without id")?;
        let run = BillingRunRequest {
            up_to: Utc::now().date_naive(),
            date: None,
            billing_method: None,
            legal_entity: None,
            project_id: Some(id.parse()?),
        };
        let token = self.token("time-to-invoice-process-api", "billing:write").await?;
        let url = format!(
            "{}/v1/billing-runs",
            self.set_up.url("time-to-invoice-process-api")
        );
        let key = format!("demo-{project_code}-{}", Utc::now().timestamp());
        let request = self
            .http
            .post(url)
            .bearer_auth(token)
            .header("Idempotency-Key", key)
            .json(&run);
        checked(request, "a billing run").await.map(drop)
    }
}

/// Sends and returns the JSON of a good answer; a refusal says what the API says.
async fn checked(request: reqwest::RequestBuilder, what: &str) -> anyhow::Result<Value> {
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.text().await?;
    if !status.is_success() {
        bail!("{what} was refused with {status}: {body}");
    }
    Ok(serde_json::from_str(&body).unwrap_or(Value::Null))
}
