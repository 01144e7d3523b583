//! From an invoice that stands differently in the books to what sales sees of it.
//!
//! It starts when the ERP made, changed or was paid an invoice: by its change feed, or by a notice. The invoice's company
//! and project are found by cross-reference; the fact goes to insight; the invoice is shown on the account and on the
//! opportunity in the CRM; and the account's standing (status, billed and collected to date, DSO, margin) is computed anew
//! from all its invoices and written where sales sees it. Feedback of one account takes turns: what was read earlier is
//! never written later. Nothing is taken back: what is shown is what the books say.

use canonical_model::{
    Account, CanonicalId, EffectKey, Fact, Failure, Invoice, InvoiceChanged, MappingDomain, Money, RecordRef,
    Result, Sourced, TranslationQuestion, Verb, Write, Written,
};
use chrono::Duration;
use process_client::InvoiceQuery;
use process_engine::{AtRisk, OwnerRule, Process, State};
use serde::{Deserialize, Serialize};

use crate::account_standing::financials_of;
use crate::parties::{self, Buyer};
use crate::services::{Ctx, Services};
use crate::turns;

/// Name of the process.
pub const NAME: &str = "invoice-feedback";

/// An invoice on its way back to sales.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceFeedback {
    /// The ERP's connection, such as `erp/main`.
    pub connection: String,
    /// The invoice's id there.
    pub invoice_id: String,
    /// The invoice as it was when it was read.
    #[serde(default)]
    pub invoice: Option<Sourced<Invoice>>,
    /// Who bought.
    #[serde(default)]
    pub buyer: Option<Buyer>,
    /// The project.
    #[serde(default)]
    pub project_id: Option<CanonicalId>,
    /// The opportunity in the CRM.
    #[serde(default)]
    pub opportunity_id: Option<String>,
    /// Canonical code of the legal entity, where it is mapped.
    #[serde(default)]
    pub legal_entity: Option<String>,
}

/// The steps, in their order.
pub fn definition() -> Process<InvoiceFeedback, Services> {
    let accountant = |sla_hours| OwnerRule {
        role: "project_accountant",
        sla_hours,
    };
    let steward = OwnerRule {
        role: "data_steward",
        sla_hours: 24,
    };
    Process::named(NAME)
        .version(1)
        .step("load_invoice", load_invoice)
        .needed()
        .step("find_parties", find_parties)
        .step("take_turn", take_turn)
        .undo(give_turn_back)
        .step("load_invoice_again", load_invoice)
        .step("tell_fact", tell_fact)
        .step("show_invoice_in_crm", show_invoice_in_crm)
        .step("await_insight", await_insight)
        .step("update_account_in_crm", update_account_in_crm)
        .step("give_turn_back", give_turn_back)
        .owner("account_not_referenced", steward)
        .owner("account_without_crm_id", steward)
        .owner("missing_fx_rate", accountant(24))
        .default_owner(OwnerRule {
            role: "integration_operator",
            sla_hours: 8,
        })
}

impl State for InvoiceFeedback {
    fn title(&self) -> String {
        let number = self.invoice.as_ref().and_then(|i| i.data.number.clone());
        format!(
            "Invoice {} of {}",
            number.unwrap_or_else(|| self.invoice_id.clone()),
            self.connection
        )
    }

    fn at_risk(&self) -> AtRisk {
        AtRisk {
            money: self.invoice.as_ref().and_then(|i| i.data.total),
            legal_entity: self.legal_entity.clone(),
            region: None,
        }
    }
}

impl InvoiceFeedback {
    /// An invoice of which nothing is known but where it is.
    #[must_use]
    pub fn of(connection: &str, invoice_id: &str) -> Self {
        Self {
            connection: connection.to_owned(),
            invoice_id: invoice_id.to_owned(),
            invoice: None,
            buyer: None,
            project_id: None,
            opportunity_id: None,
            legal_entity: None,
        }
    }

    fn invoice(&self) -> Result<&Sourced<Invoice>> {
        self.invoice.as_ref().ok_or_else(|| lacking("the invoice"))
    }

    fn buyer(&self) -> Result<&Buyer> {
        self.buyer.as_ref().ok_or_else(|| lacking("the account"))
    }

    fn told_as(&self) -> String {
        format!("{}/{}", self.connection, self.invoice_id)
    }
}

async fn load_invoice(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    state.invoice = Some(
        ctx.services()
            .erp::<Invoice>(&state.connection)
            .read(&state.invoice_id)
            .await?,
    );
    Ok(())
}

async fn find_parties(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    let invoice = state.invoice()?.data.clone();
    if let Some(project) = &invoice.project {
        (state.project_id, state.opportunity_id) = parties::project(ctx, &state.connection, project).await?;
    }
    if let Some(entity) = &invoice.legal_entity {
        state.legal_entity = legal_entity_code(ctx, &state.connection, entity).await?;
    }
    state.buyer = Some(parties::buyer(ctx, &state.connection, &invoice.account).await?);
    Ok(())
}

/// The canonical code, by the entity's id or by its name.
async fn legal_entity_code(ctx: &Ctx, connection: &str, entity: &RecordRef) -> Result<Option<String>> {
    let question = |value: &str| TranslationQuestion {
        domain: MappingDomain::LegalEntity,
        from: Some(connection.to_owned()),
        value: value.to_owned(),
        to: None,
    };
    let mut questions = vec![question(&entity.id)];
    questions.extend(entity.label.as_deref().map(question));
    let answers = ctx.services().control.translate(&questions).await?;
    Ok(answers.into_iter().find_map(|answer| answer.code))
}

