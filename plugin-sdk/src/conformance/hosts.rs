//! A host that misbehaves: the plugin stays sane when what it asks is answered late, with an error, or with garbage.

use std::time::Duration;

use ao_core::{Code, Error};

use super::bench::Bench;
use super::check::{Verdict, checks, demand, failed, skipped};
use super::{Fault, calls, slot_checks};

checks! {
    Every "host.slow_is_survived": "a host that answers late costs the call, not the plugin",
        "await the host with a limit from `deadline()`" => slow;
    Every "host.error_is_survived": "a host that fails costs the call, not the plugin",
        "hand the host's error on, and keep nothing half done" => error;
    Every "host.panic_is_survived": "a host that panics costs the call, not the plugin",
        "hand the host's error on, and keep nothing half done" => panic;
    Every "host.garbage_is_survived": "a host that answers garbage costs the call, not the plugin",
        "read the host's answer as data that may be wrong, without `unwrap`" => garbage;
}

async fn slow(bench: Bench) -> Verdict {
    survived(bench, vec![Fault::Slow(Duration::from_millis(200))]).await
}

async fn error(bench: Bench) -> Verdict {
    let codes = [Code::UNAVAILABLE, Code::UNSUPPORTED, Code::TIMEOUT];
    survived(bench, codes.map(|code| Fault::Error(Error::new(code, "of the conformance kit"))).into()).await
}

async fn panic(bench: Bench) -> Verdict {
    survived(bench, vec![Fault::Panic]).await
}

async fn garbage(bench: Bench) -> Verdict {
    let long = vec![b'['; 200_000];
    let answers = [b"".to_vec(), b"\xff\xfe".to_vec(), b"{\"a\":".to_vec(), b"[]".to_vec(), b"\"\"".to_vec(), long];
    survived(bench, answers.map(Fault::Garbage).into()).await
}

async fn survived(bench: Bench, faults: Vec<Fault>) -> Verdict {
    let request = (slot_checks(bench.slot()).probe)(&bench.samples);
    let healthy = bench.open()?.call(request.method, &request.payload).await;
    let mut asked = 0;
    for fault in faults {
        let opened = bench.open_with_fault(fault.clone())?;
        // May fail, but must end; the bench notices a panic, and what has no time limit of its own ends with the check.
        let came = opened.call(request.method, &request.payload).await;
        if came.as_ref().is_err_and(|error| error.code == Code::TIMEOUT) && !matches!(fault, Fault::Error(_)) {
            return failed(format!("`{}` ends although the host shows {fault:?}", request.method), calls::how(&came));
        }
        asked += opened.host.calls().len();
        opened.host.misbehave(None);
        // The same instance, now that the host is well again; a host that answers `null` may have nothing for it.
        let again = opened.call(request.method, &request.payload).await;
        let expected = format!("`{}` answers as before once the host is well again", request.method);
        demand(healthy.is_ok() == again.is_ok(), expected, calls::how(&again))?;
    }
    if asked == 0 { skipped("the plugin asked nothing of the host in these calls") } else { Ok(()) }
}
