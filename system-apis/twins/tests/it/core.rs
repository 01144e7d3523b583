//! What every twin shares: the store, its journal, the fault control and the control surface.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use vendor_twins::faults::{Fault, Faults, Rule};
use vendor_twins::server::{RunningTwin, Twin, VendorFaults, serve};
use vendor_twins::store::{Caller, Fields, Store, Tables, Verb, system_clock};

fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn write(store: &Store, id: &str, value: Value) {
    let done: Result<(), ()> = store.transact(&Caller::default(), |tx| {
        tx.create("thing", id, fields(value));
        Ok(())
    });
    done.unwrap();
}

fn names(tables: &Tables) -> Vec<String> {
    tables
        .rows("thing")
        .map(|r| r.text("name").unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_failed_transaction_leaves_no_trace() {
    let store = Store::in_memory(system_clock());
    store.index("thing", "name");
    write(&store, "1", json!({"name": "kept"}));
    let failed: Result<(), &str> = store.transact(&Caller::default(), |tx| {
        tx.next("number");
        tx.create("thing", "2", fields(json!({"name": "new"})));
        tx.update("thing", "1", fields(json!({"name": "changed"})));
        tx.delete("thing", "1");
        Err("refused")
    });
    assert_eq!(failed, Err("refused"));
    store.read(|tables| {
        assert_eq!(names(tables), ["kept"]);
        assert_eq!(tables.find("thing", "name", &json!("kept")).count(), 1);
        assert_eq!(tables.find("thing", "name", &json!("new")).count(), 0);
        assert!(tables.get_any("thing", "2").is_none());
    });
    assert_eq!(store.log_after(0, 10).len(), 1);
    let next: Result<u64, ()> = store.transact(&Caller::default(), |tx| {
        tx.create("thing", "3", Fields::new());
        Ok(tx.next("number"))
    });
    assert_eq!(next, Ok(1));
    let log = store.log_after(0, 10);
    assert_eq!(
        log.iter().map(|e| (e.seq, e.transaction)).collect::<Vec<_>>(),
        [(1, 1), (2, 2)]
    );
}

#[test]
fn a_failed_attempt_takes_back_only_its_own_part() {
    let store = Store::in_memory(system_clock());
    let done: Result<(), ()> = store.transact(&Caller::default(), |tx| {
        tx.create("thing", "1", fields(json!({"name": "first"})));
        let failed: Result<(), ()> = tx.attempt(|tx| {
            tx.update("thing", "1", fields(json!({"name": "lost"})));
            tx.create("thing", "2", fields(json!({"name": "lost too"})));
            Err(())
        });
        assert!(failed.is_err());
        tx.create("thing", "3", fields(json!({"name": "third"})));
        Ok(())
    });
    done.unwrap();
    assert_eq!(store.read(names), ["first", "third"]);
    assert_eq!(
        store.log_after(0, 10).iter().map(|e| e.seq).collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn stamps_order_all_writes_and_move_by_a_millisecond_on_each_record() {
    let frozen = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let store = Store::in_memory(Arc::new(move || frozen));
    write(&store, "1", json!({}));
    write(&store, "2", json!({}));
    let done: Result<(), ()> = store.transact(&Caller::default(), |tx| {
        let promised = tx.stamp_for("thing", "1");
        let written = tx.update("thing", "1", Fields::new()).unwrap();
        assert_eq!(promised, written.changed_at);
        Ok(())
    });
    done.unwrap();
    let stamps: Vec<_> = store
        .log_after(0, 10)
        .iter()
        .map(|e| e.record.changed_at)
        .collect();
    assert!(stamps.is_sorted_by(|a, b| a < b));
    assert_eq!(stamps[2] - stamps[0], chrono::Duration::milliseconds(1));
}

#[test]
fn a_store_opened_again_continues_where_it_was_and_cuts_off_a_half_written_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twin.journal");
    {
        let store = Store::open(&path, system_clock()).unwrap();
        write(&store, "1", json!({"name": "Zoë"}));
        let done: Result<(), ()> = store.transact(&Caller::default(), |tx| {
            tx.next("number");
            tx.update("thing", "1", fields(json!({"name": "Zoë & Co"})));
            tx.create("thing", "2", fields(json!({"name": "second"})));
            tx.delete("thing", "2");
            Ok(())
        });
        done.unwrap();
    }
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(
        "{\"entries\":[{\"seq\":5,\"name\":\"Zo\u{eb}"
            .as_bytes()
            .split_last()
            .unwrap()
            .1,
    )
    .unwrap();
    drop(file);

    let store = Store::open(&path, system_clock()).unwrap();
    assert_eq!(store.read(names), ["Zoë & Co"]);
    assert!(store.read(|t| t.get_any("thing", "2").unwrap().deleted));
    write(&store, "3", json!({"name": "after"}));
    let log = store.log_after(3, 10);
    assert_eq!(log[0].verb, Verb::Delete);
    assert_eq!((log[1].seq, log[1].transaction), (5, 3));
    drop(store);

    let store = Store::open(&path, system_clock()).unwrap();
    assert_eq!(store.log_after(0, 10).len(), 5);
    let number: Result<u64, ()> = store.transact(&Caller::default(), |tx| Ok(tx.next("number")));
    assert_eq!(number, Ok(2));
    store.reset().unwrap();
    drop(store);
    let store = Store::open(&path, system_clock()).unwrap();
    assert!(store.log_after(0, 10).is_empty());
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let rule = Rule {
        method: Some("POST".to_owned()),
        path: Some("^/orders".to_owned()),
        fault: Fault::Locked,
        per_million: Some(300_000),
        skip: 2,
        times: Some(20),
    };
    let play = |seed: u64| {
        let faults = Faults::default();
        faults.set(vec![rule.clone()], seed).unwrap();
        assert!(faults.meet("GET", "/orders/1").is_empty());
        let met: Vec<bool> = (0..100)
            .map(|_| !faults.meet("post", "/orders?x=1").is_empty())
            .collect();
        let fired = met.iter().filter(|m| **m).count();
        assert_eq!(faults.report()[0].fired, u64::try_from(fired).unwrap());
        met
    };
    let first = play(7);
    assert_eq!(first, play(7));
    assert_ne!(first, play(8));
    let hits = first.iter().filter(|m| **m).count();
    assert!(!first[0] && !first[1] && hits > 5 && hits <= 20, "{hits} hits");
}

/// A vendor with one route: `POST /things` stores its body and answers it.
struct Probe {
    store: Store,
    faults: Faults,
}

impl Twin for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }
    fn store(&self) -> &Store {
        &self.store
    }
    fn faults(&self) -> &Faults {
        &self.faults
    }
    fn configure(self: Arc<Self>, config: &mut ServiceConfig) {
        config
            .app_data(web::Data::from(self))
            .route("/things", web::post().to(add));
    }
    fn too_many_requests(&self, retry_after_s: Option<u64>) -> HttpResponse {
        HttpResponse::TooManyRequests()
            .insert_header(("retry-after", retry_after_s.unwrap_or(0).to_string()))
            .finish()
    }
    fn server_error(&self, status: u16) -> HttpResponse {
        HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).finish()
    }
    fn seed(&self) {
        write(&self.store, "seed", json!({"name": "seeded"}));
    }
}

