//! What must hold: after every turn for what the turn wrote, in the end for everything.

use std::collections::BTreeMap;

use canonical_model::{Currency, Result};
use persistence::{Database, args};
use rust_decimal::Decimal;
use serde_json::Value;
use vendor_twins::netsuite::NetSuite;
use vendor_twins::server::Twin;
use vendor_twins::store::{LogEntry, Record, Verb};

use crate::firm::{Firm, Place, Said, Source};
use crate::state::Shared;

/// A posting in the ERP.
#[derive(Debug, Clone)]
struct Posting {
    tag: String,
    /// Minutes or cents, negative in a reversal.
    quantity: i64,
}

/// A line of the journal.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    time: bool,
    source_id: String,
    state: String,
    minutes: i64,
    charge: Option<(i64, String)>,
    legal_entity: Option<String>,
    reverses: bool,
}

/// The journal, as the trace and the invariants see it.
pub(crate) async fn lines(db: &Database) -> Result<(Vec<Line>, String)> {
    let rows = db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT kind, source_id, generation, state, minutes, charge_minor, charge_currency, legal_entity,
                erp_id, reverses FROM posting_lines ORDER BY id";
            tx.all(sql, args![]).await
        })
    });
    let (mut lines, mut told) = (Vec::new(), String::new());
    for row in rows.await? {
        let currency = row
            .opt_text("charge_currency")?
            .filter(|currency| !currency.is_empty());
        let charge = match currency {
            Some(currency) => Some((row.int("charge_minor")?, currency)),
            None => None,
        };
        let line = Line {
            time: row.text("kind")? == "time_entry",
            source_id: row.text("source_id")?,
            state: row.text("state")?,
            minutes: row.int("minutes")?,
            charge,
            legal_entity: row.opt_text("legal_entity")?,
            reverses: row
                .opt_text("reverses")?
                .is_some_and(|reverses| !reverses.is_empty()),
        };
        told.push_str(&format!(
            "{} {} {} {}\n",
            line.source_id,
            row.int("generation")?,
            line.state,
            row.opt_text("erp_id")?.unwrap_or_default()
        ));
        lines.push(line);
    }
    Ok((lines, told))
}

/// The instances that have something to do, now or later.
pub(crate) async fn instances_at_work(db: &Database) -> Result<Vec<String>> {
    let rows = db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT process, business_key, step_name, status, attempt, due_ms, waits_for FROM engine_instances
                WHERE due_ms IS NOT NULL ORDER BY id";
            tx.all(sql, args![]).await
        })
    });
    let rows = rows.await?;
    let texts = rows.iter().map(|row| {
        let waits_for = row.opt_text("waits_for")?;
        Ok(format!(
            "{} of {} is {} in {}, try {}, due at {}{}",
            row.text("process")?,
            row.text("business_key")?,
            row.text("status")?,
            row.text("step_name")?,
            row.int("attempt")?,
            row.int("due_ms")?,
            waits_for.map_or(String::new(), |name| format!(", waits for {name}"))
        ))
    });
    texts.collect()
}

/// Instances that are tried again although a business rule refused them.
pub(crate) async fn retried_refusals(db: &Database) -> Result<Vec<String>> {
    let rows = db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT process, business_key, last_failure FROM engine_instances
                WHERE status = 'ready' AND attempt > 0 AND last_failure LIKE '%\"class\":\"business\"%' ORDER BY id";
            tx.all(sql, args![]).await
        })
    });
    let rows = rows.await?;
    let texts = rows.iter().map(|row| {
        let failure = row.opt_text("last_failure")?.unwrap_or_default();
        Ok(format!("{}: {failure}", row.text("process")?))
    });
    texts.collect()
}

/// What a turn wrote into the ERP is something that was approved, as it was approved.
pub(crate) fn written(shared: &Shared, firm: &Firm, entries: &[LogEntry]) {
    for entry in entries {
        let time = entry.table == "timeBill";
        if (!time && entry.table != "expenseReport") || entry.verb == Verb::Delete {
            continue;
        }
        let record = &entry.record;
        let Some(posting) = posting(record, time) else {
            shared.violated(
                "postings_say_what_they_are_of",
                format!("{} {}", entry.table, record.id),
            );
            continue;
        };
        let source = firm.sources.iter().find(|source| source.tag == posting.tag);
        let Some(source) = source.filter(|source| !source.ever.is_empty()) else {
            shared.violated("nothing_is_posted_that_was_not_approved", posting.tag);
            continue;
        };
        if posting.quantity < 0 {
            continue;
        }
        if let Some(wrong) = differs(record, &posting, source, firm) {
            let what = format!("{} is posted with another {}: {}", posting.tag, wrong.1, wrong.2);
            shared.violated(wrong.0, what);
        }
    }
}

