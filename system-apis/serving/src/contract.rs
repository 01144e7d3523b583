//! What the operations say of themselves.

use canonical_model::{ConnectionInfo, Failure, FindBy, Resource};
use chassis::{IdempotencyKey, Permission, Problem};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths as Document,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Ref, SchemaFormat, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, RefOr, Required, ResponseBuilder, Schema};
use utoipa::{IntoParams, IntoResponses};

use crate::Record;
use crate::connections::ConnectionHealth;
use crate::permission::{CostRatesRead, RecordsRead, RecordsWrite};
use crate::query::LARGEST_PAGE;
use crate::schemas::{Names, add};

pub(crate) const CONNECTIONS: &str = "/v1/connections";
pub(crate) const CONNECTION: &str = "/v1/connections/{connection}";
pub(crate) const HEALTH: &str = "/v1/connections/{connection}/health";

/// The paths of one collection.
pub(crate) struct Paths {
    pub(crate) list: String,
    pub(crate) read: String,
    pub(crate) find: String,
    pub(crate) changes: String,
    pub(crate) write: String,
    pub(crate) link: String,
}

impl Paths {
    pub(crate) fn of<T: Resource>() -> Self {
        let list = format!("{CONNECTION}/{}", T::PATH);
        Self {
            read: format!("{list}/{{id}}"),
            find: format!("{list}/matches"),
            changes: format!("{list}/changes"),
            write: format!("{list}/writes"),
            link: format!("{list}/links"),
            list,
        }
    }
}

pub(crate) fn connection_paths() -> Document {
    let infos = ArrayBuilder::new().items(Ref::from_schema_name("ConnectionInfo"));
    let list = operation("connections_list", "connections", RecordsRead::SCOPE)
        .summary(Some("List connections"))
        .description(Some(
            "The systems behind this API, each with what its vendor can do with each collection.",
        ));
    let read = operation("connection_read", "connections", RecordsRead::SCOPE)
        .summary(Some("Read a connection"))
        .description(Some(
            "One connection. Refused with `connection_not_found` where there is none of that name.",
        ))
        .parameter(connection());
    let health = operation("connection_check", "connections", RecordsRead::SCOPE)
        .summary(Some("Check a connection"))
        .description(Some(
            "Signs in to the vendor and reads a page, as the connection does at work. What keeps it from that is the refusal.",
        ))
        .parameter(connection());
    Document::builder()
        .path(CONNECTIONS, get(answering(list, "The connections", infos)))
        .path(
            CONNECTION,
            get(answering(
                read,
                "The connection",
                Ref::from_schema_name("ConnectionInfo"),
            )),
        )
        .path(
            HEALTH,
            get(answering(
                health,
                "The connection answers",
                Ref::from_schema_name("ConnectionHealth"),
            )),
        )
        .build()
}

pub(crate) fn connection_schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<ConnectionInfo>(schemas);
    add::<ConnectionHealth>(schemas);
    add::<Failure>(schemas);
}

pub(crate) fn collection_paths<T: Record>() -> Document {
    let (paths, names) = (Paths::of::<T>(), Names::of::<T>());
    Document::builder()
        .path(&paths.list, get(list::<T>(&names)))
        .path(&paths.find, get(find::<T>(&names)))
        .path(&paths.changes, get(changes::<T>(&names)))
        .path(&paths.read, get(read::<T>(&names)))
        .path(&paths.write, post(write::<T>(&names)))
        .path(&paths.link, post(link::<T>()))
        .build()
}

fn list<T: Record>(names: &Names) -> OperationBuilder {
    let what = words::<T>();
    let filter = |name: &str, of: &str| {
        query(
            name,
            &format!("Only records of this {of} (its id in this system)."),
            text(),
        )
    };
    let operation = reading::<T>("list")
        .summary(Some(format!("List {what}")))
        .description(Some(format!(
            "One page of {what}. A filter that the vendor cannot apply is refused with `filter_not_supported`.{}",
            cost_note::<T>()
        )))
        .parameter(query("cursor", "From the page before.", text()))
        .parameter(query("limit", "Records a page.", page_size()))
        .parameter(filter("account", "account"))
        .parameter(filter("project", "project"))
        .parameter(filter("person", "person"))
        .parameter(query("state", "Only records in this state, in the canonical word.", text()))
        .parameter(query("date_from", "Only records dated on or after this day.", date()))
        .parameter(query("date_to", "Only records dated on or before this day.", date()));
    answering(operation, "A page", Ref::from_schema_name(&names.page))
}

fn read<T: Record>(names: &Names) -> OperationBuilder {
    let operation = reading::<T>("read")
        .summary(Some(format!("Read one of the {}", words::<T>())))
        .description(Some(format!(
            "One record. Refused with `not_found` where the system has none of that id.{}",
            cost_note::<T>()
        )))
        .parameter(path("id", "The record's id in this system."));
    answering(operation, "The record", Ref::from_schema_name(&names.sourced))
}

