//! A change that the feed tells of but that cannot be read into the canonical model: an unknown currency, a field that is
//! hidden from us. It is put before a person and does not stop the changes behind it. Once it can be read, in the system
//! or by our settings, it is taken in as if the feed had told it then. Nothing is undone: nothing is written.

use canonical_model::{Assignment, Failure, Opportunity, Resource, Result};
use chrono::{DateTime, Utc};
use process_engine::{Process, State};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::intake;
use crate::owners;
use crate::services::Services;

/// Name of the process.
pub const NAME: &str = "unreadable-change";

/// Which change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The connection, such as `crm/main`.
    pub connection: String,
    /// What it is a change of, such as `opportunity`.
    pub resource: String,
    /// The record's id there.
    pub id: String,
    /// When the system changed it.
    pub changed_at: DateTime<Utc>,
}

/// The steps, in their order.
pub fn definition() -> Process<Unreadable, Services> {
    let process = Process::named(NAME)
        .abbreviation("unread")
        .version(1)
        .step("read_again", read_again);
    owners::for_unreadable(process)
}

impl State for Unreadable {
    fn title(&self) -> String {
        format!(
            "{} {} of {} cannot be read",
            self.resource, self.id, self.connection
        )
    }
}

async fn read_again(ctx: &Ctx, state: &mut Unreadable) -> Result<()> {
    let services = ctx.services();
    let (connection, id) = (state.connection.clone(), state.id.clone());
    let correlation = ctx.correlation_id().to_owned();
    if state.resource == Opportunity::NAME {
        let read = services
            .crm
            .at(&connection)
            .collection::<Opportunity>()
            .read(&id)
            .await;
        let Some(found) = unless_gone(read)? else {
            return Ok(());
        };
        if intake::is_wanted(&found.data, &services.deals) {
            let engine = services.engine()?.clone();
            ctx.on_commit(move |tx| {
                Box::pin(async move {
                    intake::deal(&engine, tx, &connection, &id, &correlation)
                        .await
                        .map(drop)
                })
            });
        }
    } else {
        let read = services
            .psa
            .at(&connection)
            .collection::<Assignment>()
            .read(&id)
            .await;
        unless_gone(read)?;
        let (engine, changed_at) = (services.engine()?.clone(), state.changed_at);
        ctx.on_commit(move |tx| {
            Box::pin(async move {
                let message = intake::message_id(&id, changed_at);
                let told = (id.as_str(), changed_at);
                intake::assignment(&engine, tx, &connection, told, &message, &correlation)
                    .await
                    .map(drop)
            })
        });
    }
    Ok(())
}

fn unless_gone<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(Failure { code, .. }) if code == "not_found" => Ok(None),
        Err(failure) => Err(failure),
    }
}
