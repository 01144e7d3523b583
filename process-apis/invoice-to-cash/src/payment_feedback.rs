//! From money that came in to the facts about it, and to the invoices that it pays.
//!
//! It starts when the ERP booked or changed a payment. The fact goes to insight, and every invoice that the payment is
//! applied to is told anew, whether or not the ERP counts that as a change of the invoice.

use canonical_model::{Fact, Payment, PaymentReceived, Result, Sourced};
use process_engine::{AtRisk, OwnerRule, Process, State};
use serde::{Deserialize, Serialize};

use crate::parties::{self, Buyer};
use crate::services::{Ctx, Services};

/// Name of the process.
pub const NAME: &str = "payment-feedback";

/// A payment on its way back to sales.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFeedback {
    /// The ERP's connection, such as `erp/main`.
    pub connection: String,
    /// The payment's id there.
    pub payment_id: String,
    /// The payment as it was when it was read.
    #[serde(default)]
    pub payment: Option<Sourced<Payment>>,
    /// Who paid.
    #[serde(default)]
    pub buyer: Option<Buyer>,
}

/// The steps, in their order.
pub fn definition() -> Process<PaymentFeedback, Services> {
    let steward = OwnerRule {
        role: "data_steward",
        sla_hours: 24,
    };
    Process::named(NAME)
        .version(1)
        .step("load_payment", load_payment)
        .needed()
        .step("find_parties", find_parties)
        .step("tell_fact", tell_fact)
        .owner("account_not_referenced", steward)
        .owner("account_without_crm_id", steward)
        .default_owner(OwnerRule {
            role: "integration_operator",
            sla_hours: 8,
        })
}

impl State for PaymentFeedback {
    fn title(&self) -> String {
        let number = self.payment.as_ref().and_then(|p| p.data.number.clone());
        format!(
            "Payment {} of {}",
            number.unwrap_or_else(|| self.payment_id.clone()),
            self.connection
        )
    }

    fn at_risk(&self) -> AtRisk {
        AtRisk {
            money: self.payment.as_ref().map(|p| p.data.amount),
            ..AtRisk::default()
        }
    }
}

impl PaymentFeedback {
    /// A payment of which nothing is known but where it is.
    #[must_use]
    pub fn of(connection: &str, payment_id: &str) -> Self {
        Self {
            connection: connection.to_owned(),
            payment_id: payment_id.to_owned(),
            payment: None,
            buyer: None,
        }
    }
}

async fn load_payment(ctx: &Ctx, state: &mut PaymentFeedback) -> Result<()> {
    state.payment = Some(
        ctx.services()
            .erp::<Payment>(&state.connection)
            .read(&state.payment_id)
            .await?,
    );
    Ok(())
}

async fn find_parties(ctx: &Ctx, state: &mut PaymentFeedback) -> Result<()> {
    if let Some(payment) = &state.payment {
        state.buyer = Some(parties::buyer(ctx, &state.connection, &payment.data.account).await?);
    }
    Ok(())
}

async fn tell_fact(ctx: &Ctx, state: &mut PaymentFeedback) -> Result<()> {
    let (Some(payment), Some(buyer)) = (&state.payment, &state.buyer) else {
        return Ok(());
    };
    let told_as = format!("{}/{}", state.connection, state.payment_id);
    let fact = PaymentReceived {
        payment: told_as.clone(),
        account_id: buyer.canonical_id,
        account_name: buyer.name.clone(),
        date: payment.data.date,
        amount: payment.data.amount,
        invoices: payment
            .data
            .applied
            .iter()
            .map(|a| format!("{}/{}", state.connection, a.invoice.id))
            .collect(),
    };
    ctx.emit(Fact::PaymentReceived(fact), &told_as);
    Ok(())
}
