//! What holds for everything that is posted: no redirect, no secret told, an error that says whether it arrived.

use std::io::{Read, Write};
use std::net::TcpListener;

use ao_plugin_notify_web::WebhookNotifier;
use ao_plugin_sdk::prelude::*;

use crate::server::{Reply, Server, answer};
use crate::{full, plugin};

const SECRET_PATH: &str = "/hooks/T0123456/s3cr3t-path?key=s3cr3t-key";

async fn post(url: &str) -> Result<Notified> {
    let config = json!({"url": url, "timeoutSeconds": 1, "headers": {"Authorization": "Bearer s3cr3t-token"}});
    plugin::<WebhookNotifier>(config)?.notify(full("ntf_1")).await
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let other = Server::start(|_| answer(200, ""));
    for status in [301, 302, 303, 307, 308] {
        let location = other.url("/elsewhere");
        let server = Server::start(move |_| Reply::Answer(status, vec![("location", location.clone())], String::new()));
        let error = post(&server.url(SECRET_PATH)).await.unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (Code::INVALID_INPUT, Some("url")), "{status}");
        assert_eq!(server.seen().len(), 1);
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn an_answer_tells_neither_path_nor_secret() {
    for status in [400, 401, 404, 410, 500, 503] {
        let server = Server::start(move |seen| {
            answer(status, format!("nothing at {} for {}\u{1b}[31m", seen.target, seen.header("authorization")))
        });
        let error = post(&server.url(SECRET_PATH)).await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains("nothing at") && !told.contains("s3cr3t") && !told.contains('\u{1b}'), "{told}");
        assert!(told.contains(&server.url("")), "it is said who answered: {told}");
    }
}

#[tokio::test]
async fn it_is_known_whether_it_may_have_arrived() {
    for (reply, code) in [(Reply::Silence, Code::TIMEOUT), (Reply::Close, Code::LOST), (Reply::Garbage, Code::LOST)] {
        let server = Server::start(move |_| reply.clone());
        let error = post(&server.url(SECRET_PATH)).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.outcome_unknown() && !error.to_string().contains("s3cr3t"), "{error}");
        assert_eq!(server.seen().len(), 1, "it is not sent twice");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = post(&format!("http://{nobody}{SECRET_PATH}")).await.unwrap_err();
    assert_eq!(error.code, Code::UNAVAILABLE, "{error}");
    assert!(!error.outcome_unknown() && !error.to_string().contains("s3cr3t"), "{error}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_one() {
    let server = Server::start(|_| Reply::Endless);
    post(&server.url("/")).await.unwrap();
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}{SECRET_PATH}", listener.local_addr().unwrap());
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        stream.write_all(b"HTTP/1.1 400 this is no TLS\r\n\r\n").and_then(|()| stream.read_to_end(&mut heard)).unwrap();
        heard
    };
    let server = std::thread::Builder::new().name("plain".to_owned()).spawn(serve).unwrap();
    let error = post(&url).await.unwrap_err();
    assert_eq!(error.code, Code::UNAVAILABLE, "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    let heard = String::from_utf8_lossy(&server.join().unwrap()).into_owned();
    assert!(!heard.is_empty() && !heard.contains("s3cr3t"), "{heard}");
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_made_or_told() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let server = Server::start(move |_| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Reply::Answer(429, vec![("retry-after", "1".to_owned())], String::new());
        }
        answer(204, "")
    });
    post(&server.url("/")).await.unwrap();
    assert_eq!(server.seen().len(), 2);

    let server = Server::start(|_| Reply::Answer(429, vec![("retry-after", "3600".to_owned())], String::new()));
    let notifier: WebhookNotifier = plugin(json!({"url": server.url("/")})).unwrap();
    for _ in 0..2 {
        let error = notifier.notify(full("ntf_1")).await.unwrap_err();
        assert_eq!(error.code, Code::RATE_LIMITED);
        assert!((3_590_000..=3_600_000).contains(&error.retry_after_ms.unwrap()), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1, "who asks to be left alone is left alone");
}
