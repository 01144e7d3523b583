//! Encryption of single fields: cost rates and personal data at rest.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use canonical_model::{Failure, Result};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};

/// Marks the algorithm, so that another can follow.
const PREFIX: &str = "v1.";
const NONCE_BYTES: usize = 12;

/// AES-256-GCM over single texts, under one key.
#[derive(Clone)]
pub struct Cipher {
    cipher: Aes256Gcm,
}

impl Cipher {
    /// With a key of 32 bytes in base64.
    ///
    /// # Errors
    /// Fault `encryption_key` where the key is none.
    pub fn new(key: &SecretString) -> Result<Self> {
        let wrong = || {
            Failure::fault(
                "encryption_key",
                "the field encryption key is not 32 bytes in base64",
            )
        };
        let bytes = STANDARD.decode(key.expose_secret().trim()).map_err(|_| wrong())?;
        let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|_| wrong())?;
        Ok(Self { cipher })
    }

    /// The text, encrypted under a fresh nonce: the same text looks different each time.
    ///
    /// # Errors
    /// Fault `encryption_failed`.
    pub fn encrypt(&self, text: &str) -> Result<String> {
        let mut nonce = [0_u8; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), text.as_bytes())
            .map_err(|_| Failure::fault("encryption_failed", "a field could not be encrypted"))?;
        Ok(format!(
            "{PREFIX}{}",
            STANDARD.encode([&nonce[..], &sealed].concat())
        ))
    }

    /// The text that was encrypted.
    ///
    /// # Errors
    /// Fault `decryption_failed` where it was not encrypted under this key, or was changed since.
    pub fn decrypt(&self, text: &str) -> Result<String> {
        let wrong = || {
            Failure::fault(
                "decryption_failed",
                "an encrypted field does not open with the key in use",
            )
        };
        let body = text.strip_prefix(PREFIX).ok_or_else(wrong)?;
        let bytes = STANDARD.decode(body).map_err(|_| wrong())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or_else(wrong)?;
        let plain = self
            .cipher
            .decrypt(&Nonce::from(*nonce), sealed)
            .map_err(|_| wrong())?;
        String::from_utf8(plain).map_err(|_| wrong())
    }
}
