//! Encrypted fields.

use persistence::Cipher;
use secrecy::SecretString;

fn cipher(letter: char) -> Cipher {
    let key = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        letter.to_string().repeat(32),
    );
    Cipher::new(&SecretString::from(key)).unwrap()
}

#[test]
fn a_field_opens_with_its_key_only_and_only_unchanged() {
    let sealed = cipher('a').encrypt("812.50 EUR").unwrap();
    assert_ne!(sealed, cipher('a').encrypt("812.50 EUR").unwrap());
    assert_eq!(cipher('a').decrypt(&sealed).unwrap(), "812.50 EUR");
    assert_eq!(
        cipher('b').decrypt(&sealed).unwrap_err().code,
        "decryption_failed"
    );
    let changed = format!("{}{}", sealed.trim_end_matches(['A', '=']), "AAA=");
    assert_eq!(
        cipher('a').decrypt(&changed).unwrap_err().code,
        "decryption_failed"
    );
    assert!(Cipher::new(&SecretString::from("c2hvcnQ=".to_owned())).is_err());
}
