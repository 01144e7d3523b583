#![doc = include_str!("../README.md")]

mod auth;
mod bulk;
mod client;
mod failure;
mod mapping;
mod resources;
mod settings;
mod soql;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use canonical_model::{
    Account, Assignment, Contact, Contract, Failure, Invoice, Opportunity, Resource, Result,
};
use system_ports::{Capabilities, Collection, CrmPort, Port};
use validator::Validate;

pub use settings::{
    AccountNames, AssignmentNames, AssignmentWords, Auth, BillingWords, ContactNames, ContractNames,
    ExtensionNames, Extensions, FieldName, InvoiceNames, InvoiceWords, Limits, LinkNames, Links,
    OpportunityLineNames, OpportunityNames, Settings, Words,
};

use client::Client;
use resources::{Records, Shared};

/// One org.
pub struct Salesforce {
    accounts: Records<Account>,
    contacts: Records<Contact>,
    opportunities: Records<Opportunity>,
    contracts: Records<Contract>,
    assignments: Records<Assignment>,
    invoices: Records<Invoice>,
}

impl Salesforce {
    /// An org under the name of its connection, such as `crm/main`. Nothing is sent before the first call.
    ///
    /// # Errors
    /// Fault `invalid_settings` naming what is wrong; Fault `secret_unavailable` when a secret is not there.
    pub fn connect(connection: &str, settings: &Settings) -> Result<Self> {
        settings.validate().map_err(|errors| {
            let message = format!("the settings of {connection} are not valid: {errors}");
            Failure::fault("invalid_settings", message).at(connection)
        })?;
        let client = Client::connect(connection, settings)?;
        let shared = Arc::new(Shared {
            client,
            settings: settings.clone(),
        });
        Ok(Self {
            accounts: Records::new(&shared),
            contacts: Records::new(&shared),
            opportunities: Records::new(&shared),
            contracts: Records::new(&shared),
            assignments: Records::new(&shared),
            invoices: Records::new(&shared),
        })
    }
}

#[async_trait]
impl Port for Salesforce {
    fn vendor(&self) -> &'static str {
        "Salesforce (REST API)"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(
            self.vendor(),
            BTreeMap::from([
                (Account::PATH, self.accounts.support()),
                (Contact::PATH, self.contacts.support()),
                (Opportunity::PATH, self.opportunities.support()),
                (Contract::PATH, self.contracts.support()),
                (Assignment::PATH, self.assignments.support()),
                (Invoice::PATH, self.invoices.support()),
            ]),
        )
    }

    /// Reads one account and one opportunity with every field that the settings name.
    async fn check_health(&self) -> Result<()> {
        self.accounts.probe().await?;
        self.opportunities.probe().await
    }
}

impl CrmPort for Salesforce {
    fn accounts(&self) -> &dyn Collection<Account> {
        &self.accounts
    }

    fn contacts(&self) -> &dyn Collection<Contact> {
        &self.contacts
    }

    fn opportunities(&self) -> &dyn Collection<Opportunity> {
        &self.opportunities
    }

    fn contracts(&self) -> &dyn Collection<Contract> {
        &self.contracts
    }

    fn assignments(&self) -> &dyn Collection<Assignment> {
        &self.assignments
    }

    fn invoices(&self) -> &dyn Collection<Invoice> {
        &self.invoices
    }
}
