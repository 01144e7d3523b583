//! What NetSuite refuses, and what it does when it is not well.

use canonical_model::{
    Failure, FailureClass, FindBy, ListQuery, Outcome, Project, RecordRef, SourceKind, Write,
};
use netsuite_connector::NetSuite;
use rust_decimal::dec;
use serde_json::{Value, json};
use system_ports::{ErpPort, Port};
use vendor_twins::netsuite::{
    DEVELOPMENT_EC_CERTIFICATE_ID, DEVELOPMENT_EC_PRIVATE_KEY_PEM, NetSuiteSettings,
};

use crate::{
    Books, account, create, eur, expense, invoice, line, oauth2, project, secret, settings, task, time,
    try_write, write,
};

fn business(failure: &Failure) -> &str {
    assert_eq!(
        (failure.class, failure.outcome),
        (FailureClass::Business, Outcome::NotApplied),
        "{failure:?}"
    );
    assert_eq!(failure.source.as_deref(), Some("erp/main"));
    &failure.code
}

#[actix_web::test]
async fn each_refusal_has_its_code_and_takes_no_sibling_with_it() {
    let books = Books::open().await;
    let work = books.engagement("Helios").await;
    let good = time(&work, "2026-11-20", 60);
    let mut long = good.clone();
    long.note = Some("x".repeat(1500));
    let mut nobody = good.clone();
    nobody.person = RecordRef::id("999999");
    let mut other_task = good.clone();
    other_task.task = Some(RecordRef::id(books.engagement("Other").await.task));
    let batch = [
        create("ok-1", good.clone()),
        create("closed", time(&work, "2026-03-02", 60)),
        create("hours", time(&work, "2026-11-20", 25 * 60)),
        create("long", long),
        create("nobody", nobody),
        create("task", other_task),
        create("ok-2", good.clone()),
    ];
    let results = books.erp.time_entries().write(&batch).await;
    let codes: Vec<_> = results.iter().map(|r| r.failure.as_ref().map(business)).collect();
    let expected = [
        "period_closed",
        "invalid_value",
        "text_too_long",
        "invalid_reference",
        "invalid_reference",
    ];
    assert_eq!(codes[0], None);
    assert_eq!(codes[1..6], expected.map(Some));
    assert_eq!(codes[6], None);
    assert_eq!(books.created("timeBill").await, 2);

    let closed = invoice(
        &work,
        "2026-03-02",
        vec![line("Fee", dec!(1), SourceKind::BillingEvent, &[])],
    );
    let failure = try_write(books.erp.invoices(), create("closed-invoice", closed))
        .await
        .unwrap_err();
    assert_eq!(business(&failure), "period_closed");
    let closed = expense(&work, "2026-03-02", eur(dec!(5)));
    let failure = try_write(books.erp.expenses(), create("closed-expense", closed))
        .await
        .unwrap_err();
    assert_eq!(business(&failure), "period_closed");
    let twin = try_write(books.erp.accounts(), create("another-key", account("Helios")))
        .await
        .unwrap_err();
    assert_eq!(business(&twin), "already_taken");
    let homeless = canonical_model::Account {
        legal_entity: None,
        ..account("Homeless")
    };
    let failure = try_write(books.erp.accounts(), create("homeless", homeless))
        .await
        .unwrap_err();
    assert_eq!(business(&failure), "required_field_missing");
    let yen = Project {
        currency: "JPY".parse().unwrap(),
        ..project("YEN", &work.account)
    };
    let yen = Project { budget: None, ..yen };
    let failure = try_write(books.erp.projects(), create("yen", yen))
        .await
        .unwrap_err();
    assert_eq!(business(&failure), "unknown_currency");
}

#[actix_web::test]
async fn what_a_batch_was_refused_for_can_be_mended_and_sent_again() {
    let books = Books::open().await;
    let work = books.engagement("Helios").await;
    let batch = [
        create("b-1", time(&work, "2026-11-20", 60)),
        create("b-2", time(&work, "2026-05-04", 60)),
    ];
    let first = books.erp.time_entries().write(&batch).await;
    assert_eq!(first[1].failure.as_ref().map(business), Some("period_closed"));
    let (_, found, _) = books
        .raw(
            "POST",
            "query/v1/suiteql",
            json!({"q": "SELECT id FROM accountingperiod WHERE periodname = 'May 2026'"}),
        )
        .await;
    let period = found["items"][0]["id"].as_str().unwrap();
    let open = json!({"closed": false, "allLocked": false, "arLocked": false, "apLocked": false});
    let (status, body, _) = books
        .raw("PATCH", &format!("record/v1/accountingPeriod/{period}"), open)
        .await;
    assert_eq!(status, 204, "{body}");
    let second = books.erp.time_entries().write(&batch).await;
    let ids = |results: &[canonical_model::WriteResult]| results[0].written.as_ref().unwrap().id.clone();
    assert_eq!(ids(&first), ids(&second));
    assert!(second[1].written.is_some(), "{second:?}");
    assert_eq!(books.created("timeBill").await, 2);
}

