//! Control: golden records, cross-references, mappings, the desk over all processes, the audit log.

use std::sync::Arc;

use canonical_model::{
    AccountMatch, AccountMatchRequest, AccountMatchRuling, AuditEntry, CanonicalId, CrossReference,
    Difference, DifferenceState, EventPage, GoldenAccount, IssuedCertificate, MappingDomain, OwnershipCheck,
    Page, Reconciliation, ReconciliationRequest, ReconciliationState, ReferenceAnswer, ReferenceAnswers,
    ReferenceMapping, ReferenceQuestion, ReferenceQuestions, Result, Translation, TranslationQuestion,
    TranslationQuestions, Translations,
};
use egress::{Authorizer, ClientSettings, Request};
use serde::Deserialize;

use crate::api::{Api, word};
use crate::{Act, DeskClient, EventQuery, ProcessClient};

/// Which mappings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingQuery {
    /// Only of this domain.
    pub domain: Option<MappingDomain>,
    /// Only of this connection, such as `psa/main`.
    pub connection: Option<String>,
}

/// Which lines of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only about this subject.
    pub subject: Option<String>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Lines a page.
    pub limit: Option<u32>,
}

/// Which comparisons, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconciliationQuery {
    /// Only in this state.
    pub state: Option<ReconciliationState>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Comparisons a page.
    pub limit: Option<u32>,
}

/// Which differences of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DifferenceQuery {
    /// Only in this state.
    pub state: Option<DifferenceState>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Differences a page.
    pub limit: Option<u32>,
}

#[derive(Deserialize)]
struct MappingSet {
    exceptions_retried: u64,
}

/// Calls control.
#[derive(Clone)]
pub struct ControlClient {
    api: Api,
    process: ProcessClient,
}

impl ControlClient {
    /// A client of the API.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the address or the certificate file cannot be used.
    pub fn new(settings: &ClientSettings, authorizer: Arc<dyn Authorizer>) -> Result<Self> {
        let api = Api::new("control-process-api", settings, authorizer)?;
        let process = ProcessClient::over(api.clone());
        Ok(Self { api, process })
    }

    /// The exceptions of every process.
    #[must_use]
    pub fn desk(&self) -> &DeskClient {
        self.process.desk()
    }

    /// The next page of control's own events.
    ///
    /// # Errors
    /// When the API is not reached or refuses the cursor.
    pub async fn events(&self, query: &EventQuery) -> Result<EventPage> {
        self.process.events(query).await
    }

    /// Which golden record an account of a system is. Asking again gives the same.
    ///
    /// # Errors
    /// When the API is not reached or refuses. An ambiguous match is an answer, not a failure.
    pub async fn match_account(&self, account: &AccountMatchRequest) -> Result<AccountMatch> {
        let request = Request::post_json("/v1/account-matches", account);
        self.api.act(request, &Act::once()).await
    }

    /// Decides which golden record an account is.
    ///
    /// # Errors
    /// Business where the golden record does not exist or the account is another already.
    pub async fn rule_account_match(&self, ruling: &AccountMatchRuling, act: &Act) -> Result<AccountMatch> {
        self.api
            .act(Request::post_json("/v1/account-matches/ruling", ruling), act)
            .await
    }

