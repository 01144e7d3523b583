//! Permissions in the signatures of handlers.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use canonical_model::Failure;
use futures_util::future::{FutureExt, LocalBoxFuture};

use super::{Caller, Role, Verifier};
use crate::problem::Problem;
use crate::session;

/// What an operation demands of its caller. A type without values, named in a handler's `Allowed<..>`.
pub trait Permission: 'static {
    /// The scope that every token needs.
    const SCOPE: &'static str;
    /// A person needs one of these besides. With none listed, only services may.
    const ROLES: &'static [Role];
}

/// Proof that the caller may. The first argument of every handler, so that a refusal comes before anything is read.
#[derive(Debug, Clone)]
pub struct Allowed<P: Permission> {
    /// Who calls.
    pub caller: Caller,
    permission: PhantomData<P>,
}

impl<P: Permission> FromRequest for Allowed<P> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let caller = identify(&request).await?;
            check::<P>(&caller).map_err(Problem)?;
            Ok(Self {
                caller,
                permission: PhantomData,
            })
        }
        .boxed_local()
    }
}

/// What a token turned out to be before the handler's arguments were taken.
#[derive(Clone)]
struct Verified {
    token: String,
    caller: Result<Caller, Failure>,
}

/// Checks a request's token before the handler's arguments are taken. Those are taken at the same time, and one that
/// cannot be had (a missing header, a malformed body) would otherwise be refused first while the issuer's keys are
/// still being fetched.
pub(crate) async fn verify_ahead(request: &HttpRequest) {
    let token = match bearer(request) {
        Ok(Some(token)) => Some(token),
        Ok(None) => session::access_token(request).ok().flatten(),
        Err(_) => None,
    };
    let verifier = request.app_data::<web::Data<Verifier>>().cloned();
    if let (Some(token), Some(verifier)) = (token, verifier) {
        let caller = verifier.caller(&token).await;
        request.extensions_mut().insert(Verified { token, caller });
    }
}

async fn caller(request: &HttpRequest, verifier: &Verifier, token: &str) -> Result<Caller, Failure> {
    let verified = request.extensions().get::<Verified>().cloned();
    match verified.filter(|verified| verified.token == token) {
        Some(verified) => verified.caller,
        None => verifier.caller(token).await,
    }
}

async fn identify(request: &HttpRequest) -> Result<Caller, actix_web::Error> {
    let verifier = request
        .app_data::<web::Data<Verifier>>()
        .ok_or_else(|| Problem(Failure::fault("chassis_incomplete", "This API checks no tokens.")))?;
    if let Some(token) = bearer(request)? {
        let mut caller = caller(request, verifier, &token).await.map_err(Problem)?;
        if caller.is_service {
            caller.on_behalf_of = on_behalf_of(request);
        }
        return Ok(caller);
    }
    match session::access_token(request).map_err(Problem)? {
        Some(token) => match caller(request, verifier, &token).await {
            Ok(caller) => Ok(caller),
            // An expired session is no session; a person signs in again, a script is told so.
            Err(failure) if failure.code == "invalid_token" => Err(unknown_caller(request, failure)),
            Err(failure) => Err(Problem(failure).into()),
        },
        None => Err(unknown_caller(
            request,
            Failure::business("missing_token", "This operation needs an access token."),
        )),
    }
}

fn unknown_caller(request: &HttpRequest, failure: Failure) -> actix_web::Error {
    match session::sign_in_location(request) {
        Some(location) => {
            let redirect = HttpResponse::SeeOther()
                .insert_header(("location", location))
                .finish();
            InternalError::from_response(failure, redirect).into()
        }
        None => Problem(failure).into(),
    }
}

/// The token of the header, if there is one; a header of another kind is a refusal, not an absence.
fn bearer(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(header) = request.headers().get("authorization") else {
        return Ok(None);
    };
    header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
        .map(|(_, token)| Some(token.trim().to_owned()))
        .ok_or_else(|| {
            Problem(Failure::business(
                "invalid_token",
                "The header Authorization must be `Bearer <token>`.",
            ))
        })
}

fn on_behalf_of(request: &HttpRequest) -> Option<String> {
    let person = request.headers().get("x-on-behalf-of")?.to_str().ok()?;
    let sound = (1..=200).contains(&person.len()) && person.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| person.to_owned())
}

fn check<P: Permission>(caller: &Caller) -> Result<(), Failure> {
    if !caller.has_scope(P::SCOPE) {
        let message = format!("The token lacks the scope `{}`.", P::SCOPE);
        return Err(Failure::business("missing_scope", message));
    }
    if caller.is_service || P::ROLES.iter().any(|role| caller.has_role(*role)) {
        return Ok(());
    }
    let roles: Vec<&str> = P::ROLES.iter().map(|role| role.as_str()).collect();
    let message = match roles.as_slice() {
        [] => "This operation is for services, not for people.".to_owned(),
        roles => format!("This operation needs one of the roles: {}.", roles.join(", ")),
    };
    Err(Failure::business("missing_role", message))
}
