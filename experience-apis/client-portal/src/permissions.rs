//! Whose projects and invoices a caller sees.

use canonical_model::{CanonicalId, Failure, Result};
use chassis::{Caller, Permission, Role};

/// See the portal.
pub(crate) struct ReadPortal;

impl Permission for ReadPortal {
    const SCOPE: &'static str = "portal:read";
    const ROLES: &'static [Role] = &[Role::Client, Role::AccountLead];
}

/// Whoever is a client is nothing else here: another role on top opens no other account.
pub(crate) fn is_client(caller: &Caller) -> bool {
    !caller.is_service && caller.has_role(Role::Client)
}

/// The one account that a caller sees. A client sees the account that the token names; an account lead, or a portal's own
/// back end, names the account that it asks for.
///
/// # Errors
/// Business `forbidden` for a client whose token names no account; `not_found` for an account that is not the client's;
/// `malformed_query` where nobody says which account.
pub(crate) fn account_of(caller: &Caller, asked: Option<CanonicalId>) -> Result<CanonicalId> {
    match (is_client(caller), caller.account, asked) {
        (true, None, _) => Err(Failure::business(
            "forbidden",
            "Your sign-in belongs to no account yet: ask your account lead at the firm to connect it.",
        )),
        (true, Some(own), Some(asked)) if own != asked => Err(Failure::business(
            "not_found",
            format!("There is no account {asked} of yours."),
        )),
        (true, Some(own), _) => Ok(own),
        (false, _, Some(asked)) => Ok(asked),
        (false, _, None) => Err(Failure::business(
            "malformed_query",
            "Say which account in the query: ?account=<canonical id>.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(roles: &[Role], account: Option<CanonicalId>) -> Caller {
        Caller {
            subject: "somebody".to_owned(),
            name: None,
            email: None,
            roles: roles.to_vec(),
            scopes: vec!["portal:read".to_owned()],
            account,
            is_service: false,
            on_behalf_of: None,
        }
    }

    #[test]
    fn a_client_sees_its_own_account_and_no_other_exists_for_it() {
        let (own, other) = (CanonicalId::generate(), CanonicalId::generate());
        let client = caller(&[Role::Client], Some(own));
        assert_eq!(account_of(&client, None), Ok(own));
        assert_eq!(account_of(&client, Some(own)), Ok(own));
        assert_eq!(account_of(&client, Some(other)).unwrap_err().code, "not_found");
        // Another role on top does not open other accounts to a client.
        let both = caller(&[Role::Client, Role::AccountLead], Some(own));
        assert_eq!(account_of(&both, Some(other)).unwrap_err().code, "not_found");
        assert_eq!(
            account_of(&caller(&[Role::Client], None), None).unwrap_err().code,
            "forbidden"
        );
        assert_eq!(
            account_of(&caller(&[Role::AccountLead], None), Some(other)),
            Ok(other)
        );
    }
}
