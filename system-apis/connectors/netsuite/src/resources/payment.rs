//! Payments received: read only, because the bank brings them.

use async_trait::async_trait;
use canonical_model::{FindBy, Payment, Result, Write, Written};
use system_ports::{Filter, Verb, not_supported};

use super::{Noun, Shared, Table, VENDOR, Writing, plain};
use crate::directory::Lookups;
use crate::mapping::payment::to_canonical;
use crate::wire::Record;

plain!(
    /// Customer payments.
    Payments
);

#[async_trait]
impl Noun for Payments {
    type Record = Payment;
    type Extra = ();
    const OBJECT: &'static str = "customerPayment";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![(Filter::Account, "entity"), (Filter::Date, "trandate")];
        Table {
            name: "transaction",
            condition: Some("type = 'CustPymt'".to_owned()),
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
        None
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Payment)>> {
        Ok(vec![(None, to_canonical(record, lookups)?)])
    }

    async fn write_one(&self, _: &Write<Payment>) -> Result<Written> {
        Err(not_supported(VENDOR, "payment", Verb::Write))
    }
}
