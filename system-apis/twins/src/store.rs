//! The object store that every twin shares: tables of JSON records with versions, and the write log.
//!
//! All changes happen in [`Store::transact`], which is all-or-nothing: when the closure fails, nothing it wrote
//! remains and nothing is logged. The write log is also the store's journal: with a file, each transaction is
//! appended before it is visible, and a store opened on that file continues where it was (also after `kill -9`;
//! it survives the process, not the machine).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

/// The fields of one record.
pub type Fields = Map<String, Value>;

/// Tells the time to a twin; replaced in tests that move time by hand.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The real clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(Utc::now)
}

/// One record of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Vendor id, in the vendor's own form.
    pub id: String,
    /// The record's fields as the vendor names them; absent key = never set.
    pub fields: Fields,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last written; strictly increasing over the whole store, so that it also orders writes.
    pub changed_at: DateTime<Utc>,
    /// 1 for a new record, one more for each write.
    pub version: u64,
    /// Deleted, but kept for the vendor's recycle bin or deleted-record feed.
    pub deleted: bool,
}

impl Record {
    /// A field, `Null` where absent.
    #[must_use]
    pub fn get(&self, field: &str) -> &Value {
        self.fields.get(field).unwrap_or(&Value::Null)
    }

    /// A text field, `None` where absent, null or not text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.get(field).as_str()
    }
}

/// What a write did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// The record is new.
    Create,
    /// Fields changed.
    Update,
    /// The record is gone for readers.
    Delete,
}

/// Who asked for a write, as far as the wire tells: kept in the write log for tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// User, client id or token name that the vendor authenticated.
    pub name: String,
    /// Value of the `x-correlation-id` request header, when sent.
    pub correlation_id: Option<String>,
    /// What the client program calls itself, where the vendor's protocol has a place for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// One line of the write log: one committed write of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Position in the log, from 1, without gaps.
    pub seq: u64,
    /// All writes of one transaction share this number.
    pub transaction: u64,
    /// What happened.
    pub verb: Verb,
    /// Table, in the vendor's name.
    pub table: String,
    /// Who asked.
    pub caller: Caller,
    /// The names of the fields that this write changed.
    pub changed: Vec<String>,
    /// The whole record after the write.
    pub record: Record,
}

/// Every table of a twin; reached through [`Store::transact`] or [`Store::read`].
#[derive(Default)]
pub struct Tables {
    tables: BTreeMap<String, BTreeMap<String, Record>>,
    indexes: HashMap<(String, String), Index>,
    sequences: BTreeMap<String, u64>,
    last_change: Option<DateTime<Utc>>,
    next_seq: u64,
    next_transaction: u64,
}

/// Ids of the live records by the value of one field; texts are kept in lower case, so that one index serves
/// exact look-ups and those that ignore case.
type Index = HashMap<String, BTreeSet<String>>;

fn index_key(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    }
}

impl Tables {
    /// A live record.
    #[must_use]
    pub fn get(&self, table: &str, id: &str) -> Option<&Record> {
        self.get_any(table, id).filter(|r| !r.deleted)
    }

    /// A record, deleted ones included.
    #[must_use]
    pub fn get_any(&self, table: &str, id: &str) -> Option<&Record> {
        self.tables.get(table)?.get(id)
    }

