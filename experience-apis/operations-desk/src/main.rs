//! Operations Desk Experience API: exceptions, processes and the audit log, as JSON and as pages for those who keep things going.

use chassis::Command;
use operations_desk_experience_api::{Settings, contract, run};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    match chassis::command() {
        Command::Openapi => chassis::print_contract(contract()),
        Command::CheckConfig => chassis::check_settings::<Settings>(),
        Command::Migrate => anyhow::bail!("this API keeps no database"),
        Command::Serve => {
            let settings: Settings = chassis::load()?;
            let _telemetry = chassis::start_telemetry("operations-desk-experience-api", &settings.telemetry)?;
            let running = run(&settings).await?;
            chassis::told_to_stop().await?;
            running.stop().await;
            Ok(())
        }
    }
}
