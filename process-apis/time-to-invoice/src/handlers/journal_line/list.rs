//! Lists the journal for a comparison.

use actix_web::{get, web};
use canonical_model::{Failure, JournalLine, Page};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::handlers::posting_line::list::read_cursor;
use crate::permissions::ReadPostings;
use crate::state::TimeToInvoice;
use crate::store::journal;

/// Which lines: of days, of one source, or of one record of the ERP.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListJournalLines {
    /// Only of this source: connection and id.
    #[validate(length(min = 1, max = 300))]
    #[param(min_length = 1, max_length = 300, example = "psa/main/4711")]
    source: Option<String>,
    /// Only what was posted as this record: connection and id.
    #[validate(length(min = 1, max = 300))]
    #[param(min_length = 1, max_length = 300, example = "erp/main/5512")]
    posting: Option<String>,
    /// First day of the work.
    date_from: Option<NaiveDate>,
    /// Last day of the work.
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

/// List journal lines
///
/// Posting lines as they are compared with the PSA and the ERP: what the PSA said, what was posted, and under which key.
/// Asked for by days (`date_from` and `date_to`), by `source` or by `posting`; anything else is refused with
/// `invalid_query`, a cursor that was not given here with `malformed_cursor`.
#[utoipa::path(
    operation_id = "journal_line_list",
    tag = "work",
    params(ListJournalLines),
    responses((status = 200, description = "One page of journal lines", body = Page<JournalLine>), Problem),
    security(("bearer" = ["postings:read"]))
)]
#[get("/v1/journal-lines")]
pub(crate) async fn list(
    _allowed: Allowed<ReadPostings>,
    query: ValidQuery<ListJournalLines>,
    state: web::Data<TimeToInvoice>,
) -> Handled<Page<JournalLine>> {
    let query = query.0;
    let all_of_one = |items| Page {
        items,
        next_cursor: None,
    };
    let page = match (query.source, query.posting, query.date_from, query.date_to) {
        (Some(source), None, None, None) => {
            let lines = state
                .db
                .read(move |tx| Box::pin(async move { journal::of_source(tx, &source).await }))
                .await?;
            all_of_one(lines)
        }
        (None, Some(posting), None, None) => {
            let lines = state
                .db
                .read(move |tx| Box::pin(async move { journal::of_posting(tx, &posting).await }))
                .await?;
            all_of_one(lines)
        }
        (None, None, Some(from), Some(to)) => {
            let after = query.cursor.as_deref().map(read_cursor).transpose()?;
            let limit = query.limit.unwrap_or(100);
            let items = state
                .db
                .read(move |tx| Box::pin(journal::of_days(tx, from, to, after, limit)))
                .await?;
            let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
            let next_cursor = items.last().filter(|_| full).map(|line| line.id.to_string());
            Page { items, next_cursor }
        }
        _ => {
            let message = "ask for date_from and date_to, for a source, or for a posting";
            return Err(Problem(Failure::business("invalid_query", message)));
        }
    };
    Ok(web::Json(page))
}
