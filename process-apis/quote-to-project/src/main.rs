//! Quote-to-Project Process API: from a won deal to a staffed project.

use chassis::Command;
use quote_to_project_process_api::{Settings, contract, migrate, run};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    match chassis::command() {
        Command::Openapi => chassis::print_contract(contract()),
        Command::CheckConfig => chassis::check_settings::<Settings>(),
        Command::Migrate => migrate(&chassis::load()?).await,
        Command::Serve => {
            let settings: Settings = chassis::load()?;
            let _telemetry = chassis::start_telemetry("quote-to-project-process-api", &settings.telemetry)?;
            let running = run(&settings).await?;
            chassis::told_to_stop().await?;
            running.stop().await;
            Ok(())
        }
    }
}
