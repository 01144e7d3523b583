//! Billing milestones, invoices, payments from the books, and cost rates.

use chrono::{Duration, NaiveDate};
use serde_json::{Value, json};

use super::project::cents;
use super::{Done, Item, text, with_defaults};
use crate::kantata::call::{Call, Request, Response, fields as pairs, int, yes};
use crate::kantata::computed::{CURRENCIES, base_unit, worth};
use crate::kantata::errors::ApiError;
use crate::kantata::{include, list, params};
use crate::store::{Fields, Record};

/// A rate of a person and a currency replaces the one before.
pub(super) fn set_cost_rate(call: &mut Call<'_, '_>, fields: Fields) -> Done<String> {
    if text(&fields, "currency").is_none_or(|c| !CURRENCIES.contains(&c)) {
        return Err(ApiError::invalid(
            "currency",
            "Currency is not included in the list",
        ));
    }
    let membership = text(&fields, "account_membership_id").unwrap_or_default();
    let rates = call
        .view()
        .having("cost_rates", "account_membership_id", membership);
    let known = rates
        .iter()
        .find(|r| r.text("currency") == text(&fields, "currency"))
        .map(|r| r.id.clone());
    match known {
        Some(id) => {
            call.change("cost_rates", &id, fields);
            Ok(id)
        }
        None => Ok(call.insert("cost_rates", fields)),
    }
}

pub(super) fn create_milestone(call: &mut Call<'_, '_>, fields: Fields) -> Done<String> {
    let view = call.view();
    let project = text(&fields, "workspace_id")
        .and_then(|id| view.get("workspaces", id))
        .ok_or_else(ApiError::not_found)?;
    let currency = project.get("currency").clone();
    check_milestone(call, &fields, &project.id, None)?;
    let fields = with_defaults(
        fields,
        [
            ("billing_type", "fixed_date".into()),
            ("story_id", Value::Null),
            ("currency", currency),
        ],
    );
    Ok(call.insert("billing_milestones", fields))
}

pub(super) fn update_milestone(call: &mut Call<'_, '_>, record: &Record, fields: Fields) -> Done<()> {
    if record.text("invoice_id").is_some() {
        return Err(ApiError::invalid("base", "Billing milestone has been invoiced"));
    }
    check_milestone(
        call,
        &fields,
        record.text("workspace_id").unwrap_or_default(),
        Some(record),
    )?;
    call.change("billing_milestones", &record.id, fields);
    Ok(())
}

fn check_milestone(
    call: &Call<'_, '_>,
    fields: &Fields,
    workspace_id: &str,
    record: Option<&Record>,
) -> Done<()> {
    let given = |name: &str| text(fields, name).or_else(|| record.and_then(|r| r.text(name)));
    let kind = given("billing_type").unwrap_or("fixed_date");
    if !matches!(kind, "fixed_date" | "upon_completion") {
        return Err(ApiError::invalid(
            "billing_type",
            "Billing type is not included in the list",
        ));
    }
    let story = given("story_id");
    if kind == "upon_completion" && story.is_none() {
        return Err(ApiError::blank("story_id"));
    }
    let there = story.is_none_or(|id| {
        let found = call.view().get("stories", id);
        found.is_some_and(|s| s.text("workspace_id") == Some(workspace_id))
    });
    if !there {
        return Err(ApiError::invalid("story_id", "Story is invalid"));
    }
    Ok(())
}

/// What a line adds to an invoice.
type Worth = fn(&Record) -> i64;

