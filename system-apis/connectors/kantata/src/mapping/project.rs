//! Projects: workspaces.

use canonical_model::{BillingMethod, Failure, Project, ProjectStatus, RecordRef, Result};

use super::{
    View, check_days, currency, entity_of, field_for, money, number, person_ref, project_code, put,
    put_custom, unmapped,
};
use crate::client::Fields;
use crate::settings::Settings;
use crate::wire::Record;

/// Reads a project.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Project> {
    let id = record.id()?;
    let currency = currency(record)?;
    record.shown_to_finance("price_in_cents")?;
    let price = record.int("price_in_cents")?;
    let manager = record.text("primary_maven_id");
    let fields = &view.settings.fields;
    let region = fields.project_region.as_deref();
    Ok(Project {
        code: project_code(view, record, &id),
        name: record.needed_text("title")?,
        account: account(record, view),
        legal_entity: entity_of(view, record),
        region: region.and_then(|field| view.envelope.custom_text(record, field)),
        manager: manager.map(|id| person_ref(view, id)),
        billing_method: billing_method(record, view)?,
        currency,
        budget: price.map(|cents| money(record, cents, currency)).transpose()?,
        target_margin_percent: record.decimal("target_margin")?,
        rate_card: record.text("rate_card_id").map(RecordRef::id),
        start_date: record.date("start_date")?,
        end_date: record.date("due_date")?,
        status: status(record, view.settings)?,
    })
}

/// The client: the primary group, else the first that is a company.
fn account(record: &Record, view: View<'_>) -> Option<RecordRef> {
    let primary = record.text("primary_workspace_group_id");
    let groups = primary.into_iter().chain(record.ids("workspace_group_ids"));
    let mut companies = groups.filter(|id| {
        let group = view.envelope.get("workspace_groups", id);
        group.is_none_or(|group| group.flag("company"))
    });
    let id = companies.next()?;
    let group = view.envelope.get("workspace_groups", &id);
    let label = group.and_then(|group| group.text("name"));
    Some(RecordRef { id, label })
}

fn words(settings: &Settings) -> [(BillingMethod, &str); 4] {
    let words = &settings.words.billing_method;
    [
        (BillingMethod::TimeAndMaterials, &words.time_and_materials),
        (BillingMethod::FixedFee, &words.fixed_fee),
        (BillingMethod::Milestone, &words.milestone),
        (BillingMethod::Retainer, &words.retainer),
    ]
}

fn billing_method(record: &Record, view: View<'_>) -> Result<Option<BillingMethod>> {
    let field = view.settings.fields.project_billing_method.as_deref();
    let Some(label) = field.and_then(|field| view.envelope.custom_label(record, field)) else {
        return Ok(None);
    };
    let words = words(view.settings);
    let known = words.iter().find(|(_, word)| word.eq_ignore_ascii_case(&label));
    known
        .map(|(method, _)| Some(*method))
        .ok_or_else(|| unmapped(record, "the billing type", &label))
}

/// The label of a billing method's choice.
pub(crate) fn billing_label(method: BillingMethod, settings: &Settings) -> String {
    let words = words(settings);
    let word = words.iter().find(|(known, _)| *known == method);
    word.map(|(_, word)| (*word).to_owned()).unwrap_or_default()
}

fn status(record: &Record, settings: &Settings) -> Result<ProjectStatus> {
    let key = match record.inner("status") {
        Some(status) => status.int("key")?,
        None => record.int("status_key")?,
    };
    let key = record.needed("status", key)?;
    let known = statuses(settings)
        .into_iter()
        .find(|(_, keys)| keys.contains(&key));
    known
        .map(|(status, _)| status)
        .ok_or_else(|| unmapped(record, "the status key", &key.to_string()))
}

fn statuses(settings: &Settings) -> [(ProjectStatus, &[i64]); 3] {
    let statuses = &settings.statuses;
    [
        (ProjectStatus::Planned, &statuses.planned),
        (ProjectStatus::Active, &statuses.active),
        (ProjectStatus::Closed, &statuses.closed),
    ]
}

/// What a write needs to know of the account.
pub(crate) struct Known {
    /// Id of the choice for the billing method.
    pub(crate) billing_method: Option<String>,
    /// Id of the choice for the legal entity.
    pub(crate) legal_entity: Option<String>,
    /// Id of the rate card.
    pub(crate) rate_card: Option<String>,
}

/// The fields of a write. `current` is the project as it stands, absent for a new one.
pub(crate) fn write(
    project: &Project,
    known: Known,
    current: Option<&Record>,
    settings: &Settings,
) -> Result<Fields> {
    check_days("a project", project.start_date, project.end_date)?;
    let mut fields = Fields::new();
    put(&mut fields, "title", Some(project.name.as_str()));
    match current {
        None => put(&mut fields, "currency", Some(project.currency.code())),
        Some(current) => check_currency(project, current)?,
    }
    if let Some(budget) = project.budget {
        if budget.currency != project.currency {
            let message = format!(
                "the budget is in {}, the project in {}",
                budget.currency, project.currency
            );
            return Err(Failure::business("currency_differs", message));
        }
        fields.insert("price".to_owned(), number(budget.amount, "the budget")?);
    }
    if let Some(percent) = project.target_margin_percent {
        fields.insert("target_margin".to_owned(), number(percent, "the target margin")?);
    }
    put(&mut fields, "rate_card_id", known.rate_card);
    put(
        &mut fields,
        "start_date",
        project.start_date.map(|day| day.to_string()),
    );
    put(
        &mut fields,
        "due_date",
        project.end_date.map(|day| day.to_string()),
    );
    put(
        &mut fields,
        "primary_maven_id",
        project.manager.as_ref().map(|m| m.id.as_str()),
    );
    if let Some(account) = &project.account {
        put(
            &mut fields,
            "primary_workspace_group_id",
            Some(account.id.as_str()),
        );
        put(
            &mut fields,
            "workspace_group_ids",
            Some(vec![account.id.as_str()]),
        );
    }
    put(
        &mut fields,
        "status_key",
        status_key(project.status, current, settings),
    );
    let custom = &settings.fields;
    put_custom(&mut fields, &custom.project_code, project.code.as_str());
    if let Some(choice) = known.billing_method {
        let field = field_for("a billing method", custom.project_billing_method.as_deref())?;
        put_custom(&mut fields, field, vec![choice]);
    }
    if let Some(choice) = known.legal_entity {
        let field = field_for("a legal entity", custom.project_legal_entity.as_deref())?;
        put_custom(&mut fields, field, vec![choice]);
    }
    if let Some(region) = &project.region {
        let field = field_for("a region", custom.project_region.as_deref())?;
        put_custom(&mut fields, field, region.as_str());
    }
    Ok(fields)
}

/// A project keeps its currency: amounts that were logged are in it.
fn check_currency(project: &Project, current: &Record) -> Result<()> {
    let before = currency(current)?;
    if before == project.currency {
        return Ok(());
    }
    let message = format!(
        "project {} is in {before} in Kantata, not in {}",
        project.code, project.currency
    );
    Err(Failure::business("currency_differs", message))
}

/// The status to set; none where the project is in one of that meaning already.
fn status_key(wanted: ProjectStatus, current: Option<&Record>, settings: &Settings) -> Option<i64> {
    let is = current.and_then(|current| status(current, settings).ok());
    let keys = statuses(settings)
        .into_iter()
        .find(|(status, _)| *status == wanted)?
        .1;
    keys.first().copied().filter(|_| is != Some(wanted))
}
