//! The audit log in its database: what is exported can be checked, what is proven holds, what was changed is found.

use audit_log::tree::{Frontier, Span, consistency, inclusion, leaf_hash};
use audit_log::{Head, Report, Verifier};
use canonical_model::Result;
use control_process_api::MIGRATIONS;
use control_process_api::audit::{self, Entry};
use futures_util::future::join_all;
use persistence::{Database, args};
use serde_json::json;

async fn databases() -> Vec<(&'static str, Database)> {
    let migrations: Vec<_> = persistence::MIGRATIONS.into_iter().chain(MIGRATIONS).collect();
    testkit::test_database(&migrations).await
}

fn entry(n: usize) -> Entry {
    Entry {
        actor: "nora@firm.example".to_owned(),
        action: "effect.applied".to_owned(),
        subject: format!("time_entry psa/main {n}"),
        // A number that would not come back as it was if it were read and written again.
        detail: json!({ "what": "Zürich \"A\"\n", "rate": 0.1 + 0.2, "n": n }),
        correlation_id: "c".to_owned(),
    }
}

async fn append(db: &Database, count: usize) -> Result<()> {
    db.write(move |tx| {
        Box::pin(async move {
            let entries: Vec<_> = (0..count).map(entry).collect();
            audit::append(tx, &entries, 1_790_000_000_000).await
        })
    })
    .await
}

async fn make_head(db: &Database) -> Option<Head> {
    db.write(|tx| Box::pin(async move { audit::make_head(tx, None, 5).await }))
        .await
        .unwrap()
}

async fn export(db: &Database, first: i64) -> Vec<String> {
    db.read(move |tx| {
        Box::pin(async move {
            let header = audit::header(tx, first, None).await?;
            let (mut after, mut text) = (first - 1, format!("{}\n", header.line()));
            let last = i64::try_from(header.head.tree_size).unwrap();
            while let Some((end, page)) = audit::export(tx, after, last).await? {
                (after, text) = (end, text + &page);
            }
            Ok(text.lines().map(str::to_owned).collect())
        })
    })
    .await
    .unwrap()
}

fn check(export: &[String], kept: &[Head]) -> Report {
    let mut verifier = Verifier::new(kept.to_vec(), None);
    export.iter().for_each(|line| verifier.line(line.as_bytes()));
    verifier.finish(true)
}

