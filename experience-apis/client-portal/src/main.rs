//! Client Portal Experience API: What one client may see of its projects and invoices.

use chassis::Command;
use client_portal_experience_api::{Settings, contract, run};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    match chassis::command() {
        Command::Openapi => chassis::print_contract(contract()),
        Command::CheckConfig => chassis::check_settings::<Settings>(),
        Command::Migrate => anyhow::bail!("this API keeps no database"),
        Command::Serve => {
            let settings: Settings = chassis::load()?;
            let _telemetry = chassis::start_telemetry("client-portal-experience-api", &settings.telemetry)?;
            let running = run(&settings).await?;
            chassis::told_to_stop().await?;
            running.stop().await;
            Ok(())
        }
    }
}
