#![doc = include_str!("../README.md")]

mod client;
mod cursor;
mod failure;
mod mapping;
mod resources;
mod settings;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use canonical_model::{
    Account, Assignment, CostRate, Expense, Failure, Milestone, Person, Project, RateCard, Resource,
    ResourceRequest, Result, Role, Task, TimeEntry,
};
use system_ports::{Capabilities, Collection, Port, PsaPort};
use validator::Validate;

pub use settings::{BillingWords, Fields, Limits, RequestWords, Settings, Statuses, Texts, Words};

use resources::{Records, Shared};

/// One account.
pub struct Kantata {
    shared: Arc<Shared>,
    accounts: Records<Account>,
    projects: Records<Project>,
    tasks: Records<Task>,
    milestones: Records<Milestone>,
    people: Records<Person>,
    roles: Records<Role>,
    rate_cards: Records<RateCard>,
    cost_rates: Records<CostRate>,
    resource_requests: Records<ResourceRequest>,
    assignments: Records<Assignment>,
    time_entries: Records<TimeEntry>,
    expenses: Records<Expense>,
}

impl Kantata {
    /// An account under the name of its connection, such as `psa/main`. Nothing is sent before the first call.
    ///
    /// # Errors
    /// Fault `invalid_settings` naming what is wrong; Fault `secret_unavailable` when the token is not there.
    pub fn connect(connection: &str, settings: &Settings) -> Result<Self> {
        settings.validate().map_err(|errors| {
            let message = format!("the settings of {connection} are not valid: {errors}");
            Failure::fault("invalid_settings", message).at(connection)
        })?;
        let shared = Arc::new(Shared::connect(connection, settings)?);
        Ok(Self {
            accounts: Records::new(&shared),
            projects: Records::new(&shared),
            tasks: Records::new(&shared),
            milestones: Records::new(&shared),
            people: Records::new(&shared),
            roles: Records::new(&shared),
            rate_cards: Records::new(&shared),
            cost_rates: Records::new(&shared),
            resource_requests: Records::new(&shared),
            assignments: Records::new(&shared),
            time_entries: Records::new(&shared),
            expenses: Records::new(&shared),
            shared,
        })
    }
}

#[async_trait]
impl Port for Kantata {
    fn vendor(&self) -> &'static str {
        "Kantata OX (REST API v1)"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(
            self.vendor(),
            BTreeMap::from([
                (Account::PATH, self.accounts.support()),
                (Project::PATH, self.projects.support()),
                (Task::PATH, self.tasks.support()),
                (Milestone::PATH, self.milestones.support()),
                (Person::PATH, self.people.support()),
                (Role::PATH, self.roles.support()),
                (RateCard::PATH, self.rate_cards.support()),
                (CostRate::PATH, self.cost_rates.support()),
                (ResourceRequest::PATH, self.resource_requests.support()),
                (Assignment::PATH, self.assignments.support()),
                (TimeEntry::PATH, self.time_entries.support()),
                (Expense::PATH, self.expenses.support()),
            ]),
        )
    }

    /// Asks who we are, for one project, and for one event where the account has the event feed.
    async fn check_health(&self) -> Result<()> {
        self.shared.probe().await
    }
}

impl PsaPort for Kantata {
    fn accounts(&self) -> &dyn Collection<Account> {
        &self.accounts
    }

    fn projects(&self) -> &dyn Collection<Project> {
        &self.projects
    }

    fn tasks(&self) -> &dyn Collection<Task> {
        &self.tasks
    }

    fn milestones(&self) -> &dyn Collection<Milestone> {
        &self.milestones
    }

    fn people(&self) -> &dyn Collection<Person> {
        &self.people
    }

    fn roles(&self) -> &dyn Collection<Role> {
        &self.roles
    }

    fn rate_cards(&self) -> &dyn Collection<RateCard> {
        &self.rate_cards
    }

    fn cost_rates(&self) -> &dyn Collection<CostRate> {
        &self.cost_rates
    }

    fn resource_requests(&self) -> &dyn Collection<ResourceRequest> {
        &self.resource_requests
    }

    fn assignments(&self) -> &dyn Collection<Assignment> {
        &self.assignments
    }

    fn time_entries(&self) -> &dyn Collection<TimeEntry> {
        &self.time_entries
    }

    fn expenses(&self) -> &dyn Collection<Expense> {
        &self.expenses
    }
}
