//! The issuer's key, and what a forger would try without it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::{Map, Value, json};

const KEY_ID: &str = "test-1";

pub(super) struct SigningKey {
    private: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    pub(super) fn generate() -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("an RSA key pair");
        let private = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("a private key");
        let mut public = Jwk::from_encoding_key(&private, Algorithm::RS256).expect("a public key");
        public.common.key_id = Some(KEY_ID.to_owned());
        public.common.key_algorithm = Some(KeyAlgorithm::RS256);
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Self { private, public }
    }

    pub(super) fn public_set(&self) -> JwkSet {
        JwkSet {
            keys: vec![self.public.clone()],
        }
    }

    pub(super) fn sign(&self, claims: &Map<String, Value>) -> String {
        signed(&header(Algorithm::RS256, KEY_ID), claims, &self.private)
    }

    /// Tokens with the right claims that were not signed with this key.
    pub(super) fn forgeries(&self, claims: &Map<String, Value>) -> Vec<(&'static str, String)> {
        let other = Self::generate();
        let good = self.sign(claims);
        let mut parts = good.split('.');
        let (head, _, signature) = (parts.next(), parts.next(), parts.next());
        let mut more = claims.clone();
        more.insert("scope".to_owned(), json!("everything"));
        let tampered = format!(
            "{}.{}.{}",
            head.unwrap_or_default(),
            part(&Value::Object(more)),
            signature.unwrap_or_default()
        );
        let body = part(&Value::Object(claims.clone()));
        vec![
            ("signed with another key", other.sign(claims)),
            ("with changed claims", tampered),
            (
                "signed with an unknown key",
                signed(&header(Algorithm::RS256, "no-such-key"), claims, &other.private),
            ),
            (
                "without a signature",
                format!("{}.{body}.", part(&json!({"alg": "none", "typ": "JWT"}))),
            ),
            ("signed with the public key as a secret", self.confused(claims)),
            ("that is no token", "not-a-token".to_owned()),
        ]
    }

    /// HS256 with the public key as the secret: accepted by whoever lets the token choose the algorithm.
    fn confused(&self, claims: &Map<String, Value>) -> String {
        let secret = match &self.public.algorithm {
            AlgorithmParameters::RSA(rsa) => rsa.n.clone(),
            _ => String::new(),
        };
        signed(
            &header(Algorithm::HS256, KEY_ID),
            claims,
            &EncodingKey::from_secret(secret.as_bytes()),
        )
    }
}

fn header(algorithm: Algorithm, key_id: &str) -> Header {
    let mut header = Header::new(algorithm);
    header.kid = Some(key_id.to_owned());
    header
}

fn signed(header: &Header, claims: &Map<String, Value>, key: &EncodingKey) -> String {
    encode(header, claims, key).expect("claims can be signed")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
