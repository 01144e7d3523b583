//! Every API serves the contract that is committed for it.

use fairlead::BINARIES;
use std::path::Path;

use crate::world::World;

#[actix_web::test]
async fn every_running_api_serves_its_committed_contract() {
    let world = World::start().await;
    let apis = world.apis();
    assert_eq!(apis.len(), BINARIES.len());
    for (name, url) in apis {
        let (layer, short) = ["system", "process", "experience"]
            .into_iter()
            .find_map(|layer| Some((layer, name.strip_suffix(&format!("-{layer}-api"))?)))
            .unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../openapi/{layer}/{short}.v1.json"));
        let committed = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let committed: serde_json::Value = serde_json::from_str(&committed).unwrap();
        let (status, served) = world.get(&format!("{url}/openapi.json")).await;
        assert_eq!(status, 200, "{name}");
        assert_eq!(
            served,
            committed,
            "{name} serves another contract than {}",
            file.display()
        );
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(world.get(&format!("{url}{path}")).await.0, 200, "{name}{path}");
        }
        let (status, nothing) = world.get(&format!("{url}/v1/nothing-here")).await;
        assert_eq!(
            (status, &nothing["class"]),
            (404, &"business".into()),
            "{name}: {nothing}"
        );
    }
    world.stop().await;
}
