//! Customer invoices and credit notes.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use canonical_model::{
    CreditNote, Currency, Failure, FindBy, Invoice, InvoiceLine, Minutes, Result, SourceKind, Write, Written,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use system_ports::{Filter, Idempotency};

use super::documents::{self, Document, Header, defaults, with_key};
use super::writes::refuse_change;
use super::{By, Noun, Shared, Table, Writing, plain};
use crate::client::Search;
use crate::directory::Lookups;
use crate::mapping::check_entity;
use crate::mapping::document::{
    FIELDS, Kind, Line, TimeByLine, line_values, priced, product_of, sources_text, tag, tag_of,
};
use crate::mapping::invoice::{to_credit_note, to_invoice};
use crate::tag;
use crate::wire::{Record, date, id_of};

plain!(
    /// Customer invoices.
    Invoices,
    /// Customer invoices that take back.
    CreditNotes,
);

fn writing() -> Option<Writing> {
    Some(Writing {
        idempotency: Idempotency::LookUp,
        bulk_size: 1,
        reverses: false,
    })
}

fn condition(by: FindBy, value: &str) -> Vec<Value> {
    match by {
        FindBy::EffectKey => vec![with_key(value)],
        _ => vec![json!(["number", "=", value])],
    }
}

fn matches(record: &Record, by: FindBy, value: &str) -> bool {
    by != FindBy::EffectKey || key(record).as_deref() == Some(value)
}

fn key(record: &Record) -> Option<String> {
    tag_of(record).get("key").map(str::to_owned)
}

fn filter(by: &By<'_>) -> Value {
    match by {
        By::Account(id) => json!(["party", "=", id]),
        By::Project(id) => json!(["lines.note", "ilike", tag::pattern("project", &format!("{id} "))]),
        By::From(day) => json!(["invoice_date", ">=", date(*day)]),
        By::To(day) => json!(["invoice_date", "<=", date(*day)]),
        By::Person(_) | By::State(_) => json!([]),
    }
}

#[async_trait]
impl Noun for Invoices {
    type Record = Invoice;
    type Extra = TimeByLine;
    const MODEL: &'static str = "account.invoice";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: vec![json!(["type", "=", "out"]), json!(["total_amount", ">=", 0])],
            fields: FIELDS.to_vec(),
            filters: vec![Filter::Account, Filter::Date],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(filter(&by))
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Code]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        condition(by, value)
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        matches(record, by, value)
    }

    fn key(&self, record: &Record) -> Option<String> {
        key(record)
    }

    fn writing(&self) -> Option<Writing> {
        writing()
    }

    /// The time entries that the invoices charge for.
    async fn extra(&self, records: &[Record]) -> Result<TimeByLine> {
        let ids: Vec<i64> = records.iter().filter_map(|row| row.integer("id")).collect();
        let fields = ["invoice_line".to_owned()];
        let mut time = TimeByLine::new();
        for ids in ids.chunks(100) {
            let search = Search {
                model: "timesheet.line",
                domain: vec![json!(["invoice_line.invoice", "in", ids])],
                order: &["id"],
                limit: None,
                fields: &fields,
            };
            for row in self.0.client.search_read(search).await?.rows {
                if let Some(line) = row.integer("invoice_line") {
                    time.entry(line).or_default().push(row.id()?);
                }
            }
        }
        Ok(time)
    }

    fn map(&self, record: &Record, lookups: &Lookups, time: &TimeByLine) -> Result<Option<Invoice>> {
        if documents::is_unfinished(record) {
            return Ok(None);
        }
        to_invoice(record, lookups, time, &self.0.settings).map(Some)
    }

    async fn write_one(&self, write: &Write<Invoice>) -> Result<Written> {
        refuse_change(write, "correct it with a credit note")?;
        let (shared, key, invoice) = (&*self.0, write.key.as_str(), &write.record);
        let what = format!("invoice of key {key}");
        if let Some(known) = documents::earlier(shared, Kind::Invoice, key, &what).await? {
            return Ok(known);
        }
        let draft = Draft {
            shared,
            kind: Kind::Invoice,
            key,
            party: shared.check_party(&invoice.account).await?,
            project: invoice.project.as_ref().map(|project| project.id.as_str()),
            currency: invoice.currency,
            sign: Decimal::ONE,
            corrects: None,
        };
        let lookups = shared.directory.current(&shared.client).await?;
        check_entity(invoice.legal_entity.as_ref(), &lookups)?;
        let (mut header, lines, time) = draft.compose(&invoice.lines, &lookups).await?;
        header
            .set("invoice_date", date(invoice.date))
            .set_opt("reference", invoice.purchase_order.clone())
            .set_opt("description", invoice.memo.clone());
        let document = Document {
            kind: Kind::Invoice,
            key,
            what: &what,
            header,
            lines,
            time,
            net: invoice.lines.iter().map(|line| line.amount.amount).sum(),
            post: shared.settings.invoice.post,
        };
        documents::make(shared, document).await
    }
}

