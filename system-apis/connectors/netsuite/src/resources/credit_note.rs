//! Credit notes.

use async_trait::async_trait;
use canonical_model::{CreditNote, Failure, FindBy, Result, Write, Written};
use system_ports::{Filter, Idempotency};

use super::{Noun, Shared, Table, Writing, plain, writes};
use crate::directory::Lookups;
use crate::mapping::credit_note::{to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Credit memos.
    CreditNotes
);

#[async_trait]
impl Noun for CreditNotes {
    type Record = CreditNote;
    type Extra = ();
    const OBJECT: &'static str = "creditMemo";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![(Filter::Account, "entity"), (Filter::Date, "trandate")];
        Table {
            name: "transaction",
            condition: Some("type = 'CustCred'".to_owned()),
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
            idempotency: Idempotency::UniqueField,
            bulk_size: 1,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, CreditNote)>> {
        Ok(vec![(None, to_canonical(record, lookups, &self.0.settings)?)])
    }

    async fn write_one(&self, write: &Write<CreditNote>) -> Result<Written> {
        writes::refuse_change(write, "write another one")?;
        let id = &write.record.invoice.id;
        let invoice = self.0.client.get("invoice", id).await?.ok_or_else(|| {
            let message = format!("the credit note corrects invoice {id}, which NetSuite does not have");
            Failure::business("invalid_reference", message)
        })?;
        let currency = self
            .0
            .directory
            .currency_id(&self.0.client, write.record.currency)
            .await?;
        let body = to_netsuite(&write.record, &invoice, &currency, &self.0.settings)?;
        writes::post(&self.0, Self::OBJECT, write, body).await
    }
}
