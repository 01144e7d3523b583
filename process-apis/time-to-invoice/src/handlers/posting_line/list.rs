//! Lists posting lines.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Failure, Page, PostingLineView, PostingState};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::permissions::ReadPostings;
use crate::state::TimeToInvoice;
use crate::store::listing::{self, Filter};

/// Which posting lines.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListPostingLines {
    /// Only in this state.
    state: Option<PostingState>,
    /// Only of this project.
    project_id: Option<CanonicalId>,
    /// Only of this person (e-mail address).
    #[validate(length(min = 1, max = 254))]
    #[param(
        min_length = 1,
        max_length = 254,
        example = "anna.keller@northwind-advisory.example"
    )]
    person: Option<String>,
    /// Only work on or after this day.
    date_from: Option<NaiveDate>,
    /// Only work on or before this day.
    date_to: Option<NaiveDate>,
    /// From the page before.
    #[validate(length(min = 1, max = 64))]
    #[param(min_length = 1, max_length = 64)]
    cursor: Option<String>,
    /// Lines a page, 1 to 1000; 100 unless given.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// List posting lines
///
/// Approved time entries and expenses in the order in which they came in, with where they stand, where they are in the
/// books, and on which invoice. A cursor that was not given here is refused with `malformed_cursor`.
#[utoipa::path(
    operation_id = "posting_line_list",
    tag = "work",
    params(ListPostingLines),
    responses((status = 200, description = "One page of posting lines", body = Page<PostingLineView>), Problem),
    security(("bearer" = ["postings:read"]))
)]
#[get("/v1/posting-lines")]
pub(crate) async fn list(
    _allowed: Allowed<ReadPostings>,
    query: ValidQuery<ListPostingLines>,
    state: web::Data<TimeToInvoice>,
) -> Handled<Page<PostingLineView>> {
    let query = query.0;
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = query.limit.unwrap_or(100);
    let filter = Filter {
        state: query.state,
        project: query.project_id,
        person: query.person,
        date_from: query.date_from,
        date_to: query.date_to,
    };
    let items = state
        .db
        .read(move |tx| Box::pin(async move { listing::list(tx, &filter, after, limit).await }))
        .await?;
    let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
    let next_cursor = items.last().filter(|_| full).map(|line| line.id.to_string());
    Ok(web::Json(Page { items, next_cursor }))
}

/// A cursor is the id of the last record of the page before.
pub(in crate::handlers) fn read_cursor(text: &str) -> Result<CanonicalId, Problem> {
    text.parse().map_err(|_| {
        let message = format!("{text:?} is no cursor of this listing; begin without one");
        Problem(Failure::business("malformed_cursor", message))
    })
}
