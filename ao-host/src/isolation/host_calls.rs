//! Calls of the host by instances in a hosting process, run on a thread of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ao_core::plugin::{Host, capture};
use ao_core::{Code, Error};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use super::convert::failed;
use super::outbox::{Outbox, SendError};
use super::upward::MAX_HOST_CALLS;
use super::wire::{Answer, ToChild};

/// The calls that are running.
pub(super) struct HostCalls {
    outbox: Outbox,
    running: Arc<Mutex<BTreeMap<u64, AbortHandle>>>,
    /// Started with the first call: most libraries never make one.
    runtime: Option<Runtime>,
}

impl HostCalls {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self { outbox, running: Arc::default(), runtime: None }
    }

    /// Begins a call; `host` is the instance's, if there is one. False when there are more at once than the other end
    /// may have, which counts them, too.
    #[must_use]
    pub(super) fn begin(
        &mut self,
        request: u64,
        host: Option<Arc<dyn Host>>,
        method: String,
        payload: Vec<u8>,
    ) -> bool {
        if lock(&self.running).len() >= MAX_HOST_CALLS {
            return false;
        }
        let runtime = match self.runtime.take().map_or_else(start, Ok) {
            Ok(runtime) => self.runtime.insert(runtime),
            Err(error) => {
                let error = Error::wrap(Code::UNAVAILABLE, "cannot start a thread", &error);
                self.outbox.send_small(&ToChild::HostReply { request, answer: failed(&error) });
                return true;
            }
        };
        let (outbox, running) = (self.outbox.clone(), Arc::clone(&self.running));
        // Held while the task starts, so that the task finds itself in the table when it ends.
        let mut table = lock(&self.running);
        let task = runtime.spawn(async move {
            let call = async {
                let host = host.ok_or_else(|| Error::new(Code::PROTOCOL, "no such instance"))?;
                host.call(&method, payload).await
            };
            let answer = match capture(&method, call).await {
                Ok(reply) => Answer::Done(reply),
                Err(error) => failed(&error),
            };
            // Before the answer: the other end may ask the next one as soon as it has it.
            lock(&running).remove(&request);
            if let Err(SendError::Wire(error)) = outbox.send(&ToChild::HostReply { request, answer }).await {
                let error = Error::wrap(Code::PROTOCOL, "the host's answer does not fit", &error);
                outbox.send_small(&ToChild::HostReply { request, answer: failed(&error) });
            }
        });
        table.insert(request, task.abort_handle());
        true
    }

    /// Ends a call that nobody waits for.
    pub(super) fn cancel(&self, request: u64) {
        if let Some(task) = lock(&self.running).remove(&request) {
            task.abort();
        }
    }
}

impl Drop for HostCalls {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn start() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name("plugin host calls").enable_time().build()
}

