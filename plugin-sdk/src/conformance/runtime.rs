//! The runtime slot's contract as checks. Real processes are started where a program to start is given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ao_core::Code;
use ao_core::model::DeliveryLevel;
use ao_core::slots::Runtime;
use ao_core::slots::common::Owner;
use ao_core::slots::runtime::{
    Attach, AttachPlan, CreateRuntime, DestroyRuntime, Input, ListRuntimes, Liveness, ObserveRuntimes, OpenTerminal,
    ReadOutput, RuntimeHandle, RuntimeObservation, SendInput, Size, WatchRuntimes,
};

use super::bench::Bench;
use super::check::{Verdict, answer, checks, demand, describe, equal, failed, refused};
use super::common::{doctor_request, nobodys_handle, session};
use super::request::{Must, Request};
use super::sample::Samples;
use super::{clock, slot_kit};

slot_kit! {
    runtime Runtime RuntimeKit {
        text holder: "the program that holds agents: `ao` itself, or one that does the same for `__hold <spec file>`";
        list argv: "a program and its arguments that prints what it reads, line by line, until it is ended, such as `cat`";
    }
}

checks! {
    Every "runtime.observe.one_entry_each": "`observe` answers one entry for each handle; one of nobody is dead or unknown",
        "answer `unknown` with the reason for a handle that is not yours, not an error" => one_entry_each;
    Every "runtime.list.new_installation_has_none": "`list` of an installation without sessions is empty",
        "look only at what belongs to the request's `owner`" => list_is_empty;
    Every "runtime.watch.opens_or_declines": "`watch` opens, or is declined with `unsupported`",
        "leave the default where there is nothing to watch" => watch;
    Every "runtime.session.round_trip": "a session is created, seen, listed, written to, read from and destroyed",
        "compare with the reply types' documentation which step went another way" => round_trip;
    Every "runtime.session.every_text_arrives": "texts arrive byte for byte: options, quotes, keys' names, other scripts",
        "hand text over as data: no shell, no key names, `--` before it" => every_text;
    Every "runtime.session.output_continues": "`output` is bounded, and goes on where its cursor says",
        "answer at most `max_bytes`, and a cursor behind the last byte of `text`" => output_continues;
    Every "runtime.session.attach_says_how": "`attach` says how a human gets in, or why not",
        "answer `none` with what to do instead where there is no terminal" => attach;
    Every "runtime.session.terminal_opens_and_closes": "closing a viewer's terminal leaves the session alive",
        "end the viewer's own process with the stream, and nothing else" => terminal;
    Every "runtime.create.happens_once": "a `create` that is repeated with its key makes one session",
        "find the session by its key, or refuse with `conflict`" => create_once;
    Every "runtime.create.given_up_happens_once": "a `create` that is given up is found by `list`, or can be repeated; never twice",
        "write the key down before the start, and let `list` find it" => create_given_up;
    Every "runtime.create.many_at_once": "sessions that are created at once all live, and are told apart",
        "share no names between sessions" => many_at_once;
    Every "runtime.send.dead_is_refused": "nothing is sent to a session that has ended: `not_found`",
        "look whether it lives before every step" => dead_is_refused;
    Every "runtime.destroy.again_ends_well": "`destroy` of what is gone already ends well",
        "answer without survivors where there is nothing left to end" => destroy_again;
}

fn size() -> Size {
    Size::new(80_u16, 24_u16)
}

fn nowhere() -> Owner {
    Owner::new("00000000", "/nonexistent/run", "/nonexistent/state")
}

pub(super) fn requests(_samples: &Samples) -> Vec<Request> {
    let handle = nobodys_handle("ao-conformance-1");
    let create = CreateRuntime::new(
        session("ao-conformance-1"),
        "ao-conformance",
        nowhere(),
        "/nonexistent/holder",
        "/nonexistent/directory",
        "/nonexistent/work",
        vec!["/nonexistent/program".to_owned()],
        BTreeMap::new(),
    );
    vec![
        Request::changes("create", &create),
        Request::changes("destroy", &DestroyRuntime::new(handle.clone(), 0_u64)),
        Request::changes("send", &SendInput::new("ao-conformance", handle.clone(), Input::Submit))
            .tagged("input", Must::Refuse),
        Request::reads("observe", &ObserveRuntimes::new(vec![handle.clone()])),
        Request::reads("list", &ListRuntimes::new(nowhere())),
        Request::reads("output", &ReadOutput::new(handle.clone(), 100_u64)),
        Request::reads("attach", &Attach::new(handle.clone())),
        Request::reads("terminal", &OpenTerminal::new(handle, size())),
        Request::reads("watch", &WatchRuntimes::new(nowhere())),
        doctor_request(),
    ]
}

