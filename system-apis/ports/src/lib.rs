//! The ports: what a CRM, an ERP and a PSA are to Fairlead, whatever the vendor.
//!
//! A port is a set of collections of canonical records. A connector implements [`Collection`] once per kind of record
//! and hands them out through [`CrmPort`], [`ErpPort`] or [`PsaPort`]. No method has a default body: what a vendor does
//! not have is declared in [`Support`] and refused with [`not_supported`], never quietly skipped. A port translates and
//! nothing else: no database, no retry of writes, no decision that belongs to a process.

#[cfg(feature = "conformance")]
pub mod conformance;

use async_trait::async_trait;
use canonical_model::{
    Account, Assignment, BillingSchedule, Changes, Contact, Contract, CostRate, CreditNote, Expense, Failure,
    FindBy, FxRate, Invoice, LegalEntity, Link, ListQuery, Milestone, Opportunity, Page, Payment, Period,
    Person, Project, RateCard, Resource, ResourceRequest, Result, Role, Sourced, Task, TaxCode, TimeEntry,
    Write, WriteResult,
};

pub use canonical_model::{Capabilities, CollectionSupport, Consistency, Filter, Idempotency, Support, Verb};

/// The records of one kind in one system.
///
/// Reads may repeat inside a call; writes are sent at most once. A failure of a write says in its outcome whether it
/// may have been applied.
#[async_trait]
pub trait Collection<T: Resource>: Send + Sync {
    /// What this collection can do in this vendor.
    fn support(&self) -> Support;

    /// One page of the records that the query names. A filter outside [`Support::filters`] is refused, never ignored.
    async fn list(&self, query: &ListQuery) -> Result<Page<Sourced<T>>>;

    /// One record; Business failure `not_found` where there is none.
    async fn read(&self, id: &str) -> Result<Sourced<T>>;

    /// The records that carry this value; none is an empty list, not a failure.
    async fn find(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<T>>>;

    /// What changed since a cursor of this method; `None` starts with everything there is. At least once, oldest first.
    async fn changes(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<T>>;

    /// Creates or updates records, in the vendor's bulk form where it has one. One result per write, in their order;
    /// a write that fails takes no other with it. The same key never makes a second record.
    async fn write(&self, writes: &[Write<T>]) -> Vec<WriteResult>;

    /// Notes on records how another system stands with them, where the users of this system see it. One result per
    /// link, in their order.
    async fn link(&self, links: &[Link]) -> Vec<WriteResult>;
}

/// Refuses a verb that [`Support`] does not declare.
#[must_use]
pub fn not_supported(vendor: &str, resource: &str, verb: Verb) -> Failure {
    Failure::business(
        "capability_absent",
        format!("{vendor} cannot {verb} a {resource}; see the connection's capabilities"),
    )
}

/// Refuses a whole batch in the same way.
#[must_use]
pub fn none_supported<T: Resource>(
    vendor: &str,
    verb: Verb,
    keys: impl Iterator<Item = canonical_model::EffectKey>,
) -> Vec<WriteResult> {
    keys.map(|key| WriteResult::new(key, Err(not_supported(vendor, T::NAME, verb))))
        .collect()
}

/// Common to every port.
#[async_trait]
pub trait Port: Send + Sync {
    /// The vendor and its API version, for people.
    fn vendor(&self) -> &'static str;

    /// What every collection of this port can do in this vendor.
    fn capabilities(&self) -> Capabilities;

    /// Does, read-only, what the connector really does: signs in and reads one page of its main object.
    async fn check_health(&self) -> Result<()>;
}

/// A system where deals are made.
pub trait CrmPort: Port {
    /// Companies. Writing `financials` and links is how finance comes back to sales.
    fn accounts(&self) -> &dyn Collection<Account>;
    /// People at companies.
    fn contacts(&self) -> &dyn Collection<Contact>;
    /// Deals with their lines.
    fn opportunities(&self) -> &dyn Collection<Opportunity>;
    /// Contracts.
    fn contracts(&self) -> &dyn Collection<Contract>;
    /// Planned time, shown on the opportunity that became the project (`Assignment::project` is the opportunity).
    fn assignments(&self) -> &dyn Collection<Assignment>;
    /// Invoices, shown on the account (`Invoice::project` is the opportunity).
    fn invoices(&self) -> &dyn Collection<Invoice>;
}

/// A system that keeps the books.
pub trait ErpPort: Port {
    /// Companies of the firm.
    fn legal_entities(&self) -> &dyn Collection<LegalEntity>;
    /// Accounting periods.
    fn periods(&self) -> &dyn Collection<Period>;
    /// Tax codes.
    fn tax_codes(&self) -> &dyn Collection<TaxCode>;
    /// Exchange rates.
    fn fx_rates(&self) -> &dyn Collection<FxRate>;
    /// Customers.
    fn accounts(&self) -> &dyn Collection<Account>;
    /// Contracts (orders).
    fn contracts(&self) -> &dyn Collection<Contract>;
    /// Projects.
    fn projects(&self) -> &dyn Collection<Project>;
    /// Tasks of projects.
    fn tasks(&self) -> &dyn Collection<Task>;
    /// Employees.
    fn people(&self) -> &dyn Collection<Person>;
    /// Roles, as the items that time is charged as.
    fn roles(&self) -> &dyn Collection<Role>;
    /// Planned time, as a forecast of cost.
    fn assignments(&self) -> &dyn Collection<Assignment>;
    /// Time in the books.
    fn time_entries(&self) -> &dyn Collection<TimeEntry>;
    /// Expenses in the books.
    fn expenses(&self) -> &dyn Collection<Expense>;
    /// Billing schedules.
    fn billing_schedules(&self) -> &dyn Collection<BillingSchedule>;
    /// Invoices.
    fn invoices(&self) -> &dyn Collection<Invoice>;
    /// Credit notes.
    fn credit_notes(&self) -> &dyn Collection<CreditNote>;
    /// Payments received.
    fn payments(&self) -> &dyn Collection<Payment>;
}

/// A system where work is planned, done and approved.
pub trait PsaPort: Port {
    /// Clients.
    fn accounts(&self) -> &dyn Collection<Account>;
    /// Projects.
    fn projects(&self) -> &dyn Collection<Project>;
    /// Tasks of projects; workstreams are tasks without a parent.
    fn tasks(&self) -> &dyn Collection<Task>;
    /// Milestones that are paid for.
    fn milestones(&self) -> &dyn Collection<Milestone>;
    /// People who deliver.
    fn people(&self) -> &dyn Collection<Person>;
    /// Roles.
    fn roles(&self) -> &dyn Collection<Role>;
    /// Prices by role.
    fn rate_cards(&self) -> &dyn Collection<RateCard>;
    /// What people cost.
    fn cost_rates(&self) -> &dyn Collection<CostRate>;
    /// Wishes for people.
    fn resource_requests(&self) -> &dyn Collection<ResourceRequest>;
    /// Planned time.
    fn assignments(&self) -> &dyn Collection<Assignment>;
    /// Time worked.
    fn time_entries(&self) -> &dyn Collection<TimeEntry>;
    /// Money spent.
    fn expenses(&self) -> &dyn Collection<Expense>;
}