fn lock(running: &Mutex<BTreeMap<u64, AbortHandle>>) -> MutexGuard<'_, BTreeMap<u64, AbortHandle>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ao_core::Result;
    use async_trait::async_trait;
    use tokio::sync::Notify;

    use super::super::upward::{Upward, UpwardHost};
    use super::super::wire::{self, ToHost};
    use super::*;

    /// Answers with what it was asked; `wait` never ends by itself.
    #[derive(Default)]
    struct EchoHost {
        waiting: AtomicUsize,
        changed: Notify,
    }

    struct Waiter<'a>(&'a EchoHost);

    impl Drop for Waiter<'_> {
        fn drop(&mut self) {
            self.0.waiting.fetch_sub(1, Ordering::SeqCst);
            self.0.changed.notify_one();
        }
    }

    #[async_trait]
    impl Host for EchoHost {
        fn log_enabled(&self, _level: u8, _target: &str) -> bool {
            false
        }

        fn log(&self, _call: u64, _level: u8, _target: &str, _message: &str) {}

        async fn call(&self, method: &str, payload: Vec<u8>) -> Result<Vec<u8>> {
            match method {
                "echo" => Ok(payload),
                "wait" => {
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                    let _waiter = Waiter(self);
                    self.changed.notify_one();
                    std::future::pending().await
                }
                "panic" => panic!("a host that panics"),
                _ => Err(ao_core::plugin::no_such_call(method)),
            }
        }
    }

    impl EchoHost {
        async fn until(&self, waiting: usize) {
            while self.waiting.load(Ordering::SeqCst) != waiting {
                self.changed.notified().await;
            }
        }
    }

    /// Both ends over a socket, each with its thread that reads; the host has the instance 1 only.
    fn ends() -> (Arc<Upward>, Arc<EchoHost>, [Outbox; 2]) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let [down, up] = [&ours, &theirs].map(|socket| Outbox::new(socket.try_clone().unwrap(), "test").unwrap());
        let (host, upward) = (Arc::new(EchoHost::default()), Arc::new(Upward::new(up.clone())));
        let mut calls = HostCalls::new(down.clone());
        let (echo, answered) = (Arc::clone(&host), Arc::clone(&upward));
        let mut ours = ours;
        let mut theirs = theirs;
        let _host_end = std::thread::Builder::new().spawn(move || {
            while let Ok(Some(message)) = wire::read(&mut ours) {
                match message {
                    ToHost::HostCall { request, instance, method, payload } => {
                        let host = (instance == 1).then(|| Arc::clone(&echo) as Arc<dyn Host>);
                        assert!(
                            calls.begin(request, host, method, payload),
                            "never more than both ends have agreed on"
                        );
                    }
                    ToHost::HostCancel { request } => calls.cancel(request),
                    other => panic!("{other:?}"),
                }
            }
        });
        let _plugin_end = std::thread::Builder::new().spawn(move || {
            while let Ok(Some(ToChild::HostReply { request, answer })) = wire::read(&mut theirs) {
                answered.answered(request, answer);
            }
        });
        (upward, host, [down, up])
    }

    #[test]
    fn an_instance_calls_its_host_over_the_wire() {
        let (upward, host, outboxes) = ends();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let instance = |number| Arc::new(UpwardHost::new(Arc::clone(&upward), number, 0));
        runtime.block_on(async {
            let ours = instance(1);
            assert_eq!(ours.call("echo", vec![0, 159, 255]).await, Ok(vec![0, 159, 255]));
            assert_eq!(ours.call("what", Vec::new()).await.unwrap_err().code, Code::UNKNOWN_METHOD);
            assert_eq!(ours.call("panic", Vec::new()).await.unwrap_err().code, Code::PANIC);
            assert_eq!(instance(2).call("echo", Vec::new()).await.unwrap_err().code, Code::PROTOCOL);
            // Many at once, more than run at once, each with its own answer.
            let calls: Vec<_> = (0..500_u32)
                .map(|number| {
                    let ours = Arc::clone(&ours);
                    (number, runtime.spawn(async move { ours.call("echo", number.to_le_bytes().to_vec()).await }))
                })
                .collect();
            for (number, call) in calls {
                assert_eq!(call.await.unwrap(), Ok(number.to_le_bytes().to_vec()));
            }
        });
        outboxes.iter().for_each(Outbox::close);
        drop(host);
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_cancelled_in_the_host() {
        let (upward, host, outboxes) = ends();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let ours = Arc::new(UpwardHost::new(upward, 1, 0));
        runtime.block_on(async {
            let waiting: Vec<_> = (0..MAX_HOST_CALLS)
                .map(|_| {
                    let ours = Arc::clone(&ours);
                    runtime.spawn(async move { ours.call("wait", Vec::new()).await })
                })
                .collect();
            host.until(MAX_HOST_CALLS).await;
            // One more has to wait until another ends.
            let one_more = runtime.spawn(async move { ours.call("echo", vec![1]).await });
            waiting[0].abort();
            assert_eq!(one_more.await.unwrap(), Ok(vec![1]));
            waiting.iter().for_each(tokio::task::JoinHandle::abort);
            host.until(0).await;
        });
        outboxes.iter().for_each(Outbox::close);
    }
}
