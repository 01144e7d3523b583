//! Every API in one process, from the same libraries as the twelve binaries.

use chassis::load_with;
use toml::Table;

/// Runs each API's `run` with its settings and keeps what is running, in the order of start.
macro_rules! platform {
    ($($field:ident: $api:ident, $binary:literal;)*) => {
        /// The APIs at work.
        pub struct Platform {
            $($field: $api::Running,)*
        }

        impl Platform {
            /// Starts every API; `table` gives what differs from a binary's defaults.
            ///
            /// # Errors
            /// The first API whose settings do not hold or which cannot start, by name.
            pub async fn start(table: impl Fn(&str) -> anyhow::Result<Table>) -> anyhow::Result<Self> {
                use anyhow::Context;
                $(
                    let settings = load_with::<$api::Settings>(table($binary)?).context($binary)?;
                    let $field = $api::run(&settings).await.context($binary)?;
                )*
                Ok(Self { $($field,)* })
            }

            /// Names and addresses.
            #[must_use]
            pub fn addresses(&self) -> Vec<(&'static str, &str)> {
                vec![$(($binary, self.$field.base_url.as_str()),)*]
            }
        }
    };
}

platform! {
    crm: crm_system_api, "crm-system-api";
    erp: erp_system_api, "erp-system-api";
    psa: psa_system_api, "psa-system-api";
    control: control_process_api, "control-process-api";
    insight: insight_process_api, "insight-process-api";
    quote_to_project: quote_to_project_process_api, "quote-to-project-process-api";
    time_to_invoice: time_to_invoice_process_api, "time-to-invoice-process-api";
    invoice_to_cash: invoice_to_cash_process_api, "invoice-to-cash-process-api";
    executive_dashboard: executive_dashboard_experience_api, "executive-dashboard-experience-api";
    client_portal: client_portal_experience_api, "client-portal-experience-api";
    staffing: staffing_experience_api, "staffing-experience-api";
    operations_desk: operations_desk_experience_api, "operations-desk-experience-api";
}

impl Platform {
    /// Stops every API in good order: faces, then who follows the processes, then the processes, then the systems.
    pub async fn stop(self) {
        self.operations_desk.stop().await;
        self.staffing.stop().await;
        self.client_portal.stop().await;
        self.executive_dashboard.stop().await;
        self.insight.stop().await;
        self.control.stop().await;
        self.invoice_to_cash.stop().await;
        self.time_to_invoice.stop().await;
        self.quote_to_project.stop().await;
        self.psa.stop().await;
        self.erp.stop().await;
        self.crm.stop().await;
    }
}
