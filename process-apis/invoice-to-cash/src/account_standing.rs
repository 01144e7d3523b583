//! How an account stands with finance, read from every ERP that knows it.

use std::collections::BTreeMap;

use canonical_model::{
    Account, AccountFinancials, Currency, Failure, FxRate, Invoice, ListQuery, ReferenceQuestion, Resource,
    Result,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::parties::Buyer;
use crate::services::Ctx;
use crate::standing::financials;

/// The figures of an account in a currency, of today.
///
/// # Errors
/// Business `missing_fx_rate` where an invoice is in a currency that the ERP has no rate for; what the systems fail with.
pub(crate) async fn financials_of(ctx: &Ctx, buyer: &Buyer, currency: Currency) -> Result<AccountFinancials> {
    let today = ctx.now().date_naive();
    let question = ReferenceQuestion {
        resource: Account::NAME.to_owned(),
        connection: None,
        id: None,
        canonical_id: Some(buyer.canonical_id),
    };
    let known = ctx
        .services()
        .control
        .references(&[question])
        .await?
        .pop()
        .unwrap_or_default();
    let mut invoices = Vec::new();
    let mut rates = BTreeMap::new();
    for reference in known
        .references
        .iter()
        .filter(|r| r.connection.starts_with("erp/"))
    {
        let query = ListQuery {
            account: Some(reference.id.clone()),
            ..ListQuery::default()
        };
        let found = ctx
            .services()
            .erp::<Invoice>(&reference.connection)
            .list_all(&query)
            .await?;
        let foreign = found.iter().any(|invoice| invoice.data.currency != currency);
        invoices.extend(found.into_iter().map(|invoice| invoice.data));
        if foreign {
            let listed = ctx
                .services()
                .erp::<FxRate>(&reference.connection)
                .list_all(&ListQuery::default())
                .await?;
            rates.extend(newest(listed.into_iter().map(|rate| rate.data), currency, today));
        }
    }
    let margins = ctx.services().insight.account_margin(buyer.canonical_id).await?;
    let margin_percent = margins
        .iter()
        .find(|m| m.currency == currency)
        .and_then(|m| m.margin_percent);
    financials(currency, &invoices, margin_percent, today, |from| {
        rates.get(&from).copied().ok_or_else(|| {
            let message = format!(
                "{} has invoices in {from} and the ERP has no rate to {currency}",
                buyer.name
            );
            ctx.about(
                format!("fx_rate:{from}:{currency}"),
                Failure::business("missing_fx_rate", message),
            )
        })
    })
}

/// The newest rate to `to` of every currency that has one by that day.
fn newest(rates: impl Iterator<Item = FxRate>, to: Currency, by: NaiveDate) -> BTreeMap<Currency, Decimal> {
    let mut found: BTreeMap<Currency, FxRate> = BTreeMap::new();
    for rate in rates.filter(|rate| rate.to == to && rate.effective_from <= by) {
        match found.get(&rate.from) {
            Some(known) if known.effective_from >= rate.effective_from => {}
            _ => {
                found.insert(rate.from, rate);
            }
        }
    }
    found.into_iter().map(|(from, rate)| (from, rate.rate)).collect()
}