async fn add(twin: web::Data<Probe>, request: HttpRequest, body: web::Json<Value>) -> HttpResponse {
    if VendorFaults::has(&request, &Fault::Locked) {
        return HttpResponse::Locked().finish();
    }
    let number = twin.store.log_after(0, 1000).len();
    write(&twin.store, &number.to_string(), body.0.clone());
    HttpResponse::Created().json(body.0)
}

fn probe() -> RunningTwin {
    serve(
        Arc::new(Probe {
            store: Store::in_memory(system_clock()),
            faults: Faults::default(),
        }),
        0,
    )
    .unwrap()
}

#[expect(clippy::disallowed_methods, reason = "test client")]
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

async fn arm(base: &str, rules: Value) {
    let plan = json!({"seed": 1, "rules": rules});
    let answer = client()
        .put(format!("{base}/_twin/faults"))
        .json(&plan)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 204);
}

async fn log(base: &str) -> Vec<Value> {
    client()
        .get(format!("{base}/_twin/writes"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

#[tokio::test]
async fn reset_after_commits_and_reset_before_does_not() {
    let twin = probe();
    let base = twin.base_url.clone();
    arm(
        &base,
        json!([{"path": "things", "fault": {"kind": "reset_before"}, "times": 1},
        {"path": "things", "fault": {"kind": "reset_after"}, "times": 1}]),
    )
    .await;
    let post = || {
        client()
            .post(format!("{base}/things"))
            .json(&json!({"name": "x"}))
            .send()
    };
    assert!(post().await.is_err());
    assert_eq!(log(&base).await.len(), 0);
    assert!(post().await.is_err());
    assert_eq!(log(&base).await.len(), 1);
    assert_eq!(post().await.unwrap().status(), 201);
    twin.stop().await;
}

#[tokio::test]
async fn a_truncated_body_announces_more_than_it_sends() {
    let twin = probe();
    let base = twin.base_url.clone();
    arm(&base, json!([{"fault": {"kind": "truncated_body"}, "times": 1}])).await;
    let answer = client()
        .post(format!("{base}/things"))
        .json(&json!({"name": "a longer name"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.content_length(), Some(24));
    assert!(answer.bytes().await.is_err());
    assert_eq!(log(&base).await[0]["record"]["fields"]["name"], "a longer name");
    twin.stop().await;
}

#[tokio::test]
async fn statuses_vendor_faults_and_reset_are_under_control() {
    let twin = probe();
    let base = twin.base_url.clone();
    let post = || {
        client()
            .post(format!("{base}/things"))
            .json(&json!({"name": "x"}))
            .send()
    };
    arm(
        &base,
        json!([{"fault": {"kind": "too_many_requests", "retry_after_s": 7}, "times": 1},
        {"fault": {"kind": "server_error", "status": 503}, "times": 1},
        {"fault": {"kind": "locked"}, "times": 1}]),
    )
    .await;
    let limited = post().await.unwrap();
    assert_eq!(
        (
            limited.status().as_u16(),
            limited.headers()["retry-after"].to_str().unwrap()
        ),
        (429, "7")
    );
    assert_eq!(post().await.unwrap().status(), 503);
    assert_eq!(post().await.unwrap().status(), 423);
    assert_eq!(log(&base).await.len(), 0);
    assert_eq!(post().await.unwrap().status(), 201);
    let reset = client().post(format!("{base}/_twin/reset")).send().await.unwrap();
    assert_eq!(reset.status(), 204);
    assert_eq!(log(&base).await[0]["record"]["fields"]["name"], "seeded");
    let wrong = client()
        .put(format!("{base}/_twin/faults"))
        .json(&json!({"rules": [{"path": "(", "fault": {"kind": "locked"}}]}));
    assert_eq!(wrong.send().await.unwrap().status(), 400);
    twin.stop().await;
}
