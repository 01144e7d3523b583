//! The records of a comparison that is under way.

use canonical_model::{
    CanonicalId, JournalLine, Minutes, PostingState, ReconciledSum, ReconciliationFigure, Result, SourceKind,
};
use persistence::{Row, Tx, Value, args};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use super::super::compare::{Held, Item, digest, word};
use super::super::sides::Place;
use super::{json, minor, money, unword};

/// A record on its way into the comparison.
pub(crate) struct Compared {
    pub(crate) kind: SourceKind,
    pub(crate) side: Side,
    pub(crate) place: Place,
}

/// A record of one side.
pub(crate) enum Side {
    /// Approved in the PSA.
    Psa(Held),
    /// In our journal.
    Journal(Box<JournalLine>),
    /// In the ERP.
    Erp(Held),
}

const PUT: &str =
    "INSERT INTO reconciliation_records (run_id, kind, side, record, item, posting, effect_key, project_code,
    legal_entity, region, period, minutes, value_minor, currency, counted, digest, held, outcome)";

const PUT_AGAIN: &str = "ON CONFLICT (run_id, kind, side, record) DO UPDATE SET item = excluded.item,
    posting = excluded.posting, effect_key = excluded.effect_key, project_code = excluded.project_code,
    legal_entity = excluded.legal_entity, region = excluded.region, period = excluded.period,
    minutes = excluded.minutes, value_minor = excluded.value_minor, currency = excluded.currency,
    counted = excluded.counted, digest = excluded.digest, held = excluded.held, outcome = excluded.outcome";

/// Takes records in; one that is there is replaced. `item` is what they are compared under where that is known already.
pub(crate) async fn put(
    tx: &mut Tx,
    run: CanonicalId,
    records: &[Compared],
    item: Option<&str>,
) -> Result<()> {
    let rows = records.iter().map(|record| row_of(run, record, item));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    tx.insert(PUT, rows, PUT_AGAIN).await.map(drop)
}

fn row_of(run: CanonicalId, compared: &Compared, item: Option<&str>) -> Result<Vec<Value>> {
    let (side, record, own_item, posting, effect_key, minutes, value, counted, held) = match &compared.side {
        Side::Psa(held) => (
            "psa",
            held.record.clone(),
            held.record.clone(),
            None,
            None,
            held.minutes,
            held.value,
            true,
            json(held)?,
        ),
        Side::Journal(line) => (
            "journal",
            line.id.to_string(),
            line.source.clone(),
            line.posting.clone(),
            line.effect_key.as_ref().map(ToString::to_string),
            line.minutes,
            line.posted_value,
            line.state == PostingState::Posted,
            json(line)?,
        ),
        Side::Erp(held) => (
            "erp",
            held.record.clone(),
            held.record.clone(),
            None,
            held.effect_key.clone(),
            held.minutes,
            held.value,
            true,
            json(held)?,
        ),
    };
    let told = match &compared.side {
        Side::Psa(held) | Side::Erp(held) => digest(compared.kind, &record, held.date, minutes, value),
        Side::Journal(line) => digest(compared.kind, &line.source, line.date, minutes, value),
    };
    let (minor, currency) = minor(value)?;
    let place = &compared.place;
    Ok(args![
        run,
        word(&compared.kind),
        side,
        record,
        item.map_or(own_item, str::to_owned),
        posting,
        effect_key,
        place.project_code.as_str(),
        place.legal_entity.as_str(),
        place.region.as_str(),
        place.period.as_str(),
        minutes.count(),
        minor,
        currency,
        i64::from(counted),
        told,
        held,
        ""
    ])
}

/// Ties the records of the ERP to the sources that they were posted for: by their ids, then by their keys.
pub(crate) async fn tie(tx: &mut Tx, run: CanonicalId) -> Result<()> {
    tx.execute(
        "UPDATE reconciliation_records SET item = (SELECT MIN(j.item) FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.posting = reconciliation_records.record)
         WHERE run_id = $1 AND side = 'erp' AND EXISTS (SELECT 1 FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.posting = reconciliation_records.record)",
        args![run],
    )
    .await?;
    tx.execute(
        "UPDATE reconciliation_records SET item = (SELECT MIN(j.item) FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.effect_key = reconciliation_records.effect_key)
         WHERE run_id = $1 AND side = 'erp' AND item = record AND EXISTS (SELECT 1 FROM reconciliation_records j
                WHERE j.run_id = $1 AND j.side = 'journal' AND j.kind = reconciliation_records.kind
                    AND j.effect_key = reconciliation_records.effect_key)",
        args![run],
    )
    .await
    .map(drop)
}

