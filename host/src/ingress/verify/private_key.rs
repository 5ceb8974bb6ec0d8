//! Signs with a private key, as a provider does: for tests and trials with a key of the operator's own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::{Algorithm, Secret};

/// Signs with the private key in a PEM text (PKCS #8).
///
/// # Errors
/// The form that the key must have; it is not repeated.
pub(super) fn sign(algorithm: Algorithm, key: &Secret, content: &[u8]) -> Result<Vec<u8>, String> {
    let name = algorithm.name();
    let wrong = || {
        format!(
            "{name} is signed with a private key: give a test key of your own, a PEM file that begins with \
             `-----BEGIN PRIVATE KEY-----`, whose public key is one of the source's `secrets`"
        )
    };
    let der = PrivatePkcs8KeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| wrong())?;
    let der = der.secret_pkcs8_der();
    let random = SystemRandom::new();
    let signature = match algorithm {
        Algorithm::Ed25519 => {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| wrong())?;
            key.sign(content).as_ref().to_vec()
        }
        Algorithm::EcdsaP256 => {
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map_err(|_| wrong())?;
            key.sign(&random, content).map_err(|_| wrong())?.as_ref().to_vec()
        }
        Algorithm::RsaSha256 => {
            let key = RsaKeyPair::from_pkcs8(der).map_err(|_| wrong())?;
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &random, content, &mut signature).map_err(|_| wrong())?;
            signature
        }
        // SHA-1 is verified for old topics only; nothing signs with it any more.
        _ => return Err(format!("{name} cannot be signed here")),
    };
    Ok(signature)
}
