//! What Salesforce's standard objects do by themselves: stages, amounts, prices, contract states, names.
//!
//! [`derive`] completes a write before it is stored, [`after`] carries it on to other records. Rules follow the
//! object reference; writes made here are the system's and so move `SystemModstamp` but not `LastModifiedDate`.

use chrono::{Datelike, Months, NaiveDate};
use rust_decimal::Decimal;
use serde_json::Value;

use super::call::{Call, stamp};
use super::errors::ApiError;
use super::number::{decimal, number};
use super::schema::{Currency, Object};
use crate::store::{Fields, Record};

/// The value that a field will have after the write.
fn after_write<'a>(before: Option<&'a Record>, fields: &'a Fields, name: &str) -> &'a Value {
    fields
        .get(name)
        .or_else(|| before.map(|b| b.get(name)))
        .unwrap_or(&Value::Null)
}

fn text_after<'a>(before: Option<&'a Record>, fields: &'a Fields, name: &str) -> Option<&'a str> {
    after_write(before, fields, name).as_str()
}

fn set(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    fields.insert(name.to_owned(), value.into());
}

/// Completes a write with what the vendor derives; `before` is absent for a new record.
pub(super) fn derive(
    call: &mut Call<'_, '_>,
    object: &Object,
    before: Option<&Record>,
    fields: &mut Fields,
) -> Result<(), ApiError> {
    default_currency(call, object, before, fields);
    match object.name() {
        "Contact" | "User" => full_name(before, fields),
        "Opportunity" => opportunity(call, before, fields),
        "OpportunityLineItem" => line_item(call, before, fields)?,
        "PricebookEntry" => price_book_entry(call, before, fields)?,
        "Contract" => contract(call, before, fields)?,
        "Task" => {
            let closed = text_after(before, fields, "Status") == Some("Completed");
            set(fields, "IsClosed", closed);
        }
        _ => {}
    }
    Ok(())
}

/// Carries a write on to other records.
pub(super) fn after(call: &mut Call<'_, '_>, object: &Object, id: &str) -> Result<(), ApiError> {
    if object.name() == "OpportunityLineItem" {
        let line = call
            .tables()
            .get(object.name(), id)
            .and_then(|r| r.text("OpportunityId"));
        if let Some(opportunity) = line.map(str::to_owned) {
            sum_lines(call, &opportunity);
        }
    }
    Ok(())
}

/// Carries a deletion on to other records.
pub(super) fn after_delete(call: &mut Call<'_, '_>, object: &Object, record: &Record) {
    if object.name() == "OpportunityLineItem"
        && let Some(opportunity) = record.text("OpportunityId")
    {
        sum_lines(call, opportunity);
    }
}

fn default_currency(call: &Call<'_, '_>, object: &Object, before: Option<&Record>, fields: &mut Fields) {
    let own = matches!(
        object.definition.currency,
        Some(Currency::Own | Currency::OnCreate)
    );
    if own && text_after(before, fields, "CurrencyIsoCode").is_none() {
        let user = call.tables().get("User", &call.who.user_id);
        let code = user
            .and_then(|u| u.text("CurrencyIsoCode"))
            .unwrap_or("USD")
            .to_owned();
        set(fields, "CurrencyIsoCode", code);
    }
}

fn full_name(before: Option<&Record>, fields: &mut Fields) {
    let parts = ["FirstName", "LastName"].map(|part| text_after(before, fields, part).unwrap_or(""));
    let name = parts.join(" ").trim().to_owned();
    set(fields, "Name", name);
}