const ITEMS: &str = "SELECT kind, item, side, held FROM reconciliation_records
    WHERE run_id = $1 AND (kind, item) > ($2, $3) ORDER BY kind, item LIMIT $4";

/// The next items behind one, each with its key; none at the end.
pub(crate) async fn items(
    tx: &mut Tx,
    run: CanonicalId,
    behind: (&str, &str),
    limit: i64,
) -> Result<Vec<(String, Item)>> {
    let rows = tx.all(ITEMS, args![run, behind.0, behind.1, limit]).await?;
    grouped(&rows, limit)
}

/// The outcome of an item that seems to differ.
pub(crate) const CANDIDATE: &str = "candidate";

const CANDIDATES: &str = "SELECT kind, item, side, held FROM reconciliation_records
    WHERE run_id = $1 AND outcome = 'candidate' ORDER BY kind, item LIMIT $2";

/// Items that seem to differ, each with its key; none when all were looked at again.
pub(crate) async fn candidates(tx: &mut Tx, run: CanonicalId, limit: i64) -> Result<Vec<(String, Item)>> {
    let rows = tx.all(CANDIDATES, args![run, limit]).await?;
    grouped(&rows, limit)
}

fn grouped(rows: &[Row], limit: i64) -> Result<Vec<(String, Item)>> {
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == limit);
    let mut items: Vec<(String, Item)> = Vec::new();
    for row in rows {
        let (kind, key): (SourceKind, String) = (unword(&row.text("kind")?)?, row.text("item")?);
        if items
            .last()
            .is_none_or(|(last, item)| *last != key || item.kind != kind)
        {
            items.push((key, Item::empty(kind)));
        }
        let Some((_, item)) = items.last_mut() else {
            continue;
        };
        match row.text("side")?.as_str() {
            "psa" => item.psa = Some(row.json("held")?),
            "journal" => item.lines.push(row.json("held")?),
            _ => item.erp.push(row.json("held")?),
        }
    }
    // The last item of a full page may go on behind it.
    if full && items.len() > 1 {
        items.pop();
    }
    for (_, item) in &mut items {
        item.lines.sort_by_key(|line| line.generation);
    }
    Ok(items)
}

/// Puts an item as it is now in the place of what was read of it.
pub(crate) async fn replace(
    tx: &mut Tx,
    run: CanonicalId,
    kind: SourceKind,
    keys: [&str; 2],
    records: &[Compared],
) -> Result<()> {
    for key in keys {
        tx.execute(
            "DELETE FROM reconciliation_records WHERE run_id = $1 AND kind = $2 AND item = $3",
            args![run, word(&kind), key],
        )
        .await?;
    }
    put(tx, run, records, Some(keys[1])).await
}

/// Notes what comparing an item came to.
pub(crate) async fn note_outcome(
    tx: &mut Tx,
    run: CanonicalId,
    kind: SourceKind,
    key: &str,
    outcome: &'static str,
) -> Result<()> {
    tx.execute(
        "UPDATE reconciliation_records SET outcome = $4 WHERE run_id = $1 AND kind = $2 AND item = $3",
        args![run, word(&kind), key, outcome],
    )
    .await
    .map(drop)
}

/// Records of the ERP that are on the same project and have the same time and value as one.
pub(crate) async fn alike(
    tx: &mut Tx,
    run: CanonicalId,
    kind: SourceKind,
    held: &Held,
    code: &str,
) -> Result<Vec<Held>> {
    let (minor, currency) = minor(held.value)?;
    let rows = tx
        .all(
            "SELECT held FROM reconciliation_records WHERE run_id = $1 AND kind = $2 AND side = 'erp'
                AND project_code = $3 AND minutes = $4 AND value_minor = $5 AND currency = $6 AND item <> record",
            args![run, word(&kind), code, held.minutes.count(), minor, currency],
        )
        .await?;
    rows.iter().map(|row| row.json("held")).collect()
}

