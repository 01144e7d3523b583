//! Where the lines of a project are booked: the project in the ERP, its books, and what facts about it say.

use canonical_model::{
    Account, BillingMethod, CanonicalId, Currency, FindBy, MappingDomain, Project, ProjectScope,
    ProjectStatus, RecordRef, Result, Sourced,
};
use serde::{Deserialize, Serialize};

use crate::control;
use crate::services::Services;
use crate::store::contracts;

/// A project as its lines are booked on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What facts about it say.
    pub scope: ProjectScope,
    /// The ERP connection, such as `erp/main`.
    pub connection: String,
    /// The project there.
    pub project: RecordRef,
    /// The legal entity there.
    pub entity: Option<RecordRef>,
    /// It takes no postings any more.
    pub closed: bool,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// Currency of its charges.
    pub currency: Currency,
}

/// What is known of a project of the PSA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Where its lines are booked.
    Place(Box<Place>),
    /// No ERP knows it.
    Unknown,
    /// The ERP knows it, but not under a legal entity that is mapped: connection and value that should be.
    EntityNotMapped(String, String),
    /// The ERP knows it, but its account is no golden account: connection and id of the account.
    AccountNotKnown(String, String),
}

/// Finds a project: by the cross-reference, by a mapping of its code, by the same code. `fresh` is its canonical id where
/// it has none yet.
///
/// # Errors
/// A system or control does not answer.
pub async fn find(services: &Services, psa: &str, project: &str, fresh: CanonicalId) -> Result<Found> {
    let ids = [project.to_owned()];
    let answers = control::known::<Project>(&services.control, psa, &ids).await?;
    let answer = answers.into_values().next().unwrap_or_default();
    let booked = answer
        .references
        .iter()
        .find(|r| r.connection.starts_with("erp/"));
    match (booked, answer.canonical_id()) {
        (Some(reference), _) => {
            let record = services
                .systems
                .project(&reference.connection, &reference.id)
                .await?;
            describe(services, reference.canonical_id, &reference.connection, &record).await
        }
        (None, canonical_id) => {
            let erp = services.erp_of("");
            match find_by_code(services, psa, project, &erp).await? {
                None => Ok(Found::Unknown),
                Some(record) => {
                    let id = join(services, psa, project, canonical_id, fresh, &erp, &record).await?;
                    describe(services, id, &erp, &record).await
                }
            }
        }
    }
}

/// A project that nobody tied together yet: the firm's code for it is the same in every system, or mapped.
async fn find_by_code(
    services: &Services,
    psa: &str,
    project: &str,
    erp: &str,
) -> Result<Option<Sourced<Project>>> {
    let code = match services.systems.project(psa, project).await {
        Ok(record) => record.data.code.clone(),
        Err(failure) if failure.code == "not_found" => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let questions = [
        control::question(MappingDomain::ProjectCode, Some(psa), project, Some(erp)),
        control::question(MappingDomain::ProjectCode, Some(psa), &code, Some(erp)),
    ];
    let meanings = control::translate(&services.control, &questions).await?;
    let mapped = meanings
        .into_iter()
        .find_map(|meaning| meaning.value.or(meaning.code));
    let collection = services.systems.collection::<Project>(erp)?;
    let found = collection
        .find(FindBy::Code, mapped.as_deref().unwrap_or(&code))
        .await?;
    Ok(found.into_iter().next())
}

/// Ties the project of the PSA to that of the ERP, so that the next batch finds it at once.
async fn join(
    services: &Services,
    psa: &str,
    project: &str,
    known: Option<CanonicalId>,
    fresh: CanonicalId,
    erp: &str,
    record: &Sourced<Project>,
) -> Result<CanonicalId> {
    let in_erp = canonical_of(services, erp, &record.id).await?;
    let mut id = in_erp.or(known).unwrap_or(fresh);
    let code = Some(record.data.code.as_str());
    match control::register::<Project>(&services.control, id, erp, &record.id, code).await {
        // Another batch of the project was a moment earlier.
        Err(failure) if failure.code == "already_referenced" => {
            id = canonical_of(services, erp, &record.id).await?.ok_or(failure)?;
        }
        told => told?,
    }
    control::register::<Project>(&services.control, id, psa, project, code).await?;
    Ok(id)
}

/// What a project of the ERP stands for, where that is known.
async fn canonical_of(services: &Services, erp: &str, project_id: &str) -> Result<Option<CanonicalId>> {
    let ids = [project_id.to_owned()];
    let answers = control::known::<Project>(&services.control, erp, &ids).await?;
    Ok(answers
        .into_values()
        .next()
        .and_then(|answer| answer.canonical_id()))
}

async fn describe(
    services: &Services,
    id: CanonicalId,
    connection: &str,
    record: &Sourced<Project>,
) -> Result<Found> {
    let agreement = services
        .db
        .read(move |tx| Box::pin(contracts::agreement(tx, id)))
        .await?;
    let data = &record.data;
    let (scope, billing_method, currency) = match agreement {
        Some(agreement) => (agreement.scope, agreement.billing_method, agreement.currency),
        None => {
            let method = data.billing_method.unwrap_or(BillingMethod::TimeAndMaterials);
            match scope_from_erp(services, id, connection, data).await? {
                Ok(scope) => (scope, method, data.currency),
                Err(found) => return Ok(found),
            }
        }
    };
    let entity = match &data.legal_entity {
        Some(entity) => Some(entity.clone()),
        None => {
            let code = &scope.legal_entity;
            let question = control::question(MappingDomain::LegalEntity, None, code, Some(connection));
            let meanings = control::translate(&services.control, &[question]).await?;
            meanings
                .into_iter()
                .find_map(|meaning| meaning.value)
                .map(|value| RecordRef::labelled(value, code.clone()))
        }
    };
    Ok(Found::Place(Box::new(Place {
        scope,
        connection: connection.to_owned(),
        project: RecordRef::labelled(record.id.clone(), data.code.clone()),
        entity,
        closed: data.status == ProjectStatus::Closed,
        billing_method,
        currency,
    })))
}

/// What facts say about a project whose contract nobody told: what the ERP has of it.
async fn scope_from_erp(
    services: &Services,
    id: CanonicalId,
    connection: &str,
    project: &Project,
) -> Result<std::result::Result<ProjectScope, Found>> {
    let entity = project
        .legal_entity
        .as_ref()
        .map_or("", |entity| entity.id.as_str());
    let question = control::question(MappingDomain::LegalEntity, Some(connection), entity, None);
    let meanings = if entity.is_empty() {
        Vec::new()
    } else {
        control::translate(&services.control, &[question]).await?
    };
    let Some(legal_entity) = meanings.into_iter().find_map(|meaning| meaning.code) else {
        return Ok(Err(Found::EntityNotMapped(
            connection.to_owned(),
            entity.to_owned(),
        )));
    };
    let account = project.account.clone().unwrap_or_else(|| RecordRef::id(""));
    let ids = [account.id.clone()];
    let answers = control::known::<Account>(&services.control, connection, &ids).await?;
    let Some(account_id) = answers
        .into_values()
        .next()
        .and_then(|answer| answer.canonical_id())
    else {
        return Ok(Err(Found::AccountNotKnown(connection.to_owned(), account.id)));
    };
    Ok(Ok(ProjectScope {
        project_id: id,
        project_code: project.code.clone(),
        account_id,
        account_name: account.label.unwrap_or_else(|| project.name.clone()),
        legal_entity,
        region: project.region.clone(),
    }))
}
