//! Taking in what the PSA says: many sources at once, in the transaction that moves the feed's cursor.

use std::collections::HashMap;

use canonical_model::{CanonicalId, Failure, Result, SourceKind};
use chrono::{DateTime, Utc};
use persistence::{Row, Tx, Value, args};

use crate::line::{LineState, PostingLine, Work};
use crate::news::{Arrival, Decision, KnownLine, News, decide};

use super::bulk::{Bulk, pieces};
use super::{all_moved, execute_over_ids, execute_over_rows, json, kind_word, minor, read_word, state_word};

/// What a page of arrivals came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Lines that are new or say something new, and are queued.
    pub queued: usize,
    /// Lines that are not to be posted any more.
    pub withdrawn: usize,
    /// Lines that are in the books or on their way, and of which the PSA says something else now.
    pub remembered: usize,
    /// Changes that nobody can read.
    pub unreadable: usize,
}

/// Takes in what the PSA says about sources of one kind.
///
/// # Errors
/// Transient `line_moved` where a batch took a line in the meantime; failures of the database.
pub async fn take_in(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    arrivals: Vec<Arrival>,
    now: DateTime<Utc>,
) -> Result<Taken> {
    // Feed and sweep may bring the same source at once: one line is what both shall find.
    lock(tx, connection, kind).await?;
    let last = last_of_each(arrivals);
    let ids: Vec<&str> = last.iter().map(|arrival| arrival.source_id.as_str()).collect();
    let known = known_lines(tx, connection, kind, &ids).await?;
    let mut plan = Plan::default();
    for arrival in &last {
        plan.add(connection, known.get(&arrival.source_id), arrival)?;
    }
    let readable: Vec<&str> = last
        .iter()
        .filter(|arrival| !matches!(arrival.news, News::Unreadable(_)))
        .map(|arrival| arrival.source_id.as_str())
        .collect();
    forget_unreadable(tx, connection, kind, &readable).await?;
    plan.carry_out(tx, connection, kind, now).await
}

/// Nobody else takes in what the PSA says about sources of this kind until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, connection: &str, kind: SourceKind) -> Result<()> {
    tx.lock(&format!("intake {connection} {}", kind_word(kind))).await
}

/// Queues one new line.
pub(super) async fn queue(tx: &mut Tx, line: &PostingLine, now: DateTime<Utc>) -> Result<()> {
    tx.insert(INSERT, vec![new_row(line, now)?], "").await.map(|_| ())
}

/// A page may hold one source several times; what it says last is what holds.
fn last_of_each(arrivals: Vec<Arrival>) -> Vec<Arrival> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut last: Vec<Arrival> = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        match places
            .get(&arrival.source_id)
            .and_then(|place| last.get_mut(*place))
        {
            Some(earlier) => *earlier = arrival,
            None => {
                places.insert(arrival.source_id.clone(), last.len());
                last.push(arrival);
            }
        }
    }
    last
}

const KNOWN: &str = "SELECT id, source_id, generation, state, digest, news, batch FROM posting_lines
    WHERE connection = $1 AND kind = $2 AND source_id IN ({rows}) ORDER BY generation";

async fn known_lines(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    ids: &[&str],
) -> Result<HashMap<String, KnownLine>> {
    let statement = Bulk {
        template: KNOWN,
        fixed: 2,
        columns: 1,
        brackets: false,
    };
    let mut known = HashMap::with_capacity(ids.len());
    for piece in pieces(ids) {
        let mut values = args![connection, kind_word(kind)];
        values.extend(piece.iter().map(|id| Value::from(*id)));
        for row in tx.all(statement.text(piece.len()), values).await? {
            // In the order of generations: the last one is the live one.
            known.insert(row.text("source_id")?, known_line(&row)?);
        }
    }
    Ok(known)
}

fn known_line(row: &Row) -> Result<KnownLine> {
    Ok(KnownLine {
        id: row.id("id")?,
        generation: super::generation(row)?,
        state: read_word(&row.text("state")?)?,
        digest: row.text("digest")?,
        waiting: row.opt_json("news")?,
        batch: row.opt_text("batch")?,
    })
}

/// What is to be written, statement by statement.
#[derive(Default)]
struct Plan {
    queue: Vec<PostingLine>,
    replace: Vec<Vec<Value>>,
    withdraw: Vec<CanonicalId>,
    remember: Vec<Vec<Value>>,
    forget: Vec<CanonicalId>,
    overtaken: Vec<Vec<Value>>,
    set_aside: Vec<(String, Failure, DateTime<Utc>)>,
}

impl Plan {
    fn add(&mut self, connection: &str, known: Option<&KnownLine>, arrival: &Arrival) -> Result<()> {
        match (decide(known, &arrival.news), known, &arrival.news) {
            (Decision::Queue, _, News::Approved(work)) => self.queue.push(PostingLine::queued(
                CanonicalId::generate(),
                connection,
                &arrival.source_id,
                known.map_or(1, |line| line.generation + 1),
                (**work).clone(),
            )),
            (Decision::Replace, Some(line), News::Approved(work)) => {
                let mut row = args![line.id, state_word(line.state)];
                row.extend(work_columns(work)?);
                self.replace.push(row);
                self.overtake(line);
            }
            (Decision::Withdraw, Some(line), _) => {
                self.withdraw.push(line.id);
                self.overtake(line);
            }
            (Decision::Remember, Some(line), news) => self.remember.push(args![line.id, json(news)?]),
            (Decision::Forget, Some(line), _) => self.forget.push(line.id),
            (Decision::SetAside, _, News::Unreadable(failure)) => {
                self.set_aside
                    .push((arrival.source_id.clone(), failure.clone(), arrival.changed_at));
            }
            _ => {}
        }
        Ok(())
    }

