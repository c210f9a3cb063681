//! TLS: a service that somebody vouches for gets the notification, another one does not.
//!
//! Whom the system trusts is said by the environment, so the posts are made in a process of their own.

#![expect(
    clippy::disallowed_methods,
    reason = "a process that finds its authorities by its environment is what is tested"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command as Process;
use std::sync::Arc;
use std::thread::JoinHandle;

use ao_plugin_notify_web::WebhookNotifier;
use ao_plugin_sdk::prelude::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::{full, plugin};

/// Set in the process that posts: the URL.
const URL: &str = "AO_TEST_TLS_URL";
/// Set there too: what becomes of it.
const OUTCOME: &str = "AO_TEST_TLS_OUTCOME";

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

/// Answers one connection; ends with whether a request came.
fn serve() -> (u16, JoinHandle<bool>) {
    let certificate = CertificateDer::from_pem_file(format!("{FIXTURES}/certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{FIXTURES}/key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let work = move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(config).unwrap();
        answer(Stream::new(&mut connection, &mut socket)).is_ok()
    };
    (port, std::thread::Builder::new().name("tls".to_owned()).spawn(work).unwrap())
}

fn answer(mut stream: Stream<'_, ServerConnection, TcpStream>) -> std::io::Result<()> {
    let mut request = Vec::new();
    // The last attribute of the event.
    while !request.ends_with(b"\"dev.ao.notification.v1\"}") {
        let mut some = [0; 4096];
        let length = stream.read(&mut some)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&some[..length]);
    }
    stream.write_all(b"HTTP/1.1 204 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    stream.flush()
}

/// Posts in a process of its own, which knows the authorities of this file.
fn post(authorities: &str, host: &str, outcome: &str) -> bool {
    let (port, server) = serve();
    let mut process = Process::new(std::env::current_exe().unwrap());
    process.args(["--exact", "tls::inside", "--nocapture"]).env_clear();
    process.env("SSL_CERT_FILE", authorities).env(OUTCOME, outcome).env(URL, format!("https://{host}:{port}/s3cr3t"));
    let output = process.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    server.join().unwrap()
}

#[test]
fn inside() {
    let (Ok(url), Ok(outcome)) = (std::env::var(URL), std::env::var(OUTCOME)) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let notifier: WebhookNotifier = plugin(json!({"url": url})).unwrap();
    let told = runtime.block_on(notifier.notify(full("ntf_1")));
    match told {
        Ok(_) => assert_eq!(outcome, "told"),
        Err(error) => {
            assert_eq!((error.code.as_str(), outcome.as_str()), ("unavailable", "refused"), "{error}");
            assert!(error.message.contains("secure connection") && !error.message.contains("s3cr3t"), "{error}");
        }
    }
}

#[test]
fn an_authority_of_the_systems_vouches_for_a_service() {
    assert!(post(&format!("{FIXTURES}/authority.pem"), "localhost", "told"));
}

#[test]
fn what_nobody_vouches_for_gets_nothing() {
    // Another name than the certificate's.
    assert!(!post(&format!("{FIXTURES}/authority.pem"), "127.0.0.1", "refused"));
    // A certificate, but no authority's.
    assert!(!post(&format!("{FIXTURES}/certificate.pem"), "localhost", "refused"));
}
