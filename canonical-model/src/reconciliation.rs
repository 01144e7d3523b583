//! Reconciliation: what the PSA approved, what our journal says was posted, and what stands in the ERP, compared.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use crate::{CanonicalId, EffectKey, Failure, Minutes, Money, PostingState, SourceKind};

/// One line of the journal of what finance was given, as it is compared with the systems: what the PSA said, and what
/// was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalLine {
    /// Its id.
    pub id: CanonicalId,
    /// What it is of.
    pub kind: SourceKind,
    /// Connection and id of the source, such as `psa/main/4711`.
    pub source: String,
    /// The n-th posting of its source.
    pub generation: u32,
    /// Where it stands.
    pub state: PostingState,
    /// The PSA says something else by now, and somebody or something works on that already.
    pub changing: bool,
    /// The PSA says something else by now, and a person decided that the posting stands.
    pub let_stand: bool,
    /// The PSA's id of the project.
    pub source_project: String,
    /// Who worked or spent, as far as the PSA tells.
    pub person: String,
    /// The day of the work.
    pub date: NaiveDate,
    /// Time; none for an expense. Negative in a reversal.
    pub minutes: Minutes,
    /// Hours at the rate that the PSA gave, rounded half up to the minor unit, or the amount of an expense; absent where
    /// it is not charged or has no rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
    /// The same with what a person decided about the line: what was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted_value: Option<Money>,
    /// Connection and id in the books, such as `erp/main/5512`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posting: Option<String>,
    /// The key that the record in the books carries; absent in a reversal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_key: Option<EffectKey>,
}

/// Asks for a comparison: of a period by name, or of days; of all, or of one legal entity, region or project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "one_range"))]
pub struct ReconciliationRequest {
    /// Name of an accounting period of the ERP, such as `Nov 2026`, instead of days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "Nov 2026")]
    pub period: Option<String>,
    /// First day of the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Last day of the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
    /// Only this legal entity (canonical code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "de")]
    pub legal_entity: Option<String>,
    /// Only this region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "EMEA")]
    pub region: Option<String>,
    /// Only the project with this code of the firm's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "HEL-0001")]
    pub project_code: Option<String>,
}

/// Either a period, or two days in their order.
fn one_range(request: &ReconciliationRequest) -> Result<(), ValidationError> {
    let fits = match (&request.period, request.from, request.to) {
        (Some(_), None, None) => true,
        (None, Some(from), Some(to)) => from <= to,
        _ => false,
    };
    let refused = || {
        ValidationError::new("range")
            .with_message("give a period, or from and to with from not behind to".into())
    };
    fits.then_some(()).ok_or_else(refused)
}

/// What a comparison covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReconciliationScope {
    /// The accounting period that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// First day of the work; absent until the period's days are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Last day of the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
    /// Only this legal entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<String>,
    /// Only this region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Only this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_code: Option<String>,
}

/// Where a comparison stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconciliationState {
    /// Waits for its turn.
    Queued,
    /// Reads and compares.
    Running,
    /// PSA, journal and ERP say the same, but for differences that a person accepted: there is a certificate.
    Certified,
    /// There are differences that nobody has resolved.
    Differs,
    /// No differences, but approved work that is not in the books yet: no certificate.
    WorkWaits,
    /// It could not be brought to an end; the failure says why.
    Failed,
}

/// Why a comparison was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconciliationTrigger {
    /// Somebody asked.
    Request,
    /// The timer.
    Timer,
    /// The last difference of an earlier comparison of the same scope was resolved.
    Resolved,
    /// A change feed was not read for longer than its vendor remembers.
    FeedGap,
}

/// What one side of a comparison comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReconciledSum {
    /// How many records.
    pub records: u64,
    /// Their time.
    pub minutes: Minutes,
    /// Their value, in the figure's currency; absent where they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
}

/// What the sides come to for one legal entity, region, project, period and currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReconciliationFigure {
    /// Canonical code of the legal entity; empty where the project's is not mapped.
    #[schema(example = "de")]
    pub legal_entity: String,
    /// The region; empty where the project has none.
    #[schema(example = "EMEA")]
    pub region: String,
    /// The firm's code of the project.
    #[schema(example = "HEL-0001")]
    pub project_code: String,
    /// The accounting period of the ERP, or year and month where there is none.
    #[schema(example = "Nov 2026")]
    pub period: String,
    /// Approved in the PSA.
    pub approved: ReconciledSum,
    /// Of it, work that our journal has and that is on its way or waits for a person.
    pub waiting: ReconciledSum,
    /// Of it, work that a person decided not to post, or a difference that a person accepted.
    pub accepted: ReconciledSum,
    /// Posted, as our journal says.
    pub journal: ReconciledSum,
    /// In the books of the ERP; a reversal counts negative.
    pub posted: ReconciledSum,
}

