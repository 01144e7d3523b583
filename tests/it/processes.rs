//! Twelve processes instead of one, and PostgreSQL instead of files: the same loop, the same documents.

use fairlead::Development;

use crate::books;
use crate::children;
use crate::loop_::{self, documents_of_one_deal};
use crate::world::{World, fairlead_deal};

#[actix_web::test]
async fn the_loop_passes_with_every_binary_as_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let set_up = Development::on_free_ports(folder.path()).unwrap();
    let world = World::without_platform(folder, set_up);
    let binaries = children::twelve(&world);
    children::ready(&world).await;
    world.finance.set_mappings().await.unwrap();
    let deal = fairlead_deal();
    let told = loop_::play(&world, &deal).await;
    loop_::everything_is_where_it_belongs(&world, &deal, &told).await;
    assert_eq!(books::documents(&world).await, documents_of_one_deal());
    drop(binaries);
    world.stop().await;
}

#[actix_web::test]
#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
async fn the_loop_passes_on_postgres() {
    let Ok(url) = std::env::var("FAIRLEAD_TEST_POSTGRES") else {
        eprintln!("skipped: FAIRLEAD_TEST_POSTGRES is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let schemas = format!("e2e_{}", chrono::Utc::now().timestamp_micros());
    let set_up = Development::on_free_ports(folder.path())
        .unwrap()
        .on_postgres(&url, &schemas);
    let world = World::start_with(folder, set_up).await;
    let deal = fairlead_deal();
    let told = loop_::play(&world, &deal).await;
    loop_::everything_is_where_it_belongs(&world, &deal, &told).await;
    assert_eq!(books::documents(&world).await, documents_of_one_deal());
    world.stop().await;
}
