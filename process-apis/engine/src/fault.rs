//! Places where a test can make the engine fail. Without the feature `testing` no plan can be set.

use std::sync::Arc;

use canonical_model::Failure;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point<'a> {
    /// A step is about to run, or its undo.
    Step {
        /// Its name.
        name: &'a str,
        /// Whether it is taken back.
        undo: bool,
    },
    /// A step has run and is not yet journalled.
    StepRan {
        /// Its name.
        name: &'a str,
        /// Whether it was taken back.
        undo: bool,
    },
    /// Effects are journalled and about to be sent.
    Sending {
        /// The first one's key.
        key: &'a str,
    },
    /// Effects were answered, which is not journalled yet.
    Answered,
    /// Something was journalled.
    Journalled,
}

/// What shall happen at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing special.
    None,
    /// The engine stands still as if the process had been killed.
    Crash,
    /// The step fails.
    Fail(Failure),
    /// The step runs twice.
    Twice,
    /// The effects are sent, or not, and the answer is lost.
    LoseAnswer {
        /// Whether they are sent.
        sent: bool,
    },
}

/// Decides what happens where.
pub trait FaultPlan: Send + Sync {
    /// Called at each place.
    fn at(&self, point: Point<'_>) -> Fault;
}

/// The plan in force, if any.
#[derive(Clone, Default)]
pub(crate) struct Faults(pub(crate) Option<Arc<dyn FaultPlan>>);

impl Faults {
    /// What shall happen here; a crash happens at once.
    pub(crate) async fn at(&self, point: Point<'_>) -> Fault {
        let fault = self.0.as_ref().map_or(Fault::None, |plan| plan.at(point));
        if fault == Fault::Crash {
            std::future::pending::<()>().await;
        }
        fault
    }
}
