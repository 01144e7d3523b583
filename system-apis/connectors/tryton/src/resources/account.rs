//! Customers: parties, whose code is our key.

use async_trait::async_trait;
use canonical_model::{Account, Failure, FindBy, RecordRef, Result, Write, Written};
use serde_json::{Value, json};
use system_ports::Idempotency;

use super::writes::{Change, Master, put};
use super::{Noun, Shared, Table, Writing, alike, loosely, plain};
use crate::client::Search;
use crate::directory::Lookups;
use crate::mapping::account::{FIELDS, compact, to_canonical, to_tryton};
use crate::wire::Record;

plain!(
    /// Parties.
    Accounts
);

#[async_trait]
impl Noun for Accounts {
    type Record = Account;
    type Extra = ();
    const MODEL: &'static str = "party.party";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: Vec::new(),
            fields: FIELDS.to_vec(),
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![
            FindBy::EffectKey,
            FindBy::Code,
            FindBy::Name,
            FindBy::Email,
            FindBy::Domain,
            FindBy::TaxRegistration,
        ]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        let contact = |pattern: String| vec![json!(["contact_mechanisms.value", "ilike", pattern])];
        match by {
            FindBy::EffectKey | FindBy::Code => vec![json!(["code", "=", value])],
            FindBy::Name => vec![json!(["name", "ilike", loosely(value)])],
            FindBy::Email => contact(loosely(value)),
            FindBy::Domain => contact(format!("%{}%", loosely(value))),
            FindBy::TaxRegistration => vec![json!(["identifiers.code_compact", "=", compact(value)])],
        }
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        let contacts = |fits: &dyn Fn(&str) -> bool| {
            let lines = record.many("contact_mechanisms").unwrap_or_default();
            lines
                .iter()
                .filter_map(|line| line.text("value"))
                .any(|text| fits(&text.to_lowercase()))
        };
        let value = value.to_lowercase();
        match by {
            FindBy::Name => alike(record.text("name"), &value),
            FindBy::Email => contacts(&|text| text == value),
            FindBy::Domain => contacts(&|text| {
                domain_of(text)
                    .is_some_and(|domain| domain == value || domain.ends_with(&format!(".{value}")))
            }),
            FindBy::EffectKey | FindBy::Code | FindBy::TaxRegistration => true,
        }
    }

    fn key(&self, record: &Record) -> Option<String> {
        record.text("code")
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::UniqueField,
            bulk_size: 1,
            reverses: false,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Option<Account>> {
        to_canonical(record, lookups).map(Some)
    }

    async fn write_one(&self, write: &Write<Account>) -> Result<Written> {
        put(self, write).await
    }
}

#[async_trait]
impl Master for Accounts {
    async fn change(&self, write: &Write<Account>, existing: Option<&Record>) -> Result<Change> {
        let account = &write.record;
        let term = match &account.payment_terms {
            Some(terms) => Some(self.term(terms).await?),
            None => None,
        };
        let lookups = self.0.directory.current(&self.0.client).await?;
        let (key, types) = (write.key.as_str(), &self.0.settings.identifier_types);
        to_tryton(account, existing, key, term, &lookups, types).map(Change::of)
    }
}

impl Accounts {
    /// Payment terms by id, or by the name that people know.
    async fn term(&self, terms: &RecordRef) -> Result<i64> {
        let unknown = || {
            let message = format!("Tryton has no payment terms {:?}", terms.id);
            Failure::business("invalid_reference", message)
        };
        let by_id: Option<i64> = terms.id.parse().ok();
        let fields = ["name".to_owned()];
        let search = Search {
            model: "account.invoice.payment_term",
            domain: vec![match by_id {
                Some(id) => json!(["id", "=", id]),
                None => json!(["name", "ilike", loosely(&terms.id)]),
            }],
            order: &["id"],
            limit: None,
            fields: &fields,
        };
        let rows = self.0.client.search_read(search).await?.rows;
        let found = rows
            .iter()
            .find(|row| by_id.is_some() || alike(row.text("name"), &terms.id));
        found.ok_or_else(unknown)?.id()
    }
}

/// The host of an address on the web, or of an e-mail address.
fn domain_of(text: &str) -> Option<&str> {
    if let Some((_, domain)) = text.rsplit_once('@') {
        return Some(domain);
    }
    let rest = text.split("://").last()?;
    rest.split(['/', ':', '?']).next()
}
