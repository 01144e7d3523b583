//! What the org refuses, and what becomes of it.

use canonical_model::{Failure, FailureClass, ListQuery, Outcome, Write};
use salesforce_connector::{Auth, Salesforce};
use serde_json::json;
use system_ports::{CrmPort, Port};
use vendor_twins::salesforce::SalesforceSettings;

use crate::org::{Org, account, contact, create, secret, update};

async fn refused(org: &Org, name: &str) -> Failure {
    let results = org.crm.accounts().write(&[create(name, account(name))]).await;
    results[0].failure.clone().unwrap()
}

#[actix_web::test]
async fn a_locked_row_and_a_limit_are_told_as_transient_and_not_applied() {
    let org = Org::start().await;
    let known = org.account("known").await.id;
    org.faults(json!([{"method": "PATCH", "fault": {"kind": "locked"}, "times": 2}]))
        .await;
    let failure = refused(&org, "locked-1").await;
    assert_eq!(
        (failure.class, failure.code.as_str(), failure.outcome),
        (FailureClass::Transient, "record_locked", Outcome::NotApplied)
    );
    let batch = [
        update("locked-2", &known, account("Known")),
        update("locked-3", &org.any("Account"), account("Other")),
    ];
    let codes: Vec<_> = org
        .crm
        .accounts()
        .write(&batch)
        .await
        .into_iter()
        .map(|r| r.failure.unwrap().code)
        .collect();
    assert_eq!(codes, ["record_locked", "record_locked"]);

    org.faults(json!([{"fault": {"kind": "too_many_requests"}, "times": 1}]))
        .await;
    let failure = refused(&org, "limited").await;
    assert_eq!(
        (failure.class, failure.code.as_str(), failure.outcome),
        (
            FailureClass::Transient,
            "vendor_limit_reached",
            Outcome::NotApplied
        )
    );
    assert_eq!(
        (failure.retry_after_ms, failure.source.as_deref()),
        (Some(60_000), Some("crm/main"))
    );
}

#[actix_web::test]
async fn behind_a_limit_nothing_more_is_sent() {
    let org = Org::with(SalesforceSettings::default(), |settings| {
        settings.limits.batch_size = 2
    })
    .await;
    org.account("warm").await;
    org.faults(json!([{"method": "PATCH", "fault": {"kind": "too_many_requests"}, "times": 1}]))
        .await;
    let writes: Vec<Write<_>> = (0..6)
        .map(|n| create(&format!("limited-{n}"), account("Limited")))
        .collect();
    let results = org.crm.accounts().write(&writes).await;
    assert!(
        results.iter().all(|r| r
            .failure
            .as_ref()
            .is_some_and(|f| f.code == "vendor_limit_reached" && !f.is_unknown())),
        "{results:?}"
    );
    assert_eq!(org.fired().await, [1]);
}

#[actix_web::test]
async fn an_expired_session_is_renewed_once_without_being_noticed() {
    let org = Org::start().await;
    org.account("before").await;
    org.faults(json!([{"path": "services/data", "fault": {"kind": "expired_token"}, "times": 1}]))
        .await;
    assert!(org.account("after").await.created.unwrap());
    org.faults(json!([{"path": "services/data", "fault": {"kind": "expired_token"}}]))
        .await;
    let failure = refused(&org, "never").await;
    assert_eq!(
        (failure.class, failure.code.as_str(), failure.outcome),
        (FailureClass::Fault, "sign_in_refused", Outcome::NotApplied)
    );
    assert_eq!(org.fired().await, [2]);
}

#[actix_web::test]
async fn fifty_calls_at_once_on_an_expired_session_sign_in_once() {
    let org = Org::with(SalesforceSettings::default(), |settings| {
        settings.limits.max_concurrent = 25;
    })
    .await;
    let id = org.account("before").await.id;
    org.pass_hours(3);
    let counted = |path: &str, ms: u64| json!({"path": path, "fault": {"kind": "latency", "ms": ms}});
    org.faults(json!([
        counted("services/oauth2/token", 100),
        counted("services/data", 100)
    ]))
    .await;
    let reads = (0..50).map(|_| org.crm.accounts().read(&id));
    for read in futures_util::future::join_all(reads).await {
        assert_eq!(read.unwrap().id, id);
    }
    let fired = org.fired().await;
    assert_eq!(fired[0], 1, "one sign-in for all");
    assert_eq!(
        fired[1], 100,
        "each call met the expired session, and was made once more"
    );
}

#[actix_web::test]
async fn one_refused_record_takes_no_other_with_it() {
    let org = Org::start().await;
    let owner = org.account("owner").await.id;
    let mut bad_address = contact(&owner, "Zwei");
    bad_address.email = Some("not an address".to_owned());
    let nobody = contact("001000000009999AAA", "Drei");
    let batch = [
        create("c-1", contact(&owner, "Eins")),
        create("c-2", bad_address),
        create("c-3", nobody),
        create("c-4", contact(&owner, "Vier")),
    ];
    let results = org.crm.contacts().write(&batch).await;
    let codes: Vec<_> = results
        .iter()
        .map(|r| r.failure.as_ref().map(|f| (f.class, f.code.as_str())))
        .collect();
    let business = FailureClass::Business;
    assert_eq!(
        codes,
        [
            None,
            Some((business, "email_refused")),
            Some((business, "reference_not_found")),
            None
        ]
    );
    assert!(
        results[1].failure.as_ref().unwrap().message.contains("c-2"),
        "the message names the record"
    );
}

