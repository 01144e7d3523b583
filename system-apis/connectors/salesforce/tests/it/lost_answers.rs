//! Answers that are lost after the org has committed: the outcome is unknown, and a look-up by the key settles it.

use std::collections::BTreeSet;

use canonical_model::{FindBy, Link, LinkState, Opportunity, RecordRef, Resource, Write};
use serde_json::{Value, json};
use system_ports::{Collection, CrmPort, Port, Verb};

use crate::org::{Org, account, assignment, contact, contract, create, invoice, key, update};

/// The two ways in which an answer is lost: after the vendor committed, and before it was reached.
const WAYS: [(&str, bool); 2] = [("reset_after", true), ("reset_before", false)];

fn lost(fault: &str, path: &str) -> Value {
    json!([{"method": "PATCH", "path": path, "fault": {"kind": fault}, "times": 1}])
}

/// Loses the answer to one write in both ways: the look-up by its key tells which, and the write sent again leaves one
/// record. The collection's path.
async fn settles<T: Resource>(
    org: &Org,
    collection: &dyn Collection<T>,
    object: &str,
    record: impl Fn(&str) -> T,
) -> String {
    for (fault, committed) in WAYS {
        let before = org.count(object);
        let name = format!("{}-{}", fault.replace('_', "-"), T::NAME);
        let write = create(&name, record(fault));
        org.faults(lost(fault, object)).await;
        let results = collection.write(std::slice::from_ref(&write)).await;
        let failure = results[0].failure.as_ref().unwrap();
        assert!(
            failure.is_transient() && failure.is_unknown(),
            "{name}: {failure:?}"
        );
        assert_eq!(org.fired().await, [1], "{name} was sent once");
        assert_eq!(org.count(object), before + usize::from(committed), "{name}");
        let found = collection.find(FindBy::EffectKey, &name).await.unwrap();
        assert_eq!(found.len(), usize::from(committed), "{name}");
        let again = collection.write(std::slice::from_ref(&write)).await;
        let again = again.into_iter().next().unwrap().into_result().unwrap();
        assert_eq!(
            (again.created, org.count(object)),
            (Some(!committed), before + 1),
            "{name}"
        );
        for found in found {
            assert_eq!(
                (&found.id, found.effect_key.as_deref()),
                (&again.id, Some(name.as_str()))
            );
        }
    }
    T::PATH.to_owned()
}

fn declared(org: &Org, verb: Verb) -> BTreeSet<String> {
    let all = org.crm.capabilities().collections.into_iter();
    let those = all.filter(|collection| collection.support.has(verb));
    those.map(|collection| collection.collection).collect()
}

#[actix_web::test]
async fn a_lost_answer_makes_no_second_record_of_any_kind() {
    let org = Org::start().await;
    let owner = org.account("owner").await.id;
    let opportunity = org.win(&crate::mapping::deal()).await.opportunity_id;
    let covered = BTreeSet::from([
        settles(&org, org.crm.accounts(), "Account", account).await,
        settles(&org, org.crm.contacts(), "Contact", |name| contact(&owner, name)).await,
        settles(&org, org.crm.contracts(), "Contract", |name| {
            contract(&owner, name)
        })
        .await,
        settles(&org, org.crm.assignments(), "Fairlead_Allocation__c", |_| {
            assignment(&opportunity, 60)
        })
        .await,
        settles(&org, org.crm.invoices(), "Fairlead_Invoice__c", |name| {
            invoice(&owner, name)
        })
        .await,
        // Deals are never created here; their changes are below.
        Opportunity::PATH.to_owned(),
    ]);
    assert_eq!(
        covered,
        declared(&org, Verb::Write),
        "every collection that can be written"
    );
}

/// Loses the answer to a link in both ways; set again it is there.
async fn links<T: Resource>(
    org: &Org,
    collection: &dyn Collection<T>,
    (object, id): (&str, &str),
    system: &str,
) -> String {
    for (n, (fault, _)) in WAYS.into_iter().enumerate() {
        let link = Link {
            key: key(&format!("link-{n}-{}", T::NAME)),
            id: id.to_owned(),
            system: system.to_owned(),
            other_id: Some(format!("107{n}")),
            state: LinkState::Succeeded,
            message: None,
        };
        org.faults(lost(fault, object)).await;
        let results = collection.link(std::slice::from_ref(&link)).await;
        assert!(
            results[0].failure.as_ref().unwrap().is_unknown(),
            "{object} {fault}"
        );
        assert_eq!(org.fired().await, [1], "{object} {fault}");
        assert!(
            collection.link(std::slice::from_ref(&link)).await[0]
                .failure
                .is_none()
        );
        let links = collection.read(id).await.unwrap().links;
        assert_eq!(links.get(system), link.other_id.as_ref(), "{object} {fault}");
    }
    T::PATH.to_owned()
}

#[actix_web::test]
async fn a_lost_answer_to_an_update_or_a_link_is_sent_again_without_harm() {
    let org = Org::start().await;
    let won = org.win(&crate::mapping::deal()).await;
    let deals = org.crm.opportunities();
    for (n, (fault, _)) in WAYS.into_iter().enumerate() {
        let (id, key) = (format!("4010{n}"), format!("q2p-back-{n}"));
        let mut record = deals.read(&won.opportunity_id).await.unwrap().data;
        record.project = Some(RecordRef::labelled(&id, "HEL-0001"));
        let write: [Write<_>; 1] = [update(&key, &won.opportunity_id, record)];
        org.faults(lost(fault, "Opportunity")).await;
        let results = deals.write(&write).await;
        assert!(results[0].failure.as_ref().unwrap().is_unknown(), "{fault}");
        assert_eq!(deals.find(FindBy::EffectKey, &key).await.unwrap(), []);
        assert!(deals.write(&write).await[0].failure.is_none());
        assert_eq!(
            org.field("Opportunity", &won.opportunity_id, "Project_Id__c"),
            json!(id)
        );
    }
    let covered = BTreeSet::from([
        links(&org, org.crm.accounts(), ("Account", &won.account_id), "erp").await,
        links(&org, deals, ("Opportunity", &won.opportunity_id), "psa").await,
    ]);
    assert_eq!(
        covered,
        declared(&org, Verb::Link),
        "every collection that can be linked"
    );
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
