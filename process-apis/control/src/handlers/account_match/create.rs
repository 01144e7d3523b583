//! Which company is this account?

use actix_web::{post, web};
use canonical_model::{AccountMatch, AccountMatchRequest};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::handlers::asker;
use crate::permissions::MatchAccounts;
use crate::{Control, golden};

/// Match an account
///
/// Decides which golden record an account of a system is, or makes a new one, and records why. Asking again about the same
/// account gives the same answer. An ambiguous account is answered with its candidates and stays unmatched until a
/// steward rules.
#[utoipa::path(
    operation_id = "account_match",
    tag = "accounts",
    params(IdempotencyKey),
    request_body = AccountMatchRequest,
    responses((status = 200, description = "What was decided, and why", body = AccountMatch), Problem),
    security(("bearer" = ["accounts:match"]))
)]
#[post("/v1/account-matches")]
pub(crate) async fn create(
    allowed: Allowed<MatchAccounts>,
    _key: IdempotencyKey,
    request: Valid<AccountMatchRequest>,
    control: web::Data<Control>,
) -> Handled<AccountMatch> {
    let (asker, request) = (asker(&allowed.caller), request.0);
    let matched = control
        .database
        .write(move |tx| Box::pin(async move { golden::match_account(tx, &request, &asker).await }))
        .await?;
    Ok(web::Json(matched))
}
