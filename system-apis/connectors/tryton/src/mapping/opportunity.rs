//! Deals (`sale.opportunity`).
//!
//! Tryton has no field for most of what a services deal agrees. Salespeople write it as lines `Name: value` into the
//! comment of the deal and the note of its lines; the README lists the names. What we write back stands in the tag.

use std::collections::BTreeMap;
use std::str::FromStr;

use canonical_model::{
    BillingMethod, Currency, Failure, Minutes, Money, Opportunity, OpportunityLine, OpportunityStage, Rate,
    RatePer, RecordRef, Result,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::directory::Lookups;
use crate::settings::{Items, METHODS};
use crate::tag::Tag;
use crate::wire::Record;

use super::Values;

/// What is read of a deal.
pub(crate) const FIELDS: [&str; 19] = [
    "number",
    "description",
    "state",
    "party",
    "party.rec_name",
    "company",
    "company.party.name",
    "employee",
    "currency",
    "amount",
    "start_date",
    "end_date",
    "comment",
    "lines.product",
    "lines.product.template.name",
    "lines.product.template.list_price",
    "lines.quantity",
    "lines.unit",
    "lines.note",
];

/// What people wrote as lines `Name: value`; names without regard to case.
struct Terms {
    id: i64,
    values: BTreeMap<String, String>,
}

impl Terms {
    fn of(id: i64, remark: Option<&str>) -> Self {
        let lines = remark.unwrap_or_default().lines();
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            let (name, value) = (name.trim().to_lowercase(), value.trim().to_owned());
            (!value.is_empty()).then_some((name, value))
        };
        Self {
            id,
            values: lines.filter_map(pair).collect(),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    fn read<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.values.get(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| self.unreadable(name, text))
    }

    fn money(&self, name: &str, currency: Currency) -> Result<Option<Money>> {
        Ok(self
            .read::<Decimal>(name)?
            .map(|amount| Money::new(amount, currency)))
    }

    fn day(&self, name: &str) -> Result<Option<NaiveDate>> {
        self.read(name)
    }

    fn method(&self) -> Result<Option<BillingMethod>> {
        let Some(text) = self.values.get("billing") else {
            return Ok(None);
        };
        let word = text.to_lowercase().replace([' ', '-'], "_");
        let known = METHODS.iter().find(|(_, known)| *known == word);
        known
            .map(|(method, _)| Some(*method))
            .ok_or_else(|| self.unreadable("billing", text))
    }

    fn unreadable(&self, name: &str, value: &str) -> Failure {
        let message = format!(
            "the remark on record {} in Tryton says \"{name}: {value}\", which cannot be read: correct it there",
            self.id
        );
        Failure::fault("unmapped_value", message)
    }
}

/// A deal.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups, items: &Items) -> Result<Opportunity> {
    let comment = record.text("comment");
    let (terms, tag) = (
        Terms::of(record.id()?, comment.as_deref()),
        Tag::of(comment.as_deref()),
    );
    let currency = lookups.currency(record, "currency")?;
    let stage = match record.text("state").as_deref() {
        Some("lead" | "opportunity" | "converted") => OpportunityStage::Open,
        Some("won") => OpportunityStage::Won,
        Some("lost" | "cancelled") => OpportunityStage::Lost,
        _ => {
            return Err(record.unmapped(
                "state",
                "lead, opportunity, converted, won, lost and cancelled are known",
            ));
        }
    };
    let closed = record.date("end_date")?;
    let close_date = match closed {
        Some(day) => day,
        None => record.day("start_date")?,
    };
    let lines = record.many("lines")?;
    let line = |line: &Record| to_line(line, currency, lookups, items);
    let project = tag.get("project").map(|id| RecordRef {
        id: id.to_owned(),
        label: tag.get("project_code").map(str::to_owned),
    });
    Ok(Opportunity {
        name: record
            .text("description")
            .or_else(|| record.text("number"))
            .ok_or_else(|| record.bad("description"))?,
        stage,
        account: record.reference("party", "party.rec_name"),
        owner: record.integer("employee").map(|id| lookups.person(id)),
        amount: record
            .decimal("amount")?
            .map(|amount| Money::new(amount, currency)),
        close_date,
        signature_date: terms.day("signed")?,
        legal_entity: record.reference("company", "company.party.name"),
        region: terms.text("region"),
        billing_method: terms.method()?,
        target_margin_percent: terms.read("margin")?,
        project_manager: terms
            .text("project manager")
            .map(|email| RecordRef::labelled(email.clone(), email)),
        start_date: terms.day("start")?,
        end_date: terms.day("end")?,
        purchase_order: terms.text("purchase order"),
        rate_card: terms.text("rate card").map(RecordRef::id),
        cap: terms.money("cap", currency)?,
        lines: lines.iter().map(line).collect::<Result<_>>()?,
        project,
        project_status: tag.get("project_status").map(str::to_owned),
    })
}

