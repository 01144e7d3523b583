//! Which port has which collections, so that one generic handler serves them all.

use canonical_model::{
    Account, Assignment, BillingSchedule, Contact, Contract, CostRate, CreditNote, Expense, FxRate, Invoice,
    LegalEntity, Milestone, Opportunity, Payment, Period, Person, Project, RateCard, Resource,
    ResourceRequest, Role, Task, TaxCode, TimeEntry,
};
use system_ports::{Collection, CrmPort, ErpPort, Port, PsaPort};

/// A port that has a collection of this record.
pub trait Has<T: Resource>: Port {
    /// The collection.
    fn collection(&self) -> &dyn Collection<T>;
}

macro_rules! has {
    ($port:ident: $($record:ident $collection:ident),+ $(,)?) => {$(
        impl Has<$record> for dyn $port {
            fn collection(&self) -> &dyn Collection<$record> {
                self.$collection()
            }
        }
    )+};
}

has!(CrmPort: Account accounts, Contact contacts, Opportunity opportunities, Contract contracts,
    Assignment assignments, Invoice invoices);
has!(ErpPort: LegalEntity legal_entities, Period periods, TaxCode tax_codes, FxRate fx_rates, Account accounts,
    Contract contracts, Project projects, Task tasks, Person people, Role roles, Assignment assignments,
    TimeEntry time_entries, Expense expenses, BillingSchedule billing_schedules, Invoice invoices,
    CreditNote credit_notes, Payment payments);
has!(PsaPort: Account accounts, Project projects, Task tasks, Milestone milestones, Person people, Role roles,
    RateCard rate_cards, CostRate cost_rates, ResourceRequest resource_requests, Assignment assignments,
    TimeEntry time_entries, Expense expenses);
