//! The audit log: append-only, its lines chained by hashes and covered by tree heads.
//!
//! What is hashed, and how an outsider checks it, is in [`audit_log`] and `docs/audit.md`. Of the tree only its right edge
//! and every eighth level are kept: what lies between is computed from at most 256 lines or nodes when a proof asks for
//! it, and appending costs one row more in 256.

use audit_log::tree::{self, Frontier, Hash, Span};
use audit_log::{FORMAT, Head, Header, SigningKey, chain_hash, entry_line};
use canonical_model::{AuditEntry, Failure, Result};
use chrono::{DateTime, Utc};
use persistence::{Migration, Row, Tx, Value as Arg, args};
use serde_json::Value;

/// Tables of this module. `audit_head` holds where the chain ends; its row is locked by every writer.
pub const MIGRATION: Migration = Migration {
    name: "control_audit_1",
    sql: "CREATE TABLE audit_entries (
            seq BIGINT PRIMARY KEY,
            at_ms BIGINT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            correlation_id TEXT NOT NULL,
            hash TEXT NOT NULL);
          CREATE INDEX audit_entries_subject ON audit_entries (subject, seq);
          CREATE TABLE audit_head (id BIGINT PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL);
          INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');",
};

/// The tree over the lines. `subtree_roots` are those of the complete subtrees, the greatest first, in hexadecimal.
pub const TREE_MIGRATION: Migration = Migration {
    name: "control_audit_2",
    sql: "ALTER TABLE audit_head ADD COLUMN tree_size BIGINT NOT NULL DEFAULT 0;
          ALTER TABLE audit_head ADD COLUMN subtree_roots TEXT NOT NULL DEFAULT '';
          CREATE TABLE audit_nodes (
            level BIGINT NOT NULL,
            position BIGINT NOT NULL,
            hash TEXT NOT NULL,
            PRIMARY KEY (level, position));
          CREATE TABLE audit_tree_heads (
            tree_size BIGINT PRIMARY KEY,
            made_ms BIGINT NOT NULL,
            head TEXT NOT NULL);",
};

/// Every so many levels of the tree the nodes are kept.
const LEVELS_A_TILE: u32 = 8;
/// Lines that are read at once.
const PAGE: i64 = 500;

/// A line to append.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Details; never secrets or personal data.
    pub detail: Value,
    /// Correlates with logs.
    pub correlation_id: String,
}

/// Where the log ends.
struct End {
    seq: i64,
    hash: String,
    frontier: Frontier,
    /// Nodes that are complete and not kept yet.
    nodes: Vec<Vec<Arg>>,
}

impl End {
    fn grow(&mut self, line: &str) -> Result<()> {
        for node in self.frontier.push(tree::leaf_hash(line.as_bytes())) {
            if node.level % LEVELS_A_TILE == 0 {
                self.nodes.push(args![
                    i64::from(node.level),
                    number(node.position)?,
                    hex::encode(node.hash)
                ]);
            }
        }
        Ok(())
    }
}

/// Appends lines in one go.
///
/// # Errors
/// The database fails; Fault `audit_broken` where the log has lost its end.
pub async fn append(tx: &mut Tx, entries: &[Entry], now_ms: i64) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut end = take_end(tx).await?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        end.seq += 1;
        let detail = entry.detail.to_string();
        let line = entry_line(
            &end.hash,
            &audit_log::Entry {
                seq: count(end.seq)?,
                at_ms: now_ms,
                actor: &entry.actor,
                action: &entry.action,
                subject: &entry.subject,
                detail: &detail,
                correlation_id: &entry.correlation_id,
            },
        );
        end.hash = chain_hash(line.as_bytes());
        end.grow(&line)?;
        let mut row = args![end.seq, now_ms, &entry.actor, &entry.action, &entry.subject];
        row.extend(args![detail, &entry.correlation_id, end.hash.as_str()]);
        rows.push(row);
    }
    let insert =
        "INSERT INTO audit_entries (seq, at_ms, actor, action, subject, detail, correlation_id, hash)";
    tx.insert(insert, rows, "").await?;
    put_end(tx, end).await
}

/// Locks the end of the log, so that it has one writer at a time, and reads it.
async fn take_end(tx: &mut Tx) -> Result<End> {
    tx.execute("UPDATE audit_head SET seq = seq WHERE id = 1", Vec::new())
        .await?;
    let mut end = read_end(tx).await?;
    // Lines from before there was a tree.
    while end.frontier.size() < count(end.seq)? {
        let page = lines(tx, number(end.frontier.size())?, PAGE).await?;
        if page.is_empty() {
            return Err(broken("lines that its end counts are missing"));
        }
        for (_, line) in page {
            end.grow(&line)?;
        }
    }
    Ok(end)
}

