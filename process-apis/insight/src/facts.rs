//! The facts that figures are made of, as they were told.

use canonical_model::{
    AssignmentChanged, DealWon, Fact, InvoiceChanged, InvoiceCreated, PaymentReceived, ProjectActivated,
    StaffingRequested, WorkPosted, WorkReversed,
};

/// A fact with the id of the event that told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<T> {
    /// Id of the event.
    pub id: String,
    /// The fact.
    pub data: T,
}

/// Facts by kind, each in the order in which they were told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Deals won.
    pub won: Vec<Told<DealWon>>,
    /// Projects activated.
    pub activated: Vec<Told<ProjectActivated>>,
    /// Staffing requested.
    pub requested: Vec<Told<StaffingRequested>>,
    /// Assignments changed.
    pub assigned: Vec<Told<AssignmentChanged>>,
    /// Work posted; what was taken out again is here once more with negated amounts.
    pub posted: Vec<Told<WorkPosted>>,
    /// Work taken out again that was on an invoice and is credited.
    pub credited: Vec<Told<WorkReversed>>,
    /// Invoices made.
    pub invoiced: Vec<Told<InvoiceCreated>>,
    /// Invoices changed.
    pub changed: Vec<Told<InvoiceChanged>>,
    /// Payments received.
    pub paid: Vec<Told<PaymentReceived>>,
}

impl Facts {
    /// Adds a fact.
    pub fn push(&mut self, id: String, fact: Fact) {
        match fact {
            Fact::DealWon(data) => self.won.push(Told { id, data }),
            Fact::ProjectActivated(data) => self.activated.push(Told { id, data }),
            // What is agreed is no figure; what is charged under it is.
            Fact::ContractAgreed(_) => {}
            Fact::StaffingRequested(data) => self.requested.push(Told { id, data }),
            Fact::AssignmentChanged(data) => self.assigned.push(Told { id, data }),
            Fact::WorkPosted(data) => self.posted.push(Told { id, data }),
            Fact::WorkReversed(data) => self.take_back(id, data),
            Fact::InvoiceCreated(data) => self.invoiced.push(Told { id, data }),
            Fact::InvoiceChanged(data) => self.changed.push(Told { id, data }),
            Fact::PaymentReceived(data) => self.paid.push(Told { id, data }),
        }
    }

    /// What is taken back counts against time, cost and work in progress; against revenue where it was invoiced.
    fn take_back(&mut self, id: String, data: WorkReversed) {
        let credited = data.credit_note.is_some();
        self.posted.push(Told {
            id: id.clone(),
            data: WorkPosted {
                scope: data.scope.clone(),
                line_id: data.line_id,
                source: data.source,
                source_record: data.source_record.clone(),
                person: data.person.clone(),
                role: None,
                date: data.date,
                minutes: data.minutes,
                charge: data.charge.filter(|_| !credited),
                spent: data.spent,
                approved_at: None,
                posted_at: data.reversed_at,
            },
        });
        if credited {
            self.credited.push(Told { id, data });
        }
    }
}
