//! Sales orders, invoices and credit memos: head, lines, tax, totals; and what they leave in the ledger.

use rust_decimal::Decimal;
use serde_json::Value;

use super::entity::belongs_to;
use super::ledger::{self, Books, Line};
use super::money::{
    account_of_type, base_currency, customer_currencies, exchange_rate, income_account, precision,
};
use super::tax::{self, Taxation};
use super::{Write, applying, period, require, sources};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::input::number_lines;
use crate::netsuite::references::View;
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{
    date_of, default_text, flag_of, lines_of, number_of, put_lines, put_number, put_text, round, text_of,
};
use crate::store::Fields;

/// Fields of a line that the ledger shows.
const SHOWN: [&str; 8] = [
    "item",
    "quantity",
    "rate",
    "memo",
    "department",
    "class",
    "location",
    "taxCode",
];

/// Completes and checks a sale.
pub(super) fn prepare(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    default_text(fields, "tranDate", write.today());
    let customer = write
        .view()
        .follow(fields, "entity", "customer")
        .cloned()
        .unwrap_or_default();
    head(write, fields, &customer)?;
    if record.name != "salesOrder" {
        period::assign(write.view(), record, old, fields)?;
    }
    let places = precision(write.view(), text_of(fields, "currency").unwrap_or_default());
    let taxation = tax::of_sale(write.view(), fields, &customer)?;
    item_lines(write, record, old, fields, &taxation, places)?;
    let mut billed = Decimal::ZERO;
    if record.name == "invoice" {
        billed += sources::time(write, id, fields, places)?;
        billed += sources::expenses(write, id, fields, places)?;
    }
    let lines = lines_of(fields, "item");
    if lines.is_empty() && lines_of(fields, "time").is_empty() && lines_of(fields, "expCost").is_empty() {
        return Err(Refusal::user_error(
            "You must enter at least one line item for this transaction.",
        ));
    }
    let subtotal = billed
        + lines
            .iter()
            .filter_map(|l| number_of(l, "amount"))
            .sum::<Decimal>();
    put_text(fields, "nexus", taxation.nexus.clone());
    let tax = tax_details(fields, &taxation, places);
    put_number(fields, "subtotal", subtotal);
    put_number(fields, "taxTotal", tax);
    for name in ["total", "totalAfterTaxes"] {
        put_number(fields, name, subtotal + tax);
    }
    number_document(write, record, fields);
    state(write, record, old, fields, subtotal + tax)
}

/// Subsidiary, currency, rate, terms.
fn head(write: &Write<'_, '_>, fields: &mut Fields, customer: &Fields) -> Answer<()> {
    let view = write.view();
    let entity = text_of(fields, "entity").unwrap_or_default().to_owned();
    let job = view.follow(fields, "job", "job");
    if job.is_some_and(|j| text_of(j, "parent") != Some(&entity)) {
        return Err(Refusal::invalid_value(
            text_of(fields, "job").unwrap_or_default(),
            "job",
            "job",
        ));
    }
    let from = |name: &str| {
        job.and_then(|j| text_of(j, name))
            .or_else(|| text_of(customer, name))
            .map(str::to_owned)
    };
    for name in ["subsidiary", "currency"] {
        if let Some(value) = from(name) {
            default_text(fields, name, value);
        }
    }
    let subsidiary = text_of(fields, "subsidiary").unwrap_or_default().to_owned();
    if !belongs_to(view, &entity, &subsidiary) {
        return Err(Refusal::invalid_value(&subsidiary, "subsidiary", "subsidiary"));
    }
    let currency = text_of(fields, "currency").unwrap_or_default().to_owned();
    if !customer_currencies(customer).contains(&currency) {
        return Err(Refusal::invalid_value(&currency, "currency", "currency"));
    }
    let day = date_of(fields, "tranDate").ok_or_else(period::outside)?;
    if number_of(fields, "exchangeRate").is_none_or(|r| r <= Decimal::ZERO) {
        let rate = exchange_rate(view, &currency, &base_currency(view, &subsidiary), day);
        put_number(fields, "exchangeRate", rate);
    }
    if let Some(terms) = text_of(customer, "terms").map(str::to_owned) {
        default_text(fields, "terms", terms);
    }
    let days = view
        .follow(fields, "terms", "term")
        .and_then(|t| t.get("daysUntilNetDue")?.as_i64())
        .unwrap_or(0);
    default_text(
        fields,
        "dueDate",
        (day + chrono::Duration::days(days)).to_string(),
    );
    Ok(())
}

