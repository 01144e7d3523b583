//! The SOAP login call, which older clients use to turn a user name and password into a session.
//!
//! Only `login` and `logout` of the partner API; everything else a client wants is in the REST API.

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use super::{Salesforce, auth};

/// `POST /services/Soap/u/<version>`.
pub(super) async fn login(org: web::Data<Salesforce>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let text = String::from_utf8_lossy(&body);
    if let Some(session) = element(&text, "sessionId").filter(|_| text.contains("logout")) {
        org.sessions.close(&session);
        return xml(200, "<logoutResponse></logoutResponse>");
    }
    let (username, password) = (element(&text, "username"), element(&text, "password"));
    let user = username
        .zip(password)
        .and_then(|(name, password)| auth::login(&org, &name, &password));
    let Some(user) = user else { return invalid_login() };
    let token = org.sessions.open(&org, &user);
    let version = request.match_info().get("version").unwrap_or("60.0");
    let server = format!(
        "{}/services/Soap/u/{version}/{}",
        org.base_url(&request),
        super::ids::short(&org.org_id())
    );
    let seconds = org.settings.token_lifetime.num_seconds();
    let field = |name: &str| escape(user.text(name).unwrap_or_default());
    xml(
        200,
        &format!(
            "<loginResponse><result><metadataServerUrl>{server}</metadataServerUrl>\
             <passwordExpired>false</passwordExpired><sandbox>false</sandbox><serverUrl>{server}</serverUrl>\
             <sessionId>{token}</sessionId><userId>{id}</userId><userInfo>\
             <organizationId>{org_id}</organizationId><organizationMultiCurrency>true</organizationMultiCurrency>\
             <sessionSecondsValid>{seconds}</sessionSecondsValid><userEmail>{email}</userEmail>\
             <userFullName>{name}</userFullName><userId>{id}</userId><userName>{username}</userName>\
             </userInfo></result></loginResponse>",
            id = user.id,
            org_id = org.org_id(),
            email = field("Email"),
            name = field("Name"),
            username = field("Username"),
        ),
    )
}

fn invalid_login() -> HttpResponse {
    let text = "INVALID_LOGIN: Invalid username, password, security token; or user locked out.";
    let reason = text.trim_start_matches("INVALID_LOGIN: ");
    xml(
        500,
        &format!(
            "<soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>{text}</faultstring><detail>\
             <sf:LoginFault xsi:type=\"sf:LoginFault\"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>\
             <sf:exceptionMessage>{reason}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
        ),
    )
}

fn xml(status: u16, body: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or(actix_web::http::StatusCode::OK);
    HttpResponse::build(status).content_type("text/xml;charset=UTF-8").body(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    ))
}

/// The text of the first element of a name, whatever its namespace prefix.
fn element(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, content) = after.split_once('>')?;
        if tag.split_whitespace().next()?.rsplit(':').next() == Some(name) {
            return content.split_once('<').map(|(value, _)| unescape(value));
        }
        rest = content;
    }
    None
}

const ENTITIES: [(&str, &str); 5] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&apos;", "'"),
    ("&amp;", "&"),
];

fn unescape(text: &str) -> String {
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, plain)| {
        text.replace(entity, plain)
    })
}

fn escape(text: &str) -> String {
    ENTITIES
        .iter()
        .rev()
        .fold(text.to_owned(), |text, (entity, plain)| {
            text.replace(plain, entity)
        })
}
