//! One log line and two metrics a call; never a body, a token or the value of a query.

use std::time::Duration;

use crate::Request;

/// How a call ended.
pub(crate) enum Ending<'a> {
    Status(u16),
    Failed(&'a str),
}

pub(crate) fn record(
    name: &str,
    request: &Request,
    host: &str,
    path: &str,
    ending: &Ending<'_>,
    took: Duration,
) {
    let template = request.template.map_or_else(|| template_of(path), str::to_owned);
    let (class, status, failure) = match ending {
        Ending::Status(status) => (status_class(*status), Some(*status), None),
        Ending::Failed(code) => ("failed", None, Some(*code)),
    };
    metrics::counter!("egress_requests_total", "name" => name.to_owned(), "status" => class).increment(1);
    metrics::histogram!("egress_request_duration_seconds", "name" => name.to_owned())
        .record(took.as_secs_f64());
    tracing::debug!(
        target: "egress",
        name,
        method = %request.method,
        host,
        path = template,
        status,
        failure,
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        correlation_id = crate::current_correlation_id(),
        "outbound call ended"
    );
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// The path with ids replaced, so that lines of one operation are alike and carry no record's id: a segment with a
/// digit is taken for an id unless it is a version such as `v1` or `v59.0`.
pub(crate) fn template_of(path: &str) -> String {
    let replaced = |segment: &str| {
        let version = segment
            .strip_prefix('v')
            .is_some_and(|rest| rest.len() <= 5 && rest.chars().all(|c| c.is_ascii_digit() || c == '.'));
        let id = segment.len() > 40 || segment.contains(|c: char| c.is_ascii_digit() || c == '%' || c == '@');
        if id && !version {
            "{id}".to_owned()
        } else {
            segment.to_owned()
        }
    };
    path.split('/').map(replaced).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_not_logged_and_versions_are() {
        assert_eq!(
            template_of("/services/data/v59.0/sobjects/Account/0015g00000XyzAA"),
            "/services/data/v59.0/sobjects/Account/{id}"
        );
        assert_eq!(template_of("/v1/people/ada%40example.com"), "/v1/people/{id}");
    }
}
