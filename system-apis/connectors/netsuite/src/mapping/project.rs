//! Projects (`job`).

use canonical_model::{Currency, Money, Project, ProjectStatus, Result};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::directory::Lookups;
use crate::settings::{ProjectSettings, Settings};
use crate::wire::{Body, Record, number, refer};

use super::money;

/// A project.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups, settings: &Settings) -> Result<Project> {
    let currency = lookups.currency(record, "currency")?;
    let fields = &settings.fields;
    let code = record.text("entityId").ok_or_else(|| record.bad("entityId"))?;
    let billing_method = match record.text("jobBillingType") {
        Some(id) => {
            let method = settings.project.billing_types.method(&id);
            Some(method.ok_or_else(|| record.unmapped("jobBillingType", "project.billing_types"))?)
        }
        None => None,
    };
    let margin = fields
        .project_margin
        .as_deref()
        .map(|field| record.number(field))
        .transpose()?;
    Ok(Project {
        name: record.text("companyName").unwrap_or_else(|| code.clone()),
        code,
        account: record.reference("parent"),
        legal_entity: record.reference("subsidiary"),
        region: record.custom(fields.project_region.as_ref()),
        manager: lookups.person(record, "projectManager"),
        billing_method,
        currency,
        budget: money(record, "estimatedRevenue", currency)?,
        target_margin_percent: margin.flatten(),
        rate_card: record
            .custom(fields.project_rate_card.as_ref())
            .map(canonical_model::RecordRef::id),
        start_date: record.date("startDate")?,
        end_date: record.date("projectedEndDate")?,
        status: status(record, &settings.project)?,
    })
}

fn status(record: &Record, settings: &ProjectSettings) -> Result<ProjectStatus> {
    let id = record.text("entityStatus").unwrap_or_default();
    let known = [
        (&settings.planned, ProjectStatus::Planned),
        (&settings.active, ProjectStatus::Active),
        (&settings.closed, ProjectStatus::Closed),
    ];
    let found = known
        .iter()
        .find(|(ids, _)| ids.contains(&id))
        .map(|(_, status)| *status);
    found.ok_or_else(|| record.unmapped("entityStatus", "project.planned, .active or .closed"))
}

/// A project's body. `existing` is the project as it is: a status that means the same already is left alone.
pub(crate) fn to_netsuite(
    project: &Project,
    existing: Option<&Record>,
    currency: &str,
    settings: &Settings,
) -> Result<Value> {
    let fields = &settings.fields;
    let ids = ids(project.status, &settings.project);
    let now = existing.and_then(|record| record.text("entityStatus"));
    let status = ids.first().filter(|_| now.is_none_or(|now| !ids.contains(&now)));
    let mut body = Body::default();
    body.set("entityId", project.code.as_str())
        .set("companyName", project.name.as_str())
        .refer("parent", project.account.as_ref())
        .refer("subsidiary", project.legal_entity.as_ref())
        .refer("projectManager", project.manager.as_ref())
        .set_opt(
            "jobBillingType",
            project
                .billing_method
                .map(|m| refer(settings.project.billing_types.id(m))),
        )
        .set("currency", refer(currency))
        .set_opt("estimatedRevenue", amount(project.budget, project.currency)?)
        .date("startDate", project.start_date)
        .date("projectedEndDate", project.end_date)
        .set_opt("entityStatus", status.map(|id| refer(id)))
        .custom(fields.project_region.as_ref(), project.region.clone())
        .custom(
            fields.project_margin.as_ref(),
            project.target_margin_percent.map(number),
        )
        .custom(
            fields.project_rate_card.as_ref(),
            project
                .rate_card
                .as_ref()
                .map(|card| card.label.clone().unwrap_or_else(|| card.id.clone())),
        );
    if existing.is_none() {
        body.set_opt(
            "projectExpenseType",
            settings.project.expense_type.as_deref().map(refer),
        );
    }
    Ok(body.build())
}

fn ids(status: ProjectStatus, settings: &ProjectSettings) -> &[String] {
    match status {
        ProjectStatus::Planned => &settings.planned,
        ProjectStatus::Active => &settings.active,
        ProjectStatus::Closed => &settings.closed,
    }
}

fn amount(money: Option<Money>, currency: Currency) -> Result<Option<Value>> {
    let zero = Money::new(Decimal::ZERO, currency);
    Ok(money
        .map(|money| money.checked_add(zero))
        .transpose()?
        .map(|money| number(money.amount)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    #[test]
    fn an_unknown_status_or_currency_is_named_not_guessed() {
        let job = |status: &str, currency: &str| {
            record(
                json!({"id": "7", "entityId": "HEL-1", "currency": {"id": currency}, "entityStatus": {"id": status}}),
            )
        };
        let failure = to_canonical(&job("77", "4"), &lookups(), &settings()).unwrap_err();
        assert!(
            failure.code == "unmapped_value" && failure.message.contains("\"77\""),
            "{failure}"
        );
        let failure = to_canonical(&job("2", "9"), &lookups(), &settings()).unwrap_err();
        assert!(
            failure.code == "unmapped_currency" && failure.message.contains("ZZZ"),
            "{failure}"
        );
    }

    #[test]
    fn a_status_that_means_the_same_is_left_alone() {
        let there = record(json!({"id": "7", "entityStatus": {"id": "5"}}));
        let project = to_canonical(
            &record(
                json!({"id": "7", "entityId": "HEL-1", "currency": {"id": "4"}, "entityStatus": {"id": "4"}}),
            ),
            &lookups(),
            &settings(),
        )
        .unwrap();
        let body = to_netsuite(&project, Some(&there), "4", &settings()).unwrap();
        assert!(body.get("entityStatus").is_none(), "{body}");
        assert_eq!(
            to_netsuite(&project, None, "4", &settings()).unwrap()["entityStatus"]["id"],
            "4"
        );
    }
}
