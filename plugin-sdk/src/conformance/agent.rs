//! The agent slot's contract as checks.

use std::collections::{BTreeMap, BTreeSet};

use ao_core::Code;
use ao_core::model::{SessionId, Timestamp};
use ao_core::slots::agent::{
    AgentObservation, AgentTarget, AnswerAsk, ConfirmDelivery, DeliverMessage, DeliverPlan, DetectAgent, HookEvent,
    InterruptAgent, LaunchMode, LaunchPlan, ObserveAgents, PlanLaunch, Prompt, PromptDelivery, WatchAgents,
};
use ao_core::slots::common::Proof;
use ao_core::slots::runtime::{Input, Liveness};
use serde_json::{Value, json};

use super::bench::{Bench, Opened};
use super::check::{Verdict, answer, checks, demand, equal, failed, skipped};
use super::common::{doctor_request, session};
use super::request::{Must, Request, hostile_texts};
use super::sample::Samples;
use super::slot_kit;

slot_kit! {
    agent Agent AgentKit {
        text resume: "the agent's own id of a conversation that can be continued";
    }
}

checks! {
    Every "agent.detect.says_what_it_found": "`detect` answers, with a sentence for the user, whether or not the program is there",
        "answer `missing` with what to install, not an error" => detect;
    Every "agent.plan.is_sound": "a launch plan names a program, and its arguments, variables and files can be made",
        "keep NUL out of arguments and variables, and files inside of the session's directory" => plan_is_sound;
    Every "agent.plan.prompt_arrives": "a prompt that is delivered `at_launch` stands whole in the plan, or its file does",
        "put the prompt into one argument, or name its file; else answer `when_ready`" => prompt_arrives;
    Every "agent.plan.repeated_is_equal": "planning the same launch again gives the same plan",
        "plan from the request alone" => plan_is_equal;
    Every "agent.plan.resume_names_the_conversation": "a plan that resumes names the conversation, or is refused",
        "refuse `resume` with `unsupported` where the agent keeps no conversations" => resume;
    Every "agent.observe.one_entry_each": "`observe` answers one entry for each target, whatever their state",
        "answer for every target; what cannot be told is `None`, with `unknown` saying why" => observe_each;
    Every "agent.observe.survives_any_screen": "`observe` takes any screen and any cursor",
        "read screens as text that anybody wrote; begin anew where a cursor is not yours" => observe_any;
    Every "agent.observe.repeated_is_equal": "looking again at the same things with the same `now` gives the same answer",
        "take the time from the request, not from a clock" => observe_is_equal;
    Every "agent.interpret.survives_any_hook": "`interpret` takes any hook and payload, and tells of its session only",
        "skip hooks that are not known with an empty list" => interpret;
    Every "agent.deliver.carries_the_text": "a delivery through the runtime puts in the whole text, byte for byte",
        "hand the text on as it is, in one `text` step, and submit once" => deliver;
    Every "agent.confirm.finds_nothing_that_was_not": "a message that was never delivered is not `found`",
        "answer `absent`, or `unknown` where it cannot be told" => confirm;
}

fn target(id: &str, liveness: Liveness) -> AgentTarget {
    AgentTarget::new(session(id), liveness, Timestamp::from_millis(1_000_000), "/nonexistent")
}

pub(super) fn requests(_samples: &Samples) -> Vec<Request> {
    let id = session("ao-conformance-1");
    let observe = ObserveAgents::new(Vec::new(), Timestamp::from_millis(2_000_000));
    vec![
        Request::reads("detect", &DetectAgent::new()),
        Request::reads("plan", &PlanLaunch::new(id.clone(), "/nonexistent", "/nonexistent"))
            .tagged("mode", Must::Survive)
            .word("role", Must::Survive)
            .word("permissions", Must::Survive),
        Request::reads("observe", &observe),
        Request::reads("interpret", &HookEvent::new(id.clone(), "stop", json!({}))).free(&["payload"]),
        Request::changes("deliver", &DeliverMessage::new("ao-conformance", id.clone(), "text")),
        Request::reads("confirm", &ConfirmDelivery::new("ao-conformance", id.clone(), "text")),
        Request::changes("answer", &AnswerAsk::new("ao-conformance", id.clone(), "ask", "allow_once")),
        Request::changes("interrupt", &InterruptAgent::new("ao-conformance", id.clone())),
        Request::reads("watch", &WatchAgents::new(vec![id])),
        doctor_request(),
    ]
}

