//! A vendor does what it is asked and the answer never arrives: what was made is found again and adopted, never made twice.

use vendor_twins::faults::{Fault, Rule};

use crate::books;
use crate::loop_::{self, documents_of_one_deal};
use crate::world::{World, fairlead_deal, once};

/// Rules for writes of a vendor: the first of each kind is carried out, then the connection is cut.
fn cut(kinds: &[(&str, &str)]) -> Vec<Rule> {
    kinds
        .iter()
        .map(|(method, path)| once(method, path, Fault::ResetAfter))
        .collect()
}

/// The first write of each kind at the ERP, the invoice among them.
const NETSUITE: [(&str, &str); 9] = [
    ("PUT", "/record/v1/customer/eid"),
    ("PUT", "/record/v1/job/eid"),
    ("PUT", "/record/v1/projectTask/eid"),
    ("PUT", "/record/v1/salesOrder/eid"),
    ("PUT", "/record/v1/billingSchedule/eid"),
    ("PUT", "/record/v1/resourceAllocation/eid"),
    ("PUT", "/record/v1/timeBill(\\?|$)"),
    ("PUT", "/record/v1/expenseReport(\\?|$)"),
    ("POST", "/record/v1/invoice(\\?|$)"),
];

/// At the PSA: what Fairlead writes there; the firm's own writes are other paths.
const KANTATA: [(&str, &str); 5] = [
    ("POST", "/api/v1/workspace_groups(\\?|$)"),
    ("POST", "/api/v1/workspaces(\\?|$)"),
    ("PUT", "/api/v1/workspaces/"),
    ("POST", "/api/v1/stories"),
    ("POST", "/api/v1/resource_requests(\\?|$)"),
];

/// At the CRM: upserts by our key, and changes of the account. The deal itself is closed by sales first.
const SALESFORCE: [(&str, &str); 4] = [
    ("PATCH", "/sobjects/Account/"),
    ("PATCH", "/sobjects/Contract/"),
    ("PATCH", "/sobjects/Fairlead_Allocation__c/"),
    ("PATCH", "/sobjects/Fairlead_Invoice__c/"),
];

#[actix_web::test]
async fn a_lost_answer_of_each_kind_of_write_makes_nothing_twice() {
    let world = World::start().await;
    world.faults("netsuite", &cut(&NETSUITE)).await;
    world.faults("kantata", &cut(&KANTATA)).await;
    let mut crm = cut(&SALESFORCE);
    crm.push(Rule {
        skip: 1,
        ..once("PATCH", "/sobjects/Opportunity/", Fault::ResetAfter)
    });
    world.faults("salesforce", &crm).await;

    let deal = fairlead_deal();
    let told = loop_::play(&world, &deal).await;

    for (twin, kinds) in [
        ("netsuite", NETSUITE.len()),
        ("kantata", KANTATA.len()),
        ("salesforce", SALESFORCE.len() + 1),
    ] {
        let fired = world.fired(twin).await;
        assert_eq!(
            fired,
            vec![1; kinds],
            "{twin}: a kind of write that was not cut proves nothing"
        );
    }
    loop_::everything_is_where_it_belongs(&world, &deal, &told).await;
    assert_eq!(books::documents(&world).await, documents_of_one_deal());
    let open = world.exceptions().await;
    assert!(
        open.is_empty(),
        "every doubt was settled without a person: {open:#?}"
    );
    world.stop().await;
}