async fn read_end(tx: &mut Tx) -> Result<End> {
    let sql = "SELECT seq, hash, tree_size, subtree_roots FROM audit_head WHERE id = 1";
    let row = tx.one(sql, Vec::new()).await?;
    let row = row.ok_or_else(|| broken("its end is missing"))?;
    let roots: Vec<Hash> = read_hashes(&row.text("subtree_roots")?)?;
    let frontier = Frontier::of(count(row.int("tree_size")?)?, roots);
    Ok(End {
        seq: row.int("seq")?,
        hash: row.text("hash")?,
        frontier: frontier.ok_or_else(|| broken("its end does not fit its tree"))?,
        nodes: Vec::new(),
    })
}

async fn put_end(tx: &mut Tx, end: End) -> Result<()> {
    tx.insert("INSERT INTO audit_nodes (level, position, hash)", end.nodes, "")
        .await?;
    let roots: String = end.frontier.roots().iter().map(hex::encode::<&Hash>).collect();
    let sql = "UPDATE audit_head SET seq = $1, hash = $2, tree_size = $3, subtree_roots = $4 WHERE id = 1";
    let size = number(end.frontier.size())?;
    tx.execute(sql, args![end.seq, end.hash, size, roots])
        .await
        .map(drop)
}

/// Lines with a greater number than `after`, oldest first, with their numbers, as they were hashed.
///
/// # Errors
/// The database fails.
pub async fn lines(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<(i64, String)>> {
    let sql = "SELECT seq, at_ms, actor, action, subject, detail, correlation_id, hash FROM audit_entries
        WHERE seq >= $1 ORDER BY seq LIMIT $2";
    let (mut previous, mut lines) = (String::new(), Vec::new());
    for row in tx.all(sql, args![after, limit + 1]).await? {
        let seq = row.int("seq")?;
        if seq > after && i64::try_from(lines.len()).is_ok_and(|read| read < limit) {
            lines.push((seq, line_of(&row, &previous)?));
        }
        previous = row.text("hash")?;
    }
    Ok(lines)
}

fn line_of(row: &Row, previous: &str) -> Result<String> {
    let (actor, action, subject) = (row.text("actor")?, row.text("action")?, row.text("subject")?);
    let (detail, correlation_id) = (row.text("detail")?, row.text("correlation_id")?);
    let entry = audit_log::Entry {
        seq: count(row.int("seq")?)?,
        at_ms: row.int("at_ms")?,
        actor: &actor,
        action: &action,
        subject: &subject,
        detail: &detail,
        correlation_id: &correlation_id,
    };
    Ok(entry_line(previous, &entry))
}

/// A tree head that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeHead {
    /// The head.
    pub head: Head,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// Makes a tree head over everything, unless there is one already.
///
/// # Errors
/// The database fails; Fault `audit_broken`.
pub async fn make_head(tx: &mut Tx, key: Option<&SigningKey>, now_ms: i64) -> Result<Option<Head>> {
    let end = take_end(tx).await?;
    let size = number(end.frontier.size())?;
    let last = tx
        .one("SELECT MAX(tree_size) AS size FROM audit_tree_heads", Vec::new())
        .await?;
    let last = last.map(|row| row.opt_int("size")).transpose()?.flatten();
    let new = size > last.unwrap_or(0);
    let head = signed(Head::new(end.frontier.size(), &end.frontier.root()), key);
    put_end(tx, end).await?;
    if !new {
        return Ok(None);
    }
    let sql = "INSERT INTO audit_tree_heads (tree_size, made_ms, head) VALUES ($1, $2, $3)";
    tx.execute(sql, args![size, now_ms, head.line()]).await?;
    Ok(Some(head))
}

/// Tree heads over fewer than `before` entries, the newest first.
///
/// # Errors
/// The database fails.
pub async fn heads(tx: &mut Tx, before: i64, limit: i64) -> Result<Vec<MadeHead>> {
    let sql =
        "SELECT head, made_ms FROM audit_tree_heads WHERE tree_size < $1 ORDER BY tree_size DESC LIMIT $2";
    let rows = tx.all(sql, args![before, limit]).await?;
    let made = rows.iter().map(|row| {
        Ok(MadeHead {
            head: row.json("head")?,
            made_at: row.time("made_ms")?,
        })
    });
    made.collect()
}

/// First line of an export of everything from `first` on, as it stands now.
///
/// # Errors
/// The database fails; Business `audit_range_unknown` where the log is not so long; Fault `audit_broken`.
pub async fn header(tx: &mut Tx, first: i64, key: Option<&SigningKey>) -> Result<Header> {
    let end = read_end(tx).await?;
    let last = number(end.frontier.size())?;
    if first > last.max(1) {
        return Err(beyond(last));
    }
    let before = first - 1;
    let sql = "SELECT COUNT(*) AS heads FROM audit_tree_heads WHERE tree_size >= $1 AND tree_size < $2";
    let heads = tx.one(sql, args![first, last]).await?;
    let sql = "SELECT hash FROM audit_entries WHERE seq = $1";
    let previous = tx.one(sql, args![before]).await?;
    let mut roots = Vec::new();
    for (level, position) in tree::subtrees((0, count(before)?)) {
        roots.push(hex::encode(node(tx, level, position).await?));
    }
    Ok(Header {
        format: FORMAT.to_owned(),
        first: count(first)?,
        heads: count(heads.map_or(Ok(0), |row| row.int("heads"))?)?,
        previous_hash: previous.map_or(Ok(String::new()), |row| row.text("hash"))?,
        subtree_roots: roots,
        head: signed(Head::new(end.frontier.size(), &end.frontier.root()), key),
    })
}

/// The next lines of an export that ends with entry `last`: entries with a greater number than `after`, each followed by
/// its tree head where one was made. The number of the last entry among them; nothing at the end.
///
/// # Errors
/// The database fails.
pub async fn export(tx: &mut Tx, after: i64, last: i64) -> Result<Option<(i64, String)>> {
    let limit = PAGE.min(last - after);
    if limit <= 0 {
        return Ok(None);
    }
    let page = lines(tx, after, limit).await?;
    // What is missing in the database is missing in the export, where whoever checks it finds that.
    let Some(end) = page.last().map(|(seq, _)| *seq) else {
        return Ok(None);
    };
    let sql = "SELECT tree_size, head FROM audit_tree_heads WHERE tree_size > $1 AND tree_size <= $2 AND tree_size < $3";
    let mut heads = std::collections::HashMap::new();
    for row in tx.all(sql, args![after, end, last]).await? {
        heads.insert(row.int("tree_size")?, row.text("head")?);
    }
    let mut text = String::new();
    for (seq, line) in page {
        for line in [Some(line), heads.remove(&seq)].into_iter().flatten() {
            text.push_str(&line);
            text.push('\n');
        }
    }
    Ok(Some((end, text)))
}

/// What shows that an entry is in the tree of a size (the current one without it): RFC 9162, 2.1.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The entry's line.
    pub line: String,
    /// The tree.
    pub head: Head,
    /// From the leaf to the root.
    pub hashes: Vec<String>,
}

