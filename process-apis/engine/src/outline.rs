//! What is known of a process without its types: names, order, undo, owners of exceptions.

use std::collections::BTreeMap;

use canonical_model::{Failure, Result};

use crate::process::OwnerRule;

/// A process without its types.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) abbreviation: String,
    pub(crate) steps: Vec<StepOutline>,
    pub(crate) owners: BTreeMap<&'static str, OwnerRule>,
    pub(crate) default_owner: OwnerRule,
}

#[derive(Debug, Clone)]
pub(crate) struct StepOutline {
    pub(crate) name: &'static str,
    /// Waits for the signal of this name.
    pub(crate) waits: bool,
    pub(crate) undo: bool,
    /// Later steps need what it finds, so nobody skips it.
    pub(crate) needed: bool,
    pub(crate) budget_ms: Option<u64>,
}

impl Outline {
    pub(crate) fn owner(&self, code: &str) -> OwnerRule {
        self.owners.get(code).copied().unwrap_or(self.default_owner)
    }

    /// The step at a place; nothing behind the last.
    pub(crate) fn step(&self, index: i64) -> Option<&StepOutline> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.steps.get(index))
    }

    /// The name of the step at a place, empty behind the last, as the journal keeps it.
    pub(crate) fn step_name(&self, index: i64) -> &'static str {
        self.step(index).map_or("", |step| step.name)
    }

    /// A process that cannot run is refused when the engine starts.
    pub(crate) fn check(&self) -> Result<()> {
        let mut names: Vec<_> = self.steps.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        let fits = !names.is_empty() && names.len() == self.steps.len() && !names.contains(&"");
        let abbreviation = self.abbreviation.len() <= 8
            && !self.abbreviation.is_empty()
            && self.abbreviation.chars().all(|c| c.is_ascii_alphanumeric());
        if fits && abbreviation {
            return Ok(());
        }
        let message = format!(
            "process {} needs steps with names of their own and an abbreviation",
            self.name
        );
        Err(Failure::fault("process_definition", message))
    }
}
