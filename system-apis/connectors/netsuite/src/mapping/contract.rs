//! Contracts as sales orders: NetSuite has no contract of its own.

use canonical_model::{Contract, Failure, Money, RecordRef, Result};
use serde_json::{Value, json};

use crate::directory::Lookups;
use crate::settings::Settings;
use crate::wire::{Body, Record, number, refer};

use super::{money, required};

/// An order. Its value is net; how it is charged follows from the item of its first line.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups, settings: &Settings) -> Result<Contract> {
    let currency = lookups.currency(record, "currency")?;
    let lines = record.lines("item")?;
    let item = lines
        .first()
        .and_then(|line| line.text("item"))
        .ok_or_else(|| record.bad("item"))?;
    let fields = &settings.fields;
    let cap = fields
        .order_cap
        .as_deref()
        .map(|field| money(record, field, currency))
        .transpose()?;
    let signed = record.day("tranDate")?;
    Ok(Contract {
        name: record
            .text("memo")
            .or_else(|| record.text("tranId"))
            .ok_or_else(|| record.bad("memo"))?,
        account: required(record, "entity")?,
        opportunity: record.reference("opportunity"),
        project: record.reference("job"),
        legal_entity: record.reference("subsidiary"),
        billing_method: settings.items.method(&item),
        currency,
        amount: Money::new(record.amount("subtotal")?, currency),
        cap: cap.flatten(),
        purchase_order: record.text("otherRefNum"),
        rate_card: record.custom(fields.order_rate_card.as_ref()).map(RecordRef::id),
        start_date: record.date("startDate")?.unwrap_or(signed),
        end_date: record.date("endDate")?,
        signature_date: Some(signed),
    })
}

/// An order of one line.
///
/// # Errors
/// Fault `currency_mismatch` where its amounts are in several currencies.
pub(crate) fn to_netsuite(contract: &Contract, currency: &str, settings: &Settings) -> Result<Value> {
    let fields = &settings.fields;
    let amounts = [Some(contract.amount), contract.cap];
    if amounts
        .into_iter()
        .flatten()
        .any(|amount| amount.currency != contract.currency)
    {
        let message = format!("contract {:?} mixes currencies", contract.name);
        return Err(Failure::fault("currency_mismatch", message));
    }
    let line = json!({
        "line": 1, "item": refer(settings.items.of_method(contract.billing_method)), "quantity": 1,
        "rate": number(contract.amount.amount), "amount": number(contract.amount.amount), "description": contract.name,
    });
    let card = contract
        .rate_card
        .as_ref()
        .map(|card| card.label.clone().unwrap_or_else(|| card.id.clone()));
    let mut body = Body::default();
    body.refer("entity", Some(&contract.account))
        .refer("opportunity", contract.opportunity.as_ref())
        .refer("job", contract.project.as_ref())
        .refer("subsidiary", contract.legal_entity.as_ref())
        .set("currency", refer(currency))
        .date(
            "tranDate",
            Some(contract.signature_date.unwrap_or(contract.start_date)),
        )
        .date("startDate", Some(contract.start_date))
        .date("endDate", contract.end_date)
        .set_opt("otherRefNum", contract.purchase_order.clone())
        .set("memo", contract.name.as_str())
        .lines("item", vec![line])
        .custom(
            fields.order_cap.as_ref(),
            contract.cap.map(|cap| number(cap.amount)),
        )
        .custom(fields.order_rate_card.as_ref(), card);
    Ok(body.build())
}
