//! The command line that every API binary has.

use std::io::Write;

use clap::{Parser, Subcommand};
use utoipa::openapi::OpenApi;

/// What an API binary can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve requests until told to stop (the default).
    Serve,
    /// Print the OpenAPI document.
    Openapi,
    /// Load and check the settings, start nothing.
    CheckConfig,
    /// Bring the database to the newest schema, serve nothing.
    Migrate,
}

#[derive(Debug, Parser)]
#[command(about = "An API of Fairlead", long_about = None, version)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What this process was asked to do; ends the process with a usage message when that is unclear.
#[must_use]
pub fn command() -> Command {
    Line::parse().command.unwrap_or(Command::Serve)
}

/// Prints a contract as it is committed under `openapi/`.
///
/// # Errors
/// When standard output is closed.
pub fn print_contract(contract: OpenApi) -> anyhow::Result<()> {
    let mut text = contract.to_pretty_json()?;
    text.push('\n');
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
