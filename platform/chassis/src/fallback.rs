//! What is not served: 404, or 405 with `Allow`, as the contract says.

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use canonical_model::Failure;
use utoipa::openapi::{OpenApi, PathItem};

use crate::problem::Problem;

/// Every path of an API with the methods it takes.
pub(crate) struct Routes(Vec<(ResourceDef, Vec<Method>)>);

impl Routes {
    /// The paths of a contract and those that every API serves beside it.
    pub(crate) fn of(contract: &OpenApi, open: &[(&str, Method)]) -> Self {
        let documented = contract
            .paths
            .paths
            .iter()
            .map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item)));
        let open = open
            .iter()
            .map(|(path, method)| (ResourceDef::new(*path), vec![method.clone()]));
        Self(documented.chain(open).collect())
    }

    fn allowed(&self, path: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .0
            .iter()
            .filter(|(pattern, _)| pattern.is_match(path))
            .flat_map(|(_, methods)| methods.iter().map(Method::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The refusal of a request that no route took.
    pub(crate) fn refuse(&self, method: &Method, path: &str) -> Result<HttpResponse, Problem> {
        let allowed = self.allowed(path);
        if allowed.is_empty() || allowed.contains(&method.as_str()) {
            let failure = Failure::business("route_not_found", "This API has no such path.");
            return Err(Problem(failure));
        }
        Ok(method_not_allowed(method, &allowed.join(", ")))
    }
}

/// The refusal of a method, with those that the path takes.
pub(crate) fn method_not_allowed(method: &Method, allowed: &str) -> HttpResponse {
    let message = format!("This path takes {allowed}, not {method}.");
    let mut answer = Problem(Failure::business("method_not_allowed", message)).error_response();
    if let Ok(value) = allowed.parse() {
        answer.headers_mut().insert(ALLOW, value);
    }
    answer
}

fn methods(item: &PathItem) -> Vec<Method> {
    let known = [
        (item.get.is_some(), Method::GET),
        (item.put.is_some(), Method::PUT),
        (item.post.is_some(), Method::POST),
        (item.delete.is_some(), Method::DELETE),
        (item.options.is_some(), Method::OPTIONS),
        (item.head.is_some(), Method::HEAD),
        (item.patch.is_some(), Method::PATCH),
        (item.trace.is_some(), Method::TRACE),
    ];
    known
        .into_iter()
        .filter_map(|(there, method)| there.then_some(method))
        .collect()
}

/// The default service of every API.
pub(crate) async fn answer(request: HttpRequest, routes: web::Data<Routes>) -> Result<HttpResponse, Problem> {
    routes.refuse(request.method(), request.path())
}
