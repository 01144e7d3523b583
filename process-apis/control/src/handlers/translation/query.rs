//! What does a value of one system stand for, and what is it in another?

use actix_web::{post, web};
use canonical_model::{TranslationQuestions, Translations};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::permissions::ReadReferences;
use crate::{Control, mappings};

/// Translate values
///
/// For each question the canonical code of a value and, where asked for, the value of another connection that stands for it.
/// Changes nothing. What is not mapped is absent in its answer.
#[utoipa::path(
    operation_id = "translations_query",
    tag = "references",
    params(IdempotencyKey),
    request_body = TranslationQuestions,
    responses((status = 200, description = "One answer a question, in their order", body = Translations), Problem),
    security(("bearer" = ["references:read"]))
)]
#[post("/v1/translations/query")]
pub(crate) async fn query(
    _allowed: Allowed<ReadReferences>,
    _key: IdempotencyKey,
    questions: Valid<TranslationQuestions>,
    control: web::Data<Control>,
) -> Handled<Translations> {
    let questions = questions.0.questions;
    let answers = control
        .database
        .read(move |tx| Box::pin(async move { mappings::translate(tx, &questions).await }))
        .await?;
    Ok(web::Json(Translations { answers }))
}