/// Invoice by the invoice line that a credit note's line goes back to.
pub(crate) type Corrected = BTreeMap<i64, i64>;

#[async_trait]
impl Noun for CreditNotes {
    type Record = CreditNote;
    type Extra = Corrected;
    const MODEL: &'static str = "account.invoice";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: vec![json!(["type", "=", "out"]), json!(["total_amount", "<", 0])],
            fields: FIELDS.to_vec(),
            filters: vec![Filter::Account, Filter::Date],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(filter(&by))
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Code]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        condition(by, value)
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        matches(record, by, value)
    }

    fn key(&self, record: &Record) -> Option<String> {
        key(record)
    }

    fn writing(&self) -> Option<Writing> {
        writing()
    }

    async fn extra(&self, records: &[Record]) -> Result<Corrected> {
        let lines: Vec<i64> = records.iter().filter_map(origin).collect();
        let rows = self.0.rows("account.invoice.line", &lines, &["invoice"]).await?;
        let pairs = rows
            .iter()
            .filter_map(|row| Some((row.integer("id")?, row.integer("invoice")?)));
        Ok(pairs.collect())
    }

    fn map(&self, record: &Record, lookups: &Lookups, corrected: &Corrected) -> Result<Option<CreditNote>> {
        if documents::is_unfinished(record) {
            return Ok(None);
        }
        let invoice = origin(record).and_then(|line| corrected.get(&line).copied());
        to_credit_note(record, lookups, invoice, &self.0.settings).map(Some)
    }

    async fn write_one(&self, write: &Write<CreditNote>) -> Result<Written> {
        refuse_change(write, "write another one")?;
        let (shared, key, note) = (&*self.0, write.key.as_str(), &write.record);
        let what = format!("credit note of key {key}");
        if let Some(known) = documents::earlier(shared, Kind::CreditNote, key, &what).await? {
            return Ok(known);
        }
        let corrected = self.corrected(note).await?;
        let draft = Draft {
            shared,
            kind: Kind::CreditNote,
            key,
            party: shared.check_party(&note.account).await?,
            project: None,
            currency: note.currency,
            sign: Decimal::NEGATIVE_ONE,
            corrects: Some(corrected),
        };
        let lookups = shared.directory.current(&shared.client).await?;
        let (mut header, lines, _) = draft.compose(&note.lines, &lookups).await?;
        header.set("invoice_date", date(note.date));
        let net: Decimal = note.lines.iter().map(|line| line.amount.amount).sum();
        let document = Document {
            kind: Kind::CreditNote,
            key,
            what: &what,
            header,
            lines,
            // The time stays on the invoice that charged for it: it was charged, and is taken back.
            time: BTreeMap::new(),
            net: -net,
            post: shared.settings.invoice.post,
        };
        let made = documents::make(shared, document).await?;
        self.apply(&made, corrected.invoice, &what).await;
        Ok(made)
    }
}

/// The invoice line that a document's lines go back to.
fn origin(record: &Record) -> Option<i64> {
    let lines = record.many("lines").ok()?;
    let origins = lines.iter().filter_map(|line| line.text("origin"));
    origins
        .filter_map(|origin| origin.strip_prefix("account.invoice.line,")?.parse().ok())
        .next()
}