pub(super) fn probe(_samples: &Samples) -> Request {
    Request::reads("list", &ListRuntimes::new(nowhere()))
}

async fn one_entry_each(bench: Bench) -> Verdict {
    let runtime = bench.open()?.runtime()?;
    let seen = answer("`observe` of nothing", runtime.observe(ObserveRuntimes::new(Vec::new())).await)?;
    demand(seen.is_empty(), "no entry", seen)?;
    let handles: Vec<_> = (1..=40).map(|number| nobodys_handle(&format!("ao-conformance-{number}"))).collect();
    let mut request = ObserveRuntimes::new(handles.clone());
    request.screen_lines = 5;
    let seen = answer("`observe` of handles of nobody", runtime.observe(request).await)?;
    let mut sessions: Vec<_> = seen.iter().map(|seen| seen.session.clone()).collect();
    let mut asked: Vec<_> = handles.iter().map(|handle| handle.session.clone()).collect();
    sessions.sort();
    asked.sort();
    equal("one entry for each handle", &asked, &sessions)?;
    let alive = seen.iter().find(|seen| seen.liveness == Liveness::Alive);
    demand(alive.is_none(), "`dead` or `unknown`", alive)
}

async fn list_is_empty(bench: Bench) -> Verdict {
    let listed = bench.open()?.runtime()?.list(ListRuntimes::new(bench.owner()?)).await;
    let listed = answer("`list`", listed)?;
    demand(listed.is_empty(), "no session", listed)
}

async fn watch(bench: Bench) -> Verdict {
    let stream = bench.open()?.runtime()?.watch(WatchRuntimes::new(bench.owner()?)).await;
    answer("`watch`", stream).map(drop)
}

/// An installation of a check's own, with a runtime.
#[derive(Clone)]
struct Stage {
    runtime: Arc<dyn Runtime>,
    bench: Bench,
    owner: Owner,
    holder: String,
    argv: Vec<String>,
}

/// Runs a check on a stage, and ends every session of it afterwards, however the check ends.
async fn staged<F: Future<Output = Verdict>>(bench: Bench, check: impl FnOnce(Stage) -> F) -> Verdict {
    bench.effects()?;
    let (holder, argv) = (bench.text("holder")?, bench.list("argv")?);
    let (runtime, owner) = (bench.open()?.runtime()?, bench.owner()?);
    let stage = Stage { runtime, bench, owner, holder, argv };
    let verdict = check(stage.clone()).await;
    for handle in stage.runtime.list(ListRuntimes::new(stage.owner.clone())).await.unwrap_or_default() {
        // The verdict says more than what is left would.
        let _ = stage.runtime.destroy(DestroyRuntime::new(handle, 500_u64)).await;
    }
    verdict
}

impl Stage {
    fn request(&self, number: u64) -> Verdict<CreateRuntime> {
        let id = format!("ao-conformance-{number}");
        let directory = self.bench.directory(&format!("state/sessions/{id}"))?;
        let env = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8")];
        let env: BTreeMap<_, _> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        // A name that a shell or a multiplexer would read otherwise.
        let cwd = self.bench.directory("work dir; #(true)")?;
        let (key, owner) = (format!("conformance/{id} 1"), self.owner.clone());
        Ok(CreateRuntime::new(session(&id), key, owner, self.holder.as_str(), directory, cwd, self.argv.clone(), env))
    }

    async fn create(&self, number: u64) -> Verdict<RuntimeHandle> {
        let request = self.request(number)?;
        let handle = answer("`create`", self.runtime.create(request.clone()).await)?;
        equal(
            "the session and the key of the request",
            &(request.session, request.key),
            &(handle.session.clone(), handle.key.clone()),
        )?;
        Ok(handle)
    }

