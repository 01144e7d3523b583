//! One collection as a service: its routes and what they say of themselves.

use std::marker::PhantomData;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::{guard, web};
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;

use crate::contract::{self, Paths as Names};
use crate::{Has, Record, read, schemas, write};

/// Serves the six operations over one collection.
pub struct CollectionService<P: ?Sized, T> {
    port: PhantomData<fn() -> Box<P>>,
    record: PhantomData<fn() -> T>,
}

/// The six operations over one collection of a port.
#[must_use]
pub fn collection<P: Has<T> + ?Sized + 'static, T: Record>() -> CollectionService<P, T> {
    CollectionService {
        port: PhantomData,
        record: PhantomData,
    }
}

impl<P: Has<T> + ?Sized + 'static, T: Record> HttpServiceFactory for CollectionService<P, T> {
    fn register(self, config: &mut AppService) {
        let names = Names::of::<T>();
        let get = |path: &str| web::resource(path.to_owned()).guard(guard::Get());
        let post = |path: &str| web::resource(path.to_owned()).guard(guard::Post());
        get(&names.list).to(read::list::<P, T>).register(config);
        get(&names.find).to(read::find::<P, T>).register(config);
        get(&names.changes).to(read::changes::<P, T>).register(config);
        post(&names.write).to(write::write::<P, T>).register(config);
        post(&names.link).to(write::link::<P, T>).register(config);
        // Last: an id may be any word but those above.
        get(&names.read).to(read::read::<P, T>).register(config);
    }
}

impl<P: Has<T> + ?Sized + 'static, T: Record> OpenApiFactory for CollectionService<P, T> {
    fn paths(&self) -> Paths {
        contract::collection_paths::<T>()
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas::collect::<T>(schemas);
    }
}