/// A comparison: begun, under way or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reconciliation {
    /// Its id.
    pub id: CanonicalId,
    /// Where it stands.
    pub state: ReconciliationState,
    /// Why it was begun.
    pub trigger: ReconciliationTrigger,
    /// Who asked: a person's or a service's subject.
    pub requested_by: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// What it covers.
    pub scope: ReconciliationScope,
    /// What it is doing, such as `reading time-entries of erp/main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Records read so far, of all sides.
    pub records_read: u64,
    /// Records of the ERP that are on projects which the PSA does not have: they are not compared.
    pub not_compared: u64,
    /// Differences that nobody has resolved yet.
    pub differences_open: u64,
    /// Differences that a person accepted with a reason.
    pub differences_accepted: u64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it does not go on, or did not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CanonicalId>,
    /// The figures; empty in a listing and before the end.
    #[serde(default)]
    pub figures: Vec<ReconciliationFigure>,
}

/// Why the sides do not say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceCause {
    /// The journal has it as posted; the ERP has it no more.
    DeletedInErp,
    /// The ERP has other time, day or value than was posted.
    ChangedInErp,
    /// The PSA has other time, day or value than it had when it was posted, and told nobody.
    ChangedInPsa,
    /// It is posted, and the PSA has it no more or does not call it approved.
    NoLongerApproved,
    /// The PSA calls it approved and nothing was posted or is going to be.
    NeverQueued,
    /// The ERP has a record that is not a posting of ours.
    PostedByOther,
    /// The ERP has a record that repeats a posting of ours.
    PostedTwice,
}

/// A record as one side has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedRecord {
    /// Connection and id, such as `erp/main/5512`; of the journal, the source and generation.
    pub record: String,
    /// Who worked or spent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// The day of the work.
    pub date: NaiveDate,
    /// Time; none for an expense.
    pub minutes: Minutes,
    /// Hours at their rate, or the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
    /// Where the side says it stands, such as `approved` or `posted`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
}

/// Where a difference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceState {
    /// Waits for a person.
    Open,
    /// Is compared again.
    Retrying,
    /// A person let it be, and said why.
    Accepted,
    /// The sides say the same by now.
    Resolved,
}

/// One difference, with the record on each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// Its id, which is also the id of its exception on the desk.
    pub id: CanonicalId,
    /// Why the sides differ.
    pub cause: DifferenceCause,
    /// Time entry or expense.
    pub kind: SourceKind,
    /// Connection and id of the record that it is about, in the PSA where it is known there.
    pub record: String,
    /// The firm's code of the project.
    pub project_code: String,
    /// Canonical code of the legal entity.
    pub legal_entity: String,
    /// The region.
    pub region: String,
    /// The day of the work.
    pub date: NaiveDate,
    /// As the PSA has it; absent where it is not there or not approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psa: Option<ComparedRecord>,
    /// As our journal has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<ComparedRecord>,
    /// As the ERP has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erp: Option<ComparedRecord>,
    /// What it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_at_risk: Option<Money>,
    /// Where it stands.
    pub state: DifferenceState,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// Who accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A set that was compared, so that an outsider can recompute its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertifiedSet {
    /// How many records.
    pub records: u64,
    /// SHA-256 over the sorted SHA-256 of each record's line, in hexadecimal; docs/reconciliation.md says how.
    pub sha256: String,
}

/// What a certificate states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReconciliationCertificate {
    /// Its id.
    pub id: CanonicalId,
    /// The comparison that it is of.
    pub reconciliation_id: CanonicalId,
    /// What was compared.
    pub scope: ReconciliationScope,
    /// When the reading began.
    pub read_from: DateTime<Utc>,
    /// When it was issued.
    pub taken_at: DateTime<Utc>,
    /// Version of the software that compared.
    pub software: String,
    /// The figures.
    pub figures: Vec<ReconciliationFigure>,
    /// Approved records of the PSA.
    pub psa: CertifiedSet,
    /// Lines of the journal that are posted.
    pub journal: CertifiedSet,
    /// Records of the ERP.
    pub erp: CertifiedSet,
    /// Records of the ERP that are on projects which the PSA does not have.
    pub not_compared: u64,
    /// Differences that a person accepted with a reason.
    pub accepted: Vec<Difference>,
    /// How many approved records a person decided not to post.
    pub skipped: u64,
}

/// A certificate with the exact text that was stored and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedCertificate {
    /// What it states.
    pub certificate: ReconciliationCertificate,
    /// The same as the JSON text that was stored.
    pub text: String,
    /// SHA-256 of the text in hexadecimal; the audit log holds the same.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_period_or_two_days_in_their_order() {
        let day = |text: &str| Some(text.parse().unwrap());
        let days = |from, to| ReconciliationRequest {
            from,
            to,
            ..ReconciliationRequest::default()
        };
        assert!(days(day("2026-11-01"), day("2026-11-30")).validate().is_ok());
        assert!(days(day("2026-11-30"), day("2026-11-01")).validate().is_err());
        assert!(days(day("2026-11-30"), None).validate().is_err());
        assert!(ReconciliationRequest::default().validate().is_err());
        let mut both = days(day("2026-11-01"), day("2026-11-30"));
        both.period = Some("Nov 2026".to_owned());
        assert!(both.validate().is_err());
    }
}