#[actix_web::test]
async fn over_the_limit_is_transient_and_says_how_long() {
    let books = Books::open().await;
    let work = books.engagement("Helios").await;
    for (wait, expected) in [(json!(7), 7000), (Value::Null, 2000)] {
        books.faults(json!([{"path": "/record/v1/invoice", "fault": {"kind": "too_many_requests", "retry_after_s": wait}}])).await;
        let fee = invoice(
            &work,
            "2026-11-30",
            vec![line("Fee", dec!(1), SourceKind::BillingEvent, &[])],
        );
        let failure = try_write(books.erp.invoices(), create("busy", fee))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.outcome),
            ("vendor_limit_reached", Outcome::NotApplied)
        );
        assert_eq!(
            (failure.is_transient(), failure.retry_after_ms),
            (true, Some(expected))
        );
    }
    books
        .faults(json!([{"path": "/record/v1/invoice", "fault": {"kind": "server_error", "status": 500}}]))
        .await;
    let fee = invoice(
        &work,
        "2026-11-30",
        vec![line("Fee", dec!(1), SourceKind::BillingEvent, &[])],
    );
    let failure = try_write(books.erp.invoices(), create("broken", fee))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.outcome),
        ("vendor_error", Outcome::Unknown)
    );
}

#[actix_web::test]
async fn an_expired_token_is_renewed_once_and_the_write_is_sent_again() {
    let books = Books::open().await;
    books.erp.check_health().await.unwrap();
    books
        .faults(json!([
            {"path": "/oauth2/v1/token", "fault": {"kind": "latency", "ms": 0}},
            {"method": "PUT", "path": "/record/v1/customer", "fault": {"kind": "expired_token"}, "times": 1}
        ]))
        .await;
    write(books.erp.accounts(), "renewed", account("Renewed")).await;
    assert_eq!(books.fired().await, [1, 1]);
    books
        .faults(json!([{"path": "suiteql", "fault": {"kind": "expired_token"}}]))
        .await;
    let failure = books.erp.check_health().await.unwrap_err();
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (FailureClass::Fault, "credentials_refused")
    );
}

#[actix_web::test]
async fn every_way_to_sign_in_works_and_a_wrong_one_is_a_fault() {
    let books = Books::open().await;
    let connect = |auth: toml::Table| {
        NetSuite::connect("erp/main", &settings(&books.base, &books.secrets, Some(auth))).unwrap()
    };
    let mut tba = toml::Table::new();
    tba.insert("method".into(), "tba".into());
    for (name, value) in [
        ("consumer_key", "fairlead-development-consumer-key"),
        ("consumer_secret", "fairlead-development-consumer-secret"),
        ("token_id", "fairlead-development-token"),
        ("token_secret", "fairlead-development-token-secret"),
    ] {
        tba.insert(name.into(), secret(&books.secrets, name, value).into());
    }
    let signed = connect(tba.clone());
    write(signed.accounts(), "signed", account("Signed & Söhne")).await;
    let found = signed
        .accounts()
        .find(FindBy::Name, "signed & söhne")
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    tba.insert("token_secret".into(), secret(&books.secrets, "wrong", "x").into());
    assert_eq!(
        connect(tba).check_health().await.unwrap_err().code,
        "credentials_refused"
    );

    let mut curve = oauth2(&books.secrets);
    curve.insert("algorithm".into(), "ES256".into());
    curve.insert("certificate_id".into(), DEVELOPMENT_EC_CERTIFICATE_ID.into());
    curve.insert(
        "private_key".into(),
        secret(&books.secrets, "ec.pem", DEVELOPMENT_EC_PRIVATE_KEY_PEM).into(),
    );
    connect(curve.clone()).check_health().await.unwrap();
    curve.insert("client_id".into(), "somebody".into());
    let failure = connect(curve).check_health().await.unwrap_err();
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (FailureClass::Fault, "credentials_refused")
    );
    assert!(failure.message.contains("invalid_client"), "{failure}");
}

