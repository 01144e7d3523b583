//! An insight that knows two accounts, and answers more than it is asked for: the projects of both, with their cost.

use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use canonical_model::CanonicalId;
use serde_json::{Value, json};

/// What is known of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) account: CanonicalId,
    pub(crate) project: CanonicalId,
}

impl Known {
    fn any() -> Self {
        Self {
            account: CanonicalId::generate(),
            project: CanonicalId::generate(),
        }
    }

    fn project(self, name: &str) -> Value {
        json!({
            "project_id": self.project, "project_code": format!("{name}-1"), "account_id": self.account,
            "account_name": format!("{name}-account"), "legal_entity": "de", "name": "Grid",
            "billing_method": "time_and_materials", "activated_at": "2026-11-01T08:00:00Z",
            "start_date": "2026-11-02", "end_date": "2026-12-31", "budget": eur("10000"), "sold_minutes": 6000,
            "posted_minutes": 600, "invoiced": eur("1000"), "work_in_progress": eur("500"), "burn_percent": "15",
            "target_margin_percent": "35", "cost": eur("777"), "margin_percent": "22.3"
        })
    }
}

fn invoice(name: &str) -> Value {
    json!({
        "invoice": "erp/main/107", "number": format!("{name}-INV-7"), "account_name": format!("{name}-account"),
        "status": "open", "date": "2026-11-20", "net": eur("1000"), "total": eur("1190"), "amount_paid": eur("0")
    })
}

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// Insight at work.
pub(crate) struct Insight {
    pub(crate) url: String,
    pub(crate) own: Known,
    pub(crate) other: Known,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Insight {
    pub(crate) fn start() -> Self {
        let (own, other) = (Known::any(), Known::any());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        let server = HttpServer::new(move || {
            let log = Arc::clone(&log);
            let answer = move |request: HttpRequest| {
                log.lock().unwrap().push(request.uri().to_string());
                let of = |known: Known| request.query_string().contains(&known.account.to_string());
                let items = match request.path() {
                    "/v1/projects" => vec![other.project("OTHER"), own.project("OWN")],
                    "/v1/invoices" if of(own) => vec![invoice("OWN")],
                    "/v1/invoices" => vec![invoice("OTHER")],
                    path => unreachable!("the portal does not ask for {path}"),
                };
                std::future::ready(HttpResponse::Ok().json(json!({ "items": items })))
            };
            App::new().default_service(web::to(answer))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}", server.addrs().first().unwrap());
        tokio::spawn(server.run());
        Self {
            url,
            own,
            other,
            asked,
        }
    }

    /// What it was asked for, as path and query.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