    /// Live records of a table in the order of their ids.
    pub fn rows<'a>(&'a self, table: &str) -> impl Iterator<Item = &'a Record> + use<'a> {
        self.all_rows(table).filter(|r| !r.deleted)
    }

    /// Records of a table, deleted ones included.
    pub fn all_rows<'a>(&'a self, table: &str) -> impl Iterator<Item = &'a Record> + use<'a> {
        self.tables.get(table).into_iter().flat_map(BTreeMap::values)
    }

    /// The live records whose field equals a value. Quick where [`Store::index`] was called for the field.
    pub fn find<'a, 'b>(
        &'a self,
        table: &str,
        field: &'b str,
        value: &'b Value,
    ) -> impl Iterator<Item = &'a Record> + use<'a, 'b> {
        self.candidates(table, field, value)
            .filter(move |r| r.get(field) == value)
    }

    /// The live records whose text field equals a text, whatever the case of its letters.
    pub fn find_ignoring_case<'a, 'b>(
        &'a self,
        table: &str,
        field: &'b str,
        text: &str,
    ) -> impl Iterator<Item = &'a Record> + use<'a, 'b> {
        let wanted = text.to_lowercase();
        self.candidates(table, field, &Value::from(text))
            .filter(move |r| r.text(field).is_some_and(|t| t.to_lowercase() == wanted))
    }

    fn candidates<'a>(
        &'a self,
        table: &str,
        field: &str,
        value: &Value,
    ) -> Box<dyn Iterator<Item = &'a Record> + 'a> {
        let Some(index) = self.indexes.get(&(table.to_owned(), field.to_owned())) else {
            return Box::new(self.rows(table));
        };
        let rows = self.tables.get(table);
        let ids = index.get(&index_key(value));
        Box::new(
            ids.into_iter()
                .flatten()
                .filter_map(move |id| rows.and_then(|rows| rows.get(id))),
        )
    }

    /// The names of all tables that hold records.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    fn put(&mut self, table: &str, record: Record) -> Option<Record> {
        self.last_change = self.last_change.max(Some(record.changed_at));
        let before = self.get_any(table, &record.id).cloned();
        self.reindex(table, before.as_ref(), Some(&record));
        self.tables
            .entry(table.to_owned())
            .or_default()
            .insert(record.id.clone(), record);
        before
    }

    fn put_back(&mut self, table: &str, id: &str, before: Option<Record>) {
        let written = self.get_any(table, id).cloned();
        self.reindex(table, written.as_ref(), before.as_ref());
        let rows = self.tables.entry(table.to_owned()).or_default();
        match before {
            Some(record) => rows.insert(id.to_owned(), record),
            None => rows.remove(id),
        };
    }

    fn reindex(&mut self, table: &str, before: Option<&Record>, after: Option<&Record>) {
        for ((_, field), index) in self.indexes.iter_mut().filter(|((of, _), _)| of == table) {
            if let Some(old) = before.filter(|r| !r.deleted) {
                let key = index_key(old.get(field));
                if let Some(ids) = index.get_mut(&key) {
                    ids.remove(&old.id);
                    if ids.is_empty() {
                        index.remove(&key);
                    }
                }
            }
            if let Some(new) = after.filter(|r| !r.deleted) {
                index
                    .entry(index_key(new.get(field)))
                    .or_default()
                    .insert(new.id.clone());
            }
        }
    }

    fn build_index(&mut self, table: &str, field: &str) {
        let mut index = Index::default();
        for record in self.rows(table) {
            index
                .entry(index_key(record.get(field)))
                .or_default()
                .insert(record.id.clone());
        }
        self.indexes.insert((table.to_owned(), field.to_owned()), index);
    }

    fn clear(&mut self) {
        let indexes = std::mem::take(&mut self.indexes);
        *self = Self::default();
        self.indexes = indexes.into_keys().map(|key| (key, Index::default())).collect();
    }
}

/// A transaction under way: reads see its own writes.
pub struct Transaction<'a> {
    tables: &'a mut Tables,
    now: DateTime<Utc>,
    caller: Caller,
    undo: Vec<(String, String, Option<Record>)>,
    sequences_before: BTreeMap<String, u64>,
    log: Vec<LogEntry>,
}

