//! The OpenAPI document of an API: what its routes say, and what every API has in common.

use actix_web::App;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ContactBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Schema, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::problem::{BODY_REFUSALS, ProblemBody, response_components};

/// The document of an API from the routes that it serves.
///
/// `tags` are (name, description) of the groups that the operations name. Operations name the security scheme
/// `bearer` with the scopes they demand: `security(("bearer" = ["records:read"]))`.
#[must_use]
pub fn contract(
    title: &str,
    version: &str,
    description: &str,
    tags: &[(&str, &str)],
    routes: impl FnOnce(&mut ServiceConfig<'_>),
) -> OpenApi {
    contract_with(title, version, description, tags, routes, Vec::new(), Vec::new())
}

/// As [`contract`], with paths and schemas that are built by a program rather than by a macro on the handler.
///
/// For generic handlers: register them on the configuration with `config.map(|c| c.route(..))` or a resource, and hand
/// in what they would have said of themselves. `paths` are (path, item); items of one path are merged, so that each
/// method may come on its own. `schemas` are the components that those items refer to by name.
#[must_use]
pub fn contract_with(
    title: &str,
    version: &str,
    description: &str,
    tags: &[(&str, &str)],
    routes: impl FnOnce(&mut ServiceConfig<'_>),
    paths: Vec<(String, PathItem)>,
    schemas: Vec<(String, RefOr<Schema>)>,
) -> OpenApi {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(frame(title, version, description, tags))
        .configure(routes)
        .split_for_parts();
    for (path, item) in paths {
        match document.paths.paths.get_mut(&path) {
            Some(known) => known.merge_operations(item),
            None => {
                document.paths.paths.insert(path, item);
            }
        }
    }
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schemas);
    add_common_components(components);
    document.paths.paths.values_mut().for_each(add_body_refusals);
    document
}

fn frame(title: &str, version: &str, description: &str, tags: &[(&str, &str)]) -> OpenApi {
    let contact = ContactBuilder::new()
        .name(Some("Fairlead"))
        .url(Some("https://fairlead.example"))
        .build();
    let info = InfoBuilder::new()
        .title(title)
        .version(version)
        .description(Some(description))
        .contact(Some(contact))
        .build();
    let tags = tags.iter().map(|(name, description)| {
        TagBuilder::new()
            .name(*name)
            .description(Some(*description))
            .build()
    });
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("This API"))
            .build()]))
        .tags(Some(tags))
        .build()
}

fn add_common_components(components: &mut utoipa::openapi::Components) {
    let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components
        .responses
        .extend(response_components().map(|(name, response)| (name, response.into())));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "An access token of the configured issuer whose audience is this API.",
        ))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
}

/// What takes a body may refuse it for its length or its type, whether or not the handler says so.
fn add_body_refusals(item: &mut PathItem) {
    let operations = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ];
    for operation in operations.into_iter().flatten() {
        if operation.request_body.is_none() {
            continue;
        }
        for (status, name, _) in BODY_REFUSALS {
            operation
                .responses
                .responses
                .entry(status.to_owned())
                .or_insert_with(|| Ref::from_response_name(name).into());
        }
    }
}
