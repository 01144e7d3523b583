//! The command line: `fairlead demo`, `fairlead serve`, `fairlead audit verify`, `fairlead development-config`.

use std::path::PathBuf;

use chassis::{TelemetrySettings, start_telemetry};
use clap::{Parser, Subcommand};
use fairlead::{Development, Installation, Platform, audit, demo};

/// Quote-to-cash over CRM, PSA and ERP.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every API in this process, with settings from config/ and the environment.
    Serve,
    /// Every API and the vendors' twins; plays one deal from won to paid and stays up.
    Demo {
        /// Folder of everything that is kept.
        #[arg(long, default_value = "./data")]
        data: PathBuf,
        /// Start everything, play nothing.
        #[arg(long)]
        no_play: bool,
        /// Listen on ports that are free instead of the well-known ones.
        #[arg(long)]
        free_ports: bool,
        /// Keep the books in the Tryton that scripts/tryton/install has made in this folder, instead of in emulated
        /// NetSuite.
        #[arg(long, value_name = "FOLDER")]
        tryton: Option<PathBuf>,
    },
    /// The audit log, away from the installation.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Writes the development settings of each binary, and their secrets, into a folder.
    DevelopmentConfig {
        /// Folder of everything that is kept.
        #[arg(long, default_value = "./data")]
        data: PathBuf,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Checks an export of the audit log; docs/audit.md says what it can show.
    Verify {
        /// The export, as control's `GET /v1/audit-export` gives it.
        file: PathBuf,
        /// Tree heads that were kept, as control's `GET /v1/audit-tree-heads` gives them, one after the other.
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
        /// The public key, in hexadecimal, that every tree head must be signed with.
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Serve => {
            let _telemetry = start_telemetry("fairlead", &TelemetrySettings::default())?;
            let platform = Platform::start(|_| Ok(toml::Table::new())).await?;
            chassis::told_to_stop().await?;
            platform.stop().await;
            Ok(())
        }
        Command::Demo {
            data,
            no_play,
            free_ports,
            tryton,
        } => {
            std::fs::create_dir_all(&data)?;
            let telemetry = TelemetrySettings {
                level: "warn".to_owned(),
                ..TelemetrySettings::default()
            };
            let _telemetry = start_telemetry("fairlead", &telemetry)?;
            let data = data.canonicalize()?;
            let mut set_up = if free_ports {
                Development::on_free_ports(&data)?
            } else {
                Development::at(&data)
            };
            if let Some(folder) = tryton {
                set_up = set_up.with_tryton(Installation::at(&folder)?);
            }
            demo(&set_up, !no_play).await
        }
        Command::Audit {
            command: AuditCommand::Verify { file, head, key },
        } => {
            let report = audit::verify(&file, head.as_deref(), key.as_deref())?;
            audit::tell(&report, std::io::stdout().lock())
        }
        Command::DevelopmentConfig { data } => {
            std::fs::create_dir_all(&data)?;
            Development::at(&data.canonicalize()?).write()
        }
    }
}
