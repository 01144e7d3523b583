//! Projects (`project.work` of type `project`).
//!
//! What Tryton has no field for stands in the tag in the comment: our key, how the project is charged, its currency,
//! budget, region, manager, dates and the margin that was sold, and that it is only planned.

use std::str::FromStr;

use canonical_model::{BillingMethod, Failure, Money, Project, ProjectStatus, RecordRef, Result};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::directory::Lookups;
use crate::settings::{METHODS, ProjectSettings};
use crate::tag::Tag;
use crate::wire::{Record, id_or_null};

use super::{Values, check_entity};

/// What is read of a project.
pub(crate) const FIELDS: [&str; 12] = [
    "name",
    "number",
    "type",
    "party",
    "party.rec_name",
    "company",
    "company.party.name",
    "comment",
    "status",
    "currency",
    "timesheet_available",
    "children",
];

const PLANNED: &str = "planned";

/// A project. One that we did not make is in the currency of its company.
pub(crate) fn to_canonical(
    record: &Record,
    lookups: &Lookups,
    settings: &ProjectSettings,
) -> Result<Project> {
    let tag = Tag::of(record.text("comment").as_deref());
    let currency = match tag.get("currency") {
        Some(code) => code.parse().map_err(|_| unreadable(record, "currency", code))?,
        None => lookups.currency(record, "currency")?,
    };
    let decimal = |name: &str| {
        tag.get(name)
            .map(|text| Decimal::from_str(text).map_err(|_| unreadable(record, name, text)))
            .transpose()
    };
    let day = |name: &str| {
        tag.get(name)
            .map(|text| text.parse().map_err(|_| unreadable(record, name, text)))
            .transpose()
    };
    let manager = tag.get("manager").and_then(|id| id.parse().ok());
    Ok(Project {
        code: record.text("number").ok_or_else(|| record.bad("number"))?,
        name: record.text("name").ok_or_else(|| record.bad("name"))?,
        account: record.reference("party", "party.rec_name"),
        legal_entity: record.reference("company", "company.party.name"),
        region: tag.get("region").map(str::to_owned),
        manager: manager.map(|id| lookups.person(id)),
        billing_method: tag.get("billing").map(|word| method(record, word)).transpose()?,
        currency,
        budget: decimal("budget")?.map(|amount| Money::new(amount, currency)),
        target_margin_percent: decimal("margin")?,
        rate_card: tag.get("rate_card").map(RecordRef::id),
        start_date: day("start")?,
        end_date: day("end")?,
        status: status(record, &tag, settings)?,
    })
}

fn unreadable(record: &Record, name: &str, value: &str) -> Failure {
    let id = record.integer("id").unwrap_or_default();
    let message = format!(
        "the line \"fairlead:\" in the comment of work {id} in Tryton says {name} {value:?}, which cannot be read: \
         correct or remove it"
    );
    Failure::fault("unmapped_value", message)
}

fn method(record: &Record, word: &str) -> Result<BillingMethod> {
    let known = METHODS.iter().find(|(_, known)| *known == word);
    known
        .map(|(method, _)| *method)
        .ok_or_else(|| unreadable(record, "billing", word))
}

fn status(record: &Record, tag: &Tag, settings: &ProjectSettings) -> Result<ProjectStatus> {
    let id = record.integer("status").unwrap_or_default();
    if settings.done.contains(&id) {
        return Ok(ProjectStatus::Closed);
    }
    if !settings.open.contains(&id) {
        return Err(record.unmapped("status", "list it in project.open or project.done"));
    }
    Ok(match tag.get("state") {
        Some(PLANNED) => ProjectStatus::Planned,
        _ => ProjectStatus::Active,
    })
}

/// A project as the values of a work. `existing` is the project as it is.
///
/// # Errors
/// Business `invalid_reference` for an account that is no id, or another company; Fault `currency_mismatch`.
pub(crate) fn to_tryton(
    project: &Project,
    existing: Option<&Record>,
    key: &str,
    lookups: &Lookups,
    settings: &ProjectSettings,
) -> Result<Value> {
    check_entity(project.legal_entity.as_ref(), lookups)?;
    let comment = existing.and_then(|record| record.text("comment"));
    let mut tag = Tag::of(comment.as_deref());
    if existing.is_none() {
        tag.set("key", Some(key));
    }
    fill(&mut tag, project)?;
    let mut values = Values::default();
    values
        .change("name", project.name.as_str(), existing)
        .change("number", project.code.as_str(), existing)
        .change("comment", tag.within(comment.as_deref()), existing);
    if project.account.is_some() {
        values.change(
            "party",
            id_or_null(project.account.as_ref(), "account")?,
            existing,
        );
    }
    let (own, others) = match project.status {
        ProjectStatus::Closed => (&settings.done, &settings.open),
        ProjectStatus::Planned | ProjectStatus::Active => (&settings.open, &settings.done),
    };
    let now = existing.and_then(|record| record.integer("status"));
    if now.is_none_or(|now| others.contains(&now)) {
        let progress = (project.status == ProjectStatus::Closed).then_some(1);
        values
            .set_opt("status", own.first().copied())
            .set("progress", progress);
    }
    let bookable = existing.is_some_and(|record| record.flag("timesheet_available"));
    if project.status == ProjectStatus::Active && !bookable {
        values.set("timesheet_available", true);
    }
    if existing.is_none() {
        values
            .set("type", "project")
            .set("company", lookups.company)
            .set("project_invoice_method", settings.invoice_method.word());
    }
    Ok(values.build())
}

