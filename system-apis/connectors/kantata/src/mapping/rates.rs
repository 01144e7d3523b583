//! Prices by role, and what people cost.

use canonical_model::{CostRate, Currency, Money, Rate, RateCard, RateCardLine, RatePer, Result};

use super::{View, currency, main_units, money, person_ref, role_ref};
use crate::wire::Record;

/// Reads a rate card as it is in force: the newest of its versions that is active.
pub(crate) fn read_card(record: &Record, view: View<'_>) -> Result<RateCard> {
    let currency = record.needed_text("currency")?.parse()?;
    let set = view.envelope.follow(record, "rate_card_set_id", "rate_card_sets");
    let title = set.and_then(|set| set.text("title"));
    let id = record.id()?;
    let mut versions = Vec::new();
    for version in view.envelope.all("rate_card_versions") {
        if version.text("rate_card_id").as_ref() != Some(&id) {
            continue;
        }
        let of_set = view
            .envelope
            .follow(version, "rate_card_set_version_id", "rate_card_set_versions");
        if of_set.is_some_and(|v| v.has("active") && !v.flag("active")) {
            continue;
        }
        let from = of_set.map(|v| v.date("effective_date")).transpose()?.flatten();
        versions.push((from, version.id()?));
    }
    let newest = versions.into_iter().max();
    let lines = match &newest {
        Some((_, version)) => lines(version, currency, view)?,
        None => Vec::new(),
    };
    Ok(RateCard {
        name: title.unwrap_or_else(|| format!("Rate card {id}")),
        currency,
        effective_from: newest.and_then(|(from, _)| from),
        effective_to: None,
        lines,
    })
}

fn lines(version: &str, currency: Currency, view: View<'_>) -> Result<Vec<RateCardLine>> {
    let mut lines = Vec::new();
    for line in view.envelope.all("rate_card_roles") {
        if line.text("rate_card_version_id").as_deref() != Some(version) {
            continue;
        }
        let rate = line.decimal("rate")?;
        let rate = line.needed("rate", rate)?;
        let money = if view.settings.rate_card_rates_in_subunits {
            let mut rate = rate;
            let scale = rate.scale().saturating_add(currency.minor_units());
            let shifted = rate.set_scale(scale);
            line.needed("rate", shifted.ok())?;
            main_units(rate, currency)
        } else {
            main_units(rate, currency)
        };
        lines.push(RateCardLine {
            role: role_ref(view, line.needed_text("role_id")?),
            rate: per_hour(money),
        });
    }
    lines.sort_by(|a, b| a.role.cmp(&b.role));
    Ok(lines)
}

/// A price of one hour.
pub(crate) fn per_hour(money: Money) -> Rate {
    Rate {
        money,
        per: RatePer::Hour,
    }
}

/// Reads what a person costs.
pub(crate) fn read_cost(record: &Record, view: View<'_>) -> Result<Option<CostRate>> {
    let membership = view
        .envelope
        .follow(record, "account_membership_id", "account_memberships");
    let Some(user) = membership.and_then(|m| m.text("user_id")) else {
        return Ok(None);
    };
    let currency = currency(record)?;
    if view.settings.cost_currency.is_some_and(|only| only != currency) {
        return Ok(None);
    }
    let amount = record.int("amount_in_subunits")?;
    let amount = record.needed("amount_in_subunits", amount)?;
    Ok(Some(CostRate {
        person: person_ref(view, user),
        rate: per_hour(money(record, amount, currency)?),
        effective_from: None,
    }))
}
