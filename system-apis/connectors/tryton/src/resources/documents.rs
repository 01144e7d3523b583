//! Making documents (`account.invoice`): a draft that carries our key, tied to what it charges for, then posted.
//!
//! No field of an invoice is unique, so that our key is kept single by looking before and after. A draft is nothing that
//! is done: nobody is shown it, the next write under the key takes it away and begins anew, and a document that Tryton
//! refuses to post leaves none behind.

use std::collections::BTreeMap;

use canonical_model::{Failure, Result, Written};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Shared;
use super::writes::written;
use crate::client::Search;
use crate::mapping::Values;
use crate::mapping::document::{DRAFT, Defaults, Kind, tag_of};
use crate::tag;
use crate::wire::{Record, creating};

const MODEL: &str = "account.invoice";

/// A document that shall be there.
pub(crate) struct Document<'a> {
    pub(crate) kind: Kind,
    pub(crate) key: &'a str,
    /// What it is called in messages.
    pub(crate) what: &'a str,
    pub(crate) header: Values,
    pub(crate) lines: Vec<Value>,
    /// Time entries by the number of the line that charges for them.
    pub(crate) time: BTreeMap<usize, Vec<i64>>,
    /// What it must come to before tax.
    pub(crate) net: Decimal,
    /// Posted, or left validated.
    pub(crate) post: bool,
}

/// What Tryton fills in for a party: address, account, terms, journal.
pub(crate) struct Header {
    record: Record,
}

/// The domain of documents that may carry a key.
pub(crate) fn with_key(key: &str) -> Value {
    json!(["lines.note", "ilike", tag::pattern("key", key)])
}

/// The documents of a kind that carry a key, drafts included, oldest first.
async fn carrying(shared: &Shared, kind: Kind, key: &str) -> Result<Vec<Record>> {
    let fields = ["number", "state", "untaxed_amount", "lines.note"].map(str::to_owned);
    let search = Search {
        model: MODEL,
        domain: vec![json!(["type", "=", kind.side()]), with_key(key)],
        order: &["id"],
        limit: None,
        fields: &fields,
    };
    let mut rows = shared.client.search_read(search).await?.rows;
    rows.retain(|row| tag_of(row).get("key") == Some(key));
    Ok(rows)
}

fn is_draft(record: &Record) -> bool {
    record.text("state").as_deref() == Some(DRAFT)
}

/// Whether it is a draft of ours: under way, or left where an answer was lost, and soon gone or posted. A draft of people
/// carries no key and is a record as any other.
pub(crate) fn is_unfinished(record: &Record) -> bool {
    is_draft(record) && tag_of(record).get("key").is_some()
}

fn done(record: &Record, created: bool) -> Result<Written> {
    Ok(Written {
        code: record.text("number"),
        ..written(record.id()?, created)
    })
}

/// The document that a key stands for, where it was made before. Drafts that an earlier try left are taken away.
pub(crate) async fn earlier(shared: &Shared, kind: Kind, key: &str, what: &str) -> Result<Option<Written>> {
    for record in carrying(shared, kind, key).await? {
        if !is_draft(&record) {
            return done(&record, false).map(Some);
        }
        discard(shared, record.id()?, what).await?;
    }
    Ok(None)
}

/// Makes a document. What fails before it is posted leaves no draft behind, as far as Tryton still answers.
pub(crate) async fn make(shared: &Shared, document: Document<'_>) -> Result<Written> {
    let (kind, key, what) = (document.kind, document.key, document.what);
    let mut header = document.header;
    header.set("lines", creating(document.lines));
    let ids = shared.client.create(MODEL, vec![header.build()], what).await?;
    let id = ids.first().copied().unwrap_or_default();
    let made = finish(
        shared,
        id,
        kind,
        key,
        what,
        &document.time,
        document.net,
        document.post,
    )
    .await;
    match made {
        // An answer that is lost leaves doubt, and a draft that nobody finds; anything else leaves nothing.
        Err(failure) if !failure.is_unknown() => {
            if let Err(left) = discard(shared, id, what).await {
                tracing::warn!(
                    connection = shared.connection,
                    record.id = id,
                    code = left.code,
                    "a draft is left in Tryton; the next try takes it away"
                );
            }
            Err(failure)
        }
        made => made,
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one document, taken apart once"
)]
async fn finish(
    shared: &Shared,
    id: i64,
    kind: Kind,
    key: &str,
    what: &str,
    time: &BTreeMap<usize, Vec<i64>>,
    net: Decimal,
    post: bool,
) -> Result<Written> {
    let others = carrying(shared, kind, key).await?;
    let first = others.first().map(Record::id).transpose()?.unwrap_or(id);
    if first != id {
        let message = format!("somebody else is just making {what} in Tryton");
        return Err(Failure::transient("record_locked", message));
    }
    let computed = others
        .iter()
        .find(|record| record.integer("id") == Some(id))
        .map(|record| record.amount("untaxed_amount"))
        .transpose()?;
    if computed != Some(net) {
        let message = format!(
            "{what} comes to {} in Tryton and should come to {net}",
            computed.unwrap_or_default()
        );
        return Err(Failure::business("amount_differs", message));
    }
    tie_time(shared, id, time, what).await?;
    let button = if post { "post" } else { "validate_invoice" };
    shared.client.press(MODEL, button, id, what).await?;
    // The number is a courtesy: the document stands whether or not it can be read just now.
    let rows = shared.rows(MODEL, &[id], &["number"]).await.unwrap_or_default();
    Ok(Written {
        code: rows.first().and_then(|record| record.text("number")),
        ..written(id, true)
    })
}

