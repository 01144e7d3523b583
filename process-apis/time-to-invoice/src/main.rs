//! Time-to-Invoice Process API: approved time and expenses into the books, and from there to invoices.

use chassis::Command;
use time_to_invoice_process_api::{Settings, contract, migrate, run};

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    match chassis::command() {
        Command::Openapi => chassis::print_contract(contract()),
        Command::CheckConfig => chassis::check_settings::<Settings>(),
        Command::Migrate => migrate(&chassis::load()?).await,
        Command::Serve => {
            let settings: Settings = chassis::load()?;
            let _telemetry = chassis::start_telemetry("time-to-invoice-process-api", &settings.telemetry)?;
            let running = run(&settings).await?;
            chassis::told_to_stop().await?;
            running.stop().await;
            Ok(())
        }
    }
}
