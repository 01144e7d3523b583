//! A steward decides which company an account is.

use actix_web::{post, web};
use canonical_model::{AccountMatch, AccountMatchRuling};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::handlers::asker;
use crate::permissions::RuleAccounts;
use crate::{Control, golden};

/// Rule on an account
///
/// Records a person's decision which golden record an account is, with the reason. Refused with `not_found` where the golden
/// record does not exist and with `already_referenced` where the account is known as another company.
#[utoipa::path(
    operation_id = "account_rule",
    tag = "accounts",
    params(IdempotencyKey),
    request_body = AccountMatchRuling,
    responses((status = 200, description = "The decision as recorded", body = AccountMatch), Problem),
    security(("bearer" = ["accounts:rule"]))
)]
#[post("/v1/account-matches/ruling")]
pub(crate) async fn rule(
    allowed: Allowed<RuleAccounts>,
    _key: IdempotencyKey,
    ruling: Valid<AccountMatchRuling>,
    control: web::Data<Control>,
) -> Handled<AccountMatch> {
    let (asker, ruling) = (asker(&allowed.caller), ruling.0);
    let ruled = control
        .database
        .write(move |tx| Box::pin(async move { golden::rule(tx, &ruling, &asker).await }))
        .await?;
    Ok(web::Json(ruled))
}
