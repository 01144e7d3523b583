//! What an auditor can see without us: every decision and effect of a deal is in the log, an export of it is in order, and
//! whatever somebody does to it is found, by our command and by a checker that shares no code with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use fairlead::audit::{tell, verify};
use reqwest::Method;
use serde_json::Value;

use crate::loop_::play;
use crate::world::{World, fairlead_deal};

const CONTROL: &str = "control-process-api";
const PROCESSES: [&str; 3] = [
    "quote-to-project-process-api",
    "time-to-invoice-process-api",
    "invoice-to-cash-process-api",
];

#[actix_web::test]
async fn a_deal_leaves_a_log_that_outsiders_can_check() {
    let world = World::start().await;
    play(&world, &fairlead_deal()).await;

    every_effect_is_in_the_log(&world).await;
    let size = entries(&world).await.len();
    let head = world
        .until("a tree head over everything so far", async || {
            let path = "/v1/audit-tree-heads?limit=1";
            let heads = world.call(Method::GET, CONTROL, path, "audit:read", None).await;
            let head = heads["items"][0].clone();
            (head["tree_size"].as_u64() >= u64::try_from(size).ok()).then_some(head)
        })
        .await;
    let export = world
        .call(Method::GET, CONTROL, "/v1/audit-export", "audit:read", None)
        .await;
    let export = export.as_str().unwrap().to_owned();

    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("head.json");
    std::fs::write(&kept, head.to_string()).unwrap();
    is_in_order(&write(folder.path(), export.as_bytes()), &kept);
    changes_are_found(folder.path(), &export);
    tails_are_missed(folder.path(), &export, &kept, &head);
    world.stop().await;
}

/// Each effect that a process applied is one entry, whatever became of its answers.
async fn every_effect_is_in_the_log(world: &World) {
    let mut applied = BTreeMap::new();
    for api in PROCESSES {
        let path = "/v1/instances?limit=1000";
        let page = world.call(Method::GET, api, path, "processes:read", None).await;
        assert_eq!(page["next_cursor"], Value::Null, "{api}: one page is all");
        for instance in page["items"].as_array().unwrap() {
            let id = instance["id"].as_str().unwrap();
            let path = format!("/v1/instances/{id}");
            let detail = world.call(Method::GET, api, &path, "processes:read", None).await;
            let steps = detail["steps"].as_array().unwrap().iter();
            for effect in steps.flat_map(|step| step["effects"].as_array().unwrap()) {
                // With an id it is one that was written.
                if effect["id"].is_string() {
                    *applied.entry(name(id, &effect["key"])).or_insert(0) += 1;
                }
            }
        }
    }
    assert!(
        applied.len() > 40,
        "a deal writes more than {} records",
        applied.len()
    );
    world
        .until("each applied effect is one entry of the audit log", async || {
            let mut logged = BTreeMap::new();
            for entry in entries(world).await {
                let detail = &entry["detail"];
                if entry["action"] == "effect.applied" {
                    *logged
                        .entry(name(detail["instance_id"].as_str().unwrap(), &detail["key"]))
                        .or_insert(0) += 1;
                }
            }
            let all = applied
                .iter()
                .all(|(effect, count)| logged.get(effect) == Some(count));
            all.then_some(())
        })
        .await;
}

fn name(instance: &str, key: &Value) -> String {
    format!("{instance} {}", key.as_str().unwrap())
}

async fn entries(world: &World) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let path = format!("/v1/audit-entries?limit=1000&after={}", all.len());
        let page = world.call(Method::GET, CONTROL, &path, "audit:read", None).await;
        let page = page["items"].as_array().unwrap().clone();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

fn write(folder: &Path, export: &[u8]) -> PathBuf {
    let file = folder.join("export.jsonl");
    std::fs::write(&file, export).unwrap();
    file
}