/// A line: hours of a role where its product is sold by time, else a milestone or an agreed piece of work.
fn to_line(line: &Record, currency: Currency, lookups: &Lookups, items: &Items) -> Result<OpportunityLine> {
    let note = line.text("note");
    let terms = Terms::of(line.id()?, note.as_deref());
    let product = line.reference("product", "product.template.name");
    let name = product.as_ref().and_then(|product| product.label.clone());
    let quantity = line.decimal("quantity")?.unwrap_or(Decimal::ONE);
    let others = items.all();
    let charged = line
        .integer("product")
        .is_none_or(|product| others.contains(&product));
    let hours_in = line.integer("unit").and_then(|unit| lookups.hours_in(unit));
    let hours = hours_in.filter(|_| !charged).map(|hours| hours * quantity);
    // List prices are in the currency of the company.
    let own = lookups.own_currency()? == currency;
    let listed = line.decimal("product.template.list_price")?.filter(|_| own);
    let price = match terms.read::<Decimal>("rate")? {
        Some(rate) => Some(rate),
        None => listed,
    };
    let worth = price.map(|price| price * hours.unwrap_or(quantity));
    let amount = match terms.money("amount", currency)? {
        Some(amount) => amount,
        None => Money::new(worth.unwrap_or_default(), currency),
    };
    let money = |amount: Decimal| Money::new(amount, currency);
    Ok(OpportunityLine {
        id: line.id()?.to_string(),
        description: terms.text("name").or(name).unwrap_or_default(),
        workstream: terms.text("workstream"),
        role: product.filter(|_| hours.is_some()),
        minutes: hours
            .map(|hours| Minutes::from_hours(hours).ok_or_else(|| line.bad("quantity")))
            .transpose()?,
        rate: price.filter(|_| hours.is_some()).map(|price| Rate {
            money: money(price),
            per: RatePer::Hour,
        }),
        amount,
        start_date: terms.day("start")?,
        end_date: terms.day("end")?,
        milestone_date: terms.day("due")?,
    })
}

/// What a deal is told about the project that it became; nothing else of a deal is written from here.
pub(crate) fn to_tryton(deal: &Opportunity, existing: &Record) -> Value {
    let comment = existing.text("comment");
    let mut tag = Tag::of(comment.as_deref());
    let project = deal.project.as_ref();
    tag.set("project", project.map(|project| project.id.as_str()));
    tag.set(
        "project_code",
        project.and_then(|project| project.label.as_deref()),
    );
    tag.set("project_status", deal.project_status.as_deref());
    let mut values = Values::default();
    if tag != Tag::of(comment.as_deref()) {
        values.set("comment", tag.within(comment.as_deref()));
    }
    values.build()
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;
    use serde_json::json;

    use super::*;
    use crate::mapping::tests::{day, decimal, lookups, record, settings};

    const COMMENT: &str = "Billing: time and materials\nProject manager: helen.cho@northwind-advisory.example\n\
        Start: 2026-12-01\nEnd: 2027-02-28\nRegion: emea\nCap: 60000\nMet them at the fair.";

    fn deal(state: &str, comment: &str) -> Record {
        let price = |list: &str| json!({"id": 1, "name": "Consultant", "list_price": decimal(list)});
        record(json!({
            "id": 3, "number": "7", "description": "Grid", "state": state, "party": 9, "party.": {"id": 9, "rec_name": "Helios"},
            "company": 1, "company.": {"id": 1, "party.": {"id": 1, "name": "Northwind"}}, "employee": 1, "currency": 1,
            "amount": decimal("50000"), "start_date": day("2026-11-01"), "end_date": day("2026-11-20"), "comment": comment,
            "lines.": [
                {"id": 1, "product": 3, "product.": {"id": 3, "template.": price("195")}, "quantity": 100.0, "unit": 9,
                 "note": "Workstream: Design\nRate: 200"},
                {"id": 2, "product": 8, "product.": {"id": 8, "template.": price("0")}, "quantity": 1.0, "unit": 1,
                 "note": "Name: Blueprint\nDue: 2027-01-31\nAmount: 30000"}]
        }))
    }

    #[test]
    fn terms_are_read_from_what_people_wrote() {
        let read = to_canonical(&deal("won", COMMENT), &lookups(), &settings().items).unwrap();
        assert_eq!((read.stage, read.name.as_str()), (OpportunityStage::Won, "Grid"));
        assert_eq!(read.billing_method, Some(BillingMethod::TimeAndMaterials));
        assert_eq!(read.cap.unwrap().amount, dec!(60000));
        assert_eq!(read.start_date.unwrap().to_string(), "2026-12-01");
        let [role, milestone] = read.lines.as_slice() else {
            panic!("two lines: {:?}", read.lines);
        };
        assert_eq!(role.minutes, Some(Minutes::new(6000)));
        assert_eq!(
            (role.amount.amount, role.workstream.as_deref()),
            (dec!(20000), Some("Design"))
        );
        assert_eq!(
            (milestone.role.as_ref(), milestone.amount.amount),
            (None, dec!(30000))
        );
        assert_eq!(milestone.milestone_date.unwrap().to_string(), "2027-01-31");
        assert_eq!(milestone.description, "Blueprint");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_is_unknown_too() {
        let spoilt = to_canonical(&deal("won", "Start: soon"), &lookups(), &settings().items).unwrap_err();
        assert!(
            spoilt.code == "unmapped_value" && spoilt.message.contains("soon"),
            "{spoilt}"
        );
        let state = to_canonical(&deal("dreamt", ""), &lookups(), &settings().items).unwrap_err();
        assert!(state.message.contains("dreamt"), "{state}");
    }

    #[test]
    fn a_deal_is_told_its_project_and_keeps_what_people_wrote() {
        let there = deal("won", COMMENT);
        let mut read = to_canonical(&there, &lookups(), &settings().items).unwrap();
        read.project = Some(RecordRef::labelled("77", "HEL-1"));
        read.project_status = Some("active".to_owned());
        let values = to_tryton(&read, &there);
        let comment = values["comment"].as_str().unwrap();
        assert!(comment.starts_with(COMMENT), "{comment}");
        let again = to_canonical(&deal("won", comment), &lookups(), &settings().items).unwrap();
        assert_eq!(again, read);
        assert_eq!(to_tryton(&read, &deal("won", comment)), json!({}));
    }
}
