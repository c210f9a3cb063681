//! The notifier slot's contract as checks.

use ao_core::slots::notifier::{Notification, Priority};

use super::bench::Bench;
use super::check::{Verdict, answer, checks, demand};
use super::common::doctor_request;
use super::request::{Must, Request, hostile_texts};
use super::sample::Samples;
use super::slot_kit;

slot_kit! {
    notifier Notifier NotifierKit {}
}

checks! {
    Every "notifier.notify.tells_every_priority": "`notify` tells, whatever the priority, also one of a newer host",
        "treat `Priority::Unknown` as `Info`" => every_priority;
    Every "notifier.notify.takes_any_text": "`notify` takes any title, body and link",
        "send texts as they are, encoded for the receiver; cut what is too long" => any_text;
    Every "notifier.notify.same_id_is_no_error": "the same notification again is no error",
        "answer well where the receiver says that it has it already" => same_id;
    Every "notifier.notify.many_at_once": "many notifications at once are all told",
        "hold no lock across an `await`, and wait where the receiver asks for it" => many;
}

fn notification(id: impl Into<String>, title: impl Into<String>) -> Notification {
    Notification::new(id, Priority::Info, title)
}

pub(super) fn requests(_samples: &Samples) -> Vec<Request> {
    let notify = Request::changes("notify", &notification("ao-conformance", "Conformance"));
    vec![notify.word("priority", Must::Survive), doctor_request()]
}

pub(super) fn probe(_samples: &Samples) -> Request {
    doctor_request()
}

async fn every_priority(bench: Bench) -> Verdict {
    bench.effects()?;
    let notifier = bench.open()?.notifier()?;
    for priority in [Priority::Info, Priority::Warning, Priority::Action, Priority::Urgent, Priority::Unknown] {
        let request = Notification::new(format!("ao-conformance-{priority:?}"), priority, "Conformance");
        let told = answer("`notify`", notifier.notify(request).await)?;
        let named = told.reference.as_ref().is_none_or(|reference| !reference.trim().is_empty());
        demand(named, "a reference that names something, or none", told)?;
    }
    Ok(())
}

async fn any_text(bench: Bench) -> Verdict {
    bench.effects()?;
    let notifier = bench.open()?.notifier()?;
    for (number, text) in hostile_texts().into_iter().enumerate() {
        let mut request = notification(format!("ao-conformance-text-{number}"), text.as_str());
        request.body.clone_from(&text);
        request.links.insert(text.clone(), text);
        answer("`notify`", notifier.notify(request).await)?;
    }
    Ok(())
}

async fn same_id(bench: Bench) -> Verdict {
    bench.effects()?;
    let notifier = bench.open()?.notifier()?;
    for _ in 0..2 {
        answer("`notify` of the same id", notifier.notify(notification("ao-conformance-same", "Conformance")).await)?;
    }
    Ok(())
}

async fn many(bench: Bench) -> Verdict {
    bench.effects()?;
    let opened = bench.open()?;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..16 {
        let notifier = opened.notifier()?;
        let request = notification(format!("ao-conformance-many-{number}"), "Conformance");
        calls.spawn(async move { notifier.notify(request).await });
    }
    for told in calls.join_all().await {
        answer("`notify`", told)?;
    }
    Ok(())
}
