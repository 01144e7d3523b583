//! Requests that stay within the program: for the simulation, which answers them itself and has a clock of its own.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// A request as it would leave the machine.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The client's name, such as `erp/main`.
    pub client: String,
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// With every header but those of the transport.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer as it would arrive.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why no answer arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Nothing was sent.
    Unreachable,
    /// It was sent, and the time is up.
    TimedOut,
    /// It was sent, and the connection is gone.
    Lost,
}

/// What stands for the network.
pub trait Wire: Send + Sync {
    /// Carries a request.
    fn carry(&self, request: Sent) -> BoxFuture<'static, Result<Answered, Broken>>;

    /// Somebody waits for so long.
    fn pause(&self, time: Duration);
}

thread_local! {
    static WIRE: RefCell<Option<Arc<dyn Wire>>> = const { RefCell::new(None) };
}

/// Every client of this thread sends through `wire` from now on; none: through the network again.
pub fn connect(wire: Option<Arc<dyn Wire>>) {
    WIRE.set(wire);
}

/// A client that sends nothing: within a simulation nothing leaves, and reading certificates for each client takes long.
pub(crate) fn idle_client() -> Option<reqwest::Client> {
    thread_local! {
        static IDLE: std::cell::OnceCell<reqwest::Client> = const { std::cell::OnceCell::new() };
    }
    canonical_model::simulation::now()?;
    Some(IDLE.with(|idle| idle.get_or_init(reqwest::Client::default).clone()))
}

pub(crate) fn wire() -> Option<Arc<dyn Wire>> {
    WIRE.with_borrow(Clone::clone)
}
