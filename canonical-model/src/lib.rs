//! The canonical model: the nouns of quote-to-cash as every layer of Fairlead speaks them.
//!
//! Data only: derives, checks and arithmetic. No I/O, no vendor name; the one clock that everybody reads. Three rules hold everywhere:
//! money is a decimal with a currency and explicit rounding, time worked is whole minutes, and a reference inside a
//! record ([`RecordRef`]) is an id of the system that the record comes from or goes to: the only place where the ids
//! of two systems meet is the cross-reference of the control API.

mod account;
mod billing;
mod capabilities;
pub mod clock;
mod control;
mod desk;
mod event;
mod fact;
mod failure;
mod finance;
mod insight;
mod measure;
mod money;
mod notice;
mod opportunity;
mod ownership;
mod people;
mod project;
mod reconciliation;
mod record;
mod reference;
#[cfg(feature = "simulation")]
pub mod simulation;
mod work;

pub use account::{Account, AccountFinancials, Address, Contact, TaxRegistration};
pub use billing::{
    BillingEvent, BillingSchedule, CreditNote, Invoice, InvoiceLine, InvoiceStatus, LineSource, Payment,
    PaymentApplication, SourceKind,
};
pub use capabilities::{
    Capabilities, CollectionSupport, ConnectionInfo, Consistency, Filter, Idempotency, Support, Verb,
};
pub use control::{
    AccountMatch, AccountMatchRequest, AccountMatchRuling, AuditEntry, CrossReference, GoldenAccount,
    MappingDomain, MatchCandidate, MatchDecision, MatchReason, OwnershipCheck, ReferenceAnswer,
    ReferenceAnswers, ReferenceMapping, ReferenceQuestion, ReferenceQuestions, Translation,
    TranslationQuestion, TranslationQuestions, Translations,
};
pub use desk::{
    AssignmentRequest, ExceptionCause, ExceptionGroup, ExceptionRecord, ExceptionState, GroupResolution,
    InstanceEffectView, InstanceState, InstanceStepState, InstanceStepView, InstanceView, Resolution,
    ResolutionAccepted, ResolutionAction,
};
pub use event::{Event, EventPage};
pub use fact::{
    AgreedCharge, AssignmentChanged, ContractAgreed, DealWon, Fact, InvoiceChanged, InvoiceCreated,
    PaymentReceived, ProjectActivated, ProjectScope, StaffingRequested, WorkPosted, WorkReversed,
};
pub use failure::{Failure, FailureClass, Outcome, Result};
pub use finance::{
    CostRate, FxRate, LegalEntity, MarginSnapshot, Period, PeriodState, Region, RevenueEvent, TaxCode,
};
pub use insight::{
    AccountMargin, Figure, InvoiceStanding, Kpi, KpiName, ProjectStanding, ResourceRequestStanding,
};
pub use measure::Minutes;
pub use money::{Currency, Money, Rate, RatePer, Rounding};
pub use notice::{
    Accepted, BillingRunRequest, DealNotice, InvoiceNotice, PostingLineView, PostingState, WorkNotice,
};
pub use opportunity::{
    BillingMethod, Contract, Opportunity, OpportunityLine, OpportunityStage, RateCard, RateCardLine,
};
pub use ownership::{Ownership, OwnershipRule, SystemKind};
pub use people::{Assignment, AssignmentState, Person, ResourceRequest, ResourceRequestState, Role};
pub use project::{Milestone, MilestoneState, Project, ProjectStatus, Task};
pub use reconciliation::{
    CertifiedSet, ComparedRecord, Difference, DifferenceCause, DifferenceState, IssuedCertificate,
    JournalLine, ReconciledSum, Reconciliation, ReconciliationCertificate, ReconciliationFigure,
    ReconciliationRequest, ReconciliationScope, ReconciliationState, ReconciliationTrigger,
};
pub use record::{
    Change, Changes, EffectKey, FindBy, Link, LinkState, ListQuery, Page, Resource, Sourced, Write,
    WriteResult, Written,
};
pub use reference::{CanonicalId, RecordRef};
pub use work::{ApprovalState, Expense, TimeEntry};
