#![doc = include_str!("../README.md")]

mod auth;
mod client;
mod cursor;
mod directory;
mod failure;
mod mapping;
mod resources;
mod settings;
mod tag;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use canonical_model::{
    Account, Assignment, BillingSchedule, Contact, Contract, CreditNote, Expense, Failure, FxRate, Invoice,
    LegalEntity, Opportunity, Payment, Period, Person, Project, Resource, Result, Role, Task, TaxCode,
    TimeEntry,
};
use serde_json::json;
use system_ports::{Capabilities, Collection, CrmPort, ErpPort, Port, Support};
use validator::Validate;

use client::{Client, Search};
use directory::Directory;
use resources::account::Accounts;
use resources::expense::Expenses;
use resources::finance::{FxRates, LegalEntities, Periods, TaxCodes};
use resources::invoice::{CreditNotes, Invoices};
use resources::opportunity::Opportunities;
use resources::payment::Payments;
use resources::person::People;
use resources::project::Projects;
use resources::role::Roles;
use resources::task::Tasks;
use resources::time_entry::TimeEntries;
use resources::{Absent, Shared, Shelf, shelf};
pub use settings::{
    ExpenseSettings, InvoiceMethod, InvoiceSettings, Items, Limits, ProjectSettings, Settings, Texts,
};

/// `config/vendors/tryton.toml`: every key, with the values of the development firm. What starts a development system
/// reads it and sets address, secrets and ids.
pub const EXAMPLE: &str = include_str!("../../../../config/vendors/tryton.toml");

const NAME: &str = "Tryton 8.0, JSON-RPC";

fn shared(connection: &str, settings: &Settings) -> Result<Arc<Shared>> {
    settings.validate().map_err(|errors| {
        let message = format!("the settings of {connection} are not valid: {errors}");
        Failure::fault("invalid_settings", message).at(connection)
    })?;
    Ok(Arc::new(Shared {
        connection: connection.to_owned(),
        client: Client::new(connection, settings).map_err(|f| f.at(connection))?,
        directory: Directory::new(settings.limits.directory_s),
        settings: settings.clone(),
    }))
}

async fn check(shared: &Shared) -> Result<()> {
    let search = Search {
        model: "party.party",
        domain: vec![json!(["id", ">", 0])],
        order: &["id"],
        limit: Some(1),
        fields: &["name".to_owned()],
    };
    let asked = shared.client.search_read(search).await;
    asked.map(drop).map_err(|failure| shared.met(failure))
}

fn declared<T: Resource>(collection: &dyn Collection<T>) -> (&'static str, Support) {
    (T::PATH, collection.support())
}

/// One company in one Tryton database, as a system that keeps the books.
pub struct Tryton {
    shared: Arc<Shared>,
    legal_entities: Shelf<LegalEntities>,
    periods: Shelf<Periods>,
    tax_codes: Shelf<TaxCodes>,
    fx_rates: Shelf<FxRates>,
    accounts: Shelf<Accounts>,
    contracts: Absent<Contract>,
    projects: Shelf<Projects>,
    tasks: Shelf<Tasks>,
    people: Shelf<People>,
    roles: Shelf<Roles>,
    assignments: Absent<Assignment>,
    time_entries: Shelf<TimeEntries>,
    expenses: Shelf<Expenses>,
    billing_schedules: Absent<BillingSchedule>,
    invoices: Shelf<Invoices>,
    credit_notes: Shelf<CreditNotes>,
    payments: Shelf<Payments>,
}

impl Tryton {
    /// A company under the name of its connection, such as `erp/main`. Nothing is sent before the first call.
    ///
    /// # Errors
    /// Fault `invalid_settings` naming what is wrong.
    pub fn connect(connection: &str, settings: &Settings) -> Result<Self> {
        let shared = shared(connection, settings)?;
        Ok(Self {
            legal_entities: shelf(&shared, LegalEntities),
            periods: shelf(&shared, Periods),
            tax_codes: shelf(&shared, TaxCodes),
            fx_rates: shelf(&shared, FxRates),
            accounts: shelf(&shared, Accounts),
            contracts: Absent::new(),
            projects: shelf(&shared, Projects),
            tasks: shelf(&shared, Tasks),
            people: shelf(&shared, People),
            roles: shelf(&shared, Roles),
            assignments: Absent::new(),
            time_entries: shelf(&shared, TimeEntries),
            expenses: shelf(&shared, Expenses),
            billing_schedules: Absent::new(),
            invoices: shelf(&shared, Invoices),
            credit_notes: shelf(&shared, CreditNotes),
            payments: shelf(&shared, Payments),
            shared,
        })
    }
}