fn item_lines(
    write: &Write<'_, '_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
    taxation: &Taxation,
    places: u32,
) -> Answer<()> {
    let mut lines = lines_of(fields, "item");
    if old.is_none() && record.name == "invoice" {
        lines.extend(sources::charges(write, fields));
    }
    let mut values: Vec<Value> = lines.into_iter().map(Value::Object).collect();
    if let Some(shape) = record.sub_shape("saleLine") {
        number_lines(shape, &mut values);
    }
    let before = old.map(|o| lines_of(o, "item")).unwrap_or_default();
    let mut lines: Vec<Fields> = values
        .into_iter()
        .filter_map(|v| v.as_object().cloned())
        .collect();
    for (at, line) in lines.iter_mut().enumerate() {
        let known = before.iter().find(|l| l.get("line") == line.get("line"));
        settle_line(write.view(), at, line, known, taxation, places)?;
    }
    put_lines(fields, "item", lines);
    Ok(())
}

/// Quantity, rate, amount, gross amount and tax of one line, whichever of them the caller set.
fn settle_line(
    view: View<'_>,
    at: usize,
    line: &mut Fields,
    old: Option<&Fields>,
    taxation: &Taxation,
    places: u32,
) -> Answer<()> {
    let path = |name: &str| format!("item.items[{at}].{name}");
    let Some(item) = text_of(line, "item").map(str::to_owned) else {
        return Err(
            Refusal::missing(&["Item".to_owned()]).at(crate::netsuite::errors::Place::Path(path("item")))
        );
    };
    let item_fields = view.fields("serviceSaleItem", &item);
    if item_fields.is_some_and(|i| flag_of(i, "isInactive")) {
        return Err(Refusal::invalid_value(&item, "item", &path("item")));
    }
    let own_code = text_of(line, "taxCode")
        .and_then(|c| view.fields("salesTaxItem", c))
        .and_then(|c| number_of(c, "rate"));
    let percent = own_code.unwrap_or(taxation.rate);
    let changed = |name: &str| number_of(line, name) != old.and_then(|o| number_of(o, name));
    let given = |name: &str| number_of(line, name).filter(|_| old.is_none() || changed(name));
    let quantity = number_of(line, "quantity").unwrap_or(Decimal::ONE);
    let whole = Decimal::ONE + percent / Decimal::from(100);
    let kept = || old.is_some() && !changed("quantity") && !changed("rate");
    let amount = match (given("amount"), given("grossAmt")) {
        (Some(amount), _) => Some(amount),
        (None, Some(gross)) => gross.checked_div(whole),
        (None, None) if kept() => number_of(line, "amount"),
        (None, None) => None,
    };
    let base_price = || item_fields.and_then(|i| number_of(i, "basePrice"));
    let amount = match amount {
        Some(amount) => amount,
        None => {
            let rate = number_of(line, "rate").or_else(base_price);
            quantity * rate.ok_or_else(|| Refusal::missing(&["Amount".to_owned()]))?
        }
    };
    let amount = round(amount, places);
    if number_of(line, "rate").is_none() || (given("amount").is_some() && given("rate").is_none()) {
        put_number(
            line,
            "rate",
            round(amount.checked_div(quantity).unwrap_or(amount), 8),
        );
    }
    let tax = round(amount * percent / Decimal::from(100), places);
    put_number(line, "quantity", quantity);
    put_number(line, "amount", amount);
    put_number(line, "taxAmount", tax);
    put_number(line, "grossAmt", amount + tax);
    let number = line.get("line").and_then(Value::as_i64).unwrap_or_default();
    default_text(line, "taxDetailsReference", format!("L{number}"));
    line.insert("lineUniqueKey".to_owned(), Value::from(number));
    Ok(())
}