    async fn observe(&self, handle: &RuntimeHandle) -> Verdict<RuntimeObservation> {
        let mut request = ObserveRuntimes::new(vec![handle.clone()]);
        request.screen_lines = 50;
        let mut seen = answer("`observe`", self.runtime.observe(request).await)?;
        match (seen.pop(), seen.is_empty()) {
            (Some(one), true) => Ok(one),
            (last, _) => failed("one entry", format!("{seen:?} and {last:?}")),
        }
    }

    async fn listed(&self, key: &str) -> Verdict<Vec<RuntimeHandle>> {
        let all = answer("`list`", self.runtime.list(ListRuntimes::new(self.owner.clone())).await)?;
        Ok(all.into_iter().filter(|handle| handle.key == key).collect())
    }

    async fn send(&self, handle: &RuntimeHandle, text: &str) -> Verdict {
        let step = |input| SendInput::new("conformance/send", handle.clone(), input);
        let drafted = self.runtime.send(step(Input::Text { text: text.to_owned() })).await;
        let drafted = answer(&format!("`send` of the text {text:?}"), drafted)?;
        let level = matches!(drafted.level, DeliveryLevel::Drafting | DeliveryLevel::Drafted);
        demand(level, "`drafting` or `drafted` after a text", &drafted)?;
        let submitted = answer("`send` of the submission", self.runtime.send(step(Input::Submit)).await)?;
        equal("the level after a submission", &DeliveryLevel::Submitted, &submitted.level)
    }

    async fn output(&self, handle: &RuntimeHandle) -> Verdict<String> {
        let request = ReadOutput::new(handle.clone(), 100_000_u64);
        Ok(answer("`output`", self.runtime.output(request).await)?.text)
    }

    async fn until_printed(&self, handle: &RuntimeHandle, text: &str) -> Verdict {
        let began = clock::now();
        let mut output = self.output(handle).await?;
        while !output.contains(text) {
            if began.elapsed() > self.bench.limit / 3 {
                return failed(format!("{text:?} in the output"), format!("{output:?}"));
            }
            clock::rest().await;
            output = self.output(handle).await?;
        }
        Ok(())
    }

    async fn destroy(&self, handle: &RuntimeHandle) -> Verdict {
        let destroyed = self.runtime.destroy(DestroyRuntime::new(handle.clone(), 500_u64)).await;
        let destroyed = answer("`destroy`", destroyed)?;
        demand(destroyed.survivors.is_empty(), "no survivors", &destroyed)?;
        let began = clock::now();
        let mut seen = self.observe(handle).await?;
        while !matches!(seen.liveness, Liveness::Dead { .. }) {
            if began.elapsed() > self.bench.limit / 3 {
                return failed("`dead` after `destroy`", format!("{seen:?}"));
            }
            clock::rest().await;
            seen = self.observe(handle).await?;
        }
        Ok(())
    }
}

async fn round_trip(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        let seen = stage.observe(&handle).await?;
        equal("the liveness after `create`", &Liveness::Alive, &seen.liveness)?;
        equal("what `list` finds by key", &vec![handle.clone()], &stage.listed(&handle.key).await?)?;
        stage.send(&handle, "hello from the kit").await?;
        stage.until_printed(&handle, "hello from the kit").await?;
        let seen = stage.observe(&handle).await?;
        let shows = seen.screen.as_ref().is_none_or(|screen| !screen.contains('\u{1b}'));
        demand(shows, "a screen without control sequences", seen)?;
        stage.destroy(&handle).await?;
        let left = stage.listed(&handle.key).await?;
        demand(left.is_empty(), "no session of the key after `destroy`", left)
    })
    .await
}

async fn every_text(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        for text in
            ["-n hi", "fix; rm;", "Enter", "$(id) `id`", "C-c #{pane_id} %1 \\; \\n", "Zeile → 行 ñ", "'\"q\"'", "--"]
        {
            stage.send(&handle, text).await?;
            stage.until_printed(&handle, text).await?;
        }
        Ok(())
    })
    .await
}

async fn output_continues(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        stage.send(&handle, "first line").await?;
        stage.until_printed(&handle, "first line").await?;
        let read = |most: u64, cursor: Option<u64>| {
            let mut request = ReadOutput::new(handle.clone(), most);
            request.cursor = cursor;
            stage.runtime.output(request)
        };
        let few = answer("`output` of 5 bytes", read(5, None).await)?;
        demand(few.text.len() <= 5, "at most 5 bytes", &few)?;
        stage.send(&handle, "second line").await?;
        stage.until_printed(&handle, "second line").await?;
        let all = answer("`output`", read(100_000, Some(0)).await)?;
        demand(all.text.contains("first line"), "everything from the cursor 0 on", &all)?;
        let later = answer("`output` from the cursor", read(100_000, Some(all.cursor)).await)?;
        demand(!later.text.contains("first line"), "only what came after the cursor", later)
    })
    .await
}

