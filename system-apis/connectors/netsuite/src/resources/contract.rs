//! Contracts, as sales orders.

use async_trait::async_trait;
use canonical_model::{Contract, FindBy, Result, Write, Written};
use system_ports::{Filter, Idempotency};

use super::{Noun, Shared, Table, Writing, plain, writes};
use crate::directory::Lookups;
use crate::mapping::contract::{to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Sales orders.
    Contracts
);

#[async_trait]
impl Noun for Contracts {
    type Record = Contract;
    type Extra = ();
    const OBJECT: &'static str = "salesOrder";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![
            (Filter::Account, "entity"),
            (Filter::Project, "job"),
            (Filter::Date, "trandate"),
        ];
        Table {
            name: "transaction",
            condition: Some("type = 'SalesOrd'".to_owned()),
            columns: None,
            filters,
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Code]
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        (by == FindBy::Code).then(|| "tranid = ?".to_owned())
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: 1,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Contract)>> {
        Ok(vec![(None, to_canonical(record, lookups, &self.0.settings)?)])
    }

    async fn write_one(&self, write: &Write<Contract>) -> Result<Written> {
        let existing = writes::existing(&self.0, Self::OBJECT, write).await?;
        let currency = self
            .0
            .directory
            .currency_id(&self.0.client, write.record.currency)
            .await?;
        let body = to_netsuite(&write.record, &currency, &self.0.settings)?;
        writes::put(&self.0, Self::OBJECT, write, existing.is_some(), &[], &body).await
    }
}