/// The tax detail of each line, or the caller's own when it overrides; their total.
fn tax_details(fields: &mut Fields, taxation: &Taxation, places: u32) -> Decimal {
    let total = |details: &[Fields]| {
        details
            .iter()
            .filter_map(|d| number_of(d, "taxAmount"))
            .sum::<Decimal>()
    };
    if flag_of(fields, "taxDetailsOverride") {
        return total(&lines_of(fields, "taxDetails"));
    }
    let mut nets: Vec<(String, &str, Decimal, Option<String>)> = Vec::new();
    for line in lines_of(fields, "item") {
        let reference = text_of(&line, "taxDetailsReference")
            .unwrap_or_default()
            .to_owned();
        let code = text_of(&line, "taxCode").map(str::to_owned);
        nets.push((
            reference,
            "Item",
            number_of(&line, "amount").unwrap_or_default(),
            code,
        ));
    }
    for (sublist, kind) in [("time", "Time"), ("expCost", "Expense")] {
        for (at, line) in lines_of(fields, sublist).iter().enumerate() {
            nets.push((
                format!("{kind}{}", at + 1),
                kind,
                number_of(line, "amount").unwrap_or_default(),
                None,
            ));
        }
    }
    let own_tax: Vec<(String, Decimal)> = lines_of(fields, "item")
        .iter()
        .filter_map(|l| {
            Some((
                text_of(l, "taxDetailsReference")?.to_owned(),
                number_of(l, "taxAmount")?,
            ))
        })
        .collect();
    let details: Vec<Fields> = nets
        .into_iter()
        .map(|(reference, kind, net, code)| {
            let own = own_tax.iter().find(|(r, _)| *r == reference).map(|(_, tax)| *tax);
            let tax = own.unwrap_or_else(|| round(net * taxation.rate / Decimal::from(100), places));
            let mut detail = Fields::new();
            put_text(&mut detail, "taxDetailsReference", reference);
            put_text(&mut detail, "lineType", kind);
            put_text(&mut detail, "taxType", taxation.tax_type.clone());
            if let Some(code) = code.or_else(|| taxation.code.clone()) {
                put_text(&mut detail, "taxCode", code);
            }
            for (name, value) in [
                ("netAmount", net),
                ("taxBasis", net),
                ("taxAmount", tax),
                ("taxRate", taxation.rate),
            ] {
                put_number(&mut detail, name, value);
            }
            detail
        })
        .collect();
    let sum = total(&details);
    put_lines(fields, "taxDetails", details);
    sum
}

/// Gives a transaction its document number.
pub(super) fn number_document(write: &mut Write<'_, '_>, record: &RecordType, fields: &mut Fields) {
    if text_of(fields, "tranId").is_none() {
        let number = 1000 + write.tx.next(&format!("document {}", record.name));
        put_text(fields, "tranId", format!("{}{number}", record.prefix));
    }
}

