//! Who may do what at a system API.

use canonical_model::{Failure, Result};
use chassis::{Caller, Permission, Role};

/// Reading records and connections.
pub struct RecordsRead;

impl Permission for RecordsRead {
    const SCOPE: &'static str = "records:read";
    const ROLES: &'static [Role] = &[
        Role::IntegrationOperator,
        Role::DataSteward,
        Role::Auditor,
        Role::Administrator,
    ];
}

/// Writing records. For services only: people change systems of record in those systems, or through a process.
pub struct RecordsWrite;

impl Permission for RecordsWrite {
    const SCOPE: &'static str = "records:write";
    const ROLES: &'static [Role] = &[];
}

/// Seeing what people cost, besides [`RecordsRead`].
pub struct CostRatesRead;

impl Permission for CostRatesRead {
    const SCOPE: &'static str = "cost-rates:read";
    const ROLES: &'static [Role] = &[Role::Administrator];
}

/// Whether a caller who was let in by another permission has this one too.
pub(crate) fn also_has<P: Permission>(caller: &Caller) -> bool {
    let in_role = caller.is_service || P::ROLES.iter().any(|role| caller.has_role(*role));
    caller.has_scope(P::SCOPE) && in_role
}

/// Refuses a caller who may not see cost.
pub(crate) fn demand_costs(caller: &Caller) -> Result<()> {
    if also_has::<CostRatesRead>(caller) {
        return Ok(());
    }
    if caller.has_scope(CostRatesRead::SCOPE) {
        let message = "What people cost is shown to administrators and services only.";
        return Err(Failure::business("missing_role", message));
    }
    let message = format!("The token lacks the scope `{}`.", CostRatesRead::SCOPE);
    Err(Failure::business("missing_scope", message))
}
