//! What people cost leaves only for those who may see it.

use std::any::{Any, TypeId};

use canonical_model::{CostRate, Resource, Result, Sourced, TimeEntry};
use chassis::Caller;

use crate::permission::{CostRatesRead, also_has, demand_costs};

/// How much of a collection's records a caller may see.
#[derive(Clone, Copy)]
pub(crate) struct View {
    costs: bool,
}

impl View {
    /// The caller's view of records of this kind.
    ///
    /// # Errors
    /// Business `missing_scope` or `missing_role` where the records are nothing but cost.
    pub(crate) fn of<T: Resource>(caller: &Caller) -> Result<Self> {
        if TypeId::of::<T>() == TypeId::of::<CostRate>() {
            demand_costs(caller)?;
        }
        Ok(Self {
            costs: also_has::<CostRatesRead>(caller),
        })
    }

    /// The record without what the caller may not see.
    pub(crate) fn show<T: Resource>(self, mut record: Sourced<T>) -> Sourced<T> {
        if !self.costs {
            let record: &mut dyn Any = &mut record;
            if let Some(entry) = record.downcast_mut::<Sourced<TimeEntry>>() {
                entry.data.cost_rate = None;
            }
        }
        record
    }
}
