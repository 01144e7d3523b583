//! What quote-to-project tells: which projects there are, and what was agreed about charging them.

use canonical_model::{Event, Fact, Result};
use persistence::Tx;

use crate::store::contracts;

/// Takes in a page of events. What does not read as a fact is no business of ours.
///
/// # Errors
/// Failures of the database.
pub(crate) async fn take_in(tx: &mut Tx, events: Vec<Event>) -> Result<()> {
    for event in events {
        if !matches!(event.kind.as_str(), "project.activated" | "contract.agreed") {
            continue;
        }
        match serde_json::from_value::<Fact>(event.data) {
            Ok(Fact::ContractAgreed(contract)) => contracts::agree(tx, &contract).await?,
            Ok(Fact::ProjectActivated(project)) => contracts::activate(tx, &project).await?,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(event.id, event.kind, %error, "an event of quote-to-project does not read");
            }
        }
    }
    Ok(())
}
