//! Answers that are lost, and a Tryton that is killed and started in the middle: nothing is missing and nothing is there
//! twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fairlead::{Erp, TrytonServer};
use rust_decimal::Decimal;
use serde_json::json;
use vendor_twins::firm::Tryton;

use super::ledger::{self, RECEIVABLE, on};
use super::proxy::Proxy;
use super::{Firm, installed, serve, set_up};
use crate::world::fairlead_deal;

/// Every kind of write that a deal needs of the connector.
const WRITES: [&str; 8] = [
    "account.invoice.create",
    "account.invoice.delete",
    "account.invoice.post",
    "party.party.create",
    "project.work.create",
    "project.work.write",
    "timesheet.line.create",
    "timesheet.line.write",
];

#[actix_web::test]
async fn a_lost_answer_of_each_kind_of_write_leaves_one_of_each_in_tryton() {
    let Some(installation) = installed() else { return };
    let (folder, set_up) = set_up(installation);
    let proxy = Proxy::before(set_up.port("tryton")).await;
    let firm = Firm::start_at(folder, set_up.with_tryton_behind(&proxy.url)).await;
    let deal = fairlead_deal();
    let told = firm.play_to_invoice(&deal).await;
    firm.play_to_payment(&deal, &told).await;

    let lost = proxy.lost();
    let expected: BTreeSet<String> = WRITES.map(str::to_owned).into();
    assert!(
        lost.is_superset(&expected),
        "a kind of write whose answer was not lost proves nothing: {lost:?}"
    );
    nothing_is_missing_or_there_twice(&firm, &told).await;
    firm.stop().await;
}

/// The moment the first record of each is there, Tryton is killed.
const MOMENTS: [&str; 4] = ["party.party", "project.work", "timesheet.line", "account.invoice"];

#[actix_web::test]
async fn tryton_killed_and_started_again_holds_the_same_books() {
    let Some(installation) = installed() else { return };
    let mut firm = Firm::start(installation).await;
    let deal = fairlead_deal();
    let mut server = firm.server.take();
    let over = AtomicBool::new(false);
    let story = async {
        let end = tokio::time::Instant::now() + Duration::from_secs(240);
        loop {
            let story = firm.story(&deal);
            match story.play(&mut |_| ()).await {
                Ok(told) => {
                    over.store(true, Ordering::Relaxed);
                    return told;
                }
                // People meet a Tryton that is away as well.
                Err(error) if tokio::time::Instant::now() < end => eprintln!("interrupted: {error:#}"),
                Err(error) => firm.in_vain(&error, &[]).await,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let (told, killed) = tokio::join!(story, kill_at_each_moment(&firm, &mut server, &over));
    assert_eq!(killed, MOMENTS.len(), "each moment came");
    nothing_is_missing_or_there_twice(&firm, &told).await;
    firm.server = server;
    firm.stop().await;
}

/// Kills Tryton, leaves it away for a moment, and starts it on the same books; gives how often.
async fn kill_at_each_moment(firm: &Firm, server: &mut Option<TrytonServer>, over: &AtomicBool) -> usize {
    let mut killed = 0;
    let Erp::Tryton(installation) = firm.world.set_up.erp() else {
        return killed;
    };
    let address = installation.finance(&firm.world.set_up.url("tryton")).unwrap();
    let watch = Tryton::at(address).unwrap();
    let at_first = ledger::documents(&watch).await;
    for model in MOMENTS {
        let params = || vec![json!([])];
        let before = json!(at_first[model]);
        while watch.model(model, "search_count", params()).await.unwrap() == before {
            if over.load(Ordering::Relaxed) {
                return killed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if let Some(running) = server.take() {
            running.stop().await.unwrap();
        }
        killed += 1;
        // Away for long enough that the platform meets it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        *server = Some(serve(&firm.world.set_up).await);
    }
    killed
}

async fn nothing_is_missing_or_there_twice(firm: &Firm, told: &fairlead::Told) {
    let minutes = ledger::hours_agree(firm, &told.workspace_id, &told.customer_id).await;
    assert_eq!(minutes, 3 * 75 * 60);
    assert_eq!(
        ledger::documents(&firm.tryton).await,
        ledger::documents_of_one_deal()
    );
    let balances = ledger::trial_balance(&firm.tryton).await;
    assert_eq!(on(&balances, RECEIVABLE), Decimal::ZERO);
    let open = firm.world.exceptions().await;
    assert!(
        open.is_empty(),
        "every doubt was settled without a person: {open:#?}"
    );
}