async fn take_turn(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    let (account, instance) = (state.buyer()?.canonical_id, ctx.instance_id());
    let database = &ctx.services().database;
    let taken = database
        .write(move |tx| Box::pin(async move { turns::take(tx, account, instance).await }))
        .await?;
    if taken {
        return Ok(());
    }
    Err(ctx.wait_until(chrono::Utc::now() + Duration::milliseconds(500)))
}

/// Also what a compensation does: whoever does not go on does not stand in the way.
async fn give_turn_back(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    let Some(buyer) = &state.buyer else {
        return Ok(());
    };
    let (account, instance) = (buyer.canonical_id, ctx.instance_id());
    ctx.on_commit(move |tx| Box::pin(async move { turns::give(tx, account, instance).await }));
    Ok(())
}

async fn tell_fact(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    let (sourced, buyer) = (state.invoice()?, state.buyer()?);
    let invoice = &sourced.data;
    let zero = Money::zero(invoice.currency);
    let fact = InvoiceChanged {
        invoice: state.told_as(),
        number: invoice.number.clone(),
        account_id: buyer.canonical_id,
        account_name: buyer.name.clone(),
        project_id: state.project_id,
        legal_entity: state.legal_entity.clone(),
        status: invoice.status,
        date: invoice.date,
        due_date: invoice.due_date,
        net: invoice.net.or(invoice.total).ok_or_else(|| amountless(state))?,
        total: invoice.total.or(invoice.net).ok_or_else(|| amountless(state))?,
        amount_paid: invoice.amount_paid.unwrap_or(zero),
        changed_at: sourced.changed_at,
    };
    ctx.emit(Fact::InvoiceChanged(fact), &state.told_as());
    Ok(())
}

/// The CRM's record carries a key that follows from the invoice, so that every change of it writes the same record.
async fn show_invoice_in_crm(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    let Some(crm_id) = state.buyer()?.crm_ids.first().cloned() else {
        return Ok(());
    };
    // A CRM that is the ERP too has the invoice already.
    if !ctx.services().crm_can::<Invoice>(Verb::Write).await? {
        return Ok(());
    }
    let invoice = state.invoice()?.data.clone();
    let shown = Invoice {
        account: RecordRef::id(crm_id),
        project: state.opportunity_id.clone().map(RecordRef::id),
        legal_entity: None,
        lines: Vec::new(),
        ..invoice
    };
    let key = ctx.shared_key(&format!("invoice {}", state.told_as()));
    let (remote, record) = (ctx.services().crm::<Invoice>(), shown.clone());
    let send = move |key: EffectKey| {
        let (remote, record) = (remote.clone(), record.clone());
        async move {
            remote
                .write(&Write {
                    key,
                    id: None,
                    expected_version: None,
                    record,
                })
                .await
        }
    };
    // What is found may be an earlier change's record, so what is not known to be written is written again: the same
    // key upserts the same record.
    let find = |_key: EffectKey| async move { Ok::<Option<Written>, Failure>(None) };
    let target = format!("{} invoice", ctx.services().crm_name());
    ctx.effect_with_key(&target, key, &shown, send, find)
        .await
        .map(drop)
}

/// Gives insight a moment to take the fact in, so that the margin includes this invoice; then goes on without it.
async fn await_insight(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    let query = InvoiceQuery {
        account_id: Some(state.buyer()?.canonical_id),
        limit: Some(1000),
        ..InvoiceQuery::default()
    };
    let known = ctx.services().insight.invoices(&query).await?;
    let (told_as, invoice) = (state.told_as(), &state.invoice()?.data);
    let told = known.items.iter().any(|i| {
        i.invoice == told_as
            && i.status == invoice.status
            && Some(i.amount_paid) == invoice.amount_paid.or(Some(i.amount_paid))
    });
    let patience = Duration::seconds(ctx.services().wait_for_insight_s);
    let now = chrono::Utc::now();
    if told || now - ctx.started_at() > patience {
        return Ok(());
    }
    Err(ctx.wait_until(now + Duration::milliseconds(500)))
}

async fn update_account_in_crm(ctx: &Ctx, state: &mut InvoiceFeedback) -> Result<()> {
    let buyer = state.buyer()?.clone();
    for crm_id in &buyer.crm_ids {
        let account = ctx.services().crm::<Account>().read(crm_id).await?.data;
        let currency = account.currency.unwrap_or(state.invoice()?.data.currency);
        let financials = financials_of(ctx, &buyer, currency).await?;
        let record = Account {
            financials: Some(financials),
            ..bare(account.name)
        };
        let (remote, id, sent) = (ctx.services().crm::<Account>(), crm_id.clone(), record.clone());
        let send = move |key: EffectKey| {
            let (remote, id, record) = (remote.clone(), id.clone(), sent.clone());
            async move {
                remote
                    .write(&Write {
                        key,
                        id: Some(id),
                        expected_version: None,
                        record,
                    })
                    .await
            }
        };
        // Setting the same figures twice is setting them once.
        let find = |_key: EffectKey| async move { Ok::<Option<Written>, Failure>(None) };
        let target = format!("{} account", ctx.services().crm_name());
        ctx.effect(&target, &format!("account {crm_id}"), &record, send, find)
            .await?;
    }
    Ok(())
}

/// An account of which only the name is said: what is not said stays as it is.
fn bare(name: String) -> Account {
    Account {
        name,
        parent: None,
        website: None,
        phone: None,
        email: None,
        tax_registrations: Vec::new(),
        billing_address: None,
        payment_terms: None,
        legal_entity: None,
        currency: None,
        financials: None,
    }
}

fn amountless(state: &InvoiceFeedback) -> Failure {
    let message = format!("{} was read without an amount", state.told_as());
    Failure::fault("invoice_without_amount", message).at(state.connection.clone())
}

fn lacking(what: &str) -> Failure {
    Failure::fault(
        "step_skipped",
        format!("{what} is not known, because the step that finds it was skipped"),
    )
}
