//! The shared endpoints over HTTP, on an engine with a process that stops for a person.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical_model::{CanonicalId, Failure, Result};
use chassis::{Api, HttpSettings, Role, RunningApi};
use process_engine::{Engine, EngineSettings, MIGRATIONS, Process, Start, State, StepContext};
use process_serving::{Served, TAGS, routes};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::Issuer;
use utoipa::openapi::OpenApi;

const API: &str = "test-process-api";
const WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone, Serialize, Deserialize)]
struct Deal {
    role: Option<String>,
}

impl State for Deal {
    fn title(&self) -> String {
        "A deal".to_owned()
    }
}

async fn map_role(ctx: &StepContext<()>, state: &mut Deal) -> Result<()> {
    state.role = ctx.answer();
    match state.role {
        Some(_) => Ok(()),
        None => Err(ctx.about(
            "role:psa/main:117",
            Failure::business("role_not_mapped", "role 117 is not mapped"),
        )),
    }
}

fn contract() -> OpenApi {
    chassis::contract(
        "Test Process API",
        "1.0.0",
        "What all process APIs share.",
        &TAGS,
        routes,
    )
}

struct Stage {
    engine: Engine<()>,
    api: RunningApi,
    issuer: Issuer,
}

impl Stage {
    async fn set() -> Self {
        let (_, db) = testkit::test_database(&MIGRATIONS).await.swap_remove(0);
        let process = Process::named("deal").step("map_role", map_role);
        let settings = EngineSettings {
            poll_ms: 20,
            ..EngineSettings::default()
        };
        let builder = Engine::builder(db.clone(), Arc::new(()), settings).source("/process/test");
        let engine = builder.process(process).start().await.unwrap();
        let issuer = Issuer::start().await;
        let api = Api {
            name: API,
            contract,
            routes,
            state: (),
        };
        let extras = Served {
            database: db,
            desk: engine.desk(),
        }
        .extras();
        let api = chassis::start_with(api, &HttpSettings::default(), &issuer.auth(API), extras).unwrap();
        Self { engine, api, issuer }
    }

    /// Starts an instance and waits until it stands still.
    async fn deal(&self, key: &str) -> CanonicalId {
        let start = Start {
            process: "deal",
            business_key: key,
            correlation_id: "c",
            state: &Deal { role: None },
        };
        let id = self.engine.start(start).await.unwrap().instance_id;
        self.engine.rest(id, WITHIN).await.unwrap();
        id
    }

