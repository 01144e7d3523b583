//! What the API promises and what it refuses.

use psa_system_api::contract;

use crate::office::Office;

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "system/psa.v1.json");
}

#[tokio::test]
async fn every_operation_refuses_callers_who_may_not() {
    let office = Office::open().await;
    testkit::check_refusals(
        &office.api.base_url,
        &contract(),
        &office.issuer,
        "psa-system-api",
    )
    .await;
    office.close().await;
}