/// See [`Inclusion`].
///
/// # Errors
/// The database fails; Business `not_found` where there is no such entry, `audit_range_unknown` where the tree does not
/// reach it, or the log is not so long; Fault `audit_broken`.
pub async fn prove_inclusion(tx: &mut Tx, seq: i64, size: Option<i64>) -> Result<Inclusion> {
    let current = number(read_end(tx).await?.frontier.size())?;
    let size = size.unwrap_or(current);
    let found = lines(tx, seq - 1, 1).await?;
    let Some((_, line)) = found.into_iter().find(|(found, _)| *found == seq) else {
        return Err(Failure::business(
            "not_found",
            format!("the audit log has no entry {seq}"),
        ));
    };
    if size > current || size < seq {
        return Err(beyond(current));
    }
    let (leaf, size) = (count(seq - 1)?, count(size)?);
    Ok(Inclusion {
        line,
        head: Head::new(size, &span_hash(tx, (0, size)).await?),
        hashes: span_hashes(tx, tree::inclusion(leaf, size)).await?,
    })
}

/// What shows that a tree is the beginning of a later one (the current one without it): RFC 9162, 2.1.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// The earlier tree.
    pub from: Head,
    /// The later tree.
    pub to: Head,
    /// The proof.
    pub hashes: Vec<String>,
}

/// See [`Consistency`].
///
/// # Errors
/// The database fails; Business `audit_range_unknown` where the sizes are not in order, or the log is not so long; Fault
/// `audit_broken`.
pub async fn prove_consistency(tx: &mut Tx, from: i64, to: Option<i64>) -> Result<Consistency> {
    let current = number(read_end(tx).await?.frontier.size())?;
    let to = to.unwrap_or(current);
    if to > current || from > to {
        return Err(beyond(current));
    }
    let (from, to) = (count(from)?, count(to)?);
    Ok(Consistency {
        from: Head::new(from, &span_hash(tx, (0, from)).await?),
        to: Head::new(to, &span_hash(tx, (0, to)).await?),
        hashes: span_hashes(tx, tree::consistency(from, to)).await?,
    })
}

