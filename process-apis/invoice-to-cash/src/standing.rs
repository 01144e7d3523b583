//! How an account stands with finance, from its invoices and the margin of its projects. Pure.

use canonical_model::{AccountFinancials, Currency, Invoice, InvoiceStatus, Money, Result};
use chrono::{Duration, NaiveDate};
use rust_decimal::Decimal;

/// Days over which billing is set against receivables.
const DSO_DAYS: i64 = 90;

/// What invoices say about an account on a day. All amounts are in `currency`; invoices in another are converted at
/// `rates`, which gives units of `currency` for one unit of the invoice's currency.
///
/// # Errors
/// What `rates` fails with where a rate is missing; Fault `amount_overflow`.
pub fn financials(
    currency: Currency,
    invoices: &[Invoice],
    margin_percent: Option<Decimal>,
    as_of: NaiveDate,
    rates: impl Fn(Currency) -> Result<Decimal>,
) -> Result<AccountFinancials> {
    let live = || {
        invoices
            .iter()
            .filter(|i| matches!(i.status, InvoiceStatus::Open | InvoiceStatus::Paid))
    };
    let sum = |amounts: &mut dyn Iterator<Item = Option<Money>>| -> Result<Money> {
        let mut sum = Money::zero(currency);
        for money in amounts.flatten() {
            let same = if money.currency == currency {
                money
            } else {
                money.converted(rates(money.currency)?, currency)?
            };
            sum = sum.checked_add(same)?;
        }
        Ok(sum.rounded(canonical_model::Rounding::HalfUp))
    };
    let billed_to_date = sum(&mut live().map(|i| i.net))?;
    let collected_to_date = sum(&mut live().map(|i| i.amount_paid))?;
    let total = sum(&mut live().map(|i| i.total))?;
    let recent_from = as_of - Duration::days(DSO_DAYS - 1);
    let recent = sum(&mut live()
        .filter(|i| i.date >= recent_from && i.date <= as_of)
        .map(|i| i.total))?;
    let receivable = total.checked_sub(collected_to_date)?;
    let dso_days = (!recent.amount.is_zero()).then(|| {
        (receivable.amount / recent.amount * Decimal::from(DSO_DAYS))
            .round_dp(1)
            .normalize()
    });
    Ok(AccountFinancials {
        invoice_status: status_word(invoices, as_of).to_owned(),
        billed_to_date,
        collected_to_date,
        dso_days,
        margin_percent,
        as_of,
    })
}

/// One word for all of an account's invoices: the worst of them.
fn status_word(invoices: &[Invoice], as_of: NaiveDate) -> &'static str {
    let open = || invoices.iter().filter(|i| i.status == InvoiceStatus::Open);
    let part_paid = |i: &Invoice| i.amount_paid.is_some_and(|paid| !paid.amount.is_zero());
    if open().any(|i| i.due_date.is_some_and(|due| due < as_of)) {
        "overdue"
    } else if open().any(part_paid) {
        "partly_paid"
    } else if open().next().is_some() {
        "open"
    } else if invoices.iter().any(|i| i.status == InvoiceStatus::Paid) {
        "paid"
    } else {
        "none"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Failure, RecordRef};
    use rust_decimal::dec;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn invoice(currency: Currency, total: Decimal, paid: Decimal, date: &str) -> Invoice {
        let money = |amount| Some(Money::new(amount, currency));
        Invoice {
            number: None,
            account: RecordRef::id("1"),
            project: None,
            legal_entity: None,
            date: day(date),
            due_date: Some(day(date) + Duration::days(30)),
            currency,
            purchase_order: None,
            memo: None,
            lines: Vec::new(),
            net: money(total / dec!(1.25)),
            tax: None,
            total: money(total),
            amount_paid: money(paid),
            status: if paid == total {
                InvoiceStatus::Paid
            } else {
                InvoiceStatus::Open
            },
        }
    }

    fn no_rates(currency: Currency) -> Result<Decimal> {
        Err(Failure::business(
            "missing_fx_rate",
            format!("no rate for {currency}"),
        ))
    }

    #[test]
    fn an_account_is_billed_net_and_collected_gross() {
        let invoices = [
            invoice(Currency::EUR, dec!(1000), dec!(1000), "2026-10-01"),
            invoice(Currency::EUR, dec!(500), dec!(100), "2026-11-01"),
        ];
        let told = financials(
            Currency::EUR,
            &invoices,
            Some(dec!(41.5)),
            day("2026-11-15"),
            no_rates,
        )
        .unwrap();
        assert_eq!(told.billed_to_date.amount, dec!(1200));
        assert_eq!(told.collected_to_date.amount, dec!(1100));
        assert_eq!(
            (told.dso_days, told.invoice_status.as_str()),
            (Some(dec!(24)), "partly_paid")
        );
    }

    #[test]
    fn the_status_is_that_of_the_worst_invoice() {
        let word = |invoices: &[Invoice], on: &str| {
            financials(Currency::EUR, invoices, None, day(on), no_rates)
                .unwrap()
                .invoice_status
        };
        let paid = invoice(Currency::EUR, dec!(10), dec!(10), "2026-10-01");
        let open = invoice(Currency::EUR, dec!(10), dec!(0), "2026-10-01");
        assert_eq!(word(&[], "2026-11-15"), "none");
        assert_eq!(word(std::slice::from_ref(&paid), "2026-11-15"), "paid");
        assert_eq!(word(&[paid.clone(), open.clone()], "2026-10-31"), "open");
        assert_eq!(word(&[paid, open], "2026-11-01"), "overdue");
    }

    #[test]
    fn another_currency_needs_a_rate_and_is_never_added_as_it_is() {
        let invoices = [invoice(Currency::USD, dec!(100), dec!(0), "2026-11-01")];
        assert!(financials(Currency::EUR, &invoices, None, day("2026-11-15"), no_rates).is_err());
        let told = financials(Currency::EUR, &invoices, None, day("2026-11-15"), |_| {
            Ok(dec!(0.9))
        })
        .unwrap();
        assert_eq!(told.billed_to_date, Money::new(dec!(72), Currency::EUR));
    }
}
