//! The port's suite, for every collection that it can be run on.

use canonical_model::{FindBy, RecordRef, Resource};
use serde_json::json;
use system_ports::conformance::{Subject, check};
use system_ports::{Collection, CrmPort, Port};

use crate::org::{Org, account, assignment, contact, contract, create, invoice, update, written};

/// Of the right form, of the right kind, and not there.
const NO_ACCOUNT: &str = "001000000009999AAA";
const NO_OPPORTUNITY: &str = "006000000009999AAA";

async fn passes<T: Resource>(
    collection: &dyn Collection<T>,
    record: impl Fn(usize) -> T,
    refused: Option<T>,
) {
    let subject = Subject {
        collection,
        record: Box::new(record),
        refused,
        run: "a".to_owned(),
    };
    check(&subject).await.unwrap();
}

#[actix_web::test]
async fn accounts_contacts_contracts_planned_time_and_invoices_keep_the_ports_promises() {
    let org = Org::start().await;
    let owner = org.account("conformance-owner").await.id;
    let opportunity = org.win(&crate::mapping::deal()).await.opportunity_id;
    passes(
        org.crm.accounts(),
        |n| account(&format!("Konform {n}")),
        Some(account(&"x".repeat(256))),
    )
    .await;
    passes(
        org.crm.contacts(),
        |n| contact(&owner, &format!("Nr{n}")),
        Some(contact(NO_ACCOUNT, "Nobody")),
    )
    .await;
    passes(
        org.crm.contracts(),
        |n| contract(&owner, &format!("Contract {n}")),
        Some(contract(NO_ACCOUNT, "None")),
    )
    .await;
    passes(
        org.crm.assignments(),
        |n| assignment(&opportunity, 60 * i64::try_from(n).unwrap()),
        Some(assignment(NO_OPPORTUNITY, 60)),
    )
    .await;
    passes(
        org.crm.invoices(),
        |n| invoice(&owner, &format!("INV{n}")),
        Some(invoice(NO_ACCOUNT, "INV")),
    )
    .await;
}

#[actix_web::test]
async fn what_is_written_is_read_again() {
    let org = Org::start().await;
    let owner = org.account("owner").await.id;
    let opportunity = org.win(&crate::mapping::deal()).await.opportunity_id;
    let labelled = |id: &str, label: &str| RecordRef::labelled(id, label);

    let mut expected = contract(&owner, "Grid strategy");
    expected.opportunity = Some(RecordRef::id(&opportunity));
    let id = written(org.crm.contracts(), "k-contract", expected.clone())
        .await
        .id;
    let read = org.crm.contracts().read(&id).await.unwrap();
    expected.account = labelled(&owner, "owner");
    expected.opportunity = Some(labelled(&opportunity, "Helios grid strategy"));
    assert_eq!(
        (read.data, read.effect_key.as_deref()),
        (expected, Some("k-contract"))
    );

    // 50 minutes are 0.8333 hours; the org keeps two digits.
    let mut expected = assignment(&opportunity, 50);
    let id = written(org.crm.assignments(), "k-time", expected.clone())
        .await
        .id;
    expected.project = labelled(&opportunity, "Helios grid strategy");
    assert_eq!(org.crm.assignments().read(&id).await.unwrap().data, expected);
    assert_eq!(org.field("Fairlead_Allocation__c", &id, "Hours__c"), json!(0.83));

    let mut expected = invoice(&owner, "INV9");
    let id = written(org.crm.invoices(), "k-invoice", expected.clone())
        .await
        .id;
    expected.account = labelled(&owner, "owner");
    let found = org.crm.invoices().find(FindBy::Code, "INV9").await.unwrap();
    assert_eq!((&found[0].id, &found[0].data), (&id, &expected));
}

#[actix_web::test]
async fn a_write_by_id_leaves_the_records_key_alone() {
    let org = Org::start().await;
    // Made by a salesperson, without any key of ours.
    let theirs = org.any("Account");
    let ours = org.account("ours-1").await.id;
    let mut record = account("Fabrikam Industrial Group");
    record.currency = None;
    let results = org
        .crm
        .accounts()
        .write(&[
            update("later-1", &theirs, record.clone()),
            update("later-2", &ours, record),
            create("ours-2", account("Neu")),
        ])
        .await;
    assert!(
        results.iter().all(|result| result.failure.is_none()),
        "{results:?}"
    );
    assert_eq!(org.field("Account", &theirs, "Fairlead_Id__c"), json!(null));
    assert_eq!(org.field("Account", &ours, "Fairlead_Id__c"), json!("ours-1"));
    assert_eq!(
        org.crm
            .accounts()
            .find(FindBy::EffectKey, "later-1")
            .await
            .unwrap(),
        []
    );
}

#[actix_web::test]
async fn one_record_twice_in_a_batch_is_written_in_order() {
    let org = Org::start().await;
    let results = org
        .crm
        .accounts()
        .write(&[
            create("twice", account("First")),
            create("other", account("Other")),
            create("twice", account("Second")),
        ])
        .await;
    let ids: Vec<_> = results
        .into_iter()
        .map(|result| result.into_result().unwrap())
        .collect();
    assert_eq!(
        (&ids[0].id, ids[0].created, ids[2].created),
        (&ids[2].id, Some(true), Some(false))
    );
    assert_eq!(org.field("Account", &ids[0].id, "Name"), json!("Second"));
}

#[actix_web::test]
async fn many_writes_go_through_a_bulk_job_and_keep_their_own_outcomes() {
    let org = Org::with(Default::default(), |settings| settings.limits.bulk_from = 3).await;
    let mut writes: Vec<_> = (0..50)
        .map(|n| create(&format!("bulk-{n}"), account(&format!("Masse {n}, \"GmbH\""))))
        .collect();
    writes[7].record = account(&"x".repeat(256));
    let results = org.crm.accounts().write(&writes).await;
    let failed: Vec<_> = results
        .iter()
        .filter_map(|r| Some((r.key.as_str(), r.failure.as_ref()?.code.as_str())))
        .collect();
    assert_eq!(failed, [("bulk-7", "text_too_long")]);
    let id = &results[49].written.as_ref().unwrap().id;
    assert_eq!(org.field("Account", id, "Name"), json!("Masse 49, \"GmbH\""));
    // By id, and without touching what is not given.
    let updates: Vec<_> = results[..5]
        .iter()
        .map(|r| {
            let mut record = account("Umbenannt");
            record.currency = None;
            update("again", &r.written.as_ref().unwrap().id, record)
        })
        .collect();
    let results = org.crm.accounts().write(&updates).await;
    assert!(results.iter().all(|r| r.written.is_some()), "{results:?}");
    let id = &results[0].written.as_ref().unwrap().id;
    assert_eq!(
        (
            org.field("Account", id, "Name"),
            org.field("Account", id, "Fairlead_Id__c")
        ),
        (json!("Umbenannt"), json!("bulk-0"))
    );
}

#[actix_web::test]
async fn capabilities_and_health_are_those_of_the_org() {
    let org = Org::start().await;
    org.crm.check_health().await.unwrap();
    let capabilities = org.crm.capabilities();
    assert_eq!(capabilities.collections.len(), 6);
}