/// Stage decides whether it is closed and won, its probability and forecast category; lines decide the amount.
fn opportunity(call: &Call<'_, '_>, before: Option<&Record>, fields: &mut Fields) {
    let stage_before = before.and_then(|b| b.text("StageName"));
    let stage = text_after(before, fields, "StageName")
        .unwrap_or_default()
        .to_owned();
    if stage_before != Some(stage.as_str()) {
        let mut stages = call.tables().rows("OpportunityStage");
        let known = stages.find(|s| s.text("MasterLabel") == Some(&stage));
        let of_stage = |field: &str, otherwise: Value| known.map_or(otherwise, |s| s.get(field).clone());
        set(fields, "IsClosed", of_stage("IsClosed", Value::Bool(false)));
        set(fields, "IsWon", of_stage("IsWon", Value::Bool(false)));
        if fields.get("Probability").is_none_or(Value::is_null) {
            set(
                fields,
                "Probability",
                of_stage("DefaultProbability", Value::from(0)),
            );
        }
        if fields.get("ForecastCategoryName").is_none_or(Value::is_null) {
            set(
                fields,
                "ForecastCategoryName",
                of_stage("ForecastCategoryName", Value::from("Pipeline")),
            );
        }
        if before.is_some() {
            set(fields, "LastStageChangeDate", stamp(call.tx.now()));
        }
    }
    let category = match text_after(before, fields, "ForecastCategoryName").unwrap_or_default() {
        "Best Case" => "BestCase".to_owned(),
        "Commit" => "Forecast".to_owned(),
        other => other.to_owned(),
    };
    set(fields, "ForecastCategory", category);
    if before.is_some_and(|b| b.get("HasOpportunityLineItem") == &Value::Bool(true)) {
        // The object reference: an amount given for an opportunity with products is ignored, not refused.
        fields.remove("Amount");
    }
    let amount = decimal(after_write(before, fields, "Amount"));
    let probability = decimal(after_write(before, fields, "Probability")).unwrap_or_default();
    set(fields, "ExpectedRevenue", expected(amount, probability));
    let closing = text_after(before, fields, "CloseDate").and_then(|d| d.parse::<NaiveDate>().ok());
    if let Some(day) = closing {
        let quarter = day.month0() / 3 + 1;
        set(fields, "FiscalYear", day.year());
        set(fields, "FiscalQuarter", quarter);
        set(fields, "Fiscal", format!("{} {quarter}", day.year()));
    }
}

fn expected(amount: Option<Decimal>, probability: Decimal) -> Value {
    amount.map_or(Value::Null, |a| {
        number((a * probability / Decimal::ONE_HUNDRED).round_dp(2))
    })
}

/// The opportunity's amount is the sum of its lines as soon as it has any.
fn sum_lines(call: &mut Call<'_, '_>, opportunity: &str) {
    let id = Value::from(opportunity);
    let lines: Vec<&Record> = call
        .tables()
        .find("OpportunityLineItem", "OpportunityId", &id)
        .collect();
    let sum = |field: &str| {
        lines
            .iter()
            .filter_map(|l| decimal(l.get(field)))
            .sum::<Decimal>()
    };
    let (any, total, quantity) = (!lines.is_empty(), sum("TotalPrice"), sum("Quantity"));
    let Some(record) = call.tables().get("Opportunity", opportunity) else {
        return;
    };
    let mut fields = Fields::new();
    set(&mut fields, "HasOpportunityLineItem", any);
    if any {
        let probability = decimal(record.get("Probability")).unwrap_or_default();
        set(&mut fields, "Amount", number(total));
        set(&mut fields, "TotalOpportunityQuantity", number(quantity));
        set(&mut fields, "ExpectedRevenue", expected(Some(total), probability));
    }
    call.tx.update("Opportunity", opportunity, fields);
}