impl Transaction<'_> {
    /// The tables as this transaction sees them.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        self.tables
    }

    /// The transaction's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Who asked for this transaction.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The time that a write of this record, done now, would carry as `changed_at`.
    #[must_use]
    pub fn stamp_for(&self, table: &str, id: &str) -> DateTime<Utc> {
        self.stamp(self.tables.get_any(table, id))
    }

    /// Runs a part of the transaction that may fail alone: when it does, what it wrote is taken back and the
    /// rest of the transaction stays.
    ///
    /// # Errors
    /// Those of the closure, unchanged.
    pub fn attempt<T, E>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let (writes, lines) = (self.undo.len(), self.log.len());
        let (sequences, next_seq) = (self.tables.sequences.clone(), self.tables.next_seq);
        let result = f(self);
        if result.is_err() {
            self.take_back(writes);
            self.log.truncate(lines);
            self.tables.sequences = sequences;
            self.tables.next_seq = next_seq;
        }
        result
    }

    fn take_back(&mut self, keep: usize) {
        while self.undo.len() > keep {
            if let Some((table, id, before)) = self.undo.pop() {
                self.tables.put_back(&table, &id, before);
            }
        }
    }

    /// The next number of a named sequence, from 1. Sequences roll back with the transaction.
    pub fn next(&mut self, sequence: &str) -> u64 {
        let n = self.tables.sequences.entry(sequence.to_owned()).or_insert(0);
        *n += 1;
        *n
    }

    /// Creates a record under an id of the caller's choice; an existing one of that id is replaced.
    pub fn create(&mut self, table: &str, id: impl Into<String>, fields: Fields) -> Record {
        let stamp = self.stamp(None);
        let changed = fields.keys().cloned().collect();
        let record = Record {
            id: id.into(),
            fields,
            created_at: stamp,
            changed_at: stamp,
            version: 1,
            deleted: false,
        };
        self.write(Verb::Create, table, record.clone(), changed);
        record
    }

    /// Sets fields of a live record; `None` where there is none. A `Null` value stays in the record as null.
    pub fn update(&mut self, table: &str, id: &str, fields: Fields) -> Option<Record> {
        let mut record = self.tables.get(table, id)?.clone();
        let mut changed = Vec::new();
        for (name, value) in fields {
            if record.fields.get(&name) != Some(&value) {
                changed.push(name.clone());
            }
            record.fields.insert(name, value);
        }
        record.changed_at = self.stamp(Some(&record));
        record.version += 1;
        self.write(Verb::Update, table, record.clone(), changed);
        Some(record)
    }

    /// Sets fields of a live record without moving its stamp, as a vendor's own repair of its data does; false where there
    /// is none.
    pub fn amend(&mut self, table: &str, id: &str, fields: Fields) -> bool {
        let Some(mut record) = self.tables.get(table, id).cloned() else {
            return false;
        };
        let changed = fields.keys().cloned().collect();
        record.fields.extend(fields);
        self.write(Verb::Update, table, record, changed);
        true
    }

    /// Marks a live record deleted; false where there is none.
    pub fn delete(&mut self, table: &str, id: &str) -> bool {
        let Some(mut record) = self.tables.get(table, id).cloned() else {
            return false;
        };
        record.deleted = true;
        record.changed_at = self.stamp(Some(&record));
        record.version += 1;
        self.write(Verb::Delete, table, record, Vec::new());
        true
    }

    /// Later than every write before it, and later by a millisecond than the last write of the same record,
    /// because the vendors show milliseconds at best and a reader must see each record's stamp move.
    fn stamp(&self, before: Option<&Record>) -> DateTime<Utc> {
        let after_all = self
            .tables
            .last_change
            .map(|t| t + chrono::Duration::microseconds(1));
        let after_own = before.map(|r| r.changed_at + chrono::Duration::milliseconds(1));
        after_all
            .into_iter()
            .chain(after_own)
            .fold(self.now, DateTime::max)
    }

    fn write(&mut self, verb: Verb, table: &str, record: Record, changed: Vec<String>) {
        self.tables.next_seq += 1;
        self.log.push(LogEntry {
            seq: self.tables.next_seq,
            transaction: self.tables.next_transaction,
            verb,
            table: table.to_owned(),
            caller: self.caller.clone(),
            changed,
            record: record.clone(),
        });
        let id = record.id.clone();
        let before = self.tables.put(table, record);
        self.undo.push((table.to_owned(), id, before));
    }
}

/// One line of the journal file: what one transaction left behind.
#[derive(Serialize, Deserialize)]
struct Committed {
    entries: Vec<LogEntry>,
    sequences: BTreeMap<String, u64>,
}

struct Inner {
    tables: Tables,
    log: Vec<LogEntry>,
    file: Option<File>,
}

/// One twin's state.
pub struct Store {
    inner: Mutex<Inner>,
    clock: Clock,
    commits: watch::Sender<u64>,
}

impl Store {
    /// An empty store that lives in memory.
    #[must_use]
    pub fn in_memory(clock: Clock) -> Self {
        Self::of(
            Inner {
                tables: Tables::default(),
                log: Vec::new(),
                file: None,
            },
            clock,
        )
    }

