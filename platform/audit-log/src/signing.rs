//! Signatures of tree heads: Ed25519 (RFC 8032).

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use crate::Head;
use crate::line::unhex;

/// The key that signs heads.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a private key in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// Says in words what the text is not.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| format!("it is no private key in PEM: {error}"))?;
        // OpenSSL writes the private half only, which the stricter reader does not take.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
            .map(Self)
            .map_err(|error| format!("it is no Ed25519 key: {error}"))
    }

    /// The public half, in hexadecimal.
    #[must_use]
    pub fn public_key(&self) -> String {
        hex::encode(self.0.public_key())
    }

    /// Signs a head.
    #[must_use]
    pub fn sign(&self, head: Head) -> Head {
        let signature = self.0.sign(head.signed_text().as_bytes());
        Head {
            public_key: Some(self.public_key()),
            signature: Some(hex::encode(signature)),
            ..head
        }
    }
}

/// Checks the signature of a head; whether it has one. `expected` is the key that it must be signed with.
pub(crate) fn check(head: &Head, expected: Option<&str>) -> Result<bool, String> {
    let (key, signature) = match (&head.public_key, &head.signature, expected) {
        (None, None, None) => return Ok(false),
        (Some(key), Some(signature), _) => (key, signature),
        _ => return Err("it is not signed".to_owned()),
    };
    if expected.is_some_and(|expected| expected != key) {
        return Err(format!("it is signed with another key, {key}"));
    }
    let bytes = |text: &str| unhex(text).unwrap_or_default();
    UnparsedPublicKey::new(&ED25519, bytes(key))
        .verify(head.signed_text().as_bytes(), &bytes(signature))
        .map(|()| true)
        .map_err(|_| "its signature does not fit".to_owned())
}