fn state(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
    total: Decimal,
) -> Answer<()> {
    match record.name.as_str() {
        "invoice" => {
            let paid = old.and_then(|o| number_of(o, "amountPaid")).unwrap_or_default();
            if paid > total {
                return Err(Refusal::user_error(
                    "The total of the invoice cannot be less than the amount already paid.",
                ));
            }
            default_text(fields, "approvalStatus", "2");
            if let (false, account) = (
                fields.contains_key("account"),
                account_of_type(write.view(), "AcctRec", ""),
            ) {
                put_text(fields, "account", account);
            }
            for (name, value) in open_amounts(total, paid) {
                fields.insert(name.to_owned(), value);
            }
            Ok(())
        }
        "creditMemo" => {
            let customer = text_of(fields, "entity").unwrap_or_default().to_owned();
            let applied = applying::prepare(write, old, fields, total, &customer)?;
            put_number(fields, "applied", applied);
            put_number(fields, "unapplied", total - applied);
            put_number(fields, "amountPaid", applied);
            put_number(fields, "amountRemaining", total - applied);
            put_text(fields, "status", if applied == total { "B" } else { "A" });
            Ok(())
        }
        _ => {
            default_text(fields, "orderStatus", "B");
            put_text(fields, "status", order_status(fields));
            Ok(())
        }
    }
}

/// Amounts and status of an invoice of which so much is paid.
pub(super) fn open_amounts(total: Decimal, paid: Decimal) -> [(&'static str, Value); 3] {
    let status = if total == paid { "B" } else { "A" };
    let number = crate::netsuite::value::stored;
    [
        ("amountPaid", number(paid)),
        ("amountRemaining", number(total - paid)),
        ("status", Value::String(status.to_owned())),
    ]
}

fn order_status(order: &Fields) -> &'static str {
    if text_of(order, "orderStatus") == Some("A") {
        return "A";
    }
    let lines = lines_of(order, "item");
    let billed = |l: &Fields| number_of(l, "quantityBilled").unwrap_or_default();
    let complete = lines
        .iter()
        .all(|l| billed(l) >= number_of(l, "quantity").unwrap_or_default());
    match (complete, lines.iter().any(|l| !billed(l).is_zero())) {
        (true, _) => "G",
        (false, true) => "E",
        (false, false) => "B",
    }
}

/// The lines of an order as far as they are not billed yet.
pub(in crate::netsuite) fn open_order_lines(order: &Fields) -> Vec<Fields> {
    lines_of(order, "item")
        .into_iter()
        .filter_map(|line| {
            let quantity = number_of(&line, "quantity")?;
            let left = quantity - number_of(&line, "quantityBilled").unwrap_or_default();
            let mut open = line.clone();
            for name in [
                "line",
                "lineUniqueKey",
                "quantityBilled",
                "amount",
                "grossAmt",
                "taxAmount",
                "taxDetailsReference",
            ] {
                open.remove(name);
            }
            put_number(&mut open, "quantity", left);
            open.insert("orderLine".to_owned(), line.get("line")?.clone());
            (left > Decimal::ZERO).then_some(open)
        })
        .collect()
}

/// Ledger lines, billed marks, order and open amounts after a sale was stored.
pub(super) fn settle(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    old: Option<&Fields>,
    fields: &Fields,
) -> Answer<()> {
    let books = Books::of(write, fields, "currency", "exchangeRate");
    let lines = ledger_lines(write, record, fields, &books);
    ledger::write_lines(write, record, id, fields, &books, lines)?;
    let nothing = Fields::new();
    let before = old.unwrap_or(&nothing);
    match record.name.as_str() {
        "invoice" => {
            sources::mark(write, id, before, fields);
            for order in orders_of(before).into_iter().chain(orders_of(fields)) {
                rebill(write, &order);
            }
        }
        "creditMemo" => applying::settle(
            write,
            &super::applied_amounts(before),
            &super::applied_amounts(fields),
        ),
        _ => {}
    }
    Ok(())
}

/// Lets go of everything that a deleted invoice had billed.
pub(super) fn release(write: &mut Write<'_, '_>, id: &str, fields: &Fields) {
    sources::mark(write, id, fields, &Fields::new());
    for order in orders_of(fields) {
        rebill(write, &order);
    }
}

fn orders_of(invoice: &Fields) -> Vec<String> {
    let mut orders: Vec<String> = lines_of(invoice, "item")
        .iter()
        .filter_map(|l| text_of(l, "orderDoc").map(str::to_owned))
        .collect();
    orders.sort();
    orders.dedup();
    orders
}