fn fill(tag: &mut Tag, project: &Project) -> Result<()> {
    let budget = project
        .budget
        .map(|budget| budget.checked_add(Money::zero(project.currency)))
        .transpose()?;
    let billing = project
        .billing_method
        .and_then(|method| METHODS.iter().find(|(known, _)| *known == method));
    tag.set("currency", Some(project.currency.code()));
    tag.set("billing", billing.map(|(_, word)| *word));
    tag.set("budget", budget.map(|budget| budget.amount.normalize()));
    tag.set(
        "margin",
        project.target_margin_percent.map(|margin| margin.normalize()),
    );
    tag.set("region", project.region.as_deref());
    tag.set(
        "manager",
        project.manager.as_ref().map(|manager| manager.id.as_str()),
    );
    let card = project.rate_card.as_ref();
    tag.set(
        "rate_card",
        card.map(|card| card.label.as_deref().unwrap_or(&card.id)),
    );
    tag.set("start", project.start_date);
    tag.set("end", project.end_date);
    let state = match project.status {
        ProjectStatus::Planned => PLANNED,
        ProjectStatus::Active => "active",
        ProjectStatus::Closed => "closed",
    };
    tag.set("state", Some(state));
    Ok(())
}

/// The tasks of a project that have to be done before it can be.
pub(crate) fn done(settings: &ProjectSettings) -> Value {
    json!({ "status": settings.done.first(), "progress": 1 })
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    fn work(comment: &str, status: i64) -> Record {
        record(json!({
            "id": 7, "name": "Grid", "number": "HEL-1", "type": "project", "party": 9, "party.": {"id": 9, "rec_name": "Helios"},
            "company": 1, "company.": {"id": 1, "party.": {"id": 1, "name": "Northwind"}}, "comment": comment,
            "status": status, "currency": 1, "timesheet_available": false, "children": []
        }))
    }

    #[test]
    fn what_has_no_field_comes_back_from_the_tag() {
        let settings = settings().project;
        let mut project = to_canonical(&work("Ring Helga.", 1), &lookups(), &settings).unwrap();
        assert_eq!(
            (project.status, project.currency.code()),
            (ProjectStatus::Active, "EUR")
        );
        project.status = ProjectStatus::Planned;
        project.billing_method = Some(BillingMethod::Retainer);
        project.currency = "USD".parse().unwrap();
        project.budget = Some(Money::new(dec!(1000.50), project.currency));
        project.region = Some("EMEA north".to_owned());
        project.manager = Some(RecordRef::labelled("1", "anna.keller@northwind-advisory.example"));
        project.start_date = Some("2026-10-01".parse().unwrap());
        let values = to_tryton(&project, None, "q2p-7", &lookups(), &settings).unwrap();
        let comment = values["comment"].as_str().unwrap();
        let back = to_canonical(&work(comment, 1), &lookups(), &settings).unwrap();
        assert_eq!(back, project);
        assert_eq!(Tag::of(Some(comment)).get("key"), Some("q2p-7"));
        assert_eq!(values["project_invoice_method"], "manual");
        assert!(
            values.get("timesheet_available").is_none(),
            "nobody books on a plan"
        );
    }

    #[test]
    fn an_unknown_status_is_named_and_a_tag_that_was_spoilt_too() {
        let settings = settings().project;
        let failure = to_canonical(&work("", 77), &lookups(), &settings).unwrap_err();
        assert!(
            failure.code == "unmapped_value" && failure.message.contains("77"),
            "{failure}"
        );
        let failure = to_canonical(&work("fairlead: currency=Euro", 1), &lookups(), &settings).unwrap_err();
        assert!(failure.message.contains("Euro"), "{failure}");
    }

    #[test]
    fn a_status_that_means_the_same_is_left_alone() {
        let settings = settings().project;
        let there = work("fairlead: currency=EUR state=active", 1);
        let project = to_canonical(&there, &lookups(), &settings).unwrap();
        let values = to_tryton(&project, Some(&there), "k", &lookups(), &settings).unwrap();
        assert_eq!(values, json!({"timesheet_available": true}));
        let closed = Project {
            status: ProjectStatus::Closed,
            ..project
        };
        let values = to_tryton(&closed, Some(&there), "k", &lookups(), &settings).unwrap();
        assert_eq!((&values["status"], &values["progress"]), (&json!(2), &json!(1)));
    }
}
