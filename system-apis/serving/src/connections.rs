//! The connections themselves: which there are, what they can do, whether they answer.

use std::marker::PhantomData;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{guard, web};
use canonical_model::ConnectionInfo;
use chassis::Allowed;
use serde::Serialize;
use system_ports::Port;
use utoipa::ToSchema;
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;

use crate::System;
use crate::answers::{Answer, answer, correlated};
use crate::contract;
use crate::permission::RecordsRead;

/// A connection that answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionHealth {
    /// The connection, such as `erp/main`.
    #[schema(example = "erp/main")]
    pub(crate) connection: String,
    /// The vendor and its API version.
    pub(crate) vendor: String,
}

/// Serves the operations over the connections of a system API.
pub struct ConnectionsService<P: ?Sized>(PhantomData<fn() -> Box<P>>);

/// The operations over the connections of a system API.
#[must_use]
pub fn connections<P: Port + ?Sized + 'static>() -> ConnectionsService<P> {
    ConnectionsService(PhantomData)
}

impl<P: Port + ?Sized + 'static> HttpServiceFactory for ConnectionsService<P> {
    fn register(self, config: &mut AppService) {
        let get = |path: &str| web::resource(path.to_owned()).guard(guard::Get());
        get(contract::CONNECTIONS).to(list::<P>).register(config);
        get(contract::CONNECTION).to(read::<P>).register(config);
        get(contract::HEALTH).to(health::<P>).register(config);
    }
}

impl<P: Port + ?Sized + 'static> OpenApiFactory for ConnectionsService<P> {
    fn paths(&self) -> Paths {
        contract::connection_paths()
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        contract::connection_schemas(schemas);
    }
}

async fn list<P: Port + ?Sized + 'static>(
    _allowed: Allowed<RecordsRead>,
    system: web::Data<System<P>>,
) -> Answer<Vec<ConnectionInfo>> {
    answer(Ok(system.infos()))
}

async fn read<P: Port + ?Sized + 'static>(
    _allowed: Allowed<RecordsRead>,
    name: web::Path<String>,
    system: web::Data<System<P>>,
) -> Answer<ConnectionInfo> {
    answer(system.port(&name).map(|port| system.info(&name, port)))
}

async fn health<P: Port + ?Sized + 'static>(
    _allowed: Allowed<RecordsRead>,
    name: web::Path<String>,
    system: web::Data<System<P>>,
) -> Answer<ConnectionHealth> {
    let check = async {
        let port = system.port(&name)?;
        let connection = system.connection_name(&name);
        correlated(port.check_health()).await.map_err(|failure| {
            if failure.source.is_some() {
                failure
            } else {
                failure.at(connection.clone())
            }
        })?;
        Ok(ConnectionHealth {
            connection,
            vendor: port.vendor().to_owned(),
        })
    };
    answer(check.await)
}
