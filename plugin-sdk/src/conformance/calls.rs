//! What holds for calls of every slot: repeated, at once, given up, short of time, beside another instance.

use std::time::Duration;

use ao_core::plugin::{Class, Kind};
use ao_core::{Code, Result};
use serde_json::Value;

use super::bench::{Bench, Opened};
use super::check::{Verdict, checks, demand, describe, failed, shown, skipped};
use super::request::{Request, Touch};
use super::{Door, clock, slot_checks};

/// How many calls are under way at once.
const MANY: usize = 32;

/// How long a call may hold its thread. A read of a local file is far below, on a busy machine too.
const HOLDS: Duration = Duration::from_millis(500);

/// How long a call may take to end after its deadline.
const SOON: Duration = Duration::from_secs(2);

checks! {
    Every "call.repeated_is_equal": "an idempotent call that is repeated gives an equal answer",
        "let answers depend on the request and the world only" => repeated;
    Every "call.concurrent_are_equal": "many calls at once give the same answers as one after the other",
        "guard shared state, and hold no lock across an `await`" => concurrent;
    Every "call.cancelled_leaves_it_usable": "a call that is given up in the middle does not spoil the next one",
        "keep shared state whole at every `await`: a call may end at each of them" => cancelled;
    Every "call.deadline_ends_it": "a call whose time is over ends soon, and the plugin survives it",
        "await with a limit from `deadline()`, and put work that blocks into `blocking`" => deadline;
    Every "call.thread_is_not_held": "a call does not block its thread",
        "put work that blocks its thread into `blocking`, and start programs with `command`" => thread_is_not_held;
    Every "call.slow_delays_nobody": "a slow call does not delay another instance",
        "share no lock between instances, and do not block the thread" => slow_delays_nobody;
    Every "call.pure_is_at_once": "a `pure` method does no I/O: it is answered where it is asked, always the same",
        "compute the answer from the request alone" => pure;
    Every "call.unsupported_is_constant": "a method that is declined with `unsupported` is declined always",
        "answer `unsupported` for what the plugin never does, and another code for what it cannot do this time"
        => unsupported;
}

fn probe(bench: &Bench) -> Request {
    (slot_checks(bench.slot()).probe)(&bench.samples)
}

/// An answer without what may differ from call to call: an error is its code.
fn gist(result: Result<Value>) -> Result<Value, Code> {
    result.map_err(|error| error.code)
}

async fn ask(opened: &Opened, request: &Request) -> Result<Value, Code> {
    gist(opened.call(request.method, &request.payload).await)
}

fn same(request: &Request, expected: &Result<Value, Code>, came: &Result<Value, Code>) -> Verdict {
    demand(expected == came, format!("`{}` answers the same: {}", request.method, shown(expected)), came)
}

async fn repeated(bench: Bench) -> Verdict {
    let (opened, request) = (bench.open()?, probe(&bench));
    let first = ask(&opened, &request).await;
    for _ in 0..3 {
        same(&request, &first, &ask(&opened, &request).await)?;
    }
    // Equal configurations share an instance, so two instances must not differ either.
    same(&request, &first, &ask(&bench.open()?, &request).await)
}

async fn concurrent(bench: Bench) -> Verdict {
    let (opened, request) = (bench.open()?, probe(&bench));
    let alone = ask(&opened, &request).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..MANY {
        let (opened, request) = (opened.clone(), request.clone());
        calls.spawn(async move { ask(&opened, &request).await });
    }
    while let Some(call) = calls.join_next().await {
        match call {
            Ok(came) => same(&request, &alone, &came)?,
            Err(error) => return failed("an answer", error.to_string()),
        }
    }
    Ok(())
}

async fn cancelled(bench: Bench) -> Verdict {
    let (opened, request) = (bench.open()?, probe(&bench));
    let whole = ask(&opened, &request).await;
    for micros in [0, 100, 1_000, 5_000] {
        clock::abandoned_after(Duration::from_micros(micros), ask(&opened, &request)).await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (opened, request) = (opened.clone(), request.clone());
            calls.spawn(async move { ask(&opened, &request).await });
        }
        // All of them, in the middle of whatever they do.
        tokio::task::yield_now().await;
        drop(calls);
        same(&request, &whole, &ask(&opened, &request).await)?;
    }
    Ok(())
}

async fn deadline(bench: Bench) -> Verdict {
    let (opened, request) = (bench.open()?, probe(&bench));
    let whole = ask(&opened, &request).await;
    let mut asked = vec![request.clone()];
    if let Some(slow) = slow(&bench) {
        asked.push(slow);
    }
    for hurried in asked {
        let began = clock::now();
        let bytes = hurried.payload.to_string().into_bytes();
        // An answer within the millisecond is as good as none.
        let _ = opened.call_bytes(hurried.method, bytes, Some(Duration::from_millis(1))).await;
        let took = began.elapsed();
        demand(took < SOON, format!("`{}` ends within {} s of its deadline", hurried.method, SOON.as_secs()), took)?;
    }
    same(&request, &whole, &ask(&opened, &request).await)
}

