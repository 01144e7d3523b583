//! A listing's query as it stands in a URL.

use canonical_model::ListQuery;
use egress::Request;

pub(crate) fn with_query(request: Request, query: &ListQuery) -> Request {
    request
        .query_opt("cursor", query.cursor.as_ref())
        .query_opt("limit", query.limit)
        .query_opt("account", query.account.as_ref())
        .query_opt("project", query.project.as_ref())
        .query_opt("person", query.person.as_ref())
        .query_opt("state", query.state.as_ref())
        .query_opt("date_from", query.date_from)
        .query_opt("date_to", query.date_to)
}
