//! Staffing as a page, made for a phone, readable without script.

use actix_web::{HttpResponse, web};
use askama::Template;
use canonical_model::{Failure, ResourceRequestState};
use chassis::{Allowed, Problem};
use experience_look::{NavLink, Page, shown_word};

use crate::handlers::{assignments, requests};
use crate::permissions::{ReadStaffing, person_of};
use crate::state::Staffing;
use crate::view::{PlannedTime, StaffingRequest};

const NAV: [NavLink; 1] = [NavLink {
    href: "/",
    label: "Requests and allocations",
}];

/// Open requests, and planned time.
#[derive(Template)]
#[template(path = "staffing.html")]
struct Content<'a> {
    open: &'a [StaffingRequest],
    assignments: &'a [PlannedTime],
    own: bool,
}

impl Content<'_> {
    fn word(&self, code: &str) -> String {
        shown_word(code)
    }
}

/// `GET /`.
pub(crate) async fn show(
    allowed: Allowed<ReadStaffing>,
    staffing: web::Data<Staffing>,
) -> Result<HttpResponse, Problem> {
    let person = person_of(&allowed.caller);
    let open = requests(&staffing, Some(ResourceRequestState::Open)).await?;
    let assignments = assignments(&staffing, person.as_deref()).await?;
    let name = allowed.caller.name.as_deref().unwrap_or(&allowed.caller.subject);
    let html = html(&open, &assignments, person.is_some(), name).map_err(|error| {
        Failure::fault("page_not_rendered", "The page cannot be made.").with_detail(error.to_string())
    })?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(html))
}

fn html(
    open: &[StaffingRequest],
    assignments: &[PlannedTime],
    own: bool,
    person: &str,
) -> Result<String, askama::Error> {
    let body = Content {
        open,
        assignments,
        own,
    }
    .render()?;
    let page = Page {
        area: "Staffing",
        title: "Requests and allocations",
        nav: &NAV,
        here: "/",
        person: Some(person),
        live: None,
        body: &body,
    };
    page.html()
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::Minutes;

    #[test]
    fn the_page_shows_who_is_wanted_and_who_is_placed() {
        let request = StaffingRequest {
            request: "psa/main/31".to_owned(),
            project_code: "HEL-1".to_owned(),
            account: "Helios & Sons".to_owned(),
            role: "senior-consultant".to_owned(),
            start_date: "2026-11-09".parse().unwrap(),
            minutes: Minutes::new(9600),
            requested_at: "2026-11-02T08:00:00Z".parse().unwrap(),
            open: true,
        };
        let html = html(&[request], &[], true, "Tom Becker").unwrap();
        assert!(
            html.contains("Senior consultant") && html.contains("160:00"),
            "{html}"
        );
        assert!(html.contains("Helios &#38; Sons"));
        assert!(html.contains("Nothing is planned for you"));
    }
}