async fn thread_is_not_held(bench: Bench) -> Verdict {
    if bench.door == Door::Host {
        return skipped("calls by this door run on threads of the plugin's own");
    }
    let opened = bench.open()?;
    let mut requests = (slot_checks(bench.slot()).requests)(&bench.samples);
    requests.retain(|request| request.touch == Touch::Reads && !is_stream(&bench, request.method));
    requests.push(probe(&bench));
    requests.extend(slow(&bench));
    for request in requests {
        let call = opened.call(request.method, &request.payload);
        let (_, held) = clock::timed(clock::abandoned_after(SOON, call)).await;
        demand(held < HOLDS, format!("`{}` gives its thread back within {HOLDS:?}", request.method), held)?;
    }
    Ok(())
}

fn is_stream(bench: &Bench, method: &str) -> bool {
    bench.slot().methods().iter().any(|known| known.name == method && known.kind == Kind::Open)
}

/// A call that takes long, where the slot has a sample of one.
fn slow(bench: &Bench) -> Option<Request> {
    let id = bench.samples.text("slow")?;
    Some(probe(bench)).map(|request| Request { payload: request.with("id", id.into()), ..request })
}

async fn slow_delays_nobody(bench: Bench) -> Verdict {
    let (busy, other, request) = (bench.open()?, bench.open()?, probe(&bench));
    let slow = slow(&bench).unwrap_or_else(|| request.clone());
    let began = clock::now();
    let alone = ask(&other, &request).await;
    let usual = began.elapsed();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (busy, slow) = (busy.clone(), slow.clone());
        calls.spawn(async move { ask(&busy, &slow).await });
    }
    tokio::task::yield_now().await;
    let limit = SOON + usual * 10;
    let came = clock::abandoned_after(limit, ask(&other, &request)).await;
    // Given up: they may take for ever.
    drop(calls);
    match came {
        Some(came) => same(&request, &alone, &came),
        None => failed(format!("`{}` of another instance answers within {limit:?}", request.method), "no answer"),
    }
}

async fn pure(bench: Bench) -> Verdict {
    let is_pure =
        |name: &str| bench.slot().methods().iter().any(|known| known.name == name && known.class == Class::Pure);
    let opened = bench.open()?;
    let requests = (slot_checks(bench.slot()).requests)(&bench.samples);
    let mut any = false;
    for request in requests.iter().filter(|request| is_pure(request.method)) {
        any = true;
        let before = opened.host.calls().len();
        let mut answers = Vec::new();
        for _ in 0..3 {
            let call = Box::pin(ask(&opened, request));
            let Some(came) = clock::at_once(call) else {
                return failed(format!("`{}` answers at once", request.method), "it waits for something");
            };
            answers.push(came);
        }
        answers.push(ask(&bench.open()?, request).await);
        for came in &answers {
            same(request, &answers[0], came)?;
        }
        let calls: Vec<_> = opened.host.calls().into_iter().skip(before).map(|call| call.method).collect();
        demand(calls.is_empty(), format!("`{}` asks nothing of the host", request.method), calls)?;
    }
    if any { Ok(()) } else { skipped("the slot has no `pure` method") }
}

async fn unsupported(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    let requests = (slot_checks(bench.slot()).requests)(&bench.samples);
    for request in requests.iter().filter(|request| request.touch == Touch::Reads) {
        if is_stream(&bench, request.method) {
            continue;
        }
        let mut asked = vec![request.payload.clone()];
        let texts = request.fields().into_iter().filter(|field| request.payload[field].is_string());
        asked.extend(texts.flat_map(|field| ["", "12", "ünïcode"].map(|text| request.with(&field, text.into()))));
        // The sample that the slot's other checks take as existing.
        if request.method == probe(&bench).method {
            asked.push(probe(&bench).payload);
        }
        let mut declined = Vec::new();
        for payload in &asked {
            declined.push(gist(opened.call(request.method, payload).await) == Err(Code::UNSUPPORTED));
        }
        if let Some(different) = declined.iter().position(|is| *is != declined[0]) {
            let word = |is: bool| if is { "declined" } else { "answered" };
            return failed(
                format!("`{}` is {} for every input, as for {}", request.method, word(declined[0]), asked[0]),
                format!("{} for {}", word(declined[different]), shown(&asked[different].to_string())),
            );
        }
    }
    Ok(())
}

/// For a check of a slot: an error of a call, as a report shows it.
pub(super) fn how<T>(result: &Result<T>) -> String {
    result.as_ref().err().map_or_else(|| "an answer".to_owned(), describe)
}