/// What a credit note takes back.
#[derive(Debug, Clone, Copy)]
struct Corrects {
    invoice: i64,
    line: i64,
}

impl CreditNotes {
    /// The invoice that a note corrects, with its first line.
    async fn corrected(&self, note: &CreditNote) -> Result<Corrects> {
        let unknown = || {
            let id = &note.invoice.id;
            let message = format!("the credit note corrects invoice {id}, which Tryton does not have");
            Failure::business("invalid_reference", message)
        };
        let id = id_of(&note.invoice, "invoice")?;
        let rows = self
            .0
            .rows("account.invoice", &[id], &["lines", "type", "state"])
            .await?;
        let row = rows
            .first()
            .filter(|row| row.text("type").as_deref() == Some("out"))
            .ok_or_else(unknown)?;
        let line = row.ids("lines").first().copied().ok_or_else(unknown)?;
        Ok(Corrects { invoice: id, line })
    }

    /// Sets a posted note against its invoice, as far as that is open: it lessens what is to be paid. What cannot be
    /// set against it stays a balance in the client's favour, as it does when people credit a paid invoice.
    async fn apply(&self, made: &Written, invoice: i64, what: &str) {
        let shared = &*self.0;
        let id: i64 = made.id.parse().unwrap_or_default();
        let applied = async {
            let rows = shared.rows("account.invoice", &[id], &["lines_to_pay"]).await?;
            let lines = rows
                .first()
                .map(|row| row.ids("lines_to_pay"))
                .unwrap_or_default();
            if lines.is_empty() {
                return Ok(());
            }
            let values = json!({ "payment_lines": [["add", lines]] });
            shared
                .client
                .write("account.invoice", vec![(vec![invoice], values)], None, what)
                .await
        };
        if let Err(failure) = applied.await {
            tracing::info!(
                connection = shared.connection,
                record.id = invoice,
                code = failure.code,
                "a credit note stays open beside its invoice"
            );
        }
    }
}

/// A customer document under way.
struct Draft<'a> {
    shared: &'a Shared,
    kind: Kind,
    key: &'a str,
    party: i64,
    project: Option<&'a str>,
    currency: Currency,
    sign: Decimal,
    corrects: Option<Corrects>,
}

type Composed = (crate::mapping::Values, Vec<Value>, BTreeMap<usize, Vec<i64>>);

