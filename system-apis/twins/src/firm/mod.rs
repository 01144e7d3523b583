//! The firm: people who act on the twins through their vendors' APIs, so that a demonstration or a load is life-like.
//!
//! Salespeople win deals in the CRM, resource managers and consultants work in the PSA, clients pay in the ERP. The firm
//! knows the vendors' protocols as their users' browsers do; it knows nothing of Fairlead. [`Tryton`] is no twin: there
//! the same people act on a real ERP.

mod client;
mod delivery;
mod payer;
mod sales;
mod tryton;

pub use client::{Credentials, FirmError};
pub use delivery::{Delivery, Expenditure, Hours};
pub use payer::{OpenInvoice, Payer};
pub use sales::{Deal, DealLine, Sales, WonDeal};
pub use tryton::{Balance, Tryton, TrytonAddress, TrytonInvoice, day, decimal};

/// Where the twins are and how the firm's people sign in.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Base URL of the CRM.
    pub salesforce: String,
    /// Base URL of the PSA.
    pub kantata: String,
    /// Base URL of the ERP.
    pub netsuite: String,
    /// How they sign in.
    pub credentials: Credentials,
}

/// Everybody who acts.
pub struct Firm {
    /// Sells.
    pub sales: Sales,
    /// Staffs, works, approves.
    pub delivery: Delivery,
    /// Pays.
    pub payer: Payer,
}

impl Firm {
    /// People at these addresses.
    ///
    /// # Errors
    /// The HTTP client cannot be built, or a private key is not one.
    pub fn at(addresses: &Addresses) -> Result<Self, FirmError> {
        let http = client::http()?;
        Ok(Self {
            sales: Sales::new(http.clone(), addresses),
            delivery: Delivery::new(http.clone(), addresses),
            payer: Payer::new(http, addresses)?,
        })
    }
}
