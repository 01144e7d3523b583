//! Refusals for people: in a browser, a problem is a page.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;

use super::is_read_by_a_person;
use crate::correlation::current_correlation_id;
use crate::problem::Problem;

/// Turns problem+json into a page where a person asked for one. The status stays.
pub(crate) fn readable(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if !is_read_by_a_person(answer.request()) {
        return answer;
    }
    let problem = answer
        .response()
        .error()
        .and_then(|error| error.as_error::<Problem>());
    let Some(text) = problem.map(|problem| page(answer.status(), problem)) else {
        return answer;
    };
    let page = HttpResponse::build(answer.status())
        .content_type("text/html; charset=utf-8")
        .body(text);
    answer.into_response(page)
}

fn page(status: StatusCode, problem: &Problem) -> String {
    let title = status.canonical_reason().unwrap_or("Refused");
    let detail = escaped(&problem.0.message);
    let code = escaped(&problem.0.code);
    let id = current_correlation_id().unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} · Fairlead</title>\
         <link rel=\"stylesheet\" href=\"/assets/fairlead.css\"></head>\n<body><main><h1>{title}</h1>\n<p>{detail}</p>\n\
         <p>If you ask for help, name <code>{code}</code> and <code>{id}</code>.</p>\n\
         <p><a href=\"/\">Start page</a> · <a href=\"/sign-out\">Sign in as somebody else</a></p></main></body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
