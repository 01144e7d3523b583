//! Billing schedules.

use async_trait::async_trait;
use canonical_model::{BillingSchedule, Failure, FindBy, Result, Write, Written};
use system_ports::{Filter, Idempotency};

use super::time_entry::project_currencies;
use super::{Noun, Shared, Table, Writing, plain, writes};
use crate::directory::Lookups;
use crate::mapping::billing_schedule::{to_canonical, to_netsuite};
use crate::mapping::time_entry::Currencies;
use crate::wire::Record;

plain!(
    /// Billing schedules of projects.
    BillingSchedules
);

#[async_trait]
impl Noun for BillingSchedules {
    type Record = BillingSchedule;
    type Extra = Currencies;
    const OBJECT: &'static str = "billingSchedule";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        // Schedules without a project are templates.
        let condition = Some("job IS NOT NULL".to_owned());
        Table {
            name: "billingschedule",
            condition,
            columns: None,
            filters: vec![(Filter::Project, "job")],
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Name]
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        (by == FindBy::Name).then(|| "LOWER(name) = LOWER(?)".to_owned())
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: 1,
        })
    }

    async fn extra(&self, records: &[Record]) -> Result<Currencies> {
        project_currencies(&self.0, records.iter().filter_map(|r| r.text("job"))).await
    }

    fn map(
        &self,
        record: &Record,
        lookups: &Lookups,
        extra: &Currencies,
    ) -> Result<Vec<(Option<u32>, BillingSchedule)>> {
        Ok(vec![(
            None,
            to_canonical(record, lookups, extra, &self.0.settings)?,
        )])
    }

    async fn write_one(&self, write: &Write<BillingSchedule>) -> Result<Written> {
        let existing = writes::existing(&self.0, Self::OBJECT, write).await?;
        let project = write.record.project.id.clone();
        let currencies = project_currencies(&self.0, std::iter::once(project.clone())).await?;
        let currency = currencies.get(&project).ok_or_else(|| {
            let message = format!(
                "billing schedule {:?} is for project {project}, which NetSuite does not have",
                write.record.name
            );
            Failure::business("invalid_reference", message)
        })?;
        let currency = self
            .0
            .directory
            .current(&self.0.client)
            .await?
            .currency_of(currency)?;
        let body = to_netsuite(&write.record, currency, &self.0.settings)?;
        let replace = ["milestone", "recurrence"];
        writes::put(&self.0, Self::OBJECT, write, existing.is_some(), &replace, &body).await
    }
}