/// An invoice over entries, expenses, milestones and items of its own. Amounts of items are in main units.
pub(super) fn create_invoice(call: &mut Call<'_, '_>, mut fields: Fields, item: &Item) -> Done<String> {
    let ids = |name: &str| {
        let list = item.get(name).and_then(params::text).unwrap_or_default();
        params::parts(&list)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut projects = include::list(fields.get("workspace_ids").unwrap_or(&Value::Null));
    projects.extend(ids("workspace_id"));
    let view = call.view();
    let currency = projects
        .first()
        .and_then(|id| view.get("workspaces", id))
        .and_then(|w| w.text("currency"));
    let currency = currency
        .ok_or_else(|| ApiError::blank("workspace_id"))?
        .to_owned();
    let mut total = 0;
    let mut lines = Vec::new();
    let worths: [(&str, &str, Worth); 3] = [
        ("time_entries", "time_entry_ids", |e| {
            if yes(e, "billable") { worth(e) } else { 0 }
        }),
        ("expenses", "expense_ids", |e| int(e, "amount_in_cents")),
        ("billing_milestones", "billing_milestone_ids", |m| {
            int(m, "amount_in_cents")
        }),
    ];
    for (table, name, worth) in worths {
        for id in ids(name) {
            let free = view.get(table, &id).filter(|r| r.text("invoice_id").is_none());
            let free = free.filter(|r| {
                r.text("workspace_id")
                    .is_some_and(|w| projects.iter().any(|p| p == w))
            });
            let line =
                free.ok_or_else(|| ApiError::invalid(name, "An item is invalid or has been invoiced"))?;
            total += worth(line);
            lines.push((table, id));
        }
    }
    let items = own_items(item, &currency)?;
    total += items.iter().map(|(_, _, amount)| amount).sum::<i64>();
    if lines.is_empty() && items.is_empty() {
        return Err(ApiError::invalid("base", "An invoice needs at least one item"));
    }
    let today = call.today();
    let date: NaiveDate = text(&fields, "invoice_date")
        .and_then(|d| d.parse().ok())
        .unwrap_or(today);
    let days = fields
        .get("payment_schedule")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    let number = call.tx.next("invoice").to_string();
    let me = Value::from(call.who.user_id.as_str());
    fields.insert("workspace_ids".to_owned(), projects.into());
    let defaults = [
        ("invoice_date", date.to_string().into()),
        ("due_date", (date + Duration::days(days)).to_string().into()),
        ("user_invoice_number", number.into()),
        ("title", Value::Null),
        ("status", "new".into()),
        ("draft", false.into()),
        ("currency", currency.clone().into()),
        ("balance_in_cents", total.into()),
        ("user_id", me),
    ];
    let id = call.insert("invoices", with_defaults(fields, defaults));
    for (table, line) in lines {
        call.change(table, &line, pairs([("invoice_id", id.clone().into())]));
    }
    for (table, title, amount) in items {
        let made = json!({"title": title, "amount_in_cents": amount, "currency": currency, "invoice_id": id});
        call.insert(table, made.as_object().cloned().unwrap_or_default());
    }
    Ok(id)
}

/// Collection, title and amount in subunits of each item that is written with the invoice.
fn own_items(item: &Item, currency: &str) -> Done<Vec<(&'static str, Value, i64)>> {
    let mut items = Vec::new();
    for table in ["fixed_fee_items", "additional_items"] {
        for line in item.get(table).and_then(Value::as_array).into_iter().flatten() {
            let amount = line.get("amount").and_then(|a| cents(a, base_unit(currency)));
            let amount = amount.ok_or_else(|| ApiError::invalid(table, "Amount is not a number"))?;
            items.push((table, line.get("title").cloned().unwrap_or_default(), amount));
        }
    }
    Ok(items)
}

/// `PUT /invoices/<id>/cancel`: what was on it can be invoiced again.
pub(in super::super) fn cancel_invoice(
    call: &mut Call<'_, '_>,
    id: &str,
    request: &Request,
) -> Done<Response> {
    let collection = call
        .account
        .schema
        .get("invoices")
        .ok_or_else(ApiError::not_found)?;
    let record = super::super::write::visible(call, collection, id)?;
    if record.text("status") != Some("new") {
        return Err(ApiError::invalid("base", "Invoice cannot be cancelled"));
    }
    for table in ["time_entries", "expenses", "billing_milestones"] {
        let lines: Vec<String> = call
            .view()
            .having(table, "invoice_id", id)
            .into_iter()
            .map(|r| r.id.clone())
            .collect();
        for line in lines {
            call.change(table, &line, pairs([("invoice_id", Value::Null)]));
        }
    }
    call.change(
        "invoices",
        id,
        pairs([("status", "cancelled".into()), ("balance_in_cents", 0.into())]),
    );
    Ok(list::some(call.view(), collection, &[id.to_owned()], request))
}

/// `GET /invoices/next_invoice_number`.
pub(in super::super) fn next_invoice_number(call: &Call<'_, '_>) -> Response {
    let numbers = call
        .tx
        .tables()
        .rows("invoices")
        .filter_map(|i| i.text("user_invoice_number")?.parse::<u64>().ok());
    Response::ok(json!({"next_invoice_number": (numbers.max().unwrap_or(0) + 1).to_string()}))
}

/// A payment that the books report.
pub(super) fn pay(call: &mut Call<'_, '_>, fields: Fields) -> Done<String> {
    let invoice = text(&fields, "invoice_id")
        .and_then(|id| call.get("invoices", id))
        .ok_or_else(ApiError::not_found)?;
    let amount = fields.get("amount_in_cents").and_then(Value::as_i64).unwrap_or(0);
    let balance = int(&invoice, "balance_in_cents") - amount;
    if invoice.text("status") == Some("cancelled") || amount <= 0 || balance < 0 {
        return Err(ApiError::invalid("amount_in_cents", "Amount in cents is invalid"));
    }
    let status = if balance == 0 { "accepted payment" } else { "new" };
    call.change(
        "invoices",
        &invoice.id,
        pairs([("balance_in_cents", balance.into()), ("status", status.into())]),
    );
    Ok(call.insert("external_payments", fields))
}
