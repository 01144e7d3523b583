//! An invoice or its payment may have changed.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Accepted, Failure, InvoiceNotice};
use chassis::{Allowed, IdempotencyKey, Permission, Problem, Role, Valid};
use process_serving::once;

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
    let engine = state.engine.clone();
    let (request, occasion) = (notice.clone(), format!("notice {}", key.0));
    let accepted: Accepted = once(&state.database, OPERATION, &key.0, &request, move |tx| {
        Box::pin(async move {
            let started =
                start_invoice(tx, &engine, &notice.connection, &notice.invoice_id, &occasion).await?;
            Ok(Accepted {
                instance_id: Some(started.instance_id),
                new: started.new,
            })
        })
    })
    .await?;
    Ok(HttpResponse::Accepted().json(accepted))
}
