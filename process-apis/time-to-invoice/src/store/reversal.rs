//! Posted lines of which the PSA says something else by now, and what takes them out of the books again.
//!
//! A line that changed is taken in hand by one instance at a time: it is `reversing` until its reversal is in the books,
//! or stands as it was posted. What is posted in its place is another line, of the next generation, queued in the very
//! transaction that records the reversal: a source never has two live postings.

use canonical_model::{CanonicalId, Money, Result, SourceKind};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use persistence::{Row, Tx, args};

use crate::line::{PostingLine, Work};
use crate::news::News;

use super::{execute_over_ids, intake, json, kind_word, line_of, money};

/// A line, and what the PSA says of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The line.
    pub line: PostingLine,
    /// What the PSA says.
    pub news: News,
    /// What the client pays for it, as it was posted.
    pub charge: Option<Money>,
    /// How often it was taken in hand before.
    pub corrections: u32,
}

// A line that a billing run is about to charge waits for the run: it is on an invoice then, or free again.
const UNTOLD: &str =
    "SELECT id, connection, kind, source_id, generation, work, edits, digest, state, legal_entity,
    erp_id, erp_project_id, invoice_id, failure, news, charge_minor, charge_currency, corrections
    FROM posting_lines WHERE news IS NOT NULL AND news_told = 0 AND state NOT IN ('posting', 'reversing')
        AND (invoice_run IS NULL OR invoice_id IS NOT NULL)
    ORDER BY id LIMIT $1";

const TOLD: &str = "UPDATE posting_lines SET news_told = 1 WHERE id IN ({rows})";

/// Lines with news that nobody looked after yet and that neither a batch nor a billing run holds: from now on somebody
/// does.
///
/// # Errors
/// Failures of the database.
pub async fn tell_news(tx: &mut Tx, limit: u32) -> Result<Vec<Changed>> {
    tx.lock("news of posting lines").await?;
    let rows = tx.all(UNTOLD, args![limit]).await?;
    let read = |row: &Row| {
        Ok(Changed {
            line: line_of(row)?,
            news: row.json("news")?,
            charge: money(row.int("charge_minor")?, &row.text("charge_currency")?)?,
            corrections: u32::try_from(row.int("corrections")?).unwrap_or(0),
        })
    };
    let changed: Vec<Changed> = rows.iter().map(read).collect::<Result<_>>()?;
    let ids: Vec<CanonicalId> = changed.iter().map(|c| c.line.id).collect();
    execute_over_ids(tx, TOLD, args![], &ids).await?;
    Ok(changed)
}

const CLEAR: &str = "UPDATE posting_lines SET news = NULL, news_told = 0 WHERE id IN ({rows})";

/// Takes news off lines that can take them themselves: they go through the intake once more.
///
/// # Errors
/// Failures of the database.
pub async fn clear_news(tx: &mut Tx, ids: &[CanonicalId]) -> Result<()> {
    execute_over_ids(tx, CLEAR, args![], ids).await.map(|_| ())
}

const TAKE_IN_HAND: &str = "UPDATE posting_lines SET state = 'reversing', correction = $2,
        corrections = corrections + 1, changed_at = $3
    WHERE id = $1 AND state = 'posted' AND (invoice_run IS NULL OR invoice_id IS NOT NULL)";

const UNTELL: &str = "UPDATE posting_lines SET news_told = 0
    WHERE id = $1 AND state <> 'reversing' AND news IS NOT NULL AND news_told = 1";

/// Gives a posted line to the instance with this business key; no billing run takes it from now on. False where it is not
/// to be had: it is looked at again.
///
/// # Errors
/// Failures of the database.
pub async fn take_in_hand(tx: &mut Tx, line: CanonicalId, case: &str, now: DateTime<Utc>) -> Result<bool> {
    if tx.execute(TAKE_IN_HAND, args![line, case, now]).await? == 1 {
        return Ok(true);
    }
    tx.execute(UNTELL, args![line]).await?;
    Ok(false)
}

/// A line in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The line.
    pub line: PostingLine,
    /// What the PSA said when it was taken in.
    pub told: Work,
    /// It as it was booked and is charged, in the ERP's terms.
    pub billed_as: Option<Work>,
    /// What the client pays for it.
    pub charge: Option<Money>,
    /// The ERP connection that has it.
    pub erp: Option<String>,
    /// The project.
    pub project: Option<CanonicalId>,
    /// What the PSA says, where it is not what was posted.
    pub news: Option<News>,
}

const SEEN: &str =
    "UPDATE posting_lines SET news_told = 1 WHERE id = $1 AND state = 'reversing' AND news IS NOT NULL";