/// Notes on timesheet lines which invoice line charges for them.
async fn tie_time(shared: &Shared, id: i64, time: &BTreeMap<usize, Vec<i64>>, what: &str) -> Result<()> {
    if time.is_empty() {
        return Ok(());
    }
    let rows = shared.rows(MODEL, &[id], &["lines.note"]).await?;
    let mut changes = Vec::new();
    for line in rows
        .first()
        .map(|row| row.many("lines"))
        .transpose()?
        .unwrap_or_default()
    {
        let tag = tag::Tag::of(line.text("note").as_deref());
        let number = tag.get("n").and_then(|n| n.parse().ok());
        // The line of a rest has the same number and no sources.
        let entries = number
            .filter(|_| tag.get("rest").is_none())
            .and_then(|n: usize| time.get(&n));
        if let Some(entries) = entries {
            changes.push((entries.clone(), json!({ "invoice_line": line.id()? })));
        }
    }
    shared.client.write("timesheet.line", changes, None, what).await
}

/// Takes a draft away; its time is free again.
async fn discard(shared: &Shared, id: i64, what: &str) -> Result<()> {
    let fields = ["id".to_owned()];
    let search = Search {
        model: "timesheet.line",
        domain: vec![json!(["invoice_line.invoice", "=", id])],
        order: &["id"],
        limit: None,
        fields: &fields,
    };
    let tied: Vec<i64> = shared
        .client
        .search_read(search)
        .await?
        .rows
        .iter()
        .filter_map(|row| row.integer("id"))
        .collect();
    if !tied.is_empty() {
        let free = vec![(tied, json!({ "invoice_line": null }))];
        shared.client.write("timesheet.line", free, None, what).await?;
    }
    match shared.client.delete(MODEL, &[id], what).await {
        Err(failure) if failure.code == "not_found" => Ok(()),
        result => result,
    }
}

impl Header {
    /// What Tryton fills in where a person chooses this party.
    ///
    /// # Errors
    /// Business `required_field_missing` for a party without an address.
    pub(crate) async fn of_party(
        shared: &Shared,
        kind: Kind,
        party: i64,
        company: i64,
        currency: i64,
    ) -> Result<Self> {
        let values = json!({ "party": party, "company": company, "type": kind.side(), "currency": currency });
        let record = shared.client.on_change(MODEL, values, &["party", "type"]).await?;
        if record.integer("invoice_address").is_none() {
            let message = format!("party {party} has no address in Tryton: give it one to be invoiced");
            return Err(Failure::business("required_field_missing", message));
        }
        Ok(Self { record })
    }

    /// As the values of a new document.
    pub(crate) fn values(&self, kind: Kind, party: i64, company: i64, currency: i64) -> Values {
        let mut values = Values::default();
        values
            .set("type", kind.side())
            .set("party", party)
            .set("company", company)
            .set("currency", currency);
        for field in [
            "invoice_address",
            "account",
            "payment_term",
            "journal",
            "party_tax_identifier",
        ] {
            values.set_opt(field, self.record.integer(field));
        }
        values
    }
}

/// What Tryton fills in for products on documents to a party.
///
/// # Errors
/// Business `invalid_reference` for a product that is not there.
pub(crate) async fn defaults(
    shared: &Shared,
    kind: Kind,
    products: &[i64],
    (party, company, currency): (i64, i64, i64),
) -> Result<BTreeMap<i64, Defaults>> {
    let there = shared.rows("product.product", products, &["code"]).await?;
    let there: Vec<i64> = there.iter().filter_map(|row| row.integer("id")).collect();
    let mut found = BTreeMap::new();
    for product in products {
        if !there.contains(product) {
            let message = format!("Tryton has no product {product}");
            return Err(Failure::business("invalid_reference", message));
        }
        if found.contains_key(product) {
            continue;
        }
        let values = json!({
            "product": product, "invoice_type": kind.side(), "type": "line", "company": company, "currency": currency,
            "party": party,
        });
        let filled = shared
            .client
            .on_change("account.invoice.line", values, &["product"])
            .await?;
        let defaults = Defaults::of(&filled);
        if defaults.account.is_none() {
            let message =
                format!("product {product} has no account in Tryton: give its accounting category one");
            return Err(Failure::business("required_field_missing", message));
        }
        found.insert(*product, defaults);
    }
    Ok(found)
}