#[actix_web::test]
async fn a_stale_version_is_refused() {
    let org = Org::start().await;
    let id = org.account("versioned").await.id;
    let version = org.crm.accounts().read(&id).await.unwrap().version;
    let write = |name: &str| Write {
        expected_version: version.clone(),
        ..update("v", &id, account(name))
    };
    assert!(
        org.crm.accounts().write(&[write("Mine")]).await[0]
            .failure
            .is_none()
    );
    let refused = org.crm.accounts().write(&[write("Stale")]).await;
    assert_eq!(refused[0].failure.as_ref().unwrap().code, "version_conflict");
    assert_eq!(org.field("Account", &id, "Name"), json!("Mine"));
}

#[actix_web::test]
async fn a_field_that_the_user_may_not_see_is_named() {
    // For the API such a field does not exist.
    let mut hidden = SalesforceSettings::default();
    let opportunity = hidden
        .customisation
        .iter_mut()
        .find(|object| object.name == "Opportunity")
        .unwrap();
    opportunity.fields.retain(|field| field.name != "Region__c");
    let org = Org::with(hidden, |_| {}).await;
    for failure in [
        org.crm
            .opportunities()
            .list(&ListQuery::default())
            .await
            .unwrap_err(),
        org.crm.check_health().await.unwrap_err(),
    ] {
        assert_eq!(
            (failure.class, failure.code.as_str()),
            (FailureClass::Fault, "field_not_visible")
        );
        assert!(
            failure.message.contains("Region__c") && failure.message.contains("Opportunity"),
            "{}",
            failure.message
        );
    }
    let mut hidden = SalesforceSettings::default();
    let accounts = hidden
        .customisation
        .iter_mut()
        .find(|object| object.name == "Account")
        .unwrap();
    accounts
        .fields
        .iter_mut()
        .filter(|field| field.name == "Legal_Entity__c")
        .for_each(|field| (field.create, field.update) = (false, false));
    let org = Org::with(hidden, |_| {}).await;
    let mut record = account("Read only");
    record.legal_entity = Some(canonical_model::RecordRef::id("DE"));
    let results = org.crm.accounts().write(&[create("ro", record)]).await;
    let failure = results[0].failure.as_ref().unwrap();
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (FailureClass::Fault, "field_not_writable")
    );
}

#[actix_web::test]
async fn a_field_that_the_org_does_not_have_is_neither_read_nor_lost_on_a_write() {
    let none: salesforce_connector::FieldName = String::new().try_into().unwrap();
    let org = Org::with(SalesforceSettings::default(), |settings| {
        settings.account.legal_entity = none
    })
    .await;
    let mut record = account("Unmapped");
    record.legal_entity = Some(canonical_model::RecordRef::id("DE"));
    let results = org.crm.accounts().write(&[create("um", record)]).await;
    assert_eq!(results[0].failure.as_ref().unwrap().code, "field_not_mapped");
}

#[actix_web::test]
async fn every_way_to_sign_in_works_and_a_wrong_secret_is_a_fault() {
    let org = Org::start().await;
    let connect = |auth| {
        let mut settings = org.settings.clone();
        settings.auth = auth;
        Salesforce::connect("crm/main", &settings).unwrap()
    };
    let (_wrong, client_secret) = secret("wrong");
    let crm = connect(Auth::ClientCredentials {
        client_id: "fairlead-development".to_owned(),
        client_secret,
    });
    let failure = crm.check_health().await.unwrap_err();
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (FailureClass::Fault, "sign_in_refused")
    );
    assert!(!format!("{failure:?}").contains("wrong"), "{failure:?}");

    let (_token, refresh_token) = secret("5Aep861-fairlead-development-refresh");
    let crm = connect(Auth::RefreshToken {
        client_id: "fairlead-development".to_owned(),
        client_secret: None,
        refresh_token,
        rotated_token_file: None,
    });
    crm.check_health().await.unwrap();
}

#[actix_web::test]
async fn a_signed_assertion_signs_in() {
    let private = include_str!("../../../../twins/src/netsuite/development/rsa-private.pem");
    let public = include_str!("../../../../twins/src/netsuite/development/rsa-public.pem");
    let org = Org::with(
        SalesforceSettings {
            jwt_public_key_pem: Some(public.to_owned()),
            ..SalesforceSettings::default()
        },
        |_| {},
    )
    .await;
    let (_key, private_key) = secret(private);
    let mut settings = org.settings.clone();
    settings.auth = Auth::JwtBearer {
        client_id: "fairlead-development".to_owned(),
        username: "integration@northwind-advisory.example".to_owned(),
        private_key,
        audience: Some("https://login.salesforce.com".to_owned()),
    };
    Salesforce::connect("crm/main", &settings)
        .unwrap()
        .check_health()
        .await
        .unwrap();
}

#[actix_web::test]
async fn a_rotated_refresh_token_survives_a_restart() {
    let org = Org::with(
        SalesforceSettings {
            refresh_token_rotation: true,
            ..SalesforceSettings::default()
        },
        |_| {},
    )
    .await;
    let (_token, refresh_token) = secret("5Aep861-fairlead-development-refresh");
    let folder = tempfile::tempdir().unwrap();
    let mut settings = org.settings.clone();
    settings.auth = Auth::RefreshToken {
        client_id: "fairlead-development".to_owned(),
        client_secret: None,
        refresh_token,
        rotated_token_file: Some(folder.path().join("refresh-token")),
    };
    for _ in 0..3 {
        Salesforce::connect("crm/main", &settings)
            .unwrap()
            .check_health()
            .await
            .unwrap();
    }
}