const HELD: &str = "SELECT id, connection, kind, source_id, generation, work, edits, digest, state, legal_entity,
    erp_id, erp_project_id, invoice_id, failure, billed_as, charge_minor, charge_currency, erp_connection, project_id, news
    FROM posting_lines WHERE id = $1 AND state = 'reversing'";

/// A line in hand, as it is now; none where it is in nobody's hand any more. What the PSA says of it counts as seen.
///
/// # Errors
/// Failures of the database.
pub async fn look_at(tx: &mut Tx, line: CanonicalId) -> Result<Option<Held>> {
    tx.execute(SEEN, args![line]).await?;
    let row = tx.one(HELD, args![line]).await?;
    row.as_ref().map(held_of).transpose()
}

fn held_of(row: &Row) -> Result<Held> {
    Ok(Held {
        line: line_of(row)?,
        told: row.json("work")?,
        billed_as: row.opt_json("billed_as")?,
        charge: money(row.int("charge_minor")?, &row.text("charge_currency")?)?,
        erp: row.opt_text("erp_connection")?,
        project: row.opt_id("project_id")?,
        news: row.opt_json("news")?,
    })
}

const CREDITED: &str = "UPDATE posting_lines SET credit_note = $2, changed_at = $3 WHERE id = $1";

/// Records the credit note (connection and id) that takes a line off its invoice.
///
/// # Errors
/// Failures of the database.
pub async fn credited(tx: &mut Tx, line: CanonicalId, credit_note: &str, now: DateTime<Utc>) -> Result<()> {
    tx.execute(CREDITED, args![line, credit_note, now])
        .await
        .map(|_| ())
}

/// A reversal that is in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// The line that it takes back.
    pub line: CanonicalId,
    /// The line that it is.
    pub reversal: CanonicalId,
    /// Its record in the ERP.
    pub erp_id: String,
    /// The day that it is booked on.
    pub day: NaiveDate,
    /// It in the ERP's terms.
    pub booked_as: Work,
    /// When it was in the books.
    pub at: DateTime<Utc>,
}

// The original but for id, generation, day and record; time and money negated, also within the work.
const INSERT: &str = "INSERT INTO posting_lines (id, connection, kind, source_id, generation, state, digest, fingerprint,
        work, edits, project, person, day, minutes, charge_minor, charge_currency, project_id, legal_entity, news_told,
        erp_connection, erp_id, erp_project_id, billed_as, changed_at, posted_at, reverses)
    SELECT v.column1, l.connection, l.kind, l.source_id, l.generation + 1, 'reversed', l.digest, l.fingerprint,
        v.column6, l.edits, l.project, l.person, v.column2, -l.minutes, -l.charge_minor, l.charge_currency, l.project_id,
        l.legal_entity, 0, l.erp_connection, v.column3, l.erp_project_id, v.column4, v.column5, v.column5, l.id
    FROM (VALUES ($1, $2, $3, $4, $5, $6)) AS v, posting_lines l WHERE l.id = $7";

const REVERSED: &str =
    "UPDATE posting_lines SET state = 'reversed', news = NULL, news_told = 0, changed_at = $2
    WHERE id = $1 AND state = 'reversing'";

/// Records a reversal, and queues what is now true, where it is approved, as the next generation. Told again, it changes
/// nothing. Whether something was queued.
///
/// # Errors
/// Failures of the database.
pub async fn finish(tx: &mut Tx, booked: &Booked) -> Result<bool> {
    let now = booked.at;
    let Some(before) = tx.one(HELD, args![booked.line]).await? else {
        return Ok(false);
    };
    let connection = before.text("connection")?;
    intake::lock(tx, &connection, super::read_word(&before.text("kind")?)?).await?;
    // Read under the lock: the last thing that the PSA said is what is posted now.
    let Some(held) = tx
        .one(HELD, args![booked.line])
        .await?
        .as_ref()
        .map(held_of)
        .transpose()?
    else {
        return Ok(false);
    };
    tx.execute(REVERSED, args![booked.line, now]).await?;
    let values = args![
        booked.reversal,
        booked.day,
        &booked.erp_id,
        json(&booked.booked_as)?,
        now,
        json(&held.told.negated(booked.day))?,
        booked.line
    ];
    tx.execute(INSERT, values).await?;
    let work = match held.news {
        Some(News::Approved(work)) => *work,
        // The PSA came back to what was posted while the reversal was on its way.
        None => held.told,
        Some(_) => return Ok(false),
    };
    let next = PostingLine::queued(
        CanonicalId::generate(),
        &connection,
        &held.line.source_id,
        held.line.generation + 2,
        work,
    );
    intake::queue(tx, &next, now).await?;
    Ok(true)
}

