//! Which records are the same thing?

use actix_web::{post, web};
use canonical_model::{ReferenceAnswers, ReferenceQuestions};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::permissions::ReadReferences;
use crate::{Control, references};

/// Look up cross-references
///
/// For each question, by a system's id or by canonical id, the ids of the same thing in every system. Changes nothing. A
/// thing that is not known has an empty answer. Refused with `bad_question` where a question names neither.
#[utoipa::path(
    operation_id = "cross_references_query",
    tag = "references",
    params(IdempotencyKey),
    request_body = ReferenceQuestions,
    responses((status = 200, description = "One answer a question, in their order", body = ReferenceAnswers), Problem),
    security(("bearer" = ["references:read"]))
)]
#[post("/v1/cross-references/query")]
pub(crate) async fn query(
    _allowed: Allowed<ReadReferences>,
    _key: IdempotencyKey,
    questions: Valid<ReferenceQuestions>,
    control: web::Data<Control>,
) -> Handled<ReferenceAnswers> {
    let questions = questions.0.questions;
    let answers = control
        .database
        .read(move |tx| Box::pin(async move { references::answer(tx, &questions).await }))
        .await?;
    Ok(web::Json(ReferenceAnswers { answers }))
}
