//! What was agreed about charging each project, as quote-to-project tells it.

use canonical_model::{
    AgreedCharge, BillingMethod, CanonicalId, ContractAgreed, Currency, Money, ProjectActivated,
    ProjectScope, Result,
};
use chrono::NaiveDate;
use persistence::{Row, Tx, args};

use super::{json, minor, money, read_word};

/// What was agreed about charging a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Which project, and what it is reported by.
    pub scope: ProjectScope,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// Currency of everything that is charged.
    pub currency: Currency,
    /// Charges shall not go beyond this.
    pub cap: Option<Money>,
    /// The client's purchase order.
    pub purchase_order: Option<String>,
    /// The client pays only against a purchase order.
    pub purchase_order_required: bool,
}

/// An agreed charge that is to be billed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id: project and name within the contract.
    pub id: String,
    /// The project.
    pub project_id: CanonicalId,
    /// What it is for.
    pub description: String,
    /// Day it is due.
    pub due: NaiveDate,
    /// How much, net.
    pub amount: Money,
    /// The milestone that brings it about.
    pub milestone: Option<String>,
}

fn method_word(method: BillingMethod) -> &'static str {
    match method {
        BillingMethod::TimeAndMaterials => "time_and_materials",
        BillingMethod::FixedFee => "fixed_fee",
        BillingMethod::Milestone => "milestone",
        BillingMethod::Retainer => "retainer",
    }
}

const AGREE: &str = "INSERT INTO projects (id, code, scope, billing_method, currency, cap, purchase_order,
        purchase_order_required, rate_card, agreed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
    ON CONFLICT (id) DO UPDATE SET code = excluded.code, scope = excluded.scope,
        billing_method = excluded.billing_method, currency = excluded.currency, cap = excluded.cap,
        purchase_order = excluded.purchase_order, purchase_order_required = excluded.purchase_order_required,
        rate_card = excluded.rate_card, agreed = 1";

const CHARGE: &str =
    "INSERT INTO charges (id, project_id, description, due, amount_minor, currency, milestone)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (id) DO UPDATE SET description = excluded.description, due = excluded.due,
        amount_minor = excluded.amount_minor, currency = excluded.currency, milestone = excluded.milestone";

const OPEN_CHARGES: &str = "SELECT id FROM charges WHERE project_id = $1
    AND NOT EXISTS (SELECT 1 FROM billed_events
        WHERE billed_events.event = charges.id OR billed_events.event = charges.milestone)";

/// Takes in a contract: the last one told counts. Charges that it does not name any more and that are not billed go.
///
/// # Errors
/// Failures of the database.
pub async fn agree(tx: &mut Tx, contract: &ContractAgreed) -> Result<()> {
    let id = contract.scope.project_id;
    let values = args![
        id,
        &contract.scope.project_code,
        json(&contract.scope)?,
        method_word(contract.billing_method),
        contract.currency,
        contract.cap.map(|cap| json(&cap)).transpose()?,
        contract.purchase_order.clone(),
        i64::from(contract.purchase_order_required),
        contract.rate_card.clone(),
    ];
    tx.execute(AGREE, values).await?;
    let named: Vec<String> = contract
        .charges
        .iter()
        .map(|charge| charge_id(id, charge))
        .collect();
    for row in tx.all(OPEN_CHARGES, args![id]).await? {
        let open = row.text("id")?;
        if !named.contains(&open) {
            tx.execute("DELETE FROM charges WHERE id = $1", args![open])
                .await?;
        }
    }
    for charge in &contract.charges {
        let (amount, currency) = minor(Some(charge.amount))?;
        let values = args![
            charge_id(id, charge),
            id,
            &charge.description,
            charge.date,
            amount,
            currency,
            charge.milestone.clone()
        ];
        tx.execute(CHARGE, values).await?;
    }
    Ok(())
}

fn charge_id(project: CanonicalId, charge: &AgreedCharge) -> String {
    format!("{project}:{}", charge.id)
}

