//! One key figure.

use actix_web::{get, web};
use canonical_model::{Failure, Kpi, KpiName};
use chassis::{Allowed, Handled, Problem, ValidQuery};

use super::{WindowQuery, figure};
use crate::Insight;
use crate::permissions::{ReadCosts, ReadInsight};

/// Read a key figure
///
/// One key figure over a window of days. A figure made of cost is refused with `costs_not_shown` for callers without the
/// scope `costs:read`.
#[utoipa::path(
    operation_id = "kpi_read",
    tag = "figures",
    params(("name" = KpiName, Path, description = "Which figure"), WindowQuery),
    responses((status = 200, description = "The figure", body = Kpi), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/kpis/{name}")]
pub(crate) async fn read(
    allowed: Allowed<ReadInsight>,
    name: web::Path<KpiName>,
    query: ValidQuery<WindowQuery>,
    insight: web::Data<Insight>,
) -> Handled<Kpi> {
    let name = name.into_inner();
    if name.needs_cost() && !ReadCosts::given_to(&allowed.caller) {
        let message = "this figure is made of cost, which needs the scope costs:read";
        return Err(Problem(Failure::business("costs_not_shown", message)));
    }
    Ok(web::Json(figure(&insight, name, &query.0.window()?)?))
}
