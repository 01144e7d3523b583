//! The state of a system API: its connections.

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical_model::{ConnectionInfo, Failure, Resource, Result, SystemKind, WriteResult};
use circuits::{Circuits, News};
use system_ports::{Collection, Port, Support, Verb, not_supported};

use crate::Has;
use crate::answers::correlated;

/// The connections of one kind of system. `P` is `dyn CrmPort`, `dyn ErpPort` or `dyn PsaPort`.
pub struct System<P: ?Sized> {
    kind: SystemKind,
    connections: Arc<BTreeMap<String, Arc<P>>>,
    /// A system that is down is asked once for all who call it, not once for each of them.
    circuits: Circuits,
}

impl<P: ?Sized> Clone for System<P> {
    fn clone(&self) -> Self {
        Self {
            kind: self.kind,
            connections: Arc::clone(&self.connections),
            circuits: self.circuits.clone(),
        }
    }
}

impl<P: Port + ?Sized> System<P> {
    /// A system over connections by name.
    ///
    /// # Errors
    /// Fault `connection_named_twice`.
    pub fn new(kind: SystemKind, connections: impl IntoIterator<Item = (String, Arc<P>)>) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for (name, port) in connections {
            if by_name.insert(name.clone(), port).is_some() {
                let message = format!("two connections are named {name:?}");
                return Err(Failure::fault("connection_named_twice", message));
            }
        }
        Ok(Self {
            kind,
            connections: Arc::new(by_name),
            circuits: Circuits::default(),
        })
    }

    /// How a connection is called in records, such as `erp/main`.
    #[must_use]
    pub fn connection_name(&self, name: &str) -> String {
        format!("{}/{name}", self.kind.word())
    }

    pub(crate) fn infos(&self) -> Vec<ConnectionInfo> {
        self.connections
            .iter()
            .map(|(name, port)| self.info(name, port.as_ref()))
            .collect()
    }

    pub(crate) fn info(&self, name: &str, port: &P) -> ConnectionInfo {
        ConnectionInfo {
            name: name.to_owned(),
            connection: self.connection_name(name),
            capabilities: port.capabilities(),
        }
    }

    pub(crate) fn port(&self, name: &str) -> Result<&P> {
        self.connections.get(name).map(AsRef::as_ref).ok_or_else(|| {
            let message = format!("This API has no connection {name:?}; GET /v1/connections lists them.");
            Failure::business("connection_not_found", message)
        })
    }

    /// A collection of a connection, for something that it declares to be able to do.
    pub(crate) fn open<T: Resource>(&self, name: &str, verb: Verb) -> Result<Opened<'_, T>>
    where
        P: Has<T>,
    {
        let port = self.port(name)?;
        let collection = port.collection();
        let support = collection.support();
        let connection = self.connection_name(name);
        if !support.has(verb) {
            return Err(not_supported(port.vendor(), T::NAME, verb).at(connection));
        }
        Ok(Opened {
            connection,
            vendor: port.vendor(),
            collection,
            support,
            circuits: &self.circuits,
        })
    }
}

/// A collection that can do what is wanted of it.
pub(crate) struct Opened<'c, T: Resource> {
    pub(crate) connection: String,
    pub(crate) vendor: &'static str,
    pub(crate) collection: &'c dyn Collection<T>,
    pub(crate) support: Support,
    circuits: &'c Circuits,
}

impl<T: Resource> Opened<'_, T> {
    /// Asks the connector, unless its system is paused. Requests to the vendor carry the correlation id of this one.
    pub(crate) async fn ask<A>(&self, call: impl Future<Output = Result<A>>) -> Result<A> {
        let asked = self
            .circuits
            .call(&self.connection, correlated(call), |_| News::Alive);
        asked.await.map_err(|failure| self.met(failure))
    }

    /// Has a batch written, unless the system is paused.
    pub(crate) async fn have(
        &self,
        batch: impl Future<Output = Vec<WriteResult>>,
    ) -> Result<Vec<WriteResult>> {
        let call = async { Ok(correlated(batch).await) };
        self.circuits
            .call(&self.connection, call, |results| News::of_batch(results))
            .await
    }

    /// A failure of the connector says where it was met.
    pub(crate) fn met(&self, failure: Failure) -> Failure {
        if failure.source.is_some() {
            failure
        } else {
            failure.at(self.connection.clone())
        }
    }
}