#[actix_web::test]
async fn a_changed_record_that_cannot_be_read_does_not_stop_the_feed() {
    let books = Books::open().await;
    let projects = books.erp.projects();
    let work = books.engagement("Helios").await;
    let (_, _, coin) = books
        .raw(
            "POST",
            "record/v1/currency",
            json!({"name": "Token", "symbol": "ZZZ", "exchangeRate": 1}),
        )
        .await;
    let coin = json!({"id": coin.unwrap()});
    let strange = json!({"entityId": "STRANGE", "subsidiary": {"id": "3"}, "currency": coin});
    let (status, body, strange) = books.raw("POST", "record/v1/job", strange).await;
    assert_eq!(status, 204, "{body}");
    write(projects, "after", project("AFTER", &work.account)).await;
    let changes = projects.changes(None, 10).await.unwrap();
    let told: Vec<_> = changes
        .items
        .iter()
        .map(|c| (c.id.clone(), c.failure.as_ref().map(|f| f.code.clone())))
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[1], (strange.unwrap(), Some("unmapped_currency".to_owned())));
    assert!(changes.items[1].failure.as_ref().unwrap().message.contains("ZZZ"));
    assert_eq!(changes.items[2].record.as_ref().unwrap().data.code, "AFTER");
    books.faults(json!([{"method": "GET", "path": format!("/record/v1/job/{}", work.project), "fault": {"kind": "locked"}}])).await;
    let changes = projects.changes(None, 10).await.unwrap();
    assert_eq!(changes.items[0].failure.as_ref().unwrap().code, "record_locked");
    assert!(changes.items[2].record.is_some());
}

#[actix_web::test]
async fn a_write_on_an_old_version_is_refused() {
    let books = Books::open().await;
    let work = books.engagement("Helios").await;
    let stale = Write {
        expected_version: Some("2020-01-01T00:00:00Z".into()),
        id: Some(work.task.clone()),
        ..create("stale", task("Renamed", &work.project))
    };
    let failure = try_write(books.erp.tasks(), stale.clone()).await.unwrap_err();
    assert_eq!(business(&failure), "version_conflict");
    let current = books.erp.tasks().read(&work.task).await.unwrap().version;
    write_ok(
        &books,
        Write {
            expected_version: current,
            ..stale
        },
    )
    .await;
    assert_eq!(
        books.erp.tasks().read(&work.task).await.unwrap().data.name,
        "Renamed"
    );
}

async fn write_ok(books: &Books, write: Write<canonical_model::Task>) {
    try_write(books.erp.tasks(), write).await.unwrap();
}

#[actix_web::test]
async fn a_wrong_time_zone_is_noticed() {
    let books = Books::open().await;
    books.engagement("Helios").await;
    let mut wrong = settings(&books.base, &books.secrets, None);
    wrong.utc_offset_minutes = -480;
    let erp = NetSuite::connect("erp/main", &wrong).unwrap();
    assert_eq!(
        erp.projects().changes(None, 10).await.unwrap_err().code,
        "time_zone_wrong"
    );
}

#[actix_web::test]
async fn settings_that_cannot_work_are_refused_when_they_load() {
    let books = Books::open().await;
    let mut doubled = settings(&books.base, &books.secrets, None);
    doubled.project.active = doubled.project.closed.clone();
    assert_eq!(
        NetSuite::connect("erp/main", &doubled).err().unwrap().code,
        "invalid_settings"
    );
    let mut keyless = oauth2(&books.secrets);
    keyless.insert(
        "private_key".into(),
        secret(&books.secrets, "no.pem", "not a key").into(),
    );
    let keyless = settings(&books.base, &books.secrets, Some(keyless));
    assert_eq!(
        NetSuite::connect("erp/main", &keyless).err().unwrap().code,
        "invalid_settings"
    );
    let closed_feature = Books::with(NetSuiteSettings {
        disabled_types: vec!["job".into()],
        ..NetSuiteSettings::default()
    })
    .await;
    let failure = closed_feature.erp.projects().read("1").await.unwrap_err();
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (FailureClass::Fault, "record_type_absent")
    );
    let refused = books
        .erp
        .projects()
        .list(&ListQuery {
            person: Some("1".into()),
            ..ListQuery::default()
        })
        .await
        .unwrap_err();
    assert_eq!(business(&refused), "filter_not_supported");
}