    /// A person need not decide any more what the PSA has decided.
    fn overtake(&mut self, line: &KnownLine) {
        if let (LineState::Excepted, Some(batch)) = (line.state, &line.batch) {
            self.overtaken.push(args![line.id, batch]);
        }
    }

    async fn carry_out(
        self,
        tx: &mut Tx,
        connection: &str,
        kind: SourceKind,
        now: DateTime<Utc>,
    ) -> Result<Taken> {
        let taken = Taken {
            queued: self.queue.len() + self.replace.len(),
            withdrawn: self.withdraw.len(),
            remembered: self.remember.len(),
            unreadable: self.set_aside.len(),
        };
        let rows = self
            .queue
            .iter()
            .map(|line| new_row(line, now))
            .collect::<Result<_>>()?;
        tx.insert(INSERT, rows, "").await?;
        let changed = execute_over_rows(tx, REPLACE, args![now], self.replace).await?;
        all_moved(changed, taken.queued - self.queue.len())?;
        let changed = execute_over_ids(tx, WITHDRAW, args![now], &self.withdraw).await?;
        all_moved(changed, taken.withdrawn)?;
        let changed = execute_over_rows(tx, REMEMBER, args![], self.remember).await?;
        all_moved(changed, taken.remembered)?;
        execute_over_ids(tx, FORGET, args![], &self.forget).await?;
        tx.insert(OVERTAKE, self.overtaken, "ON CONFLICT DO NOTHING")
            .await?;
        let aside = |(source_id, failure, at): &(String, Failure, DateTime<Utc>)| {
            Ok(args![
                connection,
                kind_word(kind),
                source_id,
                json(failure)?,
                *at,
                0
            ])
        };
        let aside = self.set_aside.iter().map(aside).collect::<Result<_>>()?;
        tx.insert(SET_ASIDE, aside, "ON CONFLICT DO NOTHING").await?;
        Ok(taken)
    }
}

const INSERT: &str =
    "INSERT INTO posting_lines (id, connection, kind, source_id, generation, state, changed_at, news_told,
    digest, fingerprint, work, project, person, day, minutes, charge_minor, charge_currency)";

fn new_row(line: &PostingLine, now: DateTime<Utc>) -> Result<Vec<Value>> {
    let mut row = args![
        line.id,
        &line.connection,
        kind_word(line.work.kind()),
        &line.source_id,
        line.generation,
        state_word(line.state),
        now,
        0,
    ];
    row.extend(work_columns(&line.work)?);
    Ok(row)
}

/// The columns that follow from the work, in the order of [`INSERT`] and [`REPLACE`].
fn work_columns(work: &Work) -> Result<Vec<Value>> {
    let (charge, currency) = minor(work.charge())?;
    Ok(args![
        work.digest(),
        work.fingerprint(),
        json(work)?,
        work.project(),
        work.person(),
        work.date(),
        work.minutes().count(),
        charge,
        currency,
    ])
}

const REPLACE: &str = "UPDATE posting_lines SET state = 'queued', changed_at = $1, edits = NULL, failure = NULL,
        cause_code = NULL, cause_subject = NULL, batch = NULL, news = NULL,
        digest = v.column3, fingerprint = v.column4, work = v.column5, project = v.column6, person = v.column7,
        day = v.column8, minutes = v.column9, charge_minor = v.column10, charge_currency = v.column11
    FROM (VALUES {rows}) AS v
    WHERE posting_lines.id = v.column1 AND posting_lines.state = v.column2";

const WITHDRAW: &str =
    "UPDATE posting_lines SET state = 'withdrawn', changed_at = $1, failure = NULL, cause_code = NULL,
        cause_subject = NULL, batch = NULL, news = NULL
    WHERE state IN ('queued', 'excepted', 'skipped') AND id IN ({rows})";

const REMEMBER: &str = "UPDATE posting_lines SET news = v.column2, news_told = 0 FROM (VALUES {rows}) AS v
    WHERE posting_lines.id = v.column1 AND posting_lines.state IN ('posting', 'posted', 'reversing')";

const FORGET: &str = "UPDATE posting_lines SET news = NULL, news_told = 0 WHERE id IN ({rows})";

const OVERTAKE: &str = "INSERT INTO overtaken_exceptions (line_id, batch)";

const SET_ASIDE: &str =
    "INSERT INTO unreadable_changes (connection, kind, source_id, failure, changed_at, told)";

const READABLE: &str =
    "DELETE FROM unreadable_changes WHERE connection = $1 AND kind = $2 AND source_id IN ({rows})";

async fn forget_unreadable(tx: &mut Tx, connection: &str, kind: SourceKind, ids: &[&str]) -> Result<()> {
    let statement = Bulk {
        template: READABLE,
        fixed: 2,
        columns: 1,
        brackets: false,
    };
    for piece in pieces(ids) {
        let mut values = args![connection, kind_word(kind)];
        values.extend(piece.iter().map(|id| Value::from(*id)));
        tx.execute(statement.text(piece.len()), values).await?;
    }
    Ok(())
}

/// Sets a change aside that nobody can read, for a person.
///
/// # Errors
/// Failures of the database.
pub async fn set_aside(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    id: &str,
    failure: &Failure,
    changed_at: DateTime<Utc>,
) -> Result<()> {
    let row = args![connection, kind_word(kind), id, json(failure)?, changed_at, 0];
    tx.insert(SET_ASIDE, vec![row], "ON CONFLICT DO NOTHING")
        .await
        .map(|_| ())
}

/// A source can be read again.
///
/// # Errors
/// Failures of the database.
pub async fn is_readable(tx: &mut Tx, connection: &str, kind: SourceKind, id: &str) -> Result<()> {
    forget_unreadable(tx, connection, kind, &[id]).await
}
