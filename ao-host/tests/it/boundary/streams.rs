//! Streams of a real library, through the registry's guard.

use std::sync::Arc;
use std::time::Duration;

use ao_core::plugin::{BoxStream, Frame};
use ao_core::slots::Runtime;
use ao_core::slots::runtime::{OpenTerminal, RuntimeHandle, Size};
use ao_core::{Code, Result};
use ao_host::registry::{ConditionState, Registry};
use serde_json::json;

use super::plugin_home::{Home, probe};

/// A registry whose plugins are linked in, and one whose plugins are in a library.
fn both() -> (Home, [Registry; 2]) {
    let home = Home::trusted();
    let registries = [home.linked(), home.loaded()];
    (home, registries)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn open(runtime: &Arc<dyn Runtime>) -> BoxStream {
    let handle = RuntimeHandle::new(probe(), "app-1".parse::<ao_core::model::SessionId>().unwrap(), "echo", json!({}));
    runtime.terminal(OpenTerminal::new(handle, Size::new(80_u16, 24_u16))).await.unwrap()
}

async fn order(stream: &BoxStream, kind: &str) -> Result<()> {
    stream.send(Frame::Control(json!({ "kind": kind }))).await
}

/// Polls a future once more than it can be done after, or gives up: it waits for something.
async fn waits(future: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(50), future).await.is_err()
}

#[test]
fn many_mebibytes_arrive_as_they_were_sent_and_in_order() {
    let (_home, registries) = both();
    for registry in registries {
        let runtime = registry.runtime(&probe(), &json!({})).unwrap();
        run(async {
            let stream = open(&runtime).await;
            let sent: Vec<Vec<u8>> = (0_u32..200)
                .map(|frame| {
                    let length = if frame % 3 == 0 { Frame::MAX_DATA } else { usize::try_from(frame * 131).unwrap() };
                    (0..length)
                        .map(|at| u8::try_from((at * 31 + usize::try_from(frame).unwrap()) % 251).unwrap())
                        .collect()
                })
                .collect();
            let total: usize = sent.iter().map(Vec::len).sum();
            assert!(total > 4 * 1024 * 1024, "{total}");
            let writer = async {
                for frame in &sent {
                    stream.send(Frame::Data(frame.clone())).await.unwrap();
                }
                order(&stream, "exit").await.unwrap();
            };
            let reader = async {
                for frame in &sent {
                    assert_eq!(stream.next().await.unwrap(), Some(Frame::Data(frame.clone())));
                }
                assert_eq!(stream.next().await.unwrap(), None, "the end");
            };
            tokio::join!(writer, reader);
        });
    }
}

#[test]
fn a_send_waits_until_the_plugin_takes_it() {
    let (_home, registries) = both();
    for registry in registries {
        let runtime = registry.runtime(&probe(), &json!({})).unwrap();
        run(async {
            let stream = open(&runtime).await;
            stream.send(Frame::Data(vec![1])).await.unwrap();
            // The plugin holds one frame, and nobody reads: however much is sent, nothing piles up.
            for _ in 0..3 {
                assert!(waits(stream.send(Frame::Data(vec![0; Frame::MAX_DATA]))).await);
            }
            assert_eq!(stream.next().await.unwrap(), Some(Frame::Data(vec![1])));
            assert!(waits(stream.next()).await, "what was given up was not sent later");
            stream.send(Frame::Data(vec![2])).await.unwrap();
            assert_eq!(stream.next().await.unwrap(), Some(Frame::Data(vec![2])));
        });
    }
}

#[test]
fn giving_up_on_a_frame_loses_none() {
    let (_home, registries) = both();
    for registry in registries {
        let runtime = registry.runtime(&probe(), &json!({})).unwrap();
        run(async {
            let stream = open(&runtime).await;
            for round in 0..20_u8 {
                // Given up while the plugin has nothing, then again while its frame is on its way.
                let _ = tokio::time::timeout(Duration::from_millis(1), stream.next()).await;
                stream.send(Frame::Data(vec![round])).await.unwrap();
                let mut got = None;
                for _ in 0..3 {
                    if let Ok(frame) = tokio::time::timeout(Duration::ZERO, stream.next()).await {
                        got = Some(frame.unwrap());
                        break;
                    }
                }
                let got = match got {
                    Some(frame) => frame,
                    None => stream.next().await.unwrap(),
                };
                assert_eq!(got, Some(Frame::Data(vec![round])));
            }
        });
    }
}

#[test]
fn a_frame_has_a_limit_in_both_directions() {
    let (_home, registries) = both();
    for registry in registries {
        let runtime = registry.runtime(&probe(), &json!({})).unwrap();
        run(async {
            let stream = open(&runtime).await;
            let error = stream.send(Frame::Data(vec![0; Frame::MAX_DATA + 1])).await.unwrap_err();
            assert_eq!(error.code, Code::INVALID_INPUT);
            assert!(error.message.contains("at most 65536"), "{error}");
            order(&stream, "big").await.unwrap();
            assert_eq!(stream.next().await.unwrap_err().code, Code::PROTOCOL);
            // The stream goes on.
            stream.send(Frame::Data(vec![1])).await.unwrap();
            assert_eq!(stream.next().await.unwrap(), Some(Frame::Data(vec![1])));
        });
    }
}

#[test]
fn errors_and_panics_of_a_stream_are_values_and_are_counted() {
    let (_home, registries) = both();
    for registry in registries {
        let runtime = registry.runtime(&probe(), &json!({})).unwrap();
        run(async {
            let stream = open(&runtime).await;
            order(&stream, "fail").await.unwrap();
            let error = stream.next().await.unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (Code::UNAVAILABLE, "the line is cut"));
            order(&stream, "panic_next").await.unwrap();
            let error = stream.next().await.unwrap_err();
            assert_eq!(error.code, Code::PANIC, "{error}");
            assert!(error.message.contains("a stream that panics"), "{error}");
            assert_eq!(order(&stream, "panic_send").await.unwrap_err().code, Code::PANIC);
            assert_eq!(registry.states()[0].failures, 3);
            stream.send(Frame::Data(vec![1])).await.unwrap();
            assert_eq!(stream.next().await.unwrap(), Some(Frame::Data(vec![1])));
        });
    }
}

#[test]
fn a_panic_in_the_drop_of_a_stream_stays_in_the_plugin() {
    let (_home, registries) = both();
    for registry in registries {
        let runtime = registry.runtime(&probe(), &json!({})).unwrap();
        run(async {
            let stream = open(&runtime).await;
            order(&stream, "panic_drop").await.unwrap();
            drop(stream);
            let stream = open(&runtime).await;
            stream.send(Frame::Data(vec![1])).await.unwrap();
            assert_eq!(stream.next().await.unwrap(), Some(Frame::Data(vec![1])));
        });
        assert_eq!(registry.states()[0].state, ConditionState::Closed);
    }
}