#[async_trait]
impl Port for Tryton {
    fn vendor(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let all = BTreeMap::from([
            declared::<LegalEntity>(&self.legal_entities),
            declared::<Period>(&self.periods),
            declared::<TaxCode>(&self.tax_codes),
            declared::<FxRate>(&self.fx_rates),
            declared::<Account>(&self.accounts),
            declared::<Contract>(&self.contracts),
            declared::<Project>(&self.projects),
            declared::<Task>(&self.tasks),
            declared::<Person>(&self.people),
            declared::<Role>(&self.roles),
            declared::<Assignment>(&self.assignments),
            declared::<TimeEntry>(&self.time_entries),
            declared::<Expense>(&self.expenses),
            declared::<BillingSchedule>(&self.billing_schedules),
            declared::<Invoice>(&self.invoices),
            declared::<CreditNote>(&self.credit_notes),
            declared::<Payment>(&self.payments),
        ]);
        Capabilities::new(NAME, all)
    }

    async fn check_health(&self) -> Result<()> {
        check(&self.shared).await
    }
}

impl ErpPort for Tryton {
    fn legal_entities(&self) -> &dyn Collection<LegalEntity> {
        &self.legal_entities
    }

    fn periods(&self) -> &dyn Collection<Period> {
        &self.periods
    }

    fn tax_codes(&self) -> &dyn Collection<TaxCode> {
        &self.tax_codes
    }

    fn fx_rates(&self) -> &dyn Collection<FxRate> {
        &self.fx_rates
    }

    fn accounts(&self) -> &dyn Collection<Account> {
        &self.accounts
    }

    fn contracts(&self) -> &dyn Collection<Contract> {
        &self.contracts
    }

    fn projects(&self) -> &dyn Collection<Project> {
        &self.projects
    }

    fn tasks(&self) -> &dyn Collection<Task> {
        &self.tasks
    }

    fn people(&self) -> &dyn Collection<Person> {
        &self.people
    }

    fn roles(&self) -> &dyn Collection<Role> {
        &self.roles
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

    fn billing_schedules(&self) -> &dyn Collection<BillingSchedule> {
        &self.billing_schedules
    }

    fn invoices(&self) -> &dyn Collection<Invoice> {
        &self.invoices
    }

    fn credit_notes(&self) -> &dyn Collection<CreditNote> {
        &self.credit_notes
    }

    fn payments(&self) -> &dyn Collection<Payment> {
        &self.payments
    }
}

/// One company in one Tryton database, as a system where deals are made.
pub struct TrytonCrm {
    shared: Arc<Shared>,
    accounts: Shelf<Accounts>,
    contacts: Absent<Contact>,
    opportunities: Shelf<Opportunities>,
    contracts: Absent<Contract>,
    assignments: Absent<Assignment>,
    invoices: Absent<Invoice>,
}

impl TrytonCrm {
    /// A company under the name of its connection, such as `crm/main`. Nothing is sent before the first call.
    ///
    /// # Errors
    /// Fault `invalid_settings` naming what is wrong.
    pub fn connect(connection: &str, settings: &Settings) -> Result<Self> {
        let shared = shared(connection, settings)?;
        Ok(Self {
            accounts: shelf(&shared, Accounts),
            contacts: Absent::new(),
            opportunities: shelf(&shared, Opportunities),
            contracts: Absent::new(),
            assignments: Absent::new(),
            invoices: Absent::new(),
            shared,
        })
    }
}

#[async_trait]
impl Port for TrytonCrm {
    fn vendor(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let all = BTreeMap::from([
            declared::<Account>(&self.accounts),
            declared::<Contact>(&self.contacts),
            declared::<Opportunity>(&self.opportunities),
            declared::<Contract>(&self.contracts),
            declared::<Assignment>(&self.assignments),
            declared::<Invoice>(&self.invoices),
        ]);
        Capabilities::new(NAME, all)
    }

    async fn check_health(&self) -> Result<()> {
        check(&self.shared).await
    }
}

impl CrmPort for TrytonCrm {
    fn accounts(&self) -> &dyn Collection<Account> {
        &self.accounts
    }

    fn contacts(&self) -> &dyn Collection<Contact> {
        &self.contacts
    }

    fn opportunities(&self) -> &dyn Collection<Opportunity> {
        &self.opportunities
    }

    fn contracts(&self) -> &dyn Collection<Contract> {
        &self.contracts
    }

    fn assignments(&self) -> &dyn Collection<Assignment> {
        &self.assignments
    }

    fn invoices(&self) -> &dyn Collection<Invoice> {
        &self.invoices
    }
}