    async fn call(&self, method: Method, path: &str, body: Option<(&str, Value)>) -> (u16, Value) {
        let scopes = ["processes:read", "processes:write", "events:read"];
        let request = testkit::http().request(method, format!("{}{path}", self.api.base_url));
        let mut request = request.bearer_auth(self.issuer.service_token(API, &scopes));
        if let Some((key, body)) = body {
            request = request.header("idempotency-key", key).json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn end(self) {
        self.engine.stop().await;
        self.api.stop().await;
    }
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_the_contract_is_sound() {
    let stage = Stage::set().await;
    testkit::check_refusals(&stage.api.base_url, &contract(), &stage.issuer, API).await;
    assert_eq!(testkit::contract_findings(&contract()), Vec::<String>::new());
    // A person needs a role besides the scope.
    let token = stage
        .issuer
        .person_token(API, &["processes:read"], &[Role::Consultant], "p@example.com");
    let url = format!("{}/v1/instances", stage.api.base_url);
    let answer = testkit::http().get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    stage.end().await;
}

#[tokio::test]
async fn a_person_finds_an_exception_takes_it_and_answers_it_once() {
    let stage = Stage::set().await;
    let id = stage.deal("deal-1").await;
    let exceptions = stage
        .get("/v1/exceptions?state=open&code=role_not_mapped&subject=role:psa/main:117")
        .await;
    let exception = exceptions["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(exceptions["items"][0]["instance_id"], json!(id));
    assert_eq!(stage.get("/v1/exception-groups").await[0]["open"], json!(1));
    assert_eq!(
        stage.get(&format!("/v1/instances/{id}")).await["state"],
        json!("parked")
    );
    assert_eq!(
        stage.get("/v1/instances?state=parked").await["items"][0]["id"],
        json!(id)
    );
    assert_eq!(stage.get("/v1/instances?state=running").await["items"], json!([]));

    let path = format!("/v1/exceptions/{exception}/assignment");
    let (status, assigned) = stage
        .call(Method::POST, &path, Some(("a-1", json!({ "assignee": "anna" }))))
        .await;
    assert_eq!(
        (status, &assigned["state"]),
        (200, &json!("assigned")),
        "{assigned}"
    );

    let path = format!("/v1/exceptions/{exception}/resolution");
    let refused = stage
        .call(Method::POST, &path, Some(("r-0", json!({ "action": "skip" }))))
        .await;
    assert_eq!((refused.0, &refused.1["code"]), (422, &json!("reason_missing")));
    let answer = json!({ "action": "answer", "answer": "designer" });
    let first = stage
        .call(Method::POST, &path, Some(("r-1", answer.clone())))
        .await;
    let again = stage
        .call(Method::POST, &path, Some(("r-1", answer.clone())))
        .await;
    assert_eq!(first.0, 200, "{first:?}");
    assert_eq!(first, again);
    let other = stage
        .call(Method::POST, &path, Some(("r-1", json!({ "action": "retry" }))))
        .await;
    assert_eq!(
        (other.0, &other.1["code"]),
        (409, &json!("idempotency_key_reused"))
    );

    stage.engine.moved_on(id, WITHIN).await.unwrap();
    stage.engine.rest(id, WITHIN).await.unwrap();
    assert_eq!(
        stage.get(&format!("/v1/instances/{id}")).await["state"],
        json!("completed")
    );
    let late = stage.call(Method::POST, &path, Some(("r-2", answer))).await;
    assert_eq!((late.0, &late.1["code"]), (409, &json!("already_closed")));
    let events = stage.get("/v1/events").await;
    let decisions = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "decision.made");
    assert_eq!(decisions.count(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_group_is_resolved_by_its_cause() {
    let stage = Stage::set().await;
    for key in ["deal-1", "deal-2", "deal-3"] {
        stage.deal(key).await;
    }
    let cause = json!({ "code": "role_not_mapped", "subject": "role:psa/main:117" });
    let body = json!({ "cause": cause, "resolution": { "action": "answer", "answer": "designer" } });
    let (status, accepted) = stage
        .call(
            Method::POST,
            "/v1/exception-groups/resolution",
            Some(("g-1", body)),
        )
        .await;
    assert_eq!((status, &accepted["exceptions"]), (200, &json!(3)), "{accepted}");
    let mut after = String::new();
    let end = Instant::now() + WITHIN;
    while !stage
        .get("/v1/exception-groups")
        .await
        .as_array()
        .unwrap()
        .is_empty()
    {
        assert!(Instant::now() < end, "the group is still open");
        let page = stage.get(&format!("/v1/events?wait_ms=1000&after={after}")).await;
        page["next_cursor"].as_str().unwrap().clone_into(&mut after);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_reader_of_events_is_answered_as_soon_as_something_happens() {
    let stage = Stage::set().await;
    let began = Instant::now();
    let waiting = stage.get("/v1/events?wait_ms=20000");
    let (page, _) = tokio::join!(waiting, stage.deal("deal-1"));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(page["events"][0]["type"], json!("exception.opened"));
    let cursor = page["next_cursor"].as_str().unwrap();
    let empty = stage.get(&format!("/v1/events?after={cursor}")).await;
    assert_eq!(
        (&empty["events"], &empty["next_cursor"]),
        (&json!([]), &json!(cursor))
    );
    let (status, problem) = stage.call(Method::GET, "/v1/events?after=x", None).await;
    assert_eq!((status, &problem["code"]), (400, &json!("malformed_cursor")));
    stage.end().await;
}
