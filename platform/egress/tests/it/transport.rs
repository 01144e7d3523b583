//! Where requests go and what they look like there.

use egress::{EgressSettings, HttpClient, Request, segment, with_correlation};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{Peer, Reply};

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let other = Peer::always(Reply::status(200)).await;
    let headers: &'static str = format!("location: {}\r\n", other.url).leak();
    let peer = Peer::always(Reply::Whole(307, headers, String::new())).await;
    let answer = peer.client().send(Request::get("/")).await.unwrap();
    assert_eq!(answer.status, 307);
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn only_allowed_hosts_are_called() {
    let other = Peer::always(Reply::status(200)).await;
    let peer = Peer::always(Reply::status(200)).await;
    let target = other.url.join("/next").unwrap().to_string();
    let refused = peer.client().send(Request::get(&target)).await.unwrap_err();
    assert_eq!(refused.code, "host_not_allowed");
    let mut settings = peer.settings();
    settings.allowed_hosts = vec![format!("127.0.0.1:{}", other.url.port().unwrap())];
    let client = HttpClient::new(settings).unwrap();
    client.send(Request::get(&target)).await.unwrap();
    assert_eq!(other.received()[0].line, "GET /next");
}

#[test]
fn a_wildcard_allows_subdomains_only_and_plain_http_stays_on_this_machine() {
    let mut settings = EgressSettings::new("crm/main", "https://login.salesforce.com".parse().unwrap());
    settings.allowed_hosts = vec!["*.my.salesforce.com".to_owned()];
    let client = HttpClient::new(settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let code = |target: &str| {
        runtime
            .block_on(client.send(Request::delete(target)))
            .unwrap_err()
            .code
    };
    for target in [
        "https://my.salesforce.com/",
        "https://evil-my.salesforce.com.example/",
        "https://xmy.salesforce.com/",
        "https://user@other.example/",
    ] {
        assert_eq!(code(target), "host_not_allowed", "{target}");
    }
    assert_eq!(code("http://a.my.salesforce.com/"), "host_not_allowed");
    let plain = EgressSettings::new("erp/main", "http://erp.example".parse().unwrap());
    assert_eq!(
        HttpClient::new(plain).err().unwrap().code,
        "invalid_egress_settings"
    );
}

#[tokio::test]
async fn a_request_arrives_as_it_was_built() {
    let peer = Peer::always(Reply::status(200)).await;
    let mut settings = peer.settings();
    settings.base_url = peer.url.join("/services/rest").unwrap();
    let client = HttpClient::new(settings).unwrap();
    let request = Request::patch_json(format!("/record/{}", segment("a b/ü")), &json!({"name": "x"}))
        .query("q", "a&b=c")
        .query_opt("none", None::<u8>)
        .header("If-Match", "3");
    with_correlation("0197-abc", client.send(request)).await.unwrap();
    let form = Request::post_form("token", vec![("a".to_owned(), "b c".to_owned())]);
    client.send(form).await.unwrap();
    let received = peer.received();
    assert_eq!(
        received[0].line,
        "PATCH /services/rest/record/a%20b%2F%C3%BC?q=a%26b%3Dc"
    );
    assert_eq!(received[0].body, r#"{"name":"x"}"#);
    assert_eq!(received[0].header("if-match"), Some("3"));
    assert_eq!(received[0].header("content-type"), Some("application/json"));
    assert_eq!(received[0].header("x-correlation-id"), Some("0197-abc"));
    assert_eq!(received[0].header("accept-encoding"), Some("gzip"));
    assert_eq!(
        (received[1].line.as_str(), received[1].body.as_str()),
        ("POST /services/rest/token", "a=b+c")
    );
    assert_eq!(received[1].header("x-correlation-id"), None);
}

#[tokio::test]
async fn a_packed_answer_is_unpacked_and_a_torn_one_is_no_answer() {
    let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x4c\x51\xb2\x32\xaf\x05\x00\x43\x5f\x07\x12\x08\x00\x00\x00";
    let head = format!(
        "HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    let whole = [head.as_bytes(), packed].concat();
    let peer = Peer::always(Reply::Raw(whole.clone())).await;
    let answer = peer.client().send(Request::get("/")).await.unwrap();
    assert_eq!(answer.text().unwrap(), r#"{"id":7}"#);
    let mut torn = whole;
    let last = torn.len() - 6;
    torn[last] ^= 0xff;
    let peer = Peer::always(Reply::Raw(torn)).await;
    let failure = peer
        .client()
        .send(Request::post_json("/", &json!({})))
        .await
        .unwrap_err();
    assert_eq!((failure.code.as_str(), failure.is_unknown()), ("no_answer", true));
}

#[tokio::test]
async fn the_log_names_the_call_and_none_of_its_contents() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let peer = Peer::always(Reply::json(r#"{"answer":"hush-answer"}"#)).await;
    let client = peer
        .client()
        .with_authorizer(std::sync::Arc::new(egress::BearerToken("hush-token".into())));
    let request = Request::post_json("/v1/people/hush7@example.com", &json!({"name": "hush-body"}))
        .query("q", "hush-query");
    with_correlation("0197-abc", client.send(request)).await.unwrap();
    let text = log.text();
    let line = text
        .lines()
        .find(|line| line.contains("outbound call ended"))
        .unwrap();
    for part in [
        "erp/main",
        "POST",
        "/v1/people/{id}",
        "200",
        "0197-abc",
        "duration_ms",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let ours = text.lines().filter(|line| line.contains(r#""target":"egress"#));
    assert!(ours.into_iter().all(|line| !line.contains("hush")), "{text}");
    assert!(
        !text.contains("hush-token") && !text.contains("hush-body"),
        "{text}"
    );
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_id_cannot_climb_out_of_its_path() {
    let peer = Peer::always(Reply::status(404)).await;
    for id in ["..", ".", "../../admin", "%2e%2e"] {
        peer.client()
            .send(Request::get(format!("/v1/accounts/{}", segment(id))))
            .await
            .unwrap();
    }
    for request in peer.received() {
        assert!(request.line.starts_with("GET /v1/accounts/"), "{}", request.line);
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let acceptor = acceptor(&certified);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("https://localhost:{}/", listener.local_addr().unwrap().port())
        .parse()
        .unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                let _ = stream.read(&mut [0; 4096]).await.ok()?;
                stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").await.ok()
            });
        }
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certified.cert.pem()).unwrap();
    let mut settings = EgressSettings::new("erp/main", url);
    let strange = HttpClient::new(settings.clone()).unwrap();
    let failure = strange
        .send(Request::post_json("/", &json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.is_unknown()),
        ("connection_failed", false)
    );
    settings.ca_file = Some(file.path().to_owned());
    let client = HttpClient::new(settings).unwrap();
    assert_eq!(client.send(Request::get("/")).await.unwrap().status, 204);
    server.abort();
}

fn acceptor(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> tokio_rustls::TlsAcceptor {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    std::sync::Arc::new(config).into()
}