fn find<T: Record>(names: &Names) -> OperationBuilder {
    let by = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(FindBy::ALL.map(FindBy::word)));
    let operation = reading::<T>("find")
        .summary(Some(format!("Look up {}", words::<T>())))
        .description(Some(format!(
            "The records that carry a value; none is an empty list. By `effect_key` it settles what became of a write.{}",
            cost_note::<T>()
        )))
        .parameter(required(query("by", "What to look up by; see the connection's capabilities.", by)))
        .parameter(required(query("value", "The value.", text().min_length(Some(1)).max_length(Some(400)))));
    let found = ArrayBuilder::new().items(Ref::from_schema_name(&names.sourced));
    answering(operation, "The records", found)
}

fn changes<T: Record>(names: &Names) -> OperationBuilder {
    let operation = reading::<T>("follow")
        .summary(Some(format!("Follow the changes of {}", words::<T>())))
        .description(Some(format!(
            "What changed since a cursor, oldest first, at least once. Without a cursor it starts with everything there is. A \
             change that cannot be read into the canonical model carries a failure instead of the record.{}",
            cost_note::<T>()
        )))
        .parameter(query("cursor", "Where the page before ended.", text()))
        .parameter(query("limit", "Changes a page.", page_size()));
    answering(
        operation,
        "A page of changes",
        Ref::from_schema_name(&names.changes),
    )
}

fn write<T: Record>(names: &Names) -> OperationBuilder {
    let operation = writing::<T>("write", &names.writes)
        .summary(Some(format!("Write {}", words::<T>())))
        .description(Some(
            "Creates or updates records, in the vendor's bulk form where it has one. One result a write, in their order; a write \
             that fails takes no other with it, and one that is not sound ends as `invalid_record`. The same effect key never \
             makes a second record. A failure whose outcome is `unknown` is settled by a look-up by effect key, not by sending again.",
        ));
    answering(
        operation,
        "What became of each",
        Ref::from_schema_name("WriteResults"),
    )
}

fn link<T: Record>() -> OperationBuilder {
    let operation = writing::<T>("link", "Links")
        .summary(Some(format!("Note links on {}", words::<T>())))
        .description(Some(
            "Notes on records how another system stands with them, where the users of this system see it. One result a link, in \
             their order.",
        ));
    answering(
        operation,
        "What became of each",
        Ref::from_schema_name("WriteResults"),
    )
}

fn reading<T: Record>(verb: &str) -> OperationBuilder {
    let operation = operation(&id_of::<T>(verb), "records", RecordsRead::SCOPE).parameter(connection());
    match T::NAME {
        // Nothing but cost: the second scope is demanded, not only asked for.
        "cost_rate" => operation.securities(Some([SecurityRequirement::new(
            "bearer",
            [RecordsRead::SCOPE, CostRatesRead::SCOPE],
        )])),
        _ => operation,
    }
}

fn writing<T: Record>(verb: &str, body: &str) -> OperationBuilder {
    let body = RequestBodyBuilder::new()
        .description(Some("1 to 1000 items, each under an effect key of its own."))
        .content(
            "application/json",
            Content::new(Some(Ref::from_schema_name(body))),
        )
        .required(Some(Required::True))
        .build();
    IdempotencyKey::into_params(|| Some(ParameterIn::Header))
        .into_iter()
        .fold(
            operation(&id_of::<T>(verb), "records", RecordsWrite::SCOPE).parameter(connection()),
            OperationBuilder::parameter,
        )
        .request_body(Some(body))
}

fn operation(id: &str, tag: &str, scope: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(id))
        .tag(tag)
        .security(SecurityRequirement::new("bearer", [scope]))
}

fn answering(
    operation: OperationBuilder,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> OperationBuilder {
    let answer = ResponseBuilder::new()
        .description(description)
        .content("application/json", Content::new(Some(schema)))
        .build();
    Problem::responses().into_iter().fold(
        operation.response("200", answer),
        |operation, (status, refusal)| operation.response(status, refusal),
    )
}

fn get(operation: OperationBuilder) -> PathItem {
    PathItem::new(HttpMethod::Get, operation)
}

fn post(operation: OperationBuilder) -> PathItem {
    PathItem::new(HttpMethod::Post, operation)
}

/// `time_entries_list`: the collection and what is done with it.
fn id_of<T: Resource>(verb: &str) -> String {
    format!("{}_{verb}", T::PATH.replace('-', "_"))
}

fn words<T: Resource>() -> String {
    T::PATH.replace('-', " ")
}

fn cost_note<T: Resource>() -> &'static str {
    match T::NAME {
        "time_entry" => " `cost_rate` is left out for callers without the scope `cost-rates:read`.",
        _ => "",
    }
}

fn connection() -> Parameter {
    path("connection", "Name of the connection, such as `main`.")
}

fn path(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(text()))
        .build()
}

fn query(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn required(mut parameter: Parameter) -> Parameter {
    parameter.required = Required::True;
    parameter
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn date() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
}

fn page_size() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(LARGEST_PAGE))
}
