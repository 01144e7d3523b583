//! Assignments, as resource allocations.

use async_trait::async_trait;
use canonical_model::{Assignment, AssignmentState, FindBy, Result, Write, Written};
use system_ports::{Filter, Idempotency};

use super::{Noun, Shared, Table, Writing, plain, unknown_state, writes};
use crate::directory::Lookups;
use crate::mapping::assignment::{to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Resource allocations.
    Assignments
);

#[async_trait]
impl Noun for Assignments {
    type Record = Assignment;
    type Extra = ();
    const OBJECT: &'static str = "resourceAllocation";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![
            (Filter::Project, "project"),
            (Filter::Person, "allocationresource"),
            (Filter::State, "allocationtype"),
            (Filter::Date, "startdate"),
        ];
        Table {
            name: "resourceallocation",
            condition: None,
            columns: None,
            filters,
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey]
    }

    fn condition(&self, _: FindBy) -> Option<String> {
        None
    }

    fn states(&self, word: &str) -> Result<Vec<String>> {
        let allocation = &self.0.settings.allocation;
        match word {
            "confirmed" => Ok(vec![allocation.confirmed.clone()]),
            "tentative" => Ok(vec![allocation.tentative.clone()]),
            _ => Err(unknown_state(word)),
        }
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: 1,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Assignment)>> {
        Ok(vec![(None, to_canonical(record, lookups, &self.0.settings)?)])
    }

    async fn write_one(&self, write: &Write<Assignment>) -> Result<Written> {
        if write.record.state == AssignmentState::Cancelled {
            return self.cancel(write).await;
        }
        let existing = writes::existing(&self.0, Self::OBJECT, write).await?;
        let body = to_netsuite(&write.record, &self.0.settings)?;
        writes::put(&self.0, Self::OBJECT, write, existing.is_some(), &[], &body).await
    }
}

impl Assignments {
    /// A plan that is withdrawn is deleted, so that the forecast of cost is right. One that is gone already is as good.
    async fn cancel(&self, write: &Write<Assignment>) -> Result<Written> {
        let key = write.id.clone().unwrap_or_else(|| format!("eid:{}", write.key));
        let id = match &write.id {
            Some(id) => id.clone(),
            None => match self.0.client.get(Self::OBJECT, &key).await? {
                Some(record) => record.id()?,
                None => write.key.to_string(),
            },
        };
        self.0.client.delete(Self::OBJECT, &key).await?;
        Ok(Written {
            id,
            code: None,
            version: None,
            created: Some(false),
        })
    }
}