fn line_item(call: &mut Call<'_, '_>, before: Option<&Record>, fields: &mut Fields) -> Result<(), ApiError> {
    if before.is_none() {
        new_line_item(call, fields)?;
    }
    let amount = |fields: &Fields, name: &str| decimal(after_write(before, fields, name));
    let quantity = amount(fields, "Quantity").unwrap_or_default();
    let discount = amount(fields, "Discount").unwrap_or_default();
    let share = Decimal::ONE - discount / Decimal::ONE_HUNDRED;
    let total_given = fields.get("TotalPrice").is_some_and(|t| !t.is_null());
    if total_given && fields.get("UnitPrice").is_some_and(|u| !u.is_null()) {
        let text =
            "field integrity exception: unknown (only one of unit price or total price may be specified)";
        return Err(ApiError::of_fields("FIELD_INTEGRITY_EXCEPTION", text, &[]));
    }
    if total_given {
        let total = amount(fields, "TotalPrice").unwrap_or_default();
        let unit = total.checked_div(quantity * share).unwrap_or_default();
        set(fields, "UnitPrice", number(unit.round_dp(2)));
    }
    let unit = amount(fields, "UnitPrice").unwrap_or_default();
    set(fields, "Subtotal", number((quantity * unit).round_dp(2)));
    if !total_given {
        set(
            fields,
            "TotalPrice",
            number((quantity * unit * share).round_dp(2)),
        );
    }
    Ok(())
}

/// Gives a new line what it takes from its price book entry, and the opportunity its price book.
fn new_line_item(call: &mut Call<'_, '_>, fields: &mut Fields) -> Result<(), ApiError> {
    let opportunity = fields.get("OpportunityId").and_then(Value::as_str);
    let Some(opportunity) = opportunity
        .and_then(|id| call.tables().get("Opportunity", id))
        .cloned()
    else {
        return Ok(());
    };
    let entry = entry_of_line(call, &opportunity, fields)?.clone();
    let product = entry
        .text("Product2Id")
        .and_then(|id| call.tables().get("Product2", id));
    let name = |record: Option<&Record>| record.and_then(|r| r.text("Name")).unwrap_or_default().to_owned();
    set(
        fields,
        "Name",
        format!("{} {}", name(Some(&opportunity)), name(product)),
    );
    set(
        fields,
        "ProductCode",
        product.map_or(Value::Null, |p| p.get("ProductCode").clone()),
    );
    set(fields, "PricebookEntryId", entry.id.as_str());
    set(fields, "Product2Id", entry.get("Product2Id").clone());
    set(fields, "ListPrice", entry.get("UnitPrice").clone());
    set(fields, "CurrencyIsoCode", entry.get("CurrencyIsoCode").clone());
    if ["UnitPrice", "TotalPrice"]
        .iter()
        .all(|f| fields.get(*f).is_none_or(Value::is_null))
    {
        set(fields, "UnitPrice", entry.get("UnitPrice").clone());
    }
    if opportunity.text("Pricebook2Id").is_none() {
        let book = Fields::from_iter([("Pricebook2Id".to_owned(), entry.get("Pricebook2Id").clone())]);
        call.tx.update("Opportunity", &opportunity.id, book);
    }
    Ok(())
}

/// The price book entry of a new line: given, or found by product in the opportunity's book and currency.
fn entry_of_line<'c>(
    call: &'c Call<'_, '_>,
    opportunity: &Record,
    fields: &Fields,
) -> Result<&'c Record, ApiError> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let currency = opportunity.get("CurrencyIsoCode");
    let refuse = |why: &str| {
        let text = format!("field integrity exception: PricebookEntryId ({why})");
        ApiError::of_fields("FIELD_INTEGRITY_EXCEPTION", text, &["PricebookEntryId"])
    };
    let entry = match (text("PricebookEntryId"), text("Product2Id")) {
        (Some(id), _) => call.tables().get("PricebookEntry", id),
        (None, Some(product)) => {
            let book = opportunity
                .text("Pricebook2Id")
                .map(str::to_owned)
                .or_else(|| standard_book(call));
            let product = Value::from(product);
            let fits = |e: &&Record| {
                e.text("Pricebook2Id") == book.as_deref() && e.get("CurrencyIsoCode") == currency
            };
            call.tables()
                .find("PricebookEntry", "Product2Id", &product)
                .find(fits)
        }
        (None, None) => {
            let text = "Required fields are missing: [PricebookEntryId]";
            return Err(ApiError::of_fields(
                "REQUIRED_FIELD_MISSING",
                text,
                &["PricebookEntryId"],
            ));
        }
    };
    let entry = entry.ok_or_else(|| refuse("no price for the product in the price book and currency"))?;
    if entry.get("CurrencyIsoCode") != currency {
        return Err(refuse(
            "pricebook entry currency code does not match opportunity currency code",
        ));
    }
    if opportunity
        .text("Pricebook2Id")
        .is_some_and(|book| Some(book) != entry.text("Pricebook2Id"))
    {
        return Err(refuse(
            "pricebook entry is in a different pricebook than the one assigned to the opportunity",
        ));
    }
    Ok(entry)
}

