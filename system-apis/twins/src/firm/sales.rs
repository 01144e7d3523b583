//! Salespeople: they keep accounts and deals in the CRM, and win.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::Addresses;
use super::client::{Credentials, FirmError, send, text};

const SYSTEM: &str = "Salesforce";
const API: &str = "/services/data/v62.0";

/// A deal as a salesperson writes it.
#[derive(Debug, Clone)]
pub struct Deal {
    /// Company name as the salesperson spells it.
    pub company: String,
    /// Web site.
    pub website: Option<String>,
    /// Tax registration.
    pub tax_registration: Option<String>,
    /// Street, city, postal code and country of the billing address.
    pub address: [String; 4],
    /// Name of the deal.
    pub name: String,
    /// ISO currency.
    pub currency: String,
    /// The selling company of the firm.
    pub legal_entity: String,
    /// The delivering region.
    pub region: String,
    /// Billing method as the CRM words it, such as `Time and Materials`.
    pub billing_method: String,
    /// Margin sold, in percent, as text.
    pub target_margin: String,
    /// E-mail address of the project manager.
    pub manager_email: String,
    /// First day.
    pub start: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
    /// The client's purchase order.
    pub purchase_order: Option<String>,
    /// What is sold.
    pub lines: Vec<DealLine>,
}

/// A line of a deal: hours of a role when `role` is set, else a milestone.
#[derive(Debug, Clone)]
pub struct DealLine {
    /// What it is called.
    pub description: String,
    /// The part of the project.
    pub workstream: String,
    /// The role.
    pub role: Option<String>,
    /// Hours of it.
    pub hours: u32,
    /// Price of an hour, or of the milestone.
    pub unit_price: u32,
    /// First day, or the day the milestone is due.
    pub start: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
}

/// A deal that is won.
#[derive(Debug, Clone)]
pub struct WonDeal {
    /// Id of the account.
    pub account_id: String,
    /// Id of the opportunity.
    pub opportunity_id: String,
}

/// The salespeople.
pub struct Sales {
    http: reqwest::Client,
    base_url: String,
    credentials: Credentials,
}

impl Sales {
    pub(super) fn new(http: reqwest::Client, addresses: &Addresses) -> Self {
        Self {
            http,
            base_url: addresses.salesforce.clone(),
            credentials: addresses.credentials.clone(),
        }
    }

    /// Creates the account where no account has exactly this name, the deal with its lines, and wins it.
    ///
    /// # Errors
    /// The CRM refuses or does not answer.
    pub async fn win(&self, deal: &Deal) -> Result<WonDeal, FirmError> {
        let token = self.sign_in().await?;
        let account_id = match self.find_account(&token, &deal.company).await? {
            Some(id) => id,
            None => self.create(&token, "Account", &account(deal)).await?,
        };
        let pricebook = self.pricebook_entry(&token, &deal.currency).await?;
        let opportunity_id = self
            .create(
                &token,
                "Opportunity",
                &opportunity(deal, &account_id, &pricebook.0),
            )
            .await?;
        for line in &deal.lines {
            self.create(
                &token,
                "OpportunityLineItem",
                &line_item(line, &opportunity_id, &pricebook.1),
            )
            .await?;
        }
        self.close(&token, &opportunity_id, "Closed Won").await?;
        Ok(WonDeal {
            account_id,
            opportunity_id,
        })
    }

    /// One record, as the CRM shows it.
    ///
    /// # Errors
    /// The CRM refuses or does not answer.
    pub async fn read(&self, object: &str, id: &str) -> Result<Value, FirmError> {
        let token = self.sign_in().await?;
        let url = format!("{}{API}/sobjects/{object}/{id}", self.base_url);
        Ok(send(SYSTEM, "a record", self.http.get(url).bearer_auth(token))
            .await?
            .body)
    }

    /// The records of a query.
    ///
    /// # Errors
    /// The CRM refuses or does not answer.
    pub async fn query(&self, soql: &str) -> Result<Vec<Value>, FirmError> {
        let token = self.sign_in().await?;
        self.query_with(&token, soql).await
    }

    async fn query_with(&self, token: &str, soql: &str) -> Result<Vec<Value>, FirmError> {
        let url = format!("{}{API}/query", self.base_url);
        let body = send(
            SYSTEM,
            soql,
            self.http.get(url).query(&[("q", soql)]).bearer_auth(token),
        )
        .await?
        .body;
        Ok(body
            .pointer("/records")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default())
    }

