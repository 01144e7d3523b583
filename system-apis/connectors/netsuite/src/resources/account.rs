//! Customers.

use async_trait::async_trait;
use canonical_model::{Account, Failure, FindBy, RecordRef, Result, Write, Written};
use system_ports::Idempotency;

use super::{Noun, Shared, Table, Writing, plain, writes};
use crate::directory::Lookups;
use crate::mapping::account::{is_id, to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Customers.
    Accounts
);

#[async_trait]
impl Noun for Accounts {
    type Record = Account;
    type Extra = ();
    const OBJECT: &'static str = "customer";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            name: "customer",
            condition: None,
            columns: None,
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        let mut by = vec![FindBy::EffectKey, FindBy::Name, FindBy::Email, FindBy::Domain];
        if self.0.settings.fields.customer_tax_number.is_some() {
            by.push(FindBy::TaxRegistration);
        }
        by
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        let fields = &self.0.settings.fields;
        match by {
            FindBy::Name => Some("(LOWER(companyname) = LOWER(?) OR LOWER(entityid) = LOWER(?))".to_owned()),
            FindBy::Email => Some("LOWER(email) = LOWER(?)".to_owned()),
            // Customers that people made have no domain of their own field: site and address tell it as well.
            FindBy::Domain => {
                let own = fields
                    .customer_domain
                    .as_ref()
                    .map(|field| format!("LOWER({field}) = LOWER(?) OR "));
                Some(format!(
                    "({}LOWER(email) LIKE '%@' || LOWER(?) OR LOWER(url) LIKE '%//' || LOWER(?) || '%' \
                     OR LOWER(url) LIKE '%.' || LOWER(?) || '%')",
                    own.unwrap_or_default()
                ))
            }
            FindBy::TaxRegistration => fields
                .customer_tax_number
                .as_ref()
                .map(|field| format!("{field} = ?")),
            FindBy::EffectKey | FindBy::Code => None,
        }
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: 1,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Account)>> {
        Ok(vec![(None, to_canonical(record, lookups)?)])
    }

    async fn write_one(&self, write: &Write<Account>) -> Result<Written> {
        let account = &write.record;
        let existing = writes::existing(&self.0, Self::OBJECT, write).await?;
        let currency = match account.currency {
            Some(currency) => Some(self.0.directory.currency_id(&self.0.client, currency).await?),
            None => None,
        };
        let terms = match &account.payment_terms {
            Some(terms) => Some(self.terms(terms).await?),
            None => None,
        };
        let fields = &self.0.settings.fields;
        let body = to_netsuite(
            account,
            existing.as_ref(),
            currency.as_deref(),
            terms.as_deref(),
            fields,
        )?;
        // Registrations have no key: the list is merged by us and replaced whole.
        let replace: &[&str] = if account.tax_registrations.is_empty() {
            &[]
        } else {
            &["taxRegistration"]
        };
        writes::put(&self.0, Self::OBJECT, write, existing.is_some(), replace, &body).await
    }
}

impl Accounts {
    /// Payment terms by id, or by the name that people know.
    async fn terms(&self, terms: &RecordRef) -> Result<String> {
        if is_id(terms) {
            return Ok(terms.id.clone());
        }
        let name = [terms.id.clone()];
        let rows = self
            .0
            .client
            .query(
                "SELECT id FROM term WHERE LOWER(name) = LOWER(?) ORDER BY id",
                &name,
                2,
            )
            .await?;
        let found = rows.rows.first().map(Record::id).transpose()?;
        found.ok_or_else(|| {
            let message = format!("NetSuite has no payment terms {:?}", terms.id);
            Failure::business("invalid_reference", message)
        })
    }
}