fn is_in_order(file: &Path, kept: &Path) {
    let report = verify(file, Some(kept), None).unwrap();
    let mut said = Vec::new();
    tell(&report, &mut said).unwrap();
    assert!(String::from_utf8(said).unwrap().contains(&report.root_hash));
    if let Some((sound, said)) = python(file, Some(kept)) {
        assert!(sound && said.trim() == report.root_hash, "{said}");
    }
}

/// What the checker in Python says; nothing where there is no Python.
fn python(file: &Path, kept: Option<&Path>) -> Option<(bool, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("audit/verify.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(file);
    if let Some(kept) = kept {
        command.arg("--head").arg(kept);
    }
    match command.output() {
        Ok(output) => Some((output.status.success(), String::from_utf8(output.stdout).unwrap())),
        Err(_) => {
            eprintln!("skipped: there is no python3");
            None
        }
    }
}

/// Bytes all over the export changed, lines removed, neighbours swapped: our command finds each, Python a sample.
fn changes_are_found(folder: &Path, export: &str) {
    let lines: Vec<&str> = export.lines().collect();
    let mut changed: Vec<(String, Vec<u8>)> = Vec::new();
    for at in (0..export.len()).step_by(export.len() / 150) {
        let mut bytes = export.as_bytes().to_vec();
        bytes[at] ^= 1 << (at % 8);
        changed.push((format!("byte {at} changed"), bytes));
    }
    let text = |lines: &[&str]| {
        lines
            .iter()
            .flat_map(|line| [line.as_bytes(), b"\n"].concat())
            .collect()
    };
    for at in (0..lines.len() - 1).step_by(1 + lines.len() / 60) {
        let mut without = lines.clone();
        without.remove(at);
        changed.push((format!("without line {}", at + 1), text(&without)));
        let mut swapped = lines.clone();
        swapped.swap(at, at + 1);
        changed.push((format!("line {} swapped with the next", at + 1), text(&swapped)));
    }
    for (n, (what, bytes)) in changed.iter().enumerate() {
        let file = write(folder, bytes);
        let report = verify(&file, None, None).unwrap();
        assert_ne!(report.findings, [], "{what}");
        assert!(tell(&report, Vec::new()).is_err());
        if n % 12 == 0
            && let Some((sound, _)) = python(&file, None)
        {
            assert!(!sound, "{what}: Python did not find it");
        }
    }
}

/// A tail that is cut together with the first line is found by a head that was kept only.
fn tails_are_missed(folder: &Path, export: &str, kept: &Path, head: &Value) {
    for keep in [export.len() - 1, export.len() / 2, export.find('\n').unwrap() + 1] {
        let file = write(folder, &export.as_bytes()[..keep]);
        assert_ne!(
            verify(&file, None, None).unwrap().findings,
            [],
            "cut at byte {keep}"
        );
    }
    // The log as it was some entries ago: whole in itself.
    let entries: Vec<&str> = export.lines().filter(|line| line.starts_with('[')).collect();
    let earlier = usize::try_from(head["tree_size"].as_u64().unwrap()).unwrap() - 2;
    let mut tree = audit_log::tree::Frontier::default();
    for line in &entries[..earlier] {
        tree.push(audit_log::tree::leaf_hash(line.as_bytes()));
    }
    let header = audit_log::Header {
        format: audit_log::FORMAT.to_owned(),
        first: 1,
        heads: 0,
        previous_hash: String::new(),
        subtree_roots: Vec::new(),
        head: audit_log::Head::new(tree.size(), &tree.root()),
    };
    let text = format!("{}\n{}\n", header.line(), entries[..earlier].join("\n"));
    let file = write(folder, text.as_bytes());
    assert_eq!(verify(&file, None, None).unwrap().findings, []);
    assert_ne!(verify(&file, Some(kept), None).unwrap().findings, []);
    if let Some((sound, said)) = python(&file, Some(kept)) {
        assert!(!sound, "{said}");
    }
}