    async fn sign_in(&self) -> Result<String, FirmError> {
        let url = format!("{}/services/oauth2/token", self.base_url);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.credentials.salesforce_client_id),
            ("client_secret", &self.credentials.salesforce_client_secret),
        ];
        let body = send(SYSTEM, "sign in", self.http.post(url).form(&form))
            .await?
            .body;
        text(SYSTEM, &body, "/access_token")
    }

    async fn find_account(&self, token: &str, name: &str) -> Result<Option<String>, FirmError> {
        let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
        let found = self
            .query_with(
                token,
                &format!("SELECT Id FROM Account WHERE Name = '{quoted}' LIMIT 1"),
            )
            .await?;
        found
            .first()
            .map(|account| text(SYSTEM, account, "/Id"))
            .transpose()
    }

    /// Price book and entry of the services product in a currency.
    async fn pricebook_entry(&self, token: &str, currency: &str) -> Result<(String, String), FirmError> {
        let soql = format!(
            "SELECT Id, Pricebook2Id FROM PricebookEntry WHERE CurrencyIsoCode = '{currency}' AND IsActive = true LIMIT 1"
        );
        let found = self.query_with(token, &soql).await?;
        let entry = found.first().ok_or_else(|| FirmError::Missing {
            system: SYSTEM,
            what: format!("price in {currency}"),
        })?;
        Ok((text(SYSTEM, entry, "/Pricebook2Id")?, text(SYSTEM, entry, "/Id")?))
    }

    async fn create(&self, token: &str, object: &str, fields: &Value) -> Result<String, FirmError> {
        let url = format!("{}{API}/sobjects/{object}", self.base_url);
        let body = send(
            SYSTEM,
            object,
            self.http.post(url).bearer_auth(token).json(fields),
        )
        .await?
        .body;
        text(SYSTEM, &body, "/id")
    }

    async fn close(&self, token: &str, opportunity_id: &str, stage: &str) -> Result<(), FirmError> {
        let url = format!("{}{API}/sobjects/Opportunity/{opportunity_id}", self.base_url);
        let request = self
            .http
            .patch(url)
            .bearer_auth(token)
            .json(&json!({"StageName": stage}));
        send(SYSTEM, stage, request).await.map(drop)
    }
}

fn account(deal: &Deal) -> Value {
    let [street, city, postal_code, country] = &deal.address;
    json!({
        "Name": deal.company,
        "Website": deal.website,
        "Tax_Registration__c": deal.tax_registration,
        "BillingStreet": street,
        "BillingCity": city,
        "BillingPostalCode": postal_code,
        "BillingCountry": country,
        "CurrencyIsoCode": deal.currency,
        "Legal_Entity__c": deal.legal_entity,
    })
}

fn opportunity(deal: &Deal, account_id: &str, pricebook_id: &str) -> Value {
    let margin: serde_json::Number = deal.target_margin.parse().unwrap_or_else(|_| 0.into());
    json!({
        "Name": deal.name,
        "AccountId": account_id,
        "StageName": "Negotiation/Review",
        "CloseDate": deal.start,
        "CurrencyIsoCode": deal.currency,
        "Pricebook2Id": pricebook_id,
        "Legal_Entity__c": deal.legal_entity,
        "Region__c": deal.region,
        "Billing_Method__c": deal.billing_method,
        "Target_Margin__c": margin,
        "Project_Manager_Email__c": deal.manager_email,
        "Signature_Date__c": deal.start,
        "Start_Date__c": deal.start,
        "End_Date__c": deal.end,
        "Purchase_Order__c": deal.purchase_order,
    })
}

fn line_item(line: &DealLine, opportunity_id: &str, pricebook_entry_id: &str) -> Value {
    let mut fields = json!({
        "OpportunityId": opportunity_id,
        "PricebookEntryId": pricebook_entry_id,
        "Description": line.description,
        "Workstream__c": line.workstream,
        "UnitPrice": line.unit_price,
        "Quantity": if line.role.is_some() { line.hours } else { 1 },
    });
    if let Some(map) = fields.as_object_mut() {
        if let Some(role) = &line.role {
            map.insert("Role__c".to_owned(), json!(role));
            map.insert("Hours__c".to_owned(), json!(line.hours));
            map.insert("Bill_Rate__c".to_owned(), json!(line.unit_price));
            map.insert("Start_Date__c".to_owned(), json!(line.start));
            map.insert("End_Date__c".to_owned(), json!(line.end));
        } else {
            map.insert("Milestone_Date__c".to_owned(), json!(line.start));
        }
    }
    fields
}