pub(super) fn probe(_samples: &Samples) -> Request {
    let targets =
        vec![target("ao-conformance-1", Liveness::Alive), target("ao-conformance-2", Liveness::Dead { exit: None })];
    Request::reads("observe", &ObserveAgents::new(targets, Timestamp::from_millis(2_000_000)))
}

async fn detect(bench: Bench) -> Verdict {
    let agent = bench.open()?.agent()?;
    let found = answer("`detect`", agent.detect(DetectAgent::new()).await)?;
    demand(!found.message.trim().is_empty(), "a sentence for the user", found)
}

fn launch(bench: &Bench, prompt: Option<&str>) -> Verdict<PlanLaunch> {
    let (workspace, directory) = (bench.directory("work tree")?, bench.directory("session")?);
    let mut request = PlanLaunch::new(session("ao-conformance-1"), workspace, directory.clone());
    request.prompt = prompt.map(|text| Prompt::new(text, directory.join("prompt.md")));
    Ok(request)
}

/// The plan for a launch with or without a prompt; an agent may need one.
async fn planned(bench: &Bench, opened: &Opened) -> Verdict<LaunchPlan> {
    let agent = opened.agent()?;
    match agent.plan(launch(bench, None)?).await {
        Ok(plan) => Ok(plan),
        Err(_) => answer("`plan` with a prompt", agent.plan(launch(bench, Some("Fix the parser."))?).await),
    }
}

fn is_sound(plan: &LaunchPlan) -> Verdict {
    demand(plan.argv.first().is_some_and(|program| !program.is_empty()), "a program", plan)?;
    demand(!plan.argv.iter().any(|argument| argument.contains('\0')), "no NUL in an argument", &plan.argv)?;
    let is_name = |name: &String| !name.is_empty() && !name.contains(['=', '\0']);
    demand(plan.env.keys().chain(&plan.env_remove).all(is_name), "names of variables", plan)?;
    demand(!plan.env.values().any(|value| value.contains('\0')), "no NUL in a variable", &plan.env)?;
    demand(plan.prompt != PromptDelivery::Unknown, "a delivery that the contract has", &plan.prompt)?;
    for file in &plan.files {
        use camino::Utf8Component;
        let inside =
            file.path.components().all(|part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir));
        demand(inside && !file.path.as_str().is_empty(), "a file inside of the session's directory", &file.path)?;
    }
    Ok(())
}

async fn plan_is_sound(bench: Bench) -> Verdict {
    is_sound(&planned(&bench, &bench.open()?).await?)
}

async fn prompt_arrives(bench: Bench) -> Verdict {
    let agent = bench.open()?.agent()?;
    let texts = hostile_texts().into_iter().chain(["Fix the parser.\n\nIt fails; on `empty` input.".to_owned()]);
    for text in texts.filter(|text| !text.trim().is_empty()) {
        let request = launch(&bench, Some(&text))?;
        let file = request.prompt.as_ref().map(|prompt| prompt.file.clone()).unwrap_or_default();
        // What cannot be handed over is refused, such as a NUL in an argument.
        let Ok(plan) = agent.plan(request).await else { continue };
        is_sound(&plan)?;
        let holds = |place: &String| place.contains(&text) || place.contains(file.as_str());
        let there = plan.argv.iter().any(holds)
            || plan.env.values().any(holds)
            || plan.files.iter().any(|written| holds(&written.content));
        let arrives = plan.prompt == PromptDelivery::WhenReady || there;
        demand(arrives, format!("the prompt {} or its file in the plan", super::check::shown(&text)), &plan.argv)?;
    }
    Ok(())
}

async fn plan_is_equal(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    let first = planned(&bench, &opened).await?;
    equal("the same plan", &first, &planned(&bench, &opened).await?)
}

async fn resume(bench: Bench) -> Verdict {
    let id = bench.text("resume").unwrap_or_else(|_| "ao-conformance-conversation".to_owned());
    let mut request = launch(&bench, None)?;
    request.mode = LaunchMode::Resume { agent_session: id.clone() };
    let Ok(plan) = bench.open()?.agent()?.plan(request).await else { return Ok(()) };
    is_sound(&plan)?;
    let holds = |text: &String| text.contains(&id);
    let named =
        plan.argv.iter().chain(plan.env.values()).any(holds) || plan.files.iter().any(|file| holds(&file.content));
    demand(named, format!("a plan that names `{id}`, or a refusal"), plan.argv)
}