async fn attach(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        match answer("`attach`", stage.runtime.attach(Attach::new(handle)).await)? {
            AttachPlan::Exec { argv } => demand(argv.first().is_some_and(|word| !word.is_empty()), "a program", argv),
            AttachPlan::None { why } => demand(!why.trim().is_empty(), "why not, and what to do instead", why),
            AttachPlan::Stream => Ok(()),
            other => failed("a plan that the contract has", format!("{other:?}")),
        }
    })
    .await
}

async fn terminal(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        for _ in 0..2 {
            let stream = stage.runtime.terminal(OpenTerminal::new(handle.clone(), size())).await;
            drop(answer("`terminal`", stream)?);
        }
        equal("the liveness after the viewer left", &Liveness::Alive, &stage.observe(&handle).await?.liveness)
    })
    .await
}

async fn create_once(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        // A refusal tells as well that it happened.
        let _ = stage.runtime.create(stage.request(1)?).await;
        equal("what `list` finds by key", &1, &stage.listed(&handle.key).await?.len())?;
        stage.destroy(&handle).await
    })
    .await
}

async fn create_given_up(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        for (number, millis) in (1..).zip([0, 1, 10, 50]) {
            let request = stage.request(number)?;
            let first = stage.runtime.create(request.clone());
            clock::abandoned_after(Duration::from_millis(millis), first).await;
            // What the host does: it looks, and repeats only what is not there. What was given up may still be under
            // way, so that there is nothing to see yet and no room for a repeat.
            let began = clock::now();
            let mut found = stage.listed(&request.key).await?;
            while found.is_empty() && began.elapsed() < stage.bench.limit / 3 {
                let _ = stage.runtime.create(request.clone()).await;
                found = stage.listed(&request.key).await?;
                if found.is_empty() {
                    clock::rest().await;
                }
            }
            demand(found.len() == 1, "one session of the key, after a repeat where there was none", &found)?;
            stage.destroy(&found[0]).await?;
            let left = stage.listed(&request.key).await?;
            demand(left.is_empty(), "no session of the key after `destroy`", left)?;
        }
        Ok(())
    })
    .await
}

async fn many_at_once(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let mut starts = tokio::task::JoinSet::new();
        for number in 1..=6 {
            let stage = stage.clone();
            starts.spawn(async move { stage.create(number).await });
        }
        let handles = starts.join_all().await.into_iter().collect::<Verdict<Vec<_>>>()?;
        for handle in &handles {
            equal("the liveness after `create`", &Liveness::Alive, &stage.observe(handle).await?.liveness)?;
            equal("what `list` finds by key", &vec![handle.clone()], &stage.listed(&handle.key).await?)?;
            stage.send(handle, handle.session.as_str()).await?;
        }
        for handle in &handles {
            stage.until_printed(handle, handle.session.as_str()).await?;
        }
        stage.destroy(&handles[0]).await?;
        equal("the liveness of another session", &Liveness::Alive, &stage.observe(&handles[1]).await?.liveness)
    })
    .await
}

async fn dead_is_refused(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        stage.destroy(&handle).await?;
        for input in [Input::Text { text: "hello".to_owned() }, Input::Submit] {
            let came = stage.runtime.send(SendInput::new("conformance/send", handle.clone(), input)).await;
            refused("`send` to a session that has ended", came, &[Code::NOT_FOUND])?;
        }
        Ok(())
    })
    .await
}

async fn destroy_again(bench: Bench) -> Verdict {
    staged(bench, |stage| async move {
        let handle = stage.create(1).await?;
        for _ in 0..3 {
            let destroyed = stage.runtime.destroy(DestroyRuntime::new(handle.clone(), 500_u64)).await;
            match destroyed {
                Ok(destroyed) => demand(destroyed.survivors.is_empty(), "no survivors", destroyed)?,
                Err(error) => return failed("`destroy` ends well, each time", describe(&error)),
            }
        }
        Ok(())
    })
    .await
}
