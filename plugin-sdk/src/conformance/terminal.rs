//! The terminal slot's contract as checks.

use ao_core::slots::runtime::RuntimeHandle;
use ao_core::slots::terminal::OpenSessions;

use super::bench::Bench;
use super::check::{Verdict, answer, checks, demand, equal, failed};
use super::common::{doctor_request, nobodys_handle};
use super::request::Request;
use super::sample::Samples;
use super::slot_kit;

slot_kit! {
    terminal Terminal TerminalKit {
        text handle: "the handle of a session that runs, as JSON, as the runtime's `create` answered it";
    }
}

checks! {
    Every "terminal.open.nothing_is_nothing": "`open` without sessions answers without places",
        "answer an empty list" => open_nothing;
    Every "terminal.open.one_place_each": "`open` answers one place for each session, in their order",
        "name for each handle where it can be seen" => open_each;
    Every "terminal.open.foreign_handle_is_survived": "a handle that no runtime has made does not panic",
        "read a handle's `data` as JSON that may be anything" => foreign_handle;
    Every "terminal.is_open.one_answer_each": "`is_open` answers for each session, in their order",
        "answer `false` for what is not shown" => is_open_each;
}

fn open(handles: Vec<RuntimeHandle>) -> OpenSessions {
    OpenSessions::new(handles)
}

pub(super) fn requests(_samples: &Samples) -> Vec<Request> {
    let none = open(Vec::new());
    vec![Request::changes("open", &none), Request::reads("is_open", &none), doctor_request()]
}

pub(super) fn probe(_samples: &Samples) -> Request {
    doctor_request()
}

fn sample(bench: &Bench) -> Verdict<RuntimeHandle> {
    let text = bench.text("handle")?;
    serde_json::from_str(&text).or_else(|error| failed("the sample `handle` is a handle as JSON", error.to_string()))
}

async fn open_nothing(bench: Bench) -> Verdict {
    let opened = answer("`open`", bench.open()?.terminal()?.open(open(Vec::new())).await)?;
    demand(opened.places.is_empty(), "no place", opened)
}

async fn open_each(bench: Bench) -> Verdict {
    bench.effects()?;
    let handle = sample(&bench)?;
    let terminal = bench.open()?.terminal()?;
    for count in [1, 2] {
        let opened = answer("`open`", terminal.open(open(vec![handle.clone(); count])).await)?;
        equal("as many places as sessions", &count, &opened.places.len())?;
        demand(opened.places.iter().all(|place| !place.trim().is_empty()), "places with a name", opened)?;
    }
    Ok(())
}

async fn foreign_handle(bench: Bench) -> Verdict {
    bench.effects()?;
    let terminal = bench.open()?.terminal()?;
    // Any answer will do; the bench notices a panic.
    let _ = terminal.open(open(vec![nobodys_handle("ao-conformance-1")])).await;
    let _ = terminal.is_open(open(vec![nobodys_handle("ao-conformance-1")])).await;
    Ok(())
}

async fn is_open_each(bench: Bench) -> Verdict {
    let terminal = bench.open()?.terminal()?;
    let none = answer("`is_open`", terminal.is_open(open(Vec::new())).await)?;
    demand(none.is_empty(), "no answer", none)?;
    let handle = sample(&bench)?;
    let shown = answer("`is_open`", terminal.is_open(open(vec![handle.clone(), handle])).await)?;
    equal("as many answers as sessions", &2, &shown.len())
}
