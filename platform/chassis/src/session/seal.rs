//! Cookies that only this API can read or make: AES-256-GCM.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use canonical_model::Failure;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::secret::Reference;

const NONCE_BYTES: usize = 12;
/// Browsers keep cookies of up to 4096 bytes with name and attributes.
const LONGEST: usize = 3_800;

pub(super) struct Seal(Aes256Gcm);

impl Seal {
    /// With the key at `reference`, or one that lasts as long as this process.
    pub(super) fn new(reference: Option<&Reference>) -> anyhow::Result<Self> {
        let key: [u8; 32] = match reference {
            Some(reference) => {
                let secret = reference.resolve()?;
                anyhow::ensure!(
                    secret.expose_secret().len() >= 32,
                    "the session key must have 32 characters or more"
                );
                Sha256::digest(secret.expose_secret().as_bytes()).into()
            }
            None => rand::random(),
        };
        Ok(Self(Aes256Gcm::new(&key.into())))
    }

    /// Seals a value for one cookie: under another name it does not open.
    pub(super) fn close(&self, name: &str, value: &impl Serialize) -> Result<String, Failure> {
        let unsealable = || Failure::fault("session_unsealable", "The session cannot be kept in a cookie.");
        let text = serde_json::to_vec(value).map_err(|_| unsealable())?;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload {
            msg: &text,
            aad: name.as_bytes(),
        };
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| unsealable())?;
        let cookie = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        if cookie.len() > LONGEST {
            return Err(
                unsealable().with_detail(format!("{} bytes are more than a browser keeps", cookie.len()))
            );
        }
        Ok(cookie)
    }

    /// Opens a cookie; `None` when it is not ours, or not whole.
    pub(super) fn open<T: DeserializeOwned>(&self, name: &str, cookie: &str) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: sealed,
            aad: name.as_bytes(),
        };
        let text = self.0.decrypt(&Nonce::from(nonce), payload).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_opens_only_whole_under_its_name_and_key() {
        let seal = Seal::new(None).unwrap();
        let cookie = seal.close("desk", &"token").unwrap();
        assert_eq!(seal.open::<String>("desk", &cookie).unwrap(), "token");
        assert!(seal.open::<String>("portal", &cookie).is_none());
        assert!(seal.open::<String>("desk", &cookie[1..]).is_none());
        assert!(Seal::new(None).unwrap().open::<String>("desk", &cookie).is_none());
    }
}
