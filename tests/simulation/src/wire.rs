//! What stands for the network: carries each call to the service of its port, with the mishaps that are drawn for it.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use bytes::Bytes;
use canonical_model::simulation;
use chrono::TimeDelta;
use egress::simulation::{Answered, Broken, Sent, Wire};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use time_to_invoice_process_api::by_hand::ByHand;
use tokio::sync::{mpsc, oneshot};
use url::Url;
use vendor_twins::faults::Fault;
use vendor_twins::server::{Twin, VendorFaults};

use crate::control::Control;
use crate::faults::{self, Mishap, Operation};
use crate::house::House;
use crate::state::Shared;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    Erp,
    Psa,
    NetSuite,
    Kantata,
}

/// What is asked of a service.
enum Ask {
    Serve(Box<Sent>, Vec<Fault>),
    TooMany,
    Unavailable,
}

struct Call {
    host: Host,
    ask: Ask,
    reply: oneshot::Sender<Answered>,
}

/// The network of one seed.
#[derive(Clone)]
pub(crate) struct Network {
    calls: mpsc::UnboundedSender<Call>,
    shared: Shared,
    house: Arc<House>,
    pub(crate) control: Arc<Mutex<Control>>,
    /// Takes over what another worker has lost.
    pub(crate) usurper: Arc<Mutex<Option<Arc<ByHand>>>>,
}

/// A service of this thread.
pub(crate) type Answer = Rc<dyn Fn(actix_http::Request) -> LocalBoxFuture<'static, HttpResponse>>;

/// A service as a function.
pub(crate) fn function<S, B>(service: S) -> Answer
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: actix_web::body::MessageBody + 'static,
{
    let service = Rc::new(service);
    Rc::new(move |request| {
        let called = service.call(request);
        Box::pin(async move {
            match called.await {
                Ok(answer) => answer.into_parts().1.map_into_boxed_body(),
                Err(error) => error.error_response(),
            }
        })
    })
}

/// The services of a seed.
pub(crate) struct Services {
    pub(crate) erp: Answer,
    pub(crate) psa: Answer,
    pub(crate) netsuite: (Answer, Arc<dyn Twin>),
    pub(crate) kantata: (Answer, Arc<dyn Twin>),
}

impl Services {
    async fn answer(&self, host: Host, ask: Ask) -> Answered {
        let (function, twin) = match host {
            Host::Erp => (&self.erp, None),
            Host::Psa => (&self.psa, None),
            Host::NetSuite => (&self.netsuite.0, Some(&self.netsuite.1)),
            Host::Kantata => (&self.kantata.0, Some(&self.kantata.1)),
        };
        let response = match (ask, twin) {
            (Ask::Serve(sent, faults), _) => function(request(&sent, faults)).await,
            (Ask::TooMany, Some(twin)) => twin.too_many_requests(Some(7)),
            (Ask::Unavailable, Some(twin)) => twin.server_error(503),
            (Ask::TooMany | Ask::Unavailable, None) => HttpResponse::ServiceUnavailable().finish(),
        };
        answered(response).await
    }
}

fn request(sent: &Sent, faults: Vec<Fault>) -> actix_http::Request {
    let method = actix_web::http::Method::from_bytes(sent.method.as_str().as_bytes());
    let query = sent
        .url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let mut built = TestRequest::default()
        .method(method.unwrap_or_default())
        .uri(&format!("{}{query}", sent.url.path()))
        .set_payload(sent.body.clone());
    let host = sent.url.authority().to_owned();
    let given = sent
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in given.chain([("host", host.as_bytes())]) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            built = built.append_header((name, value));
        }
    }
    let request = built.to_request();
    actix_web::HttpMessage::extensions_mut(&request).insert(VendorFaults(faults));
    request
}

