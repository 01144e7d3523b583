//! All key figures.

use actix_web::{get, web};
use canonical_model::{Kpi, KpiName};
use chassis::{Allowed, Handled, Problem, ValidQuery};

use super::{WindowQuery, figure};
use crate::Insight;
use crate::permissions::{ReadCosts, ReadInsight};

/// List key figures
///
/// Every key figure over a window of days, each with its exact definition and the facts that it is made of. Figures made of
/// cost are left out for callers without the scope `costs:read`. Refused with `malformed_window`.
#[utoipa::path(
    operation_id = "kpis_list",
    tag = "figures",
    params(WindowQuery),
    responses((status = 200, description = "The figures, in the order of the dashboard", body = Vec<Kpi>), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/kpis")]
pub(crate) async fn list(
    allowed: Allowed<ReadInsight>,
    query: ValidQuery<WindowQuery>,
    insight: web::Data<Insight>,
) -> Handled<Vec<Kpi>> {
    let window = query.0.window()?;
    let with_cost = ReadCosts::given_to(&allowed.caller);
    let kpis = KpiName::ALL
        .into_iter()
        .filter(|name| with_cost || !name.needs_cost())
        .map(|name| figure(&insight, name, &window))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(web::Json(kpis))
}