    /// One golden account.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn account(&self, id: CanonicalId) -> Result<GoldenAccount> {
        let request = Request::get(format!("/v1/accounts/{id}")).template("/v1/accounts/{canonical_id}");
        self.api.get(request).await
    }

    /// One page of the golden accounts.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn accounts(&self, cursor: Option<&str>, limit: Option<u32>) -> Result<Page<GoldenAccount>> {
        let request = Request::get("/v1/accounts")
            .query_opt("cursor", cursor)
            .query_opt("limit", limit);
        self.api.get(request).await
    }

    /// What is known of each thing, one answer a question, in their order.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn references(&self, questions: &[ReferenceQuestion]) -> Result<Vec<ReferenceAnswer>> {
        let wrap = |questions| ReferenceQuestions { questions };
        let unwrap = |answers: ReferenceAnswers| answers.answers;
        self.api
            .ask("/v1/cross-references/query", questions, wrap, unwrap)
            .await
    }

    /// Records that a thing has this id in a connection. Recording it again changes nothing.
    ///
    /// # Errors
    /// Business `already_..` where the record stands for another thing, or the thing has another record there.
    pub async fn register(&self, reference: &CrossReference) -> Result<()> {
        let request = Request::put_json("/v1/cross-references", reference);
        self.api.act_silently(request, &Act::once()).await
    }

    /// What words of one system stand for, one answer a question, in their order.
    ///
    /// # Errors
    /// When the API is not reached or refuses. A word that is not mapped is an answer, not a failure.
    pub async fn translate(&self, questions: &[TranslationQuestion]) -> Result<Vec<Translation>> {
        let wrap = |questions| TranslationQuestions { questions };
        let unwrap = |answers: Translations| answers.answers;
        self.api
            .ask("/v1/translations/query", questions, wrap, unwrap)
            .await
    }

    /// The mappings that the query names.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn mappings(&self, query: &MappingQuery) -> Result<Vec<ReferenceMapping>> {
        let request = Request::get("/v1/mappings")
            .query_opt("domain", query.domain.map(word))
            .query_opt("connection", query.connection.as_ref());
        self.api.get(request).await
    }

    /// Sets a mapping; work that waits for it is tried again. How many exceptions that are.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn set_mapping(&self, mapping: &ReferenceMapping, act: &Act) -> Result<u64> {
        let request = Request::put_json("/v1/mappings", mapping);
        let MappingSet { exceptions_retried } = self.api.act(request, act).await?;
        Ok(exceptions_retried)
    }

    /// Takes a mapping back.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn remove_mapping(
        &self,
        domain: MappingDomain,
        connection: &str,
        value: &str,
        act: &Act,
    ) -> Result<()> {
        let request = Request::delete("/v1/mappings")
            .query("domain", word(domain))
            .query("connection", connection)
            .query("value", value);
        self.api.act_silently(request, act).await
    }

    /// Whether a value from one kind of system may change these fields in another.
    ///
    /// # Errors
    /// Business `field_not_owned` where it may not.
    pub async fn check_ownership(&self, check: &OwnershipCheck) -> Result<()> {
        let request = Request::post_json("/v1/ownership/checks", check);
        self.api.act_silently(request, &Act::once()).await
    }

    /// Asks for a comparison of PSA, journal and ERP; the work goes on behind the answer.
    ///
    /// # Errors
    /// When the request is not stored.
    pub async fn start_reconciliation(
        &self,
        asked: &ReconciliationRequest,
        act: &Act,
    ) -> Result<Reconciliation> {
        let request = Request::post_json("/v1/reconciliations", asked);
        self.api.act(request, act).await
    }

    /// One page of the comparisons, the newest first, without their figures.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn reconciliations(&self, query: &ReconciliationQuery) -> Result<Page<Reconciliation>> {
        let request = Request::get("/v1/reconciliations")
            .query_opt("state", query.state.map(word))
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }

    /// One comparison with its figures.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn reconciliation(&self, id: CanonicalId) -> Result<Reconciliation> {
        let request = Request::get(format!("/v1/reconciliations/{id}")).template("/v1/reconciliations/{id}");
        self.api.get(request).await
    }

    /// One page of the differences that a comparison found.
    ///
    /// # Errors
    /// Business `not_found` where there is no such comparison.
    pub async fn differences(&self, id: CanonicalId, query: &DifferenceQuery) -> Result<Page<Difference>> {
        let request = Request::get(format!("/v1/reconciliations/{id}/differences"))
            .template("/v1/reconciliations/{id}/differences")
            .query_opt("state", query.state.map(word))
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }

    /// The certificate of a comparison.
    ///
    /// # Errors
    /// Business `not_found` where it has none.
    pub async fn certificate(&self, id: CanonicalId) -> Result<IssuedCertificate> {
        let request = Request::get(format!("/v1/reconciliations/{id}/certificate"))
            .template("/v1/reconciliations/{id}/certificate");
        self.api.get(request).await
    }

    /// One page of the audit log.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn audit_entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        let request = Request::get("/v1/audit-entries")
            .query_opt("subject", query.subject.as_ref())
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }
}