/// In what a posting differs from all that was ever approved of its source.
fn differs(
    record: &Record,
    posting: &Posting,
    source: &Source,
    firm: &Firm,
) -> Option<(&'static str, &'static str, String)> {
    let mut nearest = None;
    for said in &source.ever {
        let place = firm.places.get(said.place)?;
        let wrong = difference(record, posting, source, said, place)?;
        nearest = Some(wrong);
    }
    nearest
}

fn difference(
    record: &Record,
    posting: &Posting,
    source: &Source,
    said: &Said,
    place: &Place,
) -> Option<(&'static str, &'static str, String)> {
    let approved = "what_is_posted_is_what_was_approved";
    let entity = "the_entity_of_a_posting_is_that_of_its_source";
    let line = lines_of(record).into_iter().next();
    let (project, currency) = if source.time {
        (reference(record.get("customer")), None)
    } else {
        let line = line?;
        let currency = line.get("currency").and_then(reference);
        (line.get("customer").and_then(reference), currency)
    };
    if project.as_deref() != Some(place.erp_id.as_str()) {
        return Some((entity, "project", format!("{project:?}, not {}", place.erp_id)));
    }
    if source.time {
        let books = reference(record.get("billingSubsidiary"));
        if books.is_some() && books.as_deref() != Some(place.subsidiary) {
            return Some((entity, "entity", format!("{books:?}, not {}", place.subsidiary)));
        }
    }
    if posting.quantity != said.quantity {
        return Some((
            approved,
            "quantity",
            format!("{}, not {}", posting.quantity, said.quantity),
        ));
    }
    let person = reference(record.get(if source.time { "employee" } else { "entity" }));
    if person.as_deref() != Some(said.person.as_str()) {
        return Some((approved, "person", format!("{person:?}, not {}", said.person)));
    }
    if let Some(currency) = currency {
        let expected = currency_id(place.currency);
        if currency != expected {
            return Some((approved, "currency", format!("{currency}, not {expected}")));
        }
    }
    if source.time {
        let rate = cents(record.get("rate"));
        if rate != Some(said.rate) {
            return Some((approved, "rate", format!("{rate:?}, not {}", said.rate)));
        }
        let item = reference(record.get("item"));
        if item != Some(format!("10{}", said.role)) {
            return Some((approved, "role", format!("{item:?}, not 10{}", said.role)));
        }
        if record.text("tranDate") != Some(said.date.to_string().as_str()) {
            return Some((
                approved,
                "day",
                format!("{}, not {}", record.get("tranDate"), said.date),
            ));
        }
    }
    None
}

/// What the feeds tell is done when it is told, not only once a sweep finds it. A source whose reversal a person
/// left out is not looked at.
pub(crate) fn nothing_is_left_to_the_sweep(shared: &Shared, firm: &Firm, lines: &[Line]) {
    for source in firm.sources.iter().filter(|source| source.approved.is_none()) {
        let stands = lines
            .iter()
            .filter(|line| line.source_id == source.id && line.time == source.time && !line.reverses)
            .any(|line| line.state == "posted");
        if stands && !shared.lock().is_left_out(&source.id) {
            let what = format!("{} is not approved any more and still posted", source.tag);
            shared.violated("what_the_feeds_tell_is_not_left_to_the_sweep", what);
        }
    }
}

