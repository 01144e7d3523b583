//! What posting lines come to.

use actix_web::{get, web};
use canonical_model::CanonicalId;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::permissions::ReadPostings;
use crate::state::TimeToInvoice;
use crate::store::listing::{self, PostingSum};

/// Which posting lines.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SumPostingLines {
    /// Only of this project.
    project_id: Option<CanonicalId>,
    /// Only work on or after this day.
    date_from: Option<NaiveDate>,
    /// Only work on or before this day.
    date_to: Option<NaiveDate>,
}

/// Time and money by state, legal entity, project and currency.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostingSums {
    /// The sums.
    sums: Vec<PostingSum>,
}

/// Sum posting lines
///
/// Time and money of approved work by state, legal entity, project and currency. Every approved minute and cent stands
/// in exactly one of the sums.
#[utoipa::path(
    operation_id = "posting_line_sum",
    tag = "work",
    params(SumPostingLines),
    responses((status = 200, description = "The sums", body = PostingSums), Problem),
    security(("bearer" = ["postings:read"]))
)]
#[get("/v1/posting-lines/summary")]
pub(crate) async fn sum(
    _allowed: Allowed<ReadPostings>,
    query: ValidQuery<SumPostingLines>,
    state: web::Data<TimeToInvoice>,
) -> Handled<PostingSums> {
    let SumPostingLines {
        project_id,
        date_from,
        date_to,
    } = query.0;
    let sums = state
        .db
        .read(move |tx| Box::pin(listing::sums(tx, project_id, date_from, date_to)))
        .await?;
    Ok(web::Json(PostingSums { sums }))
}
