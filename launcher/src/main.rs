//! The command line: `fairlead demo`, `fairlead serve`, `fairlead development-config`.

use std::path::PathBuf;

use chassis::{TelemetrySettings, start_telemetry};
use clap::{Parser, Subcommand};
use fairlead::{Development, Platform, demo};

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
    },
    /// Writes the development settings of each binary, and their secrets, into a folder.
    DevelopmentConfig {
        /// Folder of everything that is kept.
        #[arg(long, default_value = "./data")]
        data: PathBuf,
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
        } => {
            std::fs::create_dir_all(&data)?;
            let telemetry = TelemetrySettings {
                level: "warn".to_owned(),
                ..TelemetrySettings::default()
            };
            let _telemetry = start_telemetry("fairlead", &telemetry)?;
            let data = data.canonicalize()?;
            let set_up = if free_ports {
                Development::on_free_ports(&data)?
            } else {
                Development::at(&data)
            };
            demo(&set_up, !no_play).await
        }
        Command::DevelopmentConfig { data } => {
            std::fs::create_dir_all(&data)?;
            Development::at(&data.canonicalize()?).write()
        }
    }
}
