//! `Opportunity` with its `OpportunityLineItem`s. Deals are made by people: the loop writes back the project and nothing
//! else.

use canonical_model::{
    Currency, Failure, Minutes, Opportunity, OpportunityLine, OpportunityStage, Rate, RatePer, RecordRef,
    Result,
};

use super::{billing_words, currency, custom_money, lookup, money, named, state_of};
use crate::settings::Settings;
use crate::wire::{Fields, Record};

/// Columns beside the system's own, with the lines as a sub-query.
pub(crate) fn columns(settings: &Settings) -> Vec<String> {
    let names = &settings.opportunity;
    let standard = [
        "Name",
        "IsClosed",
        "IsWon",
        "AccountId",
        "Account.Name",
        "OwnerId",
        "Owner.Email",
        "Amount",
        "CloseDate",
    ];
    let custom = [
        &names.project_id,
        &names.project_code,
        &names.project_status,
        &names.legal_entity,
        &names.region,
        &names.billing_method,
        &names.target_margin,
        &names.project_manager,
        &names.signature_date,
        &names.start_date,
        &names.end_date,
        &names.purchase_order,
        &names.rate_card,
        &names.cap,
    ];
    let all = standard
        .into_iter()
        .chain(custom.into_iter().filter_map(|name| name.get()));
    all.map(str::to_owned).chain([lines_column(settings)]).collect()
}

/// A query of deleted records would also give deleted lines.
fn lines_column(settings: &Settings) -> String {
    let names = &settings.opportunity_line;
    let custom = [
        &names.role,
        &names.hours,
        &names.bill_rate,
        &names.start_date,
        &names.end_date,
        &names.workstream,
        &names.milestone_date,
    ];
    let standard = ["Id", "Description", "Product2.Name", "TotalPrice"];
    let columns: Vec<&str> = standard
        .into_iter()
        .chain(custom.into_iter().filter_map(|name| name.get()))
        .collect();
    let relationship = names.relationship.name();
    format!(
        "(SELECT {} FROM {relationship} WHERE IsDeleted = false ORDER BY SortOrder, Id)",
        columns.join(", ")
    )
}

/// Reads an opportunity.
pub(crate) fn from_record(record: &Record, settings: &Settings) -> Result<Opportunity> {
    let names = &settings.opportunity;
    let currency = currency(record, settings)?;
    let (name, close_date) = (record.text("Name")?, record.date("CloseDate")?);
    let method = record.custom_text(&names.billing_method)?;
    let method = method
        .map(|word| state_of(record, "billing method", &word, &billing_words(settings)))
        .transpose()?;
    let project = record.custom_text(&names.project_id)?;
    let label = record.custom_text(&names.project_code)?;
    Ok(Opportunity {
        name: record.needed("Name", name)?,
        stage: stage(record)?,
        account: lookup(record, "AccountId", "Account.Name")?,
        owner: lookup(record, "OwnerId", "Owner.Email")?,
        amount: record.decimal("Amount")?.map(|amount| money(amount, currency)),
        close_date: record.needed("CloseDate", close_date)?,
        signature_date: record.custom_date(&names.signature_date)?,
        legal_entity: named(record.custom_text(&names.legal_entity)?),
        region: record.custom_text(&names.region)?,
        billing_method: method,
        target_margin_percent: record.custom_decimal(&names.target_margin)?,
        project_manager: named(record.custom_text(&names.project_manager)?),
        start_date: record.custom_date(&names.start_date)?,
        end_date: record.custom_date(&names.end_date)?,
        purchase_order: record.custom_text(&names.purchase_order)?,
        rate_card: named(record.custom_text(&names.rate_card)?),
        cap: custom_money(record, &names.cap, currency)?,
        lines: lines(record, settings, currency)?,
        project: project.map(|id| RecordRef { id, label }),
        project_status: record.custom_text(&names.project_status)?,
    })
}

/// By the stage's own flags: its name is whatever the org calls it.
fn stage(record: &Record) -> Result<OpportunityStage> {
    Ok(match (record.flag("IsClosed")?, record.flag("IsWon")?) {
        (_, true) => OpportunityStage::Won,
        (true, false) => OpportunityStage::Lost,
        (false, false) => OpportunityStage::Open,
    })
}

fn lines(record: &Record, settings: &Settings, currency: Currency) -> Result<Vec<OpportunityLine>> {
    let Some(page) = record.children(settings.opportunity_line.relationship.name())? else {
        return Ok(Vec::new());
    };
    page.records
        .iter()
        .map(|line| line_from(line, settings, currency))
        .collect()
}

/// A line has no currency of its own: it follows the opportunity.
fn line_from(line: &Record, settings: &Settings, currency: Currency) -> Result<OpportunityLine> {
    let names = &settings.opportunity_line;
    let description = line.text("Description")?.or(line.text("Product2.Name")?);
    let amount = line.decimal("TotalPrice")?;
    let minutes = line.custom_decimal(&names.hours)?.map(|hours| {
        Minutes::from_hours(hours).ok_or_else(|| {
            let message = format!(
                "line {} in Salesforce has {hours} hours",
                line.id().unwrap_or_default()
            );
            Failure::fault("unexpected_value", message)
        })
    });
    Ok(OpportunityLine {
        id: line.id()?,
        description: line.needed("Description", description)?,
        workstream: line.custom_text(&names.workstream)?,
        role: named(line.custom_text(&names.role)?),
        minutes: minutes.transpose()?,
        rate: custom_money(line, &names.bill_rate, currency)?.map(|money| Rate {
            money,
            per: RatePer::Hour,
        }),
        amount: money(line.needed("TotalPrice", amount)?, currency),
        start_date: line.custom_date(&names.start_date)?,
        end_date: line.custom_date(&names.end_date)?,
        milestone_date: line.custom_date(&names.milestone_date)?,
    })
}

/// What is written back of an opportunity: its project and that project's state. Everything else is the salespeople's.
pub(crate) fn to_fields(opportunity: &Opportunity, settings: &Settings) -> Result<Fields> {
    let names = &settings.opportunity;
    let mut fields = Fields::default();
    if let Some(project) = &opportunity.project {
        fields.put_custom(
            "an opportunity's project",
            &names.project_id,
            Some(project.id.as_str()),
        )?;
        fields.put_custom(
            "an opportunity's project code",
            &names.project_code,
            project.label.as_deref(),
        )?;
    }
    fields.put_custom(
        "an opportunity's project status",
        &names.project_status,
        opportunity.project_status.as_deref(),
    )?;
    if fields.is_empty() {
        let message = format!(
            "opportunity {:?} carries no project to write back",
            opportunity.name
        );
        return Err(Failure::business("nothing_to_write", message));
    }
    Ok(fields)
}
