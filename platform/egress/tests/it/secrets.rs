//! Secrets by reference.

use std::io::Write as _;

use egress::{ClientSettings, SecretRef};
use secrecy::ExposeSecret;

#[test]
fn a_secret_is_a_reference_and_a_literal_is_refused_without_being_repeated() {
    let refused = serde_json::from_str::<SecretRef>(r#""pa55word""#)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("env:NAME") && !refused.contains("pa55word"),
        "{refused}"
    );
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "from a file").unwrap();
    let reference: SecretRef =
        serde_json::from_value(format!("file:{}", file.path().display()).into()).unwrap();
    assert_eq!(reference.resolve().unwrap().expose_secret(), "from a file");
    let missing: SecretRef = serde_json::from_str(r#""env:FAIRLEAD_NO_SUCH_VARIABLE""#).unwrap();
    let failure = missing.resolve().unwrap_err();
    assert_eq!(failure.code, "secret_unavailable");
    assert!(failure.message.contains("FAIRLEAD_NO_SUCH_VARIABLE"));
}

#[test]
fn an_api_is_named_by_its_address_or_by_a_table() {
    let short: ClientSettings = serde_json::from_str(r#""http://127.0.0.1:8121""#).unwrap();
    let long: ClientSettings =
        serde_json::from_str(r#"{"base_url": "http://127.0.0.1:8121", "timeout_ms": 320000}"#).unwrap();
    assert_eq!(short, long);
    assert!(serde_json::from_str::<ClientSettings>(r#"{"base_url": "http://x", "timeout": 1}"#).is_err());
}
