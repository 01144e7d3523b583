//! What the clients send and what they make of the answers.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use canonical_model::{
    CanonicalId, DealNotice, ExceptionState, InstanceState, MappingDomain, Resolution, ResolutionAction,
    ResourceRequestState, TranslationQuestion,
};
use egress::{BearerToken, ClientSettings};
use process_client::{
    Act, AssignmentQuery, ControlClient, ExceptionQuery, InsightClient, InstanceQuery, ProcessClient,
    QuoteToProjectClient, RequestQuery, Window,
};
use serde_json::{Value, json};

#[derive(Debug, Clone)]
struct Received {
    line: String,
    key: Option<String>,
    person: Option<String>,
    body: Value,
}

/// An API that notes what it gets and answers as told.
struct Api {
    settings: ClientSettings,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Api {
    fn answering(answer: impl Fn(&Value) -> HttpResponse + Clone + Send + 'static) -> Self {
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let log = Arc::clone(&received);
        let server = HttpServer::new(move || {
            let (answer, log) = (answer.clone(), Arc::clone(&log));
            let handler = move |request: HttpRequest, body: web::Bytes| {
                let header = |name: &str| {
                    request
                        .headers()
                        .get(name)
                        .map(|value| value.to_str().unwrap().to_owned())
                };
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let answer = answer(&body);
                log.lock().unwrap().push(Received {
                    line: format!("{} {}", request.method(), request.uri()),
                    key: header("idempotency-key"),
                    person: header("x-on-behalf-of"),
                    body,
                });
                std::future::ready(answer)
            };
            App::new()
                .app_data(web::PayloadConfig::new(1 << 24))
                .default_service(web::to(handler))
        })
        .workers(1)
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        Self {
            settings: ClientSettings::new(url.parse().unwrap()),
            received,
        }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn token() -> Arc<BearerToken> {
    Arc::new(BearerToken("t".into()))
}

#[actix_web::test]
async fn a_change_carries_its_key_and_the_person_it_is_for() {
    let api = Api::answering(|_| HttpResponse::Ok().json(json!({"exceptions": 3})));
    let control = ControlClient::new(&api.settings, token()).unwrap();
    let id = CanonicalId::generate();
    let resolution = Resolution {
        action: ResolutionAction::Skip,
        reason: Some("paid elsewhere".to_owned()),
        answer: None,
    };
    let act = Act::keyed("form-17").on_behalf_of("anna");
    let accepted = control.desk().resolve(id, &resolution, &act).await.unwrap();
    assert_eq!(accepted.exceptions, 3);
    let received = api.received().remove(0);
    assert_eq!(received.line, format!("POST /v1/exceptions/{id}/resolution"));
    assert_eq!(
        (received.key.as_deref(), received.person.as_deref()),
        (Some("form-17"), Some("anna"))
    );
    assert_eq!(received.body["action"], "skip");
}

#[actix_web::test]
async fn queries_are_in_canonical_words() {
    let api = Api::answering(|_| HttpResponse::Ok().json(json!({"items": []})));
    let process = ProcessClient::new("quote-to-project-process-api", &api.settings, token()).unwrap();
    let instances = InstanceQuery {
        state: Some(InstanceState::Parked),
        limit: Some(5),
        ..InstanceQuery::default()
    };
    process.instances(&instances).await.unwrap();
    let exceptions = ExceptionQuery {
        state: Some(ExceptionState::Open),
        subject: Some("role:psa/main:117".to_owned()),
        ..ExceptionQuery::default()
    };
    process.desk().exceptions(&exceptions).await.unwrap();
    let insight = InsightClient::new(&api.settings, token()).unwrap();
    let requests = RequestQuery {
        state: Some(ResourceRequestState::Open),
        ..RequestQuery::default()
    };
    insight.resource_requests(&requests).await.unwrap();
    let planned = AssignmentQuery {
        person: Some("tom@firm.example".to_owned()),
        from: Some("2026-11-01".parse().unwrap()),
        to: Some("2026-11-30".parse().unwrap()),
        ..AssignmentQuery::default()
    };
    insight.assignments(&planned).await.unwrap();
    let lines: Vec<_> = api.received().into_iter().map(|received| received.line).collect();
    assert_eq!(
        lines,
        [
            "GET /v1/instances?state=parked&limit=5",
            "GET /v1/exceptions?state=open&subject=role%3Apsa%2Fmain%3A117",
            "GET /v1/resource-requests?state=open",
            "GET /v1/assignments?person=tom%40firm.example&from=2026-11-01&to=2026-11-30"
        ]
    );
}

#[actix_web::test]
async fn questions_are_asked_in_bulk_and_answered_in_order() {
    let api = Api::answering(|body| {
        let answers: Vec<_> = body["questions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|question| json!({"code": question["value"]}))
            .collect();
        HttpResponse::Ok().json(json!({"answers": answers}))
    });
    let control = ControlClient::new(&api.settings, token()).unwrap();
    let question = |n: usize| TranslationQuestion {
        domain: MappingDomain::Role,
        from: Some("psa/main".to_owned()),
        value: n.to_string(),
        to: None,
    };
    let questions: Vec<_> = (0..1_700).map(question).collect();
    let answers = control.translate(&questions).await.unwrap();
    assert_eq!(api.received().len(), 2);
    assert!(
        answers
            .iter()
            .zip(&questions)
            .all(|(answer, asked)| answer.code.as_ref() == Some(&asked.value))
    );
    assert!(control.translate(&[]).await.unwrap().is_empty());
}

#[actix_web::test]
async fn an_answer_too_few_is_a_fault() {
    let api = Api::answering(|_| HttpResponse::Ok().json(json!({"answers": []})));
    let control = ControlClient::new(&api.settings, token()).unwrap();
    let question = TranslationQuestion {
        domain: MappingDomain::Role,
        from: None,
        value: "principal".to_owned(),
        to: None,
    };
    let failure = control.translate(&[question]).await.unwrap_err();
    assert_eq!(failure.code, "answers_missing");
}

#[actix_web::test]
async fn refusals_come_back_as_they_are_and_a_notice_is_sent_once() {
    let api = Api::answering(|_| {
        HttpResponse::ServiceUnavailable().json(json!({
            "detail": "busy", "code": "database_busy", "class": "transient", "outcome": "not_applied"
        }))
    });
    let notice = DealNotice {
        connection: "crm/main".to_owned(),
        opportunity_id: "006".to_owned(),
    };
    let q2p = QuoteToProjectClient::new(&api.settings, token()).unwrap();
    let failure = q2p.notify_deal(&notice, &Act::once()).await.unwrap_err();
    assert_eq!(
        (
            failure.code.as_str(),
            failure.is_transient(),
            failure.is_unknown()
        ),
        ("database_busy", true, false)
    );
    assert_eq!(api.received().len(), 1);
    let insight = InsightClient::new(&api.settings, token()).unwrap();
    assert_eq!(
        insight.kpis(&Window::default()).await.unwrap_err().code,
        "database_busy"
    );
    assert_eq!(api.received().len(), 4);
}