const KNOW: &str = "INSERT INTO projects (id, code, scope, billing_method, currency, cap, purchase_order,
        purchase_order_required, rate_card, agreed)
    VALUES ($1, $2, $3, $4, $5, NULL, NULL, 0, NULL, 0)
    ON CONFLICT (id) DO NOTHING";

/// Takes in a project whose contract was not told: enough to charge its time and expenses.
///
/// # Errors
/// Failures of the database.
pub async fn know(
    tx: &mut Tx,
    scope: &ProjectScope,
    billing_method: BillingMethod,
    currency: Currency,
) -> Result<()> {
    let method = method_word(billing_method);
    let values = args![
        scope.project_id,
        &scope.project_code,
        json(scope)?,
        method,
        currency
    ];
    tx.execute(KNOW, values).await.map(|_| ())
}

/// Takes in a project on which time can be booked.
///
/// # Errors
/// Failures of the database.
pub async fn activate(tx: &mut Tx, project: &ProjectActivated) -> Result<()> {
    know(
        tx,
        &project.scope,
        project.billing_method,
        project.budget.currency,
    )
    .await
}

const AGREEMENT: &str = "SELECT scope, billing_method, currency, cap, purchase_order, purchase_order_required
    FROM projects WHERE id = $1";

/// What was agreed about a project.
///
/// # Errors
/// Failures of the database.
pub async fn agreement(tx: &mut Tx, project: CanonicalId) -> Result<Option<Agreement>> {
    let Some(row) = tx.one(AGREEMENT, args![project]).await? else {
        return Ok(None);
    };
    Ok(Some(Agreement {
        scope: row.json("scope")?,
        billing_method: read_word(&row.text("billing_method")?)?,
        currency: row.text("currency")?.parse()?,
        cap: row.opt_json("cap")?,
        purchase_order: row.opt_text("purchase_order")?,
        purchase_order_required: row.int("purchase_order_required")? != 0,
    }))
}

fn charge_of(row: &Row) -> Result<Charge> {
    let currency = row.text("currency")?;
    let amount = money(row.int("amount_minor")?, &currency)?;
    Ok(Charge {
        id: row.text("id")?,
        project_id: row.id("project_id")?,
        description: row.text("description")?,
        due: row.date("due")?,
        amount: amount.unwrap_or_else(|| Money::zero(Currency::USD)),
        milestone: row.opt_text("milestone")?,
    })
}

const CHARGE_BY_ID: &str = "SELECT id, project_id, description, due, amount_minor, currency, milestone
    FROM charges WHERE id = $1";

/// One agreed charge.
///
/// # Errors
/// Failures of the database.
pub async fn charge(tx: &mut Tx, id: &str) -> Result<Option<Charge>> {
    let row = tx.one(CHARGE_BY_ID, args![id]).await?;
    row.as_ref().map(charge_of).transpose()
}

const CHARGE_BY_MILESTONE: &str = "SELECT id, project_id, description, due, amount_minor, currency, milestone
    FROM charges WHERE milestone = $1 ORDER BY id";

/// The agreed charge that a milestone brings about.
///
/// # Errors
/// Failures of the database.
pub async fn charge_of_milestone(tx: &mut Tx, milestone: &str) -> Result<Option<Charge>> {
    let row = tx.one(CHARGE_BY_MILESTONE, args![milestone]).await?;
    row.as_ref().map(charge_of).transpose()
}

const DUE: &str = "SELECT id, project_id, description, due, amount_minor, currency, milestone FROM charges
    WHERE milestone IS NULL AND due <= $1
        AND NOT EXISTS (SELECT 1 FROM billed_events WHERE billed_events.event = charges.id)
    ORDER BY due, id LIMIT $2";

/// Agreed charges that are due by their day and on no invoice yet.
///
/// # Errors
/// Failures of the database.
pub async fn due_charges(tx: &mut Tx, today: NaiveDate, limit: u32) -> Result<Vec<Charge>> {
    let rows = tx.all(DUE, args![today, limit]).await?;
    rows.iter().map(charge_of).collect()
}