/// How many items came to an outcome.
pub(crate) async fn outcomes(tx: &mut Tx, run: CanonicalId, outcome: &'static str) -> Result<i64> {
    let row = tx
        .one(
            "SELECT COUNT(*) AS items FROM (SELECT DISTINCT kind, item FROM reconciliation_records
             WHERE run_id = $1 AND outcome = $2) AS found",
            args![run, outcome],
        )
        .await?;
    row.map_or(Ok(0), |row| row.int("items"))
}

const SUMS: &str =
    "SELECT legal_entity, region, project_code, period, currency, side, outcome, COUNT(*) AS records,
        CAST(SUM(minutes) AS BIGINT) AS minutes, CAST(SUM(value_minor) AS BIGINT) AS value_minor
    FROM reconciliation_records WHERE run_id = $1 AND counted = 1
    GROUP BY legal_entity, region, project_code, period, currency, side, outcome
    ORDER BY legal_entity, region, project_code, period, currency";

/// What the sides come to.
pub(crate) async fn figures(tx: &mut Tx, run: CanonicalId) -> Result<Vec<ReconciliationFigure>> {
    let mut figures: BTreeMap<[String; 5], ReconciliationFigure> = BTreeMap::new();
    for row in tx.all(SUMS, args![run]).await? {
        let [legal_entity, region, project_code, period, currency] = [
            row.text("legal_entity")?,
            row.text("region")?,
            row.text("project_code")?,
            row.text("period")?,
            row.text("currency")?,
        ];
        let key = [&legal_entity, &region, &project_code, &period, &currency].map(Clone::clone);
        let figure = figures.entry(key).or_insert_with(|| ReconciliationFigure {
            legal_entity,
            region,
            project_code,
            period,
            approved: ReconciledSum::default(),
            waiting: ReconciledSum::default(),
            accepted: ReconciledSum::default(),
            journal: ReconciledSum::default(),
            posted: ReconciledSum::default(),
        });
        let told = ReconciledSum {
            records: u64::try_from(row.int("records")?).unwrap_or(0),
            minutes: Minutes::new(row.int("minutes")?),
            value: money(row.int("value_minor")?, &currency)?,
        };
        match (row.text("side")?.as_str(), row.text("outcome")?.as_str()) {
            ("psa", outcome) => {
                add(&mut figure.approved, told)?;
                match outcome {
                    "waiting" => add(&mut figure.waiting, told)?,
                    "left_out" | "accepted" => add(&mut figure.accepted, told)?,
                    _ => {}
                }
            }
            ("journal", _) => add(&mut figure.journal, told)?,
            _ => add(&mut figure.posted, told)?,
        }
    }
    Ok(figures.into_values().collect())
}

fn add(sum: &mut ReconciledSum, more: ReconciledSum) -> Result<()> {
    sum.records += more.records;
    sum.minutes = Minutes::new(sum.minutes.count().saturating_add(more.minutes.count()));
    sum.value = match (sum.value, more.value) {
        (Some(one), Some(other)) => Some(one.checked_add(other)?),
        (one, other) => one.or(other),
    };
    Ok(())
}

const DIGESTS: &str = "SELECT digest FROM reconciliation_records
    WHERE run_id = $1 AND side = $2 AND counted = 1 AND digest > $3 ORDER BY digest LIMIT $4";

/// How many records a set holds, and SHA-256 over their sorted digests, each followed by a line feed.
pub(crate) async fn set_hash(tx: &mut Tx, run: CanonicalId, side: &'static str) -> Result<(u64, String)> {
    const PAGE: usize = 5000;
    let (mut hash, mut count, mut last) = (Sha256::new(), 0_u64, String::new());
    loop {
        let rows = tx.all(DIGESTS, args![run, side, last.as_str(), 5000]).await?;
        for row in &rows {
            last = row.text("digest")?;
            hash.update(&last);
            hash.update("\n");
            count += 1;
        }
        if rows.len() < PAGE {
            return Ok((count, hex::encode(hash.finalize())));
        }
    }
}
