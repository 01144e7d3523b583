//! What stands in a query: read strictly, for an ignored filter would look like an answer.

use actix_web::{HttpRequest, web};
use canonical_model::{Failure, FindBy, ListQuery, Resource, Result};
use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use system_ports::{Filter, Support};

/// Records a page, at most.
pub(crate) const LARGEST_PAGE: u32 = 1000;
/// Changes a page when the caller does not say.
const USUAL_PAGE: u32 = 200;

/// Query of a listing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    cursor: Option<String>,
    limit: Option<u32>,
    account: Option<String>,
    project: Option<String>,
    person: Option<String>,
    state: Option<String>,
    date_from: Option<NaiveDate>,
    date_to: Option<NaiveDate>,
}

/// Query of a look-up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindParams {
    pub(crate) by: FindBy,
    pub(crate) value: String,
}

/// Query of a change feed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesParams {
    pub(crate) cursor: Option<String>,
    limit: Option<u32>,
}

/// Reads the query of a request.
pub(crate) fn read<Q: DeserializeOwned>(request: &HttpRequest) -> Result<Q> {
    web::Query::<Q>::from_query(request.query_string())
        .map(web::Query::into_inner)
        .map_err(|error| Failure::business("malformed_query", format!("The query cannot be read: {error}.")))
}

impl ListParams {
    /// The query, where the collection applies every filter in it.
    pub(crate) fn checked<T: Resource>(self, vendor: &str, support: &Support) -> Result<ListQuery> {
        let filters = [
            (Filter::Account, "account", self.account.is_some()),
            (Filter::Project, "project", self.project.is_some()),
            (Filter::Person, "person", self.person.is_some()),
            (Filter::State, "state", self.state.is_some()),
            (
                Filter::Date,
                "date",
                self.date_from.is_some() || self.date_to.is_some(),
            ),
        ];
        for (filter, name, asked) in filters {
            if asked && !support.filters.contains(&filter) {
                let message = format!("{vendor} cannot list a {} by {name}", T::NAME);
                return Err(Failure::business("filter_not_supported", message));
            }
        }
        Ok(ListQuery {
            cursor: self.cursor,
            limit: Some(page_size(self.limit)?),
            account: self.account,
            project: self.project,
            person: self.person,
            state: self.state,
            date_from: self.date_from,
            date_to: self.date_to,
        })
    }
}

impl FindParams {
    /// The look-up, where the collection has it.
    pub(crate) fn checked<T: Resource>(self, vendor: &str, support: &Support) -> Result<Self> {
        if self.value.is_empty() || self.value.len() > 400 {
            let message = "The parameter value must have 1 to 400 bytes.";
            return Err(Failure::business("malformed_query", message));
        }
        if !support.find_by.contains(&self.by) {
            let message = format!("{vendor} cannot look up a {} by {}", T::NAME, self.by.word());
            return Err(Failure::business("capability_absent", message));
        }
        Ok(self)
    }
}

impl ChangesParams {
    /// How many changes to fetch.
    pub(crate) fn limit(&self) -> Result<u32> {
        page_size(self.limit)
    }
}

fn page_size(asked: Option<u32>) -> Result<u32> {
    let size = asked.unwrap_or(USUAL_PAGE);
    if (1..=LARGEST_PAGE).contains(&size) {
        return Ok(size);
    }
    let message = format!("The parameter limit must be 1 to {LARGEST_PAGE}.");
    Err(Failure::business("malformed_query", message))
}
