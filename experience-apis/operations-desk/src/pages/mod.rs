//! Pages for people in a browser. They show what the JSON operations answer, and forms that do what those do.

pub(crate) mod audit;
pub(crate) mod exception;
pub(crate) mod exceptions;
pub(crate) mod groups;
pub(crate) mod processes;
pub(crate) mod reconciliations;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use canonical_model::{Failure, Result};
use chassis::{Caller, IdempotencyKey, Problem};
use experience_look::{NavLink, Page};
use serde::{Deserialize, Serialize};
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::permissions::{
    ReadAudit, ReadProcesses, ReadReconciliations, ResolveExceptions, WriteMappings, may,
};
use crate::view::{Hand, Notice};

/// What a page's handler answers.
pub(crate) type Shown = std::result::Result<HttpResponse, Problem>;

/// What was just done. Only these words go through the address, so that no link can put text of its own into a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Done {
    Decided,
    GroupDecided,
    Taken,
    GivenBack,
    Mapped,
}

impl Done {
    /// The page to go to after it was done.
    pub(crate) fn at(self, place: &str) -> HttpResponse {
        let word = match self {
            Self::Decided => "decided",
            Self::GroupDecided => "group_decided",
            Self::Taken => "taken",
            Self::GivenBack => "given_back",
            Self::Mapped => "mapped",
        };
        to(&format!("{place}?done={word}"))
    }

    fn notice(self) -> Notice {
        let text = match self {
            Self::Decided => {
                "Your decision is recorded; the work goes on. Load the page again to see how it ended."
            }
            Self::GroupDecided => "Your decision is recorded for all of them; the work goes on.",
            Self::Taken => "It is yours now.",
            Self::GivenBack => "It is nobody's now.",
            Self::Mapped => "The mapping is set; everything that waited for it is tried again.",
        };
        Notice {
            text: text.to_owned(),
            refused: false,
        }
    }
}

/// The query of a page that may say what was done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct DoneQuery {
    done: Option<Done>,
}

impl DoneQuery {
    pub(crate) fn notice(&self) -> Option<Notice> {
        self.done.map(Done::notice)
    }
}

/// A refusal as a notice above the page that the form was on.
pub(crate) fn refused(failure: &Failure) -> (Notice, StatusCode) {
    let notice = Notice {
        text: failure.message.clone(),
        refused: true,
    };
    (notice, Problem(failure.clone()).status_code())
}

/// What the reader may do, and needs to do it in a form.
pub(crate) fn hand<'a>(caller: &'a Caller, csrf: &'a str) -> Hand<'a> {
    Hand {
        may_resolve: may::<ResolveExceptions>(caller),
        may_map: may::<WriteMappings>(caller),
        csrf,
        person: person(caller),
    }
}

/// The reader as an assignee: the address that colleagues know, else the subject.
pub(crate) fn person(caller: &Caller) -> &str {
    caller.email.as_deref().unwrap_or(&caller.subject)
}

/// The key of a form's change: the same form sent twice is one change.
pub(crate) fn key(nonce: Uuid) -> IdempotencyKey {
    IdempotencyKey(format!("form-{nonce}"))
}

/// A form must come from a page of this session.
pub(crate) fn check_csrf(request: &HttpRequest, field: &str) -> Result<()> {
    chassis::session::check_csrf(request, field)
}

/// A page in the frame.
pub(crate) fn page(
    caller: &Caller,
    here: &str,
    title: &str,
    status: StatusCode,
    body: &impl Template,
) -> Shown {
    let body = body.render().map_err(|error| not_rendered(&error))?;
    let nav = nav(caller);
    let page = Page {
        area: "Operations desk",
        title,
        nav: &nav,
        here,
        person: Some(caller.name.as_deref().unwrap_or(&caller.subject)),
        live: None,
        body: &body,
    };
    let html = page.html().map_err(|error| not_rendered(&error))?;
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(html))
}

/// Another page.
pub(crate) fn to(place: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, place)).finish()
}

/// An address with those of the pairs that have a value.
pub(crate) fn address(path: &str, pairs: &[(&str, Option<&str>)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("{path}?{}", query.finish())
}

fn nav(caller: &Caller) -> Vec<NavLink> {
    let link = |href, label| NavLink { href, label };
    let mut nav = vec![link("/", "By cause"), link("/exceptions", "Exceptions")];
    if may::<ReadProcesses>(caller) {
        nav.push(link("/processes", "Processes"));
    }
    if may::<ReadReconciliations>(caller) {
        nav.push(link("/reconciliations", "Reconciliation"));
    }
    if may::<ReadAudit>(caller) {
        nav.push(link("/audit", "Audit"));
    }
    nav
}

fn not_rendered(error: &askama::Error) -> Failure {
    Failure::fault("page_not_rendered", "The page cannot be made.").with_detail(error.to_string())
}