    /// A store journalled to a file, which is replayed first. A half-written last line is cut off.
    ///
    /// # Errors
    /// The file cannot be read or written, or a line before the last is not a log entry.
    pub fn open(path: &Path, clock: Clock) -> std::io::Result<Self> {
        let mut tables = Tables::default();
        let mut log = Vec::new();
        let mut good_bytes = 0_u64;
        if path.exists() {
            let mut reader = BufReader::new(File::open(path)?);
            let mut line = Vec::new();
            loop {
                line.clear();
                let read = reader.read_until(b'\n', &mut line)?;
                if read == 0 || !line.ends_with(b"\n") {
                    break;
                }
                let committed: Committed = serde_json::from_slice(&line).map_err(std::io::Error::other)?;
                good_bytes += u64::try_from(read).map_err(std::io::Error::other)?;
                tables.sequences = committed.sequences;
                for entry in committed.entries {
                    tables.next_seq = entry.seq;
                    tables.next_transaction = entry.transaction;
                    tables.put(&entry.table, entry.record.clone());
                    log.push(entry);
                }
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(good_bytes)?;
        Ok(Self::of(
            Inner {
                tables,
                log,
                file: Some(file),
            },
            clock,
        ))
    }

    fn of(inner: Inner, clock: Clock) -> Self {
        let commits = watch::Sender::new(inner.tables.next_seq);
        Self {
            inner: Mutex::new(inner),
            clock,
            commits,
        }
    }

    /// Makes look-ups of a table by a field quick from now on; also after a reset.
    pub fn index(&self, table: &str, field: &str) {
        self.lock().tables.build_index(table, field);
    }

    /// Tells the position of the newest log entry each time it moves: for feeds and long polls.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Reads under the lock: a consistent view of all tables.
    pub fn read<T>(&self, f: impl FnOnce(&Tables) -> T) -> T {
        f(&self.lock().tables)
    }

    /// Runs a transaction: commits when the closure succeeds, leaves no trace when it fails.
    ///
    /// # Errors
    /// Those of the closure, unchanged.
    pub fn transact<T, E>(
        &self,
        caller: &Caller,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inner = self.lock();
        let now = (self.clock)();
        let inner = &mut *inner;
        inner.tables.next_transaction += 1;
        let seq_before = inner.tables.next_seq;
        let mut transaction = Transaction {
            now,
            caller: caller.clone(),
            undo: Vec::new(),
            sequences_before: inner.tables.sequences.clone(),
            log: Vec::new(),
            tables: &mut inner.tables,
        };
        let result = f(&mut transaction);
        if result.is_err() {
            transaction.take_back(0);
        }
        let Transaction {
            log,
            sequences_before,
            ..
        } = transaction;
        if result.is_err() {
            inner.tables.next_seq = seq_before;
            inner.tables.next_transaction -= 1;
            inner.tables.sequences = sequences_before;
        } else if log.is_empty() && inner.tables.sequences == sequences_before {
            inner.tables.next_transaction -= 1;
        } else {
            let committed = Committed {
                entries: log,
                sequences: inner.tables.sequences.clone(),
            };
            Self::append(inner.file.as_mut(), &committed);
            inner.log.extend(committed.entries);
            self.commits.send_replace(inner.tables.next_seq);
        }
        result
    }

    /// Log entries after a position, oldest first, at most `limit`.
    #[must_use]
    pub fn log_after(&self, seq: u64, limit: usize) -> Vec<LogEntry> {
        let inner = self.lock();
        let skip = usize::try_from(seq).unwrap_or(usize::MAX);
        inner.log.iter().skip(skip).take(limit).cloned().collect()
    }

    /// Forgets everything, also in the file.
    ///
    /// # Errors
    /// The file cannot be emptied.
    pub fn reset(&self) -> std::io::Result<()> {
        let mut inner = self.lock();
        if let Some(file) = &inner.file {
            file.set_len(0)?;
        }
        inner.tables.clear();
        inner.log.clear();
        self.commits.send_replace(0);
        Ok(())
    }

    /// The twin's present time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    fn append(file: Option<&mut File>, committed: &Committed) {
        let Some(file) = file else { return };
        match serde_json::to_vec(committed) {
            Ok(mut line) => {
                line.push(b'\n');
                if let Err(error) = file.write_all(&line) {
                    tracing::error!(%error, "the twin's journal could not be written; its state will not survive a restart");
                }
            }
            Err(error) => tracing::error!(%error, "a twin's write could not be written as JSON"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
