//! Signatures of Standard Webhooks: version 1, HMAC-SHA256 with a shared secret.

use ao_plugin_sdk::prelude::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What stands in front of a secret, so that it is seen to be one.
const PREFIX: &str = "whsec_";

/// How many bytes a secret has: fewer can be guessed, more add nothing.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret that sender and receiver share.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// Reads the setting `secret`. Its errors never show it.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |message: &str| Err(Error::invalid_input(format!("`secret` {message}")).at_field("secret"));
        let Some(encoded) = text.trim().strip_prefix(PREFIX) else {
            return wrong("does not begin with `whsec_`; copy it whole from where the receiver shows it");
        };
        match STANDARD_PAD_INDIFFERENT.decode(encoded) {
            Ok(key) if LENGTHS.contains(&key.len()) => Ok(Self(key)),
            Ok(_) => wrong(
                "does not hold 24 to 64 bytes; `printf 'whsec_%s' \"$(head -c 32 /dev/urandom | base64)\"` makes one",
            ),
            Err(_) => wrong("is not base64 behind `whsec_`; copy it whole from where the receiver shows it"),
        }
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that implementations of Standard Webhooks share.
    #[test]
    fn the_known_example_is_signed_as_everybody_signs_it() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_shown() {
        for (text, part) in [
            ("s3cr3tMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"),
            ("whsec_s3cr3t!!", "base64"),
            ("whsec_czNjcjN0", "24 to 64 bytes"),
        ] {
            let error = Secret::parse(text).unwrap_err();
            assert!(error.message.contains(part), "{error}");
            assert!(!error.message.contains(&text[6..]), "{error}");
            assert_eq!(error.field.as_deref(), Some("secret"));
        }
    }
}