fn standard_book(call: &Call<'_, '_>) -> Option<String> {
    let mut books = call.tables().rows("Pricebook2");
    books
        .find(|b| b.get("IsStandard") == &Value::Bool(true))
        .map(|b| b.id.clone())
}

fn price_book_entry(
    call: &Call<'_, '_>,
    before: Option<&Record>,
    fields: &mut Fields,
) -> Result<(), ApiError> {
    if before.is_some() {
        return Ok(());
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (Some(book), Some(product_id)) = (text("Pricebook2Id"), text("Product2Id")) else {
        return Ok(());
    };
    let currency = fields.get("CurrencyIsoCode").unwrap_or(&Value::Null);
    let product_value = Value::from(product_id);
    let standard = standard_book(call);
    let (mut in_book, mut in_standard) = (false, standard.as_deref() == Some(book));
    for entry in call.tables().find("PricebookEntry", "Product2Id", &product_value) {
        if entry.get("CurrencyIsoCode") == currency {
            in_book |= entry.text("Pricebook2Id") == Some(book);
            in_standard |= entry.text("Pricebook2Id") == standard.as_deref();
        }
    }
    if in_book {
        let text = "This price definition already exists in this price book";
        return Err(ApiError::of_fields("DUPLICATE_VALUE", text, &[]));
    }
    if !in_standard {
        let text = "Before creating a custom price, create a standard price.";
        return Err(ApiError::of_fields("STANDARD_PRICE_NOT_DEFINED", text, &[]));
    }
    if let Some(product) = call.tables().get("Product2", product_id) {
        let (name, code) = (product.get("Name").clone(), product.get("ProductCode").clone());
        set(fields, "Name", name);
        set(fields, "ProductCode", code);
    }
    Ok(())
}

fn contract(call: &mut Call<'_, '_>, before: Option<&Record>, fields: &mut Fields) -> Result<(), ApiError> {
    let code = match text_after(before, fields, "Status") {
        Some("Activated") => "Activated",
        Some("In Approval Process") => "InApproval",
        _ => "Draft",
    };
    if before.is_none() {
        if code != "Draft" {
            let text = "Choose a valid contract status and save your changes. Ask your admin for details.";
            return Err(ApiError::of_fields("INVALID_STATUS", text, &["Status"]));
        }
        let number = call.tx.next("contract number") + 99;
        set(fields, "ContractNumber", format!("{number:08}"));
    }
    if code == "Activated" && before.and_then(|b| b.text("StatusCode")) != Some("Activated") {
        let user = call.who.user_id.clone();
        set(fields, "ActivatedDate", stamp(call.tx.now()));
        set(fields, "ActivatedById", user);
    }
    set(fields, "StatusCode", code);
    let start = text_after(before, fields, "StartDate").and_then(|d| d.parse::<NaiveDate>().ok());
    let months = after_write(before, fields, "ContractTerm")
        .as_u64()
        .and_then(|m| u32::try_from(m).ok());
    let end = start
        .zip(months)
        .and_then(|(start, months)| start.checked_add_months(Months::new(months))?.pred_opt());
    set(
        fields,
        "EndDate",
        end.map_or(Value::Null, |day| Value::from(day.to_string())),
    );
    Ok(())
}