/// Everything adds up: for each source what is approved, what the journal says, what the ERP has.
pub(crate) fn adds_up(shared: &Shared, firm: &Firm, lines: &[Line], netsuite: &NetSuite) {
    let mut booked: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    netsuite.store().read(|tables| {
        for (table, time) in [("timeBill", true), ("expenseReport", false)] {
            for posting in tables.rows(table).filter_map(|record| posting(record, time)) {
                let (quantity, live) = booked.entry(posting.tag).or_default();
                *quantity += posting.quantity;
                *live += posting.quantity.signum();
            }
        }
    });
    let (mut approved, mut accounted) = (0, 0);
    for source in &firm.sources {
        let (quantity, live) = booked.remove(&source.tag).unwrap_or_default();
        if !(0..=1).contains(&live) {
            let what = format!("{} has {live} live postings", source.tag);
            shared.violated("each_source_has_at_most_one_live_posting", what);
        }
        let own: Vec<&Line> = lines
            .iter()
            .filter(|line| line.source_id == source.id && line.time == source.time && !line.reverses)
            .filter(|line| !matches!(line.state.as_str(), "reversed" | "withdrawn"))
            .collect();
        let states: Vec<&str> = own.iter().map(|line| line.state.as_str()).collect();
        let left_out = shared.lock().is_left_out(&source.id);
        let stands = |line: &Line| left_out && line.state == "posted";
        let waits = |line: &&Line| {
            matches!(line.state.as_str(), "excepted" | "skipped" | "reversing") || stands(line)
        };
        match &source.approved {
            Some(said) => {
                approved += said.quantity;
                let [line] = own.as_slice() else {
                    let what = format!("{} is approved and stands on {states:?}", source.tag);
                    shared.violated("approved_is_posted_queued_excepted_or_reversed", what);
                    continue;
                };
                accounted += said.quantity;
                if stands(line) {
                    continue;
                }
                if line.state == "posted" {
                    posted(shared, source, said, line, quantity, firm);
                } else if !waits(line) {
                    let what = format!("{} is still {}", source.tag, line.state);
                    shared.violated("everything_comes_to_rest", what);
                } else if line.state != "reversing" && quantity != 0 {
                    let what = format!("{} is {} and {quantity} stand in the ERP", source.tag, line.state);
                    shared.violated("what_waits_is_not_posted", what);
                }
            }
            None => {
                if own.iter().any(|line| !waits(line)) || (quantity != 0 && own.is_empty()) {
                    let what = format!(
                        "{} is not approved, stands on {states:?}, and {quantity} stand in the ERP",
                        source.tag
                    );
                    shared.violated("what_is_not_approved_leaves_the_books", what);
                }
            }
        }
    }
    for (tag, (quantity, _)) in booked {
        let what = format!("{tag}: {quantity} in the ERP belong to nobody");
        shared.violated("nothing_is_posted_that_was_not_approved", what);
    }
    if approved != accounted {
        let what = format!("approved {approved}, accounted for {accounted}");
        shared.violated("approved_is_posted_queued_excepted_or_reversed", what);
    }
}

fn posted(shared: &Shared, source: &Source, said: &Said, line: &Line, quantity: i64, firm: &Firm) {
    if quantity != said.quantity {
        let what = format!(
            "{} is approved with {}, posted, and {quantity} stand in the ERP",
            source.tag, said.quantity
        );
        shared.violated("posted_quantities_are_the_approved_ones", what);
    }
    if source.time && line.minutes != said.quantity {
        let what = format!(
            "{}: {} approved, {} in the journal",
            source.tag, said.quantity, line.minutes
        );
        shared.violated("posted_quantities_are_the_approved_ones", what);
    }
    let Some(place) = firm.places.get(said.place) else {
        return;
    };
    // Rate times minutes by sixty, rounded half up, in whole numbers.
    let charge = if source.time {
        (2 * said.rate * said.quantity + 60).div_euclid(120)
    } else {
        said.quantity
    };
    let expected = (charge, place.currency.code().to_owned());
    if line.charge.as_ref() != Some(&expected) {
        let what = format!(
            "{}: {expected:?} is owed, {:?} in the journal",
            source.tag, line.charge
        );
        shared.violated("money_is_right_to_the_minor_unit", what);
    }
    let entity = if place.subsidiary == "1" { "us" } else { "de" };
    if line.legal_entity.as_deref() != Some(entity) {
        let what = format!("{}: {entity}, not {:?}", source.tag, line.legal_entity);
        shared.violated("the_entity_of_a_posting_is_that_of_its_source", what);
    }
}

fn posting(record: &Record, time: bool) -> Option<Posting> {
    let quantity = if time {
        minutes(record.text("hours")?)?
    } else {
        cents(lines_of(record).first()?.get("foreignamount")?)?
    };
    let note = record.text("memo")?;
    // A reversal may say so before what it reverses.
    let tag = note.split([' ', ':']).find(|word| {
        let digits = word.strip_prefix(['T', 'X']);
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    })?;
    Some(Posting {
        tag: tag.to_owned(),
        quantity,
    })
}

fn lines_of(record: &Record) -> Vec<&Value> {
    let lines = record.get("expense");
    let items = lines
        .as_array()
        .or_else(|| lines.get("items").and_then(Value::as_array));
    items.into_iter().flatten().collect()
}

/// `7:05` or `-7:05`.
fn minutes(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (hours, minutes) = text.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?))
}

fn cents(value: &Value) -> Option<i64> {
    let amount: Decimal = match value {
        Value::Number(number) => number.to_string().parse().ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let cents = amount * Decimal::from(100);
    cents.normalize().to_string().parse().ok()
}

fn reference(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => fields.get("id").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}

fn currency_id(currency: Currency) -> &'static str {
    match currency.code() {
        "USD" => "1",
        "GBP" => "2",
        _ => "4",
    }
}