/// Targets in every state, with every screen.
fn targets() -> Vec<AgentTarget> {
    let unknown = Liveness::Unknown { why: "conformance".to_owned() };
    let states = [Liveness::Alive, Liveness::Dead { exit: None }, unknown, Liveness::Unrecognised];
    let states = states.into_iter().enumerate();
    states.map(|(number, liveness)| target(&format!("ao-conformance-{number}"), liveness)).collect()
}

async fn observed(opened: &Opened, targets: Vec<AgentTarget>) -> Verdict<Vec<AgentObservation>> {
    let asked: BTreeSet<SessionId> = targets.iter().map(|target| target.session.clone()).collect();
    let count = targets.len();
    let request = ObserveAgents::new(targets, Timestamp::from_millis(2_000_000));
    let seen = answer("`observe`", opened.agent()?.observe(request).await)?;
    let sessions: BTreeSet<SessionId> = seen.iter().map(|seen| seen.session.clone()).collect();
    demand(seen.len() == count && sessions == asked, format!("one entry for each of {asked:?}"), &seen)?;
    Ok(seen)
}

async fn observe_each(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    observed(&opened, Vec::new()).await?;
    observed(&opened, targets()).await?;
    observed(&opened, targets().into_iter().rev().take(1).collect()).await.map(drop)
}

async fn observe_any(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    let cursors = [json!(null), json!("x"), json!({"offset": -1}), json!([1e300]), json!({"a": {"b": []}})];
    for (index, text) in hostile_texts().into_iter().enumerate() {
        let mut all = targets();
        for target in &mut all {
            target.screen = Some(text.clone());
            target.agent_session = Some(text.clone());
            target.cursor = Some(cursors[index % cursors.len()].clone());
            target.last_output_at = Some(Timestamp::from_millis(-1));
        }
        observed(&opened, all).await?;
    }
    Ok(())
}

async fn observe_is_equal(bench: Bench) -> Verdict {
    let opened = bench.open()?;
    let by_session = |seen: Vec<AgentObservation>| -> BTreeMap<SessionId, AgentObservation> {
        seen.into_iter().map(|seen| (seen.session.clone(), seen)).collect()
    };
    let first = by_session(observed(&opened, targets()).await?);
    equal("the same observations", &first, &by_session(observed(&opened, targets()).await?))
}

async fn interpret(bench: Bench) -> Verdict {
    let agent = bench.open()?.agent()?;
    let id = session("ao-conformance-1");
    for hook in hostile_texts() {
        for payload in [json!(null), json!({}), json!([1]), json!({"session_id": 3, "message": {"text": []}})] {
            let Ok(seen) = agent.interpret(HookEvent::new(id.clone(), hook.as_str(), payload)).await else { continue };
            demand(seen.iter().all(|seen| seen.session == id), format!("entries of `{id}` only"), &seen)?;
        }
    }
    Ok(())
}

async fn deliver(bench: Bench) -> Verdict {
    bench.effects()?;
    let agent = bench.open()?.agent()?;
    for text in ["Fix it.", "-n hi\n; rm $(id)\t→ 行 🦀", "  spaces around  "] {
        let request = DeliverMessage::new("ao-conformance", session("ao-conformance-1"), text);
        match answer("`deliver`", agent.deliver(request).await)? {
            DeliverPlan::Runtime { inputs } => {
                let texts = inputs.iter().filter_map(|input| match input {
                    Input::Text { text } => Some(text.as_str()),
                    _ => None,
                });
                let whole: String = texts.collect();
                demand(whole.contains(text), format!("steps that put in {text:?}"), &inputs)?;
                let submits = inputs.iter().filter(|input| **input == Input::Submit).count();
                demand(submits <= 1 && !inputs.contains(&Input::Unknown), "one submission, last", &inputs)?;
            }
            DeliverPlan::Done { .. } => {
                return skipped("the plugin delivers by itself; nothing can be seen of it here");
            }
            other => return failed("a plan that the contract has", format!("{other:?}")),
        }
    }
    Ok(())
}

async fn confirm(bench: Bench) -> Verdict {
    let agent = bench.open()?.agent()?;
    for cursor in [None, Some(Value::Null), Some(json!({"offset": 9}))] {
        let id = session("ao-conformance-1");
        let mut request = ConfirmDelivery::new("ao-conformance-never-used", id, "of the conformance kit");
        request.cursor = cursor;
        match agent.confirm(request).await {
            Ok(proof) => demand(!matches!(proof, Proof::Found { .. }), "`absent` or `unknown`", proof)?,
            Err(error) if error.code == Code::NOT_FOUND || error.code == Code::INVALID_INPUT => {}
            Err(error) => return answer("`confirm`", Err(error)),
        }
    }
    Ok(())
}
