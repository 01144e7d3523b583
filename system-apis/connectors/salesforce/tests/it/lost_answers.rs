//! Answers that are lost after the org has committed: the outcome is unknown, and a look-up by the key settles it.

use canonical_model::{FindBy, Link, LinkState, RecordRef, Resource, Write};
use serde_json::{Value, json};
use system_ports::{Collection, CrmPort};

use crate::org::{Org, account, assignment, contact, contract, create, invoice, key, update};

fn lost(path: &str) -> Value {
    json!([{"method": "PATCH", "path": path, "fault": {"kind": "reset_after"}, "times": 1}])
}

/// Loses the answer to one write; the record is found under its key, once, and the write sent again makes no second one.
async fn settles<T: Resource>(org: &Org, collection: &dyn Collection<T>, object: &str, record: T) {
    let before = org.count(object);
    let name = format!("lost-{}", T::NAME);
    let write = create(&name, record);
    org.faults(lost(object)).await;
    let results = collection.write(std::slice::from_ref(&write)).await;
    let failure = results[0].failure.as_ref().unwrap();
    assert!(
        failure.is_transient() && failure.is_unknown(),
        "{name}: {failure:?}"
    );
    assert_eq!(org.fired().await, [1], "{name} was sent once");
    let found = collection.find(FindBy::EffectKey, &name).await.unwrap();
    assert_eq!(
        (found.len(), found[0].effect_key.as_deref()),
        (1, Some(name.as_str()))
    );
    let again = collection.write(std::slice::from_ref(&write)).await;
    let again = again.into_iter().next().unwrap().into_result().unwrap();
    assert_eq!(
        (again.id.as_str(), again.created, org.count(object)),
        (found[0].id.as_str(), Some(false), before + 1)
    );
}

#[actix_web::test]
async fn a_lost_answer_makes_no_second_record_of_any_kind() {
    let org = Org::start().await;
    let owner = org.account("owner").await.id;
    let opportunity = org.win(&crate::mapping::deal()).await.opportunity_id;
    settles(&org, org.crm.accounts(), "Account", account("Lost")).await;
    settles(&org, org.crm.contacts(), "Contact", contact(&owner, "Lost")).await;
    settles(&org, org.crm.contracts(), "Contract", contract(&owner, "Lost")).await;
    settles(
        &org,
        org.crm.assignments(),
        "Fairlead_Allocation__c",
        assignment(&opportunity, 60),
    )
    .await;
    settles(
        &org,
        org.crm.invoices(),
        "Fairlead_Invoice__c",
        invoice(&owner, "LOST"),
    )
    .await;
}

#[actix_web::test]
async fn a_lost_answer_to_an_update_or_a_link_is_sent_again_without_harm() {
    let org = Org::start().await;
    let won = org.win(&crate::mapping::deal()).await;
    let mut record = org
        .crm
        .opportunities()
        .read(&won.opportunity_id)
        .await
        .unwrap()
        .data;
    record.project = Some(RecordRef::labelled("40100", "HEL-0001"));
    let write: [Write<_>; 1] = [update("q2p-back", &won.opportunity_id, record)];
    org.faults(lost("Opportunity")).await;
    let results = org.crm.opportunities().write(&write).await;
    assert!(results[0].failure.as_ref().unwrap().is_unknown());
    assert_eq!(
        org.crm
            .opportunities()
            .find(FindBy::EffectKey, "q2p-back")
            .await
            .unwrap(),
        []
    );
    assert!(org.crm.opportunities().write(&write).await[0].failure.is_none());
    assert_eq!(
        org.field("Opportunity", &won.opportunity_id, "Project_Id__c"),
        json!("40100")
    );

    let link = Link {
        key: key("q2p-link"),
        id: won.account_id.clone(),
        system: "erp".to_owned(),
        other_id: Some("107".to_owned()),
        state: LinkState::Succeeded,
        message: None,
    };
    org.faults(lost("Account")).await;
    assert!(
        org.crm.accounts().link(std::slice::from_ref(&link)).await[0]
            .failure
            .as_ref()
            .unwrap()
            .is_unknown()
    );
    assert!(org.crm.accounts().link(&[link]).await[0].failure.is_none());
}

#[actix_web::test]
async fn a_lost_answer_to_a_batch_leaves_every_record_to_its_look_up() {
    let org = Org::with(Default::default(), |settings| settings.limits.batch_size = 2).await;
    org.account("warm").await;
    let writes: Vec<_> = (0..3)
        .map(|n| create(&format!("batch-{n}"), account(&format!("Batch {n}"))))
        .collect();
    for fault in ["reset_after", "truncated_body"] {
        org.faults(json!([{"method": "PATCH", "path": "composite", "fault": {"kind": fault}, "times": 1}]))
            .await;
        let results = org.crm.accounts().write(&writes).await;
        let unknown: Vec<bool> = results
            .iter()
            .map(|r| r.failure.as_ref().unwrap().is_unknown())
            .collect();
        assert_eq!(unknown, [true, true, false], "the third was never sent");
        for n in 0..2 {
            assert_eq!(
                org.crm
                    .accounts()
                    .find(FindBy::EffectKey, &format!("batch-{n}"))
                    .await
                    .unwrap()
                    .len(),
                1
            );
        }
        assert_eq!(
            org.crm
                .accounts()
                .find(FindBy::EffectKey, "batch-2")
                .await
                .unwrap(),
            []
        );
    }
}

#[actix_web::test]
async fn a_bulk_job_whose_closing_got_no_answer_is_asked_what_became_of_it() {
    let org = Org::with(Default::default(), |settings| settings.limits.bulk_from = 2).await;
    org.account("warm").await;
    let writes = |name: &str| -> Vec<_> {
        (0..4)
            .map(|n| create(&format!("{name}-{n}"), account("Bulk")))
            .collect()
    };
    org.faults(
        json!([{"method": "PATCH", "path": "jobs/ingest", "fault": {"kind": "reset_after"}, "times": 1}]),
    )
    .await;
    let results = org.crm.accounts().write(&writes("closed")).await;
    assert!(results.iter().all(|r| r.written.is_some()), "{results:?}");
    org.faults(
        json!([{"method": "PATCH", "path": "jobs/ingest", "fault": {"kind": "reset_before"}, "times": 1}]),
    )
    .await;
    let results = org.crm.accounts().write(&writes("open")).await;
    assert!(
        results.iter().all(|r| r
            .failure
            .as_ref()
            .is_some_and(|f| f.is_transient() && !f.is_unknown())),
        "{results:?}"
    );
    org.faults(json!([{"method": "GET", "path": "Results", "fault": {"kind": "server_error", "status": 500}, "times": 1}])).await;
    let results = org.crm.accounts().write(&writes("unread")).await;
    assert!(
        results
            .iter()
            .all(|r| r.failure.as_ref().is_some_and(|f| f.is_unknown())),
        "{results:?}"
    );
    assert_eq!(
        org.crm
            .accounts()
            .find(FindBy::EffectKey, "unread-3")
            .await
            .unwrap()
            .len(),
        1
    );
}
