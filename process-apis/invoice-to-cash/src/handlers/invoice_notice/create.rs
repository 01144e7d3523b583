//! An invoice or its payment may have changed.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Accepted, Failure, InvoiceNotice};
use chassis::{Allowed, IdempotencyKey, Permission, Problem, Role, Valid};
use persistence::idempotency::{self, Seen};

use crate::InvoiceToCash;
use crate::feeds::start_invoice;

/// Say that invoices changed.
pub(crate) struct NotifyInvoices;

impl Permission for NotifyInvoices {
    const SCOPE: &'static str = "invoices:notify";
    const ROLES: &'static [Role] = &[Role::ProjectAccountant, Role::IntegrationOperator];
}

const OPERATION: &str = "invoice_notice_create";

/// Notify about an invoice
///
/// Says that an invoice or its payment may have changed. The notice is stored before the answer; what is true is read from the
/// ERP afterwards. The same key and body have one effect. Refused with `connection_not_found` where the connection is not
/// one that is followed.
#[utoipa::path(
    operation_id = "invoice_notice_create",
    tag = "invoices",
    params(IdempotencyKey),
    request_body = InvoiceNotice,
    responses((status = 202, description = "The notice is stored", body = Accepted), Problem),
    security(("bearer" = ["invoices:notify"]))
)]
#[post("/v1/invoice-notices")]
pub(crate) async fn create(
    _allowed: Allowed<NotifyInvoices>,
    key: IdempotencyKey,
    notice: Valid<InvoiceNotice>,
    state: web::Data<InvoiceToCash>,
) -> Result<HttpResponse, Problem> {
    let notice = notice.0;
    if !state.erps.contains(&notice.connection) {
        let message = format!("{} is no ERP connection that is followed", notice.connection);
        return Err(Problem(Failure::business("connection_not_found", message)));
    }
    let (engine, digest) = (state.engine.clone(), idempotency::digest(&notice)?);
    let accepted = state
        .database
        .write(move |tx| {
            Box::pin(async move {
                if let Seen::Replay { body, .. } = idempotency::begin(tx, OPERATION, &key.0, &digest).await? {
                    return Ok(body);
                }
                let occasion = format!("notice {}", key.0);
                let started = start_invoice(tx, &engine, &notice.connection, &notice.invoice_id, &occasion).await?;
                let accepted = Accepted { instance_id: Some(started.instance_id), new: started.new };
                let body = serde_json::to_string(&accepted).map_err(|e| {
                    Failure::fault("unwritable_record", "an answer cannot be written").with_detail(e.to_string())
                })?;
                idempotency::finish(tx, OPERATION, &key.0, 202, &body).await?;
                Ok(body)
            })
        })
        .await?;
    Ok(HttpResponse::Accepted().content_type("application/json").body(accepted))
}