async fn answered(response: HttpResponse) -> Answered {
    let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers() {
        let name = http::HeaderName::try_from(name.as_str());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    let body = actix_web::body::to_bytes(response.into_body())
        .await
        .unwrap_or_default();
    Answered {
        status,
        headers,
        body,
    }
}

impl Network {
    /// A network whose services answer in this thread.
    pub(crate) fn start(house: Arc<House>, shared: Shared, services: Services) -> Self {
        let (calls, mut asked) = mpsc::unbounded_channel::<Call>();
        let (services, of_tasks) = (Rc::new(services), shared.clone());
        tokio::task::spawn_local(async move {
            while let Some(Call { host, ask, reply }) = asked.recv().await {
                let (services, shared) = (Rc::clone(&services), of_tasks.clone());
                tokio::task::spawn_local(async move {
                    let answer = services.answer(host, ask).await;
                    shared.lock().under_way -= 1;
                    let _gone = reply.send(answer);
                });
            }
        });
        Self {
            calls,
            shared,
            house,
            control: Arc::default(),
            usurper: Arc::default(),
        }
    }

    async fn ask(&self, host: Host, ask: Ask) -> Result<Answered, Broken> {
        let (reply, answer) = oneshot::channel();
        self.shared.lock().under_way += 1;
        let sent = self.calls.send(Call { host, ask, reply });
        sent.map_err(|_| Broken::Unreachable)?;
        answer.await.map_err(|_| Broken::Lost)
    }

    /// Waits until nobody is being answered any more: a caller that was killed does not wait for its answers.
    pub(crate) async fn quiet(&self) {
        while self.shared.lock().under_way > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// A call of a person to the PSA, which nothing befalls.
    pub(crate) async fn person(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}/api/v1/{path}", self.house.url("kantata"));
        let Ok(url) = Url::parse(&url) else {
            return (0, Value::Null);
        };
        let mut headers = HeaderMap::new();
        let token = format!("Bearer {}", vendor_twins::kantata::FIRM_TOKEN);
        if let Ok(token) = token.parse() {
            headers.insert("authorization", token);
        }
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        let sent = Sent {
            client: "firm".to_owned(),
            method,
            url,
            headers,
            body: body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())),
        };
        match self
            .ask(Host::Kantata, Ask::Serve(Box::new(sent), Vec::new()))
            .await
        {
            Ok(answer) => {
                let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
                (answer.status.as_u16(), body)
            }
            Err(_) => (0, Value::Null),
        }
    }

    async fn travel(self, sent: Sent) -> Result<Answered, Broken> {
        let port = sent.url.port().unwrap_or_default();
        let Some((host, operation)) = self.house.route(port, &sent) else {
            return Err(Broken::Unreachable);
        };
        let token = sent
            .headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let shown = token.filter(|_| port != self.house.port("kantata"));
        let shown = shown.map(|token| format!("{port} {token}"));
        // What was on its way already when its token was refused is no use of it.
        let used_again = shown.as_ref().is_some_and(|shown| {
            let state = self.shared.lock();
            let refused_in = state.refused.get(shown);
            refused_in.is_some_and(|turn| *turn < state.turns)
        });
        if used_again {
            let what = format!(
                "{} {} with a token that was refused",
                operation.name,
                sent.url.path()
            );
            self.shared.violated("a_refused_token_is_not_used_again", what);
        }
        let result = self.befall(host, operation, sent).await;
        if let (Ok(answer), Some(shown)) = (&result, shown)
            && answer.status == StatusCode::UNAUTHORIZED
        {
            let mut state = self.shared.lock();
            let turn = state.turns;
            state.refused.entry(shown).or_insert(turn);
        }
        result
    }

    async fn befall(&self, host: Option<Host>, operation: Operation, sent: Sent) -> Result<Answered, Broken> {
        let serve = |sent: Sent, faults: Vec<Fault>| async move {
            match host {
                Some(host) => self.ask(host, Ask::Serve(Box::new(sent), faults)).await,
                None => Ok(self.ours(&sent)),
            }
        };
        let Some(mishap) = faults::draw(&self.shared, operation) else {
            return serve(sent, Vec::new()).await;
        };
        match mishap {
            Mishap::Unreachable => Err(Broken::Unreachable),
            Mishap::ResetBefore => Err(Broken::Lost),
            Mishap::ResetAfter => {
                serve(sent, Vec::new()).await?;
                Err(Broken::Lost)
            }
            Mishap::TimeoutBefore => {
                self.shared.wait(30);
                Err(Broken::TimedOut)
            }
            Mishap::TimeoutAfter => {
                serve(sent, Vec::new()).await?;
                self.shared.wait(20);
                Err(Broken::TimedOut)
            }
            Mishap::TooMany => match host {
                Some(host) => self.ask(host, Ask::TooMany).await,
                None => Err(Broken::Unreachable),
            },
            Mishap::Unavailable => match host {
                Some(host @ (Host::NetSuite | Host::Kantata)) => self.ask(host, Ask::Unavailable).await,
                _ => Ok(problem(503, "overloaded", "transient")),
            },
            Mishap::Garbled => {
                let answer = serve(sent, Vec::new()).await?;
                Ok(Answered {
                    body: answer.body.slice(0..answer.body.len() / 2),
                    ..answer
                })
            }
            Mishap::TokenExpired => match host {
                Some(Host::NetSuite) => serve(sent, vec![Fault::ExpiredToken]).await,
                _ => Ok(problem(401, "invalid_token", "business")),
            },
            Mishap::PageShift => serve(sent, vec![Fault::PageShift]).await,
            Mishap::Locked => serve(sent, vec![Fault::Locked]).await,
            Mishap::Slow => {
                let seconds = self.shared.lock().below(25);
                self.shared.wait(seconds);
                serve(sent, Vec::new()).await
            }
            Mishap::Repeated => {
                serve(sent.clone(), Vec::new()).await?;
                serve(sent, Vec::new()).await
            }
            Mishap::CrashBefore => self.killed().await,
            Mishap::CrashAfter => {
                serve(sent, Vec::new()).await?;
                self.killed().await
            }
            Mishap::LeaseLostBefore => {
                self.usurp().await;
                serve(sent, Vec::new()).await
            }
            Mishap::LeaseLostAfter => {
                let answer = serve(sent, Vec::new()).await;
                self.usurp().await;
                answer
            }
        }
    }

    async fn killed(&self) -> Result<Answered, Broken> {
        self.shared.crash.notify_one();
        std::future::pending().await
    }

    /// The lease of the worker whose turn it is ends, and another process takes its instance over and works on it.
    async fn usurp(&self) {
        let usurper = self
            .usurper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(usurper) = usurper else { return };
        self.shared.wait(31);
        let (faulty, held) = {
            let mut state = self.shared.lock();
            (std::mem::take(&mut state.faulty), state.held)
        };
        if let Ok(claimed) = usurper.turns.claim(8).await {
            for work in claimed {
                let taken_over = Some(work.instance_id()) == held;
                self.shared
                    .trace(format!("taken over: {} {}", work.process(), work.step()));
                work.work().await;
                if taken_over {
                    self.shared.lock().usurped = true;
                }
            }
        }
        self.shared.lock().faulty = faulty;
    }

    /// Control, and the issuer of our own tokens.
    fn ours(&self, sent: &Sent) -> Answered {
        if sent.url.port() == Some(self.house.port("openid")) {
            return json_answer(200, &self.house.token(&sent.body));
        }
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, body) = control.answer(sent.url.path(), &sent.body);
        json_answer(status, &body)
    }
}

impl Wire for Network {
    fn carry(&self, sent: Sent) -> BoxFuture<'static, Result<Answered, Broken>> {
        Box::pin(self.clone().travel(sent))
    }

    fn pause(&self, _: Duration) {
        self.shared.wait(1);
    }
}

impl Shared {
    /// So many seconds go by.
    pub(crate) fn wait(&self, seconds: u32) {
        simulation::advance(TimeDelta::seconds(seconds.into()));
    }
}

fn json_answer(status: u16, body: &Value) -> Answered {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    Answered {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
        headers,
        body: Bytes::from(body.to_string()),
    }
}

fn problem(status: u16, code: &str, class: &str) -> Answered {
    let body = json!({"type": "about:blank", "title": "Refused", "status": status, "code": code, "class": class,
        "detail": "refused on purpose"});
    let mut answer = json_answer(status, &body);
    let kind = http::HeaderValue::from_static("application/problem+json");
    answer.headers.insert("content-type", kind);
    answer
}