async fn change(db: &Database, sql: &'static str) {
    db.write(move |tx| Box::pin(async move { tx.execute(sql, args![]).await }))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_export_from_any_entry_on_is_in_order_and_continues_a_head_that_was_kept() {
    for (engine, db) in databases().await {
        assert_eq!(make_head(&db).await, None, "{engine}: nothing to cover");
        assert_eq!(check(&export(&db, 1).await, &[]).findings, [], "{engine}");
        let mut kept = Vec::new();
        for count in [1, 254, 1, 1, 300, 43] {
            append(&db, count).await.unwrap();
            kept.extend(make_head(&db).await);
            assert_eq!(make_head(&db).await, None, "{engine}: there is one already");
        }
        append(&db, 7).await.unwrap();
        for first in [1, 2, 256, 257, 258, 512, 600, 607] {
            let report = check(&export(&db, first).await, &[]);
            assert_eq!(
                (report.findings, report.last),
                (Vec::new(), 607),
                "{engine}: {first}"
            );
        }
        let sizes: Vec<_> = kept.iter().map(|head| head.tree_size).collect();
        assert_eq!(sizes, [1, 255, 256, 257, 557, 600], "{engine}");
        let whole = check(&export(&db, 1).await, &kept);
        assert_eq!(
            (whole.findings.len(), whole.heads),
            (0, 13),
            "{engine}: once in the export, once kept"
        );
        let continued = check(&export(&db, 258).await, &kept[3..]);
        assert_eq!(continued.findings, [], "{engine}");

        let told = db
            .read(|tx| Box::pin(async move { audit::heads(tx, 600, 2).await }))
            .await
            .unwrap();
        let told: Vec<_> = told.into_iter().map(|made| made.head).collect();
        assert_eq!(told, [kept[4].clone(), kept[3].clone()], "{engine}");
        let beyond = db
            .read(|tx| Box::pin(async move { audit::header(tx, 608, None).await }))
            .await;
        assert_eq!(beyond.unwrap_err().code, "audit_range_unknown", "{engine}");
    }
}

#[tokio::test]
async fn proofs_are_those_of_the_tree_over_all_lines() {
    for (engine, db) in databases().await {
        append(&db, 700).await.unwrap();
        let lines = db
            .read(|tx| Box::pin(async move { audit::lines(tx, 0, 1000).await }))
            .await
            .unwrap();
        let root = |(from, to): Span| {
            let mut tree = Frontier::default();
            for (_, line) in &lines[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()] {
                tree.push(leaf_hash(line.as_bytes()));
            }
            hex::encode(tree.root())
        };
        for (seq, size) in [
            (1, 1),
            (1, 700),
            (256, 700),
            (257, 700),
            (300, 511),
            (700, 700),
            (513, 600),
        ] {
            let proof = db
                .read(move |tx| Box::pin(async move { audit::prove_inclusion(tx, seq, Some(size)).await }))
                .await
                .unwrap();
            let (index, size) = (u64::try_from(seq - 1).unwrap(), u64::try_from(size).unwrap());
            let expected: Vec<_> = inclusion(index, size).into_iter().map(root).collect();
            assert_eq!(proof.hashes, expected, "{engine}: {seq} in {size}");
            assert_eq!(proof.head.root_hash, root((0, size)), "{engine}");
            assert_eq!(proof.line, lines[usize::try_from(index).unwrap()].1, "{engine}");
        }
        for (from, to) in [
            (1, 700),
            (256, 512),
            (255, 257),
            (300, 700),
            (699, 700),
            (700, 700),
        ] {
            let proof = db
                .read(move |tx| Box::pin(async move { audit::prove_consistency(tx, from, Some(to)).await }))
                .await
                .unwrap();
            let (from, to) = (u64::try_from(from).unwrap(), u64::try_from(to).unwrap());
            let expected: Vec<_> = consistency(from, to).into_iter().map(root).collect();
            assert_eq!(proof.hashes, expected, "{engine}: {from} to {to}");
            let roots = (proof.from.root_hash, proof.to.root_hash);
            assert_eq!(roots, (root((0, from)), root((0, to))), "{engine}");
        }
        let unknown = db
            .read(|tx| Box::pin(async move { audit::prove_inclusion(tx, 701, None).await }))
            .await;
        assert_eq!(unknown.unwrap_err().code, "not_found", "{engine}");
        let too_small = db
            .read(|tx| Box::pin(async move { audit::prove_inclusion(tx, 10, Some(9)).await }))
            .await;
        assert_eq!(too_small.unwrap_err().code, "audit_range_unknown", "{engine}");
    }
}

#[tokio::test]
async fn lines_from_before_the_tree_are_taken_into_it() {
    for (engine, db) in databases().await {
        append(&db, 600).await.unwrap();
        let before = make_head(&db).await;
        change(&db, "DELETE FROM audit_nodes").await;
        change(&db, "DELETE FROM audit_tree_heads").await;
        change(&db, "UPDATE audit_head SET tree_size = 0, subtree_roots = ''").await;
        assert_eq!(make_head(&db).await, before, "{engine}");
        append(&db, 1).await.unwrap();
        let from = export(&db, 514).await;
        assert_eq!(check(&from, &[]).findings, [], "{engine}");
    }
}

#[tokio::test]
async fn many_that_append_at_once_make_one_chain() {
    for (engine, db) in databases().await {
        let all = join_all((0..40).map(|n| append(&db, n % 3 + 1))).await;
        assert!(all.iter().all(Result::is_ok), "{engine}: {all:?}");
        let report = check(&export(&db, 1).await, &[]);
        assert_eq!((report.findings, report.last), (Vec::new(), 79), "{engine}");
    }
}

#[tokio::test]
async fn what_somebody_does_to_the_database_is_found_in_the_export() {
    let changes: [(&str, u64); 4] = [
        ("UPDATE audit_entries SET actor = 'nobody' WHERE seq = 5", 5),
        ("UPDATE audit_entries SET detail = '{}' WHERE seq = 20", 20),
        ("DELETE FROM audit_entries WHERE seq = 9", 9),
        ("DELETE FROM audit_entries WHERE seq = 20", 20),
    ];
    for (sql, entry) in changes {
        for (engine, db) in databases().await {
            append(&db, 20).await.unwrap();
            change(&db, sql).await;
            let findings = check(&export(&db, 1).await, &[]).findings;
            let named = |finding: &audit_log::Finding| {
                finding
                    .entries
                    .as_ref()
                    .is_some_and(|range| range.contains(&entry))
            };
            assert!(findings.iter().any(named), "{engine}: {sql}: {findings:?}");
        }
    }
    for (engine, db) in databases().await {
        append(&db, 20).await.unwrap();
        let kept = make_head(&db).await.unwrap();
        // Cut so that all that is left fits, its end too.
        change(&db, "DELETE FROM audit_entries WHERE seq > 16").await;
        change(&db, "DELETE FROM audit_tree_heads").await;
        let shorter = db
            .read(|tx| Box::pin(async move { audit::lines(tx, 0, 16).await }))
            .await
            .unwrap();
        let mut tree = Frontier::default();
        shorter
            .iter()
            .for_each(|(_, line)| drop(tree.push(leaf_hash(line.as_bytes()))));
        let (root, hash) = (
            hex::encode(tree.root()),
            audit_log::chain_hash(shorter[15].1.as_bytes()),
        );
        db.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE audit_head SET seq = 16, hash = $1, tree_size = 16, subtree_roots = $2";
                tx.execute(sql, args![hash, root]).await
            })
        })
        .await
        .unwrap();
        let cut = export(&db, 1).await;
        assert_eq!(
            check(&cut, &[]).findings,
            [],
            "{engine}: it is in order in itself"
        );
        assert_eq!(
            check(&cut, &[kept]).findings[0].entries,
            Some(17..=20),
            "{engine}"
        );
    }
}
