//! Money as people read it.

use canonical_model::Money;

/// `12,345.50 EUR · 99.00 USD`, each with its currency's digits.
#[must_use]
pub fn shown_money(money: &[Money]) -> String {
    let each = money.iter().map(|m| {
        let digits = m.currency.minor_units();
        let mut amount = m.amount.round_dp(digits);
        amount.rescale(digits);
        format!("{} {}", grouped(&amount.to_string()), m.currency)
    });
    let text = each.collect::<Vec<_>>().join(" · ");
    if text.is_empty() { "–".to_owned() } else { text }
}

fn grouped(number: &str) -> String {
    let (whole, fraction) = number
        .split_once('.')
        .map_or((number, None), |(w, f)| (w, Some(f)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{out}.{fraction}"),
        None => format!("{sign}{out}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::Currency;
    use rust_decimal::dec;

    #[test]
    fn money_is_grouped_and_keeps_the_digits_of_its_currency() {
        let yen: Currency = "JPY".parse().unwrap();
        let money = [
            Money::new(dec!(1234567.5), Currency::EUR),
            Money::new(dec!(-1000), yen),
        ];
        assert_eq!(shown_money(&money), "1,234,567.50 EUR · -1,000 JPY");
        assert_eq!(shown_money(&[]), "–");
    }
}
