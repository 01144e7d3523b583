//! The facts that figures are made of.

use actix_web::{get, web};
use canonical_model::{Fact, Failure};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::permissions::ReadInsight;
use crate::{Insight, store};

/// Which page.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct FactQuery {
    /// From the page before.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Facts a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

/// A fact with where it came from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToldFact {
    /// Id of the event that told it, as the lineage of figures names it.
    pub(crate) event_id: String,
    /// When it was told.
    pub(crate) told_at: DateTime<Utc>,
    /// The fact.
    pub(crate) fact: Fact,
}

/// A page of facts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToldFacts {
    /// The facts, in the order in which they were told.
    pub(crate) items: Vec<ToldFact>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List facts
///
/// Everything that figures are made of, for data platforms and for whoever wants to know where a number comes from.
#[utoipa::path(
    operation_id = "facts_list",
    tag = "figures",
    params(FactQuery),
    responses((status = 200, description = "A page of facts", body = ToldFacts), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/facts")]
pub(crate) async fn list(
    _allowed: Allowed<ReadInsight>,
    query: ValidQuery<FactQuery>,
    insight: web::Data<Insight>,
) -> Handled<ToldFacts> {
    let (told_ms, event_id) = after(query.0.cursor.as_deref())?;
    let limit = query.0.limit.unwrap_or(100);
    let kept = insight
        .database
        .read(move |tx| Box::pin(async move { store::facts_after(tx, told_ms, &event_id, limit).await }))
        .await?;
    let full = i64::try_from(kept.len()).is_ok_and(|n| n == limit);
    let next_cursor = kept
        .last()
        .filter(|_| full)
        .map(|last| format!("{}.{}", last.told_ms, last.event_id));
    let items = kept
        .into_iter()
        .map(|kept| ToldFact {
            told_at: DateTime::from_timestamp_millis(kept.told_ms).unwrap_or_default(),
            event_id: kept.event_id,
            fact: kept.fact,
        })
        .collect();
    Ok(web::Json(ToldFacts { items, next_cursor }))
}

fn after(cursor: Option<&str>) -> Result<(i64, String), Failure> {
    let Some(cursor) = cursor else {
        return Ok((i64::MIN, String::new()));
    };
    cursor
        .split_once('.')
        .and_then(|(ms, id)| Some((ms.parse().ok()?, id.to_owned())))
        .ok_or_else(|| Failure::business("malformed_cursor", "the cursor is not one of this API's"))
}
