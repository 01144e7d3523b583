//! What sales sees of an invoice, a custom object: number, dates, gross, paid, status. Lines, net and tax stay in the
//! ERP, whose document it is.

use canonical_model::{Invoice, InvoiceStatus, Result};

use super::{amount_in, currency, custom_money, id_of, lookup, put_currency, state_of, title, word_of};
use crate::settings::Settings;
use crate::soql::hop;
use crate::wire::{Fields, Record};

/// Columns beside the system's own.
pub(crate) fn columns(settings: &Settings) -> Vec<String> {
    let names = &settings.invoice;
    let fields = [
        &names.account,
        &names.opportunity,
        &names.number,
        &names.status,
        &names.date,
        &names.due_date,
        &names.total,
        &names.amount_paid,
    ];
    let hops = [&names.account, &names.opportunity]
        .into_iter()
        .filter_map(|name| name.get());
    let labels: Vec<String> = hops.map(|lookup| format!("{}.Name", hop(lookup))).collect();
    fields
        .into_iter()
        .filter_map(|name| name.get())
        .map(str::to_owned)
        .chain(labels)
        .collect()
}

/// The org's words for where an invoice stands.
pub(crate) fn words(settings: &Settings) -> [(InvoiceStatus, &str); 4] {
    let words = &settings.words.invoice;
    [
        (InvoiceStatus::Draft, &words.draft),
        (InvoiceStatus::Open, &words.open),
        (InvoiceStatus::Paid, &words.paid),
        (InvoiceStatus::Cancelled, &words.cancelled),
    ]
}

/// Reads an invoice as sales sees it.
pub(crate) fn from_record(record: &Record, settings: &Settings) -> Result<Invoice> {
    let names = &settings.invoice;
    let currency = currency(record, settings)?;
    let account_field = names.account.name();
    let account = lookup(record, account_field, &format!("{}.Name", hop(account_field)))?;
    let project = match names.opportunity.get() {
        Some(field) => lookup(record, field, &format!("{}.Name", hop(field)))?,
        None => None,
    };
    let (date, status) = (
        record.custom_date(&names.date)?,
        record.custom_text(&names.status)?,
    );
    let status = record.needed(names.status.name(), status)?;
    Ok(Invoice {
        number: record.custom_text(&names.number)?,
        account: record.needed(account_field, account)?,
        project,
        legal_entity: None,
        date: record.needed(names.date.name(), date)?,
        due_date: record.custom_date(&names.due_date)?,
        currency,
        purchase_order: None,
        memo: None,
        lines: Vec::new(),
        net: None,
        tax: None,
        total: custom_money(record, &names.total, currency)?,
        amount_paid: custom_money(record, &names.amount_paid, currency)?,
        status: state_of(record, "status", &status, &words(settings))?,
    })
}

/// The fields of a write.
pub(crate) fn to_fields(invoice: &Invoice, settings: &Settings) -> Result<Fields> {
    let names = &settings.invoice;
    let amount = |money: Option<_>, what| {
        money
            .map(|money| amount_in(invoice.currency, money, what))
            .transpose()
    };
    let mut fields = Fields::default();
    put_currency(&mut fields, settings, invoice.currency)?;
    if let Some(name) = names.title.get() {
        fields.put_some(name, invoice.number.as_deref().map(title));
    }
    fields.put(names.account.name(), invoice.account.id.as_str());
    fields.put_custom(
        "an invoice's opportunity",
        &names.opportunity,
        id_of(&invoice.project),
    )?;
    fields.put_some(names.number.name(), invoice.number.as_deref());
    fields.put(names.status.name(), word_of(invoice.status, &words(settings)));
    fields.put(names.date.name(), invoice.date);
    fields.put_custom("an invoice's due date", &names.due_date, invoice.due_date)?;
    fields.put_some(names.total.name(), amount(invoice.total, "an invoice's total")?);
    fields.put_custom(
        "an invoice's paid amount",
        &names.amount_paid,
        amount(invoice.amount_paid, "an invoice's paid amount")?,
    )?;
    Ok(fields)
}
