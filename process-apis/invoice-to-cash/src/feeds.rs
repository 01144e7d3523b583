//! What starts the processes: the ERPs' change feeds.

use std::sync::Arc;

use canonical_model::{Change, Invoice, Payment, Resource, Result};
use chrono::{DateTime, Utc};
use persistence::{Database, Tx};
use process_engine::{Engine, Start};
use process_serving::feed::{FeedSettings, Fetch, Follower, Take, follow};
use system_client::SystemClient;
use uuid::Uuid;

use crate::invoice_feedback::{self, InvoiceFeedback};
use crate::payment_feedback::{self, PaymentFeedback};
use crate::services::Services;
use crate::settings::Feeds;

/// Follows invoices and payments of every ERP.
pub(crate) fn follow_erps(
    db: &Database,
    engine: &Engine<Services>,
    erp: &SystemClient,
    connections: &[String],
    settings: &Feeds,
) -> Vec<Follower> {
    let mut followers = Vec::with_capacity(connections.len() * 2);
    for name in connections {
        let connection: Arc<str> = format!("erp/{name}").into();
        let (starter, place) = (engine.clone(), Arc::clone(&connection));
        let take: Take<Invoice> = Arc::new(move |tx, change| {
            let (engine, connection) = (starter.clone(), Arc::clone(&place));
            Box::pin(async move { take_invoice(tx, &engine, &connection, &change).await })
        });
        followers.push(follow_one(db, erp, name, &settings.invoices, take));
        let (starter, place) = (engine.clone(), Arc::clone(&connection));
        let take: Take<Payment> = Arc::new(move |tx, change| {
            let (engine, connection) = (starter.clone(), Arc::clone(&place));
            Box::pin(async move { take_payment(tx, &engine, &connection, &change).await })
        });
        followers.push(follow_one(db, erp, name, &settings.payments, take));
    }
    followers
}

fn follow_one<T: Resource>(
    db: &Database,
    erp: &SystemClient,
    name: &str,
    settings: &FeedSettings,
    take: Take<T>,
) -> Follower {
    let remote = erp.collection::<T>(name);
    let fetch: Fetch<T> = Arc::new(move |cursor, page| {
        let remote = remote.clone();
        Box::pin(async move { remote.changes(cursor.as_deref(), page).await })
    });
    follow(
        db.clone(),
        format!("erp/{name} {}", T::PATH),
        settings.clone(),
        fetch,
        take,
    )
}

async fn take_invoice(
    tx: &mut Tx,
    engine: &Engine<Services>,
    connection: &str,
    change: &Change<Invoice>,
) -> Result<()> {
    start_invoice(tx, engine, connection, &change.id, &stamp(change.changed_at))
        .await
        .map(drop)
}

/// A change that cannot be read, or a record that is gone, starts an instance too: it stops at its first step, where a
/// person sees why.
async fn take_payment(
    tx: &mut Tx,
    engine: &Engine<Services>,
    connection: &str,
    change: &Change<Payment>,
) -> Result<()> {
    let (id, stamp) = (&change.id, stamp(change.changed_at));
    let business_key = format!("payment {connection} {id} {stamp}");
    let start = Start {
        process: payment_feedback::NAME,
        business_key: &business_key,
        correlation_id: &Uuid::now_v7().to_string(),
        state: &PaymentFeedback::of(connection, id),
    };
    engine.start_in(tx, start).await?;
    let applied = change.record.iter().flat_map(|record| &record.data.applied);
    for application in applied {
        let occasion = format!("payment {id} {stamp}");
        start_invoice(tx, engine, connection, &application.invoice.id, &occasion).await?;
    }
    Ok(())
}

/// Starts the feedback of an invoice. One instance for each occasion.
pub(crate) async fn start_invoice(
    tx: &mut Tx,
    engine: &Engine<Services>,
    connection: &str,
    invoice_id: &str,
    occasion: &str,
) -> Result<process_engine::Started> {
    let business_key = format!("invoice {connection} {invoice_id} {occasion}");
    let start = Start {
        process: invoice_feedback::NAME,
        business_key: &business_key,
        correlation_id: &Uuid::now_v7().to_string(),
        state: &InvoiceFeedback::of(connection, invoice_id),
    };
    engine.start_in(tx, start).await
}

fn stamp(at: DateTime<Utc>) -> String {
    at.timestamp_millis().to_string()
}
