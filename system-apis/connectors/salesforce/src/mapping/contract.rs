//! `Contract`. The vendor's object has no terms of billing: they are the customer's fields.

use canonical_model::{Contract, RecordRef, Result};

use super::{
    amount_in, billing_words, currency, custom_money, id_of, lookup, named, put_currency, state_of, word_of,
};
use crate::settings::Settings;
use crate::soql::hop;
use crate::wire::{Fields, Record};

/// Columns beside the system's own.
pub(crate) fn columns(settings: &Settings) -> Vec<String> {
    let names = &settings.contract;
    let standard = [
        "AccountId",
        "Account.Name",
        "ContractNumber",
        "StartDate",
        "CustomerSignedDate",
    ];
    let custom = [
        &names.name,
        &names.opportunity,
        &names.project_id,
        &names.legal_entity,
        &names.billing_method,
        &names.amount,
        &names.cap,
        &names.purchase_order,
        &names.rate_card,
        &names.end_date,
    ];
    let opportunity = names
        .opportunity
        .get()
        .map(|lookup| format!("{}.Name", hop(lookup)));
    let all = standard
        .into_iter()
        .chain(custom.into_iter().filter_map(|name| name.get()));
    all.map(str::to_owned).chain(opportunity).collect()
}

/// Reads a contract. One that people made without a name is called by its number.
pub(crate) fn from_record(record: &Record, settings: &Settings) -> Result<Contract> {
    let names = &settings.contract;
    let currency = currency(record, settings)?;
    let name = record
        .custom_text(&names.name)?
        .or(record.text("ContractNumber")?);
    let method = record.custom_text(&names.billing_method)?;
    let method = record.needed(names.billing_method.name(), method)?;
    let opportunity = match names.opportunity.get() {
        Some(field) => lookup(record, field, &format!("{}.Name", hop(field)))?,
        None => None,
    };
    let (account, start_date) = (
        lookup(record, "AccountId", "Account.Name")?,
        record.date("StartDate")?,
    );
    let amount = custom_money(record, &names.amount, currency)?;
    Ok(Contract {
        name: record.needed("name", name)?,
        account: record.needed("AccountId", account)?,
        opportunity,
        project: record.custom_text(&names.project_id)?.map(RecordRef::id),
        legal_entity: named(record.custom_text(&names.legal_entity)?),
        billing_method: state_of(record, "billing method", &method, &billing_words(settings))?,
        currency,
        amount: record.needed(names.amount.name(), amount)?,
        cap: custom_money(record, &names.cap, currency)?,
        purchase_order: record.custom_text(&names.purchase_order)?,
        rate_card: named(record.custom_text(&names.rate_card)?),
        start_date: record.needed("StartDate", start_date)?,
        end_date: record.custom_date(&names.end_date)?,
        signature_date: record.date("CustomerSignedDate")?,
    })
}

/// The fields of a write. The status is left to the org: a new contract is a draft until somebody activates it.
pub(crate) fn to_fields(contract: &Contract, settings: &Settings) -> Result<Fields> {
    let names = &settings.contract;
    let mut fields = Fields::default();
    fields.put("AccountId", contract.account.id.as_str());
    fields.put("StartDate", contract.start_date);
    fields.put_some("CustomerSignedDate", contract.signature_date);
    put_currency(&mut fields, settings, contract.currency)?;
    fields.put(names.name.name(), contract.name.as_str());
    fields.put(
        names.billing_method.name(),
        word_of(contract.billing_method, &billing_words(settings)),
    );
    fields.put(
        names.amount.name(),
        amount_in(contract.currency, contract.amount, "a contract's amount")?,
    );
    let cap = contract
        .cap
        .map(|cap| amount_in(contract.currency, cap, "a contract's cap"))
        .transpose()?;
    fields.put_custom("a contract's cap", &names.cap, cap)?;
    fields.put_custom(
        "a contract's opportunity",
        &names.opportunity,
        id_of(&contract.opportunity),
    )?;
    fields.put_custom(
        "a contract's project",
        &names.project_id,
        id_of(&contract.project),
    )?;
    fields.put_custom(
        "a contract's legal entity",
        &names.legal_entity,
        id_of(&contract.legal_entity),
    )?;
    fields.put_custom(
        "a contract's purchase order",
        &names.purchase_order,
        contract.purchase_order.as_deref(),
    )?;
    fields.put_custom(
        "a contract's rate card",
        &names.rate_card,
        id_of(&contract.rate_card),
    )?;
    fields.put_custom("a contract's end", &names.end_date, contract.end_date)?;
    Ok(fields)
}