async fn span_hashes(tx: &mut Tx, spans: Vec<Span>) -> Result<Vec<String>> {
    let mut hashes = Vec::with_capacity(spans.len());
    for span in spans {
        hashes.push(hex::encode(span_hash(tx, span).await?));
    }
    Ok(hashes)
}

async fn span_hash(tx: &mut Tx, span: Span) -> Result<Hash> {
    let mut roots = Vec::new();
    for (level, position) in tree::subtrees(span) {
        roots.push(node(tx, level, position).await?);
    }
    Ok(tree::join(&roots))
}

/// Hash of a complete subtree, from the kept level below it.
async fn node(tx: &mut Tx, level: u32, position: u64) -> Result<Hash> {
    let kept = level / LEVELS_A_TILE * LEVELS_A_TILE;
    let width = 1_i64 << (level - kept);
    let from = number(position)? * width;
    let hashes = if kept == 0 {
        let page = lines(tx, from, width).await?;
        let hashes = page.iter().map(|(_, line)| tree::leaf_hash(line.as_bytes()));
        hashes.collect()
    } else {
        let sql = "SELECT hash FROM audit_nodes WHERE level = $1 AND position >= $2 AND position < $3 ORDER BY position";
        let rows = tx.all(sql, args![i64::from(kept), from, from + width]).await?;
        let text: Result<String> = rows.iter().map(|row| row.text("hash")).collect();
        read_hashes(&text?)?
    };
    let mut subtree = Frontier::default();
    for hash in hashes {
        subtree.push(hash);
    }
    if number(subtree.size())? != width {
        return Err(broken("lines or nodes of its tree are missing"));
    }
    Ok(subtree.root())
}

fn signed(head: Head, key: Option<&SigningKey>) -> Head {
    match key {
        Some(key) => key.sign(head),
        None => head,
    }
}

/// Hashes that stand one after the other in hexadecimal.
fn read_hashes(text: &str) -> Result<Vec<Hash>> {
    let bytes = hex::decode(text).map_err(|_| broken("a hash of its tree cannot be read"))?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(broken("a hash of its tree is cut"));
    }
    Ok(hashes.to_vec())
}

fn beyond(last: i64) -> Failure {
    let message = format!("the audit log has {last} entries; ask for a part of it");
    Failure::business("audit_range_unknown", message)
}

fn broken(why: &str) -> Failure {
    Failure::fault(
        "audit_broken",
        format!("the audit log is not as it was written: {why}"),
    )
}

fn count(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| broken("a number in it is negative"))
}

fn number(count: u64) -> Result<i64> {
    i64::try_from(count).map_err(|_| broken("a number in it is too great"))
}

/// Lines with a greater number than `after`, oldest first; of one subject unless it is empty.
///
/// # Errors
/// The database fails.
pub async fn page(tx: &mut Tx, after: i64, subject: &str, limit: i64) -> Result<Vec<AuditEntry>> {
    tx.all(
        "SELECT seq, at_ms, actor, action, subject, detail, correlation_id, hash FROM audit_entries
         WHERE seq > $1 AND ($2 = '' OR subject = $2) ORDER BY seq LIMIT $3",
        args![after, subject, limit],
    )
    .await?
    .iter()
    .map(from_row)
    .collect()
}

/// Lines with a smaller number than `before`, newest first; of one subject unless it is empty.
///
/// # Errors
/// The database fails.
pub async fn newest(tx: &mut Tx, before: i64, subject: &str, limit: i64) -> Result<Vec<AuditEntry>> {
    tx.all(
        "SELECT seq, at_ms, actor, action, subject, detail, correlation_id, hash FROM audit_entries
         WHERE seq < $1 AND ($2 = '' OR subject = $2) ORDER BY seq DESC LIMIT $3",
        args![before, subject, limit],
    )
    .await?
    .iter()
    .map(from_row)
    .collect()
}

fn from_row(row: &Row) -> Result<AuditEntry> {
    let at: DateTime<Utc> = row.time("at_ms")?;
    Ok(AuditEntry {
        seq: u64::try_from(row.int("seq")?).unwrap_or(0),
        at,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.json("detail")?,
        correlation_id: row.text("correlation_id")?,
        hash: row.text("hash")?,
    })
}