const RELEASE: &str = "UPDATE posting_lines SET state = 'posted', changed_at = $2,
        news_told = CASE WHEN news IS NULL THEN 0 WHEN news_told = 1 THEN 2 ELSE news_told END
    WHERE id = $1 AND state = 'reversing'";

/// A line in hand stands as it was posted. What the PSA was seen to say of it is accepted; what it says later is news.
///
/// # Errors
/// Failures of the database.
pub async fn release(tx: &mut Tx, line: CanonicalId, now: DateTime<Utc>) -> Result<()> {
    tx.execute(RELEASE, args![line, now]).await.map(|_| ())
}

const IN_HAND: &str = "SELECT id, correction FROM posting_lines WHERE state = 'reversing' AND correction IS NOT NULL ORDER BY id LIMIT $1";

/// Lines in hand, with the business keys of the instances that have them.
///
/// # Errors
/// Failures of the database.
pub async fn in_hand(tx: &mut Tx, limit: u32) -> Result<Vec<(CanonicalId, String)>> {
    let rows = tx.all(IN_HAND, args![limit]).await?;
    rows.iter()
        .map(|row| Ok((row.id("id")?, row.text("correction")?)))
        .collect()
}

const SETTLED: &str = "SELECT id, correction FROM posting_lines
    WHERE state = 'reversing' AND news IS NULL AND news_told = 0 AND correction IS NOT NULL ORDER BY id LIMIT $1";

const WOKEN: &str = "UPDATE posting_lines SET news_told = 3 WHERE id IN ({rows})";

/// Lines in hand whose source came back to what was posted, each told once: the instances that have them can end.
///
/// # Errors
/// Failures of the database.
pub async fn tell_settled(tx: &mut Tx, limit: u32) -> Result<Vec<String>> {
    let rows = tx.all(SETTLED, args![limit]).await?;
    let ids: Vec<CanonicalId> = rows.iter().map(|row| row.id("id")).collect::<Result<_>>()?;
    execute_over_ids(tx, WOKEN, args![], &ids).await?;
    rows.iter().map(|row| row.text("correction")).collect()
}

const NEWER: &str = "SELECT COUNT(*) AS newer FROM posting_lines
    WHERE connection = $1 AND kind = $2 AND source_id = $3 AND generation > $4 AND reverses IS NULL";

/// Whether a source has a later posting than this generation.
///
/// # Errors
/// Failures of the database.
pub async fn is_posted_anew(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    source_id: &str,
    generation: u32,
) -> Result<bool> {
    let values = args![connection, kind_word(kind), source_id, generation];
    let newer = tx
        .one(NEWER, values)
        .await?
        .map_or(Ok(0), |row| row.int("newer"))?;
    Ok(newer > 0)
}

const LIVE: &str = "SELECT l.source_id AS source_id FROM posting_lines l
    WHERE l.connection = $1 AND l.kind = $2 AND l.day >= $3 AND l.day <= $4
        AND l.state NOT IN ('withdrawn', 'reversed') AND l.source_id > $5
    GROUP BY l.source_id ORDER BY l.source_id LIMIT $6";

/// Sources dated within some days, or from a day on, that have a live line: a page of them, from behind an id on.
///
/// # Errors
/// Failures of the database.
pub async fn live_sources(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    (from, to): (NaiveDate, Option<NaiveDate>),
    after: &str,
    limit: u32,
) -> Result<Vec<String>> {
    let to = super::listing::last_day(to);
    let values = args![connection, kind_word(kind), from, to, after, limit];
    let rows = tx.all(LIVE, values).await?;
    rows.iter().map(|row| row.text("source_id")).collect()
}

const MOVED: &str = "SELECT DISTINCT day FROM posting_lines
    WHERE connection = $1 AND kind = $2 AND day < $3 AND changed_at >= $4 AND state NOT IN ('withdrawn', 'reversed')
    ORDER BY day";

/// Days before one that have a live line which was taken in, posted or changed since that day began.
///
/// # Errors
/// Failures of the database.
pub async fn days_that_moved(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    since: NaiveDate,
) -> Result<Vec<NaiveDate>> {
    let values = args![
        connection,
        kind_word(kind),
        since,
        since.and_time(NaiveTime::MIN).and_utc()
    ];
    let rows = tx.all(MOVED, values).await?;
    rows.iter().map(|row| row.date("day")).collect()
}