impl Draft<'_> {
    /// Header and lines, and which time goes on which line.
    async fn compose(&self, lines: &[InvoiceLine], lookups: &Lookups) -> Result<Composed> {
        let shared = self.shared;
        for line in lines {
            if line.amount.currency != self.currency {
                let message = format!(
                    "line {:?} is in {}, its document in {}",
                    line.description, line.amount.currency, self.currency
                );
                return Err(Failure::fault("currency_mismatch", message));
            }
        }
        let (party, company) = (self.party, lookups.company);
        let currency = shared
            .directory
            .currency_id(&shared.client, self.currency)
            .await?;
        let items = &shared.settings.items;
        let mut products = lines
            .iter()
            .map(|line| product_of(line, items))
            .collect::<Result<Vec<_>>>()?;
        let wanted: BTreeSet<i64> = products.iter().copied().chain(items.rounding).collect();
        let wanted: Vec<i64> = wanted.into_iter().collect();
        let filled = defaults(shared, self.kind, &wanted, (party, company, currency)).await?;
        let header = Header::of_party(shared, self.kind, party, company, currency).await?;
        let minutes = match self.kind {
            Kind::Invoice => self.time(lines).await?,
            _ => BTreeMap::new(),
        };
        let expenses = self.expenses(lines).await?;
        let (mut rows, mut rest, mut time) = (Vec::new(), Decimal::ZERO, BTreeMap::new());
        for (at, (line, product)) in lines.iter().zip(products.drain(..)).enumerate() {
            let of_product = filled.get(&product).cloned().unwrap_or_default();
            let entries = ids(line, SourceKind::TimeEntry)?;
            let worked = entries.iter().filter_map(|id| minutes.get(id)).copied();
            let worked = (!entries.is_empty() && self.kind == Kind::Invoice).then(|| worked.sum::<Minutes>());
            let told = priced(line, worked, &of_product, items, lookups)?;
            rest += told.difference;
            let mut tag = tag(self.kind, self.key, at + 1);
            tag.set("project", self.project);
            tag.set("invoice", self.corrects.map(|corrects| corrects.invoice));
            tag.set("sources", sources_text(&line.sources));
            let charged = match ids(line, SourceKind::Expense)?.as_slice() {
                [expense] => expenses.get(expense).copied(),
                _ => None,
            };
            let written = Line {
                product,
                quantity: told.quantity * self.sign,
                unit_price: told.unit_price,
                description: &line.description,
                tax: line
                    .tax_code
                    .as_ref()
                    .map(|code| id_of(code, "tax code"))
                    .transpose()?,
                tag: &tag,
                origin: self.corrects.map(|corrects| corrects.line).or(charged),
            };
            rows.push(line_values(&written, &of_product, company, currency));
            if !entries.is_empty() && self.kind == Kind::Invoice {
                time.insert(at + 1, entries);
            }
        }
        if let Some(product) = items.rounding.filter(|_| !rest.is_zero()) {
            let mut tag = tag(self.kind, self.key, lines.len() + 1);
            tag.set("rest", Some(true));
            let written = Line {
                product,
                quantity: self.sign,
                unit_price: rest,
                description: "Rounding",
                tax: None,
                tag: &tag,
                origin: self.corrects.map(|corrects| corrects.line),
            };
            let of_product = filled.get(&product).cloned().unwrap_or_default();
            rows.push(line_values(&written, &of_product, company, currency));
        }
        Ok((header.values(self.kind, party, company, currency), rows, time))
    }

    /// The time that lines charge for: it has to be there, and on no other invoice.
    async fn time(&self, lines: &[InvoiceLine]) -> Result<BTreeMap<i64, Minutes>> {
        let mut wanted = Vec::new();
        for line in lines {
            wanted.extend(ids(line, SourceKind::TimeEntry)?);
        }
        let fields = ["duration", "invoice_line.invoice"];
        let rows = self.shared.rows("timesheet.line", &wanted, &fields).await?;
        let mut found = BTreeMap::new();
        for row in rows {
            let id = row.id()?;
            if let Some(invoice) = row.integer("invoice_line.invoice") {
                let message = format!("time entry {id} is on invoice {invoice} already");
                return Err(Failure::business("already_invoiced", message));
            }
            found.insert(id, row.minutes("duration")?.unwrap_or_default());
        }
        match wanted.iter().find(|id| !found.contains_key(id)) {
            Some(missing) => Err(unknown_source(*missing)),
            None => Ok(found),
        }
    }

    /// The booked lines of the expenses that lines charge for.
    async fn expenses(&self, lines: &[InvoiceLine]) -> Result<BTreeMap<i64, i64>> {
        let mut wanted = Vec::new();
        for line in lines {
            wanted.extend(ids(line, SourceKind::Expense)?);
        }
        let rows = self.shared.rows("account.invoice", &wanted, &["lines"]).await?;
        let mut found = BTreeMap::new();
        for row in rows {
            if let Some(line) = row.ids("lines").first() {
                found.insert(row.id()?, *line);
            }
        }
        match wanted.iter().find(|id| !found.contains_key(id)) {
            Some(missing) => Err(unknown_source(*missing)),
            None => Ok(found),
        }
    }
}

/// Sources of a kind on a line.
fn ids(line: &InvoiceLine, kind: SourceKind) -> Result<Vec<i64>> {
    let sources = line.sources.iter().filter(|source| source.kind == kind);
    sources.map(|source| id_of(&source.record, "source")).collect()
}

fn unknown_source(id: i64) -> Failure {
    let message = format!("the document charges for record {id}, which Tryton does not have");
    Failure::business("invalid_reference", message)
}
