//! `kill -9` in the middle of the loop, several times; started again, it ends with the same documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fairlead::{BINARIES, Development};
use toml::Table;

use crate::books;
use crate::children::{self, Process};
use crate::loop_::{self, documents_of_one_deal};
use crate::world::{World, fairlead_deal};

/// Tables of the twins: the moment the first record of one is made, the APIs are killed. They are spread over the loop:
/// customer, project, plan, forecast, time, invoice, and what sales sees of it.
const MOMENTS: [(&str, &str); 7] = [
    ("netsuite", "customer"),
    ("kantata", "workspaces"),
    ("netsuite", "projectTask"),
    ("kantata", "resource_requests"),
    ("netsuite", "timeBill"),
    ("netsuite", "invoice"),
    ("salesforce", "Fairlead_Invoice__c"),
];

#[actix_web::test]
async fn the_loop_ends_with_the_same_documents_after_kill_nine() {
    let folder = tempfile::tempdir().unwrap();
    let set_up = Development::on_free_ports(folder.path()).unwrap();
    let world = World::without_platform(folder, set_up);
    short_leases(&world);
    let mut apis = children::all_in_one(&world);
    children::ready(&world).await;
    world.finance.set_mappings().await.unwrap();

    let deal = fairlead_deal();
    let over = Arc::new(AtomicBool::new(false));
    let story = async {
        let told = loop_::play_on(&world, &deal).await;
        over.store(true, Ordering::Relaxed);
        told
    };
    let (told, killed) = tokio::join!(story, kill_at_each_moment(&world, &mut apis, &over));
    assert_eq!(killed, MOMENTS.len(), "each moment came");
    children::ready(&world).await;
    loop_::everything_is_where_it_belongs(&world, &deal, &told).await;
    assert_eq!(books::documents(&world).await, documents_of_one_deal());
    let open = world.exceptions().await;
    assert!(open.is_empty(), "nobody was asked: {open:#?}");
    drop(apis);
    world.stop().await;
}

/// A process that died holds its work until the lease ends. The tests need not wait as long as an installation.
fn short_leases(world: &World) {
    for (binary, _) in BINARIES
        .iter()
        .filter(|(binary, _)| binary.ends_with("-process-api"))
    {
        let file = world.set_up.config_file(binary);
        let mut settings: Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        let defaults = format!("{}/../config/{binary}/default.toml", env!("CARGO_MANIFEST_DIR"));
        let defaults: Table = std::fs::read_to_string(defaults).unwrap().parse().unwrap();
        if defaults.contains_key("engine") {
            let engine = settings.entry("engine").or_insert_with(|| Table::new().into());
            engine
                .as_table_mut()
                .unwrap()
                .insert("lease_ms".to_owned(), 2_000.into());
            std::fs::write(&file, settings.to_string()).unwrap();
        }
    }
}

/// Kills and starts again when the first record of each moment is there; gives how often.
async fn kill_at_each_moment(world: &World, apis: &mut Process, over: &AtomicBool) -> usize {
    let mut killed = 0;
    for (twin, table) in MOMENTS {
        while !world.created(twin).await.contains_key(table) {
            if over.load(Ordering::Relaxed) {
                return killed;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        apis.kill();
        killed += 1;
        *apis = children::all_in_one(world);
        children::ready(world).await;
    }
    killed
}