/// Counts again how much of an order's lines is billed.
fn rebill(write: &mut Write<'_, '_>, order: &str) {
    let tables = write.tx.tables();
    let Some(mut fields) = tables.get("salesOrder", order).map(|r| r.fields.clone()) else {
        return;
    };
    let invoices = tables
        .rows("invoice")
        .filter(|i| i.text("createdFrom") == Some(order));
    let billed: Vec<Fields> = invoices.flat_map(|i| lines_of(&i.fields, "item")).collect();
    let mut lines = lines_of(&fields, "item");
    for line in &mut lines {
        let of_line = billed
            .iter()
            .filter(|b| text_of(b, "orderDoc") == Some(order) && b.get("orderLine") == line.get("line"));
        let quantity: Decimal = of_line.filter_map(|b| number_of(b, "quantity")).sum();
        put_number(line, "quantityBilled", quantity);
    }
    put_lines(&mut fields, "item", lines);
    let status = Value::String(order_status(&fields).to_owned());
    let items = fields.get("item").cloned().unwrap_or(Value::Null);
    write.touch("salesOrder", order, [("item", items), ("status", status)]);
}

fn ledger_lines(write: &Write<'_, '_>, record: &RecordType, fields: &Fields, books: &Books) -> Vec<Line> {
    let view = write.view();
    let posts = record.name != "salesOrder";
    let sign = if record.name == "creditMemo" {
        Decimal::NEGATIVE_ONE
    } else {
        Decimal::ONE
    };
    let account = |account: String| posts.then_some(account);
    let entity = text_of(fields, "job")
        .or_else(|| text_of(fields, "entity"))
        .unwrap_or_default();
    let mut lines = Vec::new();
    let mut credit =
        |account: Option<String>, source: &Fields, item: Option<&str>, is_tax: bool, amount: Decimal| {
            let mut shown: Fields = SHOWN
                .into_iter()
                .filter_map(|n| Some((n.to_owned(), source.get(n)?.clone())))
                .collect();
            if let Some(memo) = source.get("description") {
                shown.insert("memo".to_owned(), memo.clone());
            }
            if let Some(item) = item {
                put_text(&mut shown, "item", item);
            }
            put_text(&mut shown, "entity", entity);
            lines.push(Line {
                account,
                foreign: -amount * sign,
                is_tax,
                shown,
                ..Line::default()
            });
        };
    for line in lines_of(fields, "item") {
        let item = text_of(&line, "item");
        credit(
            account(income_account(view, item)),
            &line,
            None,
            false,
            number_of(&line, "amount").unwrap_or_default(),
        );
    }
    for line in lines_of(fields, "time") {
        let item = text_of(&line, sources::TIME_ITEM);
        credit(
            account(income_account(view, item)),
            &line,
            item,
            false,
            number_of(&line, "amount").unwrap_or_default(),
        );
    }
    for line in lines_of(fields, "expCost") {
        credit(
            account(income_account(view, None)),
            &line,
            None,
            false,
            number_of(&line, "amount").unwrap_or_default(),
        );
    }
    let tax = number_of(fields, "taxTotal").unwrap_or_default();
    if !tax.is_zero() {
        credit(
            account(account_of_type(view, "OthCurrLiab", "")),
            &Fields::new(),
            None,
            true,
            tax,
        );
    }
    let base: Decimal = lines.iter().map(|l| books.base(l.foreign)).sum();
    let receivable =
        text_of(fields, "account").map_or_else(|| account_of_type(view, "AcctRec", ""), str::to_owned);
    let mut shown = Fields::new();
    put_text(&mut shown, "entity", entity);
    let total = number_of(fields, "total").unwrap_or_default();
    let main = Line {
        account: account(receivable),
        foreign: total * sign,
        base: Some(-base),
        is_main: true,
        shown,
        ..Line::default()
    };
    lines.insert(0, main);
    lines
}
