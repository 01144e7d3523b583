//! The CRM System API before the Salesforce twin.

mod contract;
mod office;
mod records;
