//! Transformations: a new record that begins with what another one says, plus the caller's overrides.

use rust_decimal::Decimal;
use serde_json::Value;

use super::NetSuite;
use super::call::{Call, Reply};
use super::errors::{Answer, Refusal};
use super::input::{Reader, merge};
use super::rules;
use super::schema::RecordType;
use super::service::written;
use super::value::{number_of, put_lines, put_number, put_text, text_of};
use crate::store::{Fields, Record, Transaction};

impl NetSuite {
    /// `POST /{type}/{id}/!transform/{target}`.
    pub(super) fn transform(
        &self,
        tx: &mut Transaction<'_>,
        call: &Call,
        source: &str,
        key: &str,
        target: &str,
    ) -> Answer<Reply> {
        let source = self.record_type(source)?;
        let target = self.record_type(target)?;
        if !source.transforms.contains(&target.name) {
            let detail = format!(
                "The transformation from '{}' to '{}' is not supported.",
                source.name, target.name
            );
            return Err(Refusal::invalid_request(detail));
        }
        let row = self
            .view(tx.tables())
            .by_key(&source.name, key)
            .ok_or_else(Refusal::no_record)?
            .clone();
        let mut start = match (source.name.as_str(), target.name.as_str()) {
            ("salesOrder", _) => from_order(&row)?,
            ("job", _) => from_project(&row),
            _ => payment_of(&row)?,
        };
        number_start(target, &mut start);
        let mut reader = Reader::new(self.view(tx.tables()), &self.settings, call)?;
        let given = reader.record(target, &call.json()?)?;
        let warnings = std::mem::take(&mut reader.warnings);
        let mut fields = merge(target, &start, given, &call.list("replace"));
        let id = self.next_id(tx, target);
        self.check_external_id(tx.tables(), target, &id, &fields)?;
        let mut write = rules::Write { twin: self, tx };
        rules::before(&mut write, target, &id, None, &mut fields)?;
        write.tx.create(&target.name, id.clone(), fields.clone());
        self.external.note(&target.name, &fields, &id);
        rules::after(&mut write, target, &id, None, &fields)?;
        Ok(written(call, target, &id, warnings))
    }
}

/// Lines of the start have their numbers before the overrides are laid over them.
fn number_start(target: &RecordType, start: &mut Fields) {
    for (name, shape) in target.sublist_fields() {
        if let (Some(shape), Some(Value::Array(lines))) = (target.sub_shape(shape), start.get_mut(name)) {
            super::input::number_lines(shape, lines);
        }
    }
}

fn copied(row: &Record, names: &[&str]) -> Fields {
    let values = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), row.fields.get(*name)?.clone())));
    values.filter(|(_, v)| !v.is_null()).collect()
}

fn from_order(row: &Record) -> Answer<Fields> {
    let mut lines = rules::open_order_lines(&row.fields);
    if lines.is_empty() {
        return Err(Refusal::user_error("This order has already been billed in full."));
    }
    if row.text("status") == Some("A") {
        return Err(Refusal::user_error(
            "This order must be approved before it can be billed.",
        ));
    }
    for line in &mut lines {
        put_text(line, "orderDoc", row.id.as_str());
    }
    let names = [
        "entity",
        "job",
        "subsidiary",
        "currency",
        "exchangeRate",
        "terms",
        "department",
        "class",
        "location",
        "memo",
        "otherRefNum",
        "billingAddress",
        "shippingAddress",
    ];
    let mut fields = copied(row, &names);
    put_text(&mut fields, "createdFrom", row.id.as_str());
    put_lines(&mut fields, "item", lines);
    Ok(fields)
}

fn from_project(row: &Record) -> Fields {
    let mut fields = copied(row, &["subsidiary", "currency"]);
    put_text(&mut fields, "job", row.id.as_str());
    if let Some(customer) = row.text("parent") {
        put_text(&mut fields, "entity", customer);
    }
    fields
}

fn payment_of(row: &Record) -> Answer<Fields> {
    let open = number_of(&row.fields, "amountRemaining").unwrap_or_default();
    if open <= Decimal::ZERO {
        return Err(Refusal::user_error("This invoice has already been paid in full."));
    }
    let mut fields = copied(row, &["subsidiary", "currency"]);
    if let Some(customer) = text_of(&row.fields, "entity") {
        put_text(&mut fields, "customer", customer);
    }
    let mut line = Fields::new();
    put_text(&mut line, "doc", row.id.as_str());
    line.insert("apply".to_owned(), Value::Bool(true));
    put_lines(&mut fields, "apply", vec![line]);
    put_number(&mut fields, "payment", open);
    Ok(fields)
}
