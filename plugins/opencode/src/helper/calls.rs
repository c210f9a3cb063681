//! Asking the server, one thing after the other: what comes back comes in the order in which it was asked.

use std::time::Duration;

use ao_plugin_sdk::prelude::*;
use hyper::Method;
use tokio::sync::{mpsc, watch};

use crate::http::{Client, Problem, escaped};
use crate::talk::{Call, Depth, Input};
use crate::wire::Look;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// How long the first one about a directory may take, in which OpenCode makes itself at home there.
const FIRST_WITHIN: Duration = Duration::from_mins(3);
/// How many of a session's newest messages a look reads, and how many at once where it reads all.
const RECENT: usize = 30;
const PAGE: usize = 200;
/// How many pages, and how many sessions that were begun by one, are read.
const MOST_PAGES: usize = 200;
const MOST_RELATIVES: usize = 200;

/// Answers calls until nobody asks any more. Which server is asked may change.
pub(super) async fn work(
    client: watch::Receiver<Option<Client>>,
    mut calls: mpsc::UnboundedReceiver<Call>,
    answers: mpsc::Sender<Input>,
) {
    while let Some(call) = calls.recv().await {
        let now = client.borrow().clone();
        let gone = || Problem::Unreachable("OpenCode's server is gone".to_owned());
        let answer = match (now, call) {
            (Some(client), Call::Look { id, depth }) => Input::Looked(look(&client, &id, depth).await),
            (Some(client), call) => {
                let outcome = ask(&client, &call).await;
                Input::Answered(call, outcome)
            }
            (None, Call::Look { .. }) => Input::Looked(Err(gone())),
            (None, call) => Input::Answered(call, Err(gone())),
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

async fn ask(client: &Client, call: &Call) -> Result<Value, Problem> {
    let session = |id: &str| format!("/session/{}", escaped(id));
    let (method, path, body) = match call {
        Call::Agents => (Method::GET, "/agent".to_owned(), None),
        Call::New { title, rules } => {
            let mut body = json!({"title": title});
            if rules.as_array().is_some_and(|rules| !rules.is_empty()) {
                body["permission"] = rules.clone();
            }
            (Method::POST, "/session".to_owned(), Some(body))
        }
        Call::Old { id } => (Method::GET, session(id), None),
        Call::Permit { id, rules } => (Method::PATCH, session(id), Some(json!({"permission": rules}))),
        Call::Show { id } => (Method::POST, "/tui/select-session".to_owned(), Some(json!({"sessionID": id}))),
        Call::Prompt { id, body } => (Method::POST, format!("{}/prompt_async", session(id)), Some(body.clone())),
        Call::Reply { path, body } => (Method::POST, path.clone(), Some(body.clone())),
        Call::Abort { id } => (Method::POST, format!("{}/abort", session(id)), None),
        Call::Look { .. } => return Ok(Value::Null),
    };
    let within = if *call == Call::Agents { FIRST_WITHIN } else { ANSWER_WITHIN };
    client.ask(method, &path, body.as_ref(), within).await.map(|answer| answer.body)
}

async fn look(client: &Client, id: &str, depth: Depth) -> Result<Look, Problem> {
    let statuses = get(client, "/session/status").await?;
    let messages = messages(client, id, depth).await?;
    let relatives = match depth {
        Depth::Recent => Vec::new(),
        Depth::Whole => relatives(client, id).await?,
    };
    let asked = (get(client, "/permission").await?, get(client, "/question").await?);
    Ok(Look::of(id, &statuses, &messages, relatives, (&asked.0, &asked.1)))
}

async fn get(client: &Client, path: &str) -> Result<Value, Problem> {
    client.ask(Method::GET, path, None, ANSWER_WITHIN).await.map(|answer| answer.body)
}

/// A session's messages, the oldest first. Pages come from the end.
async fn messages(client: &Client, id: &str, depth: Depth) -> Result<Vec<Value>, Problem> {
    let (size, pages) = match depth {
        Depth::Recent => (RECENT, 1),
        Depth::Whole => (PAGE, MOST_PAGES),
    };
    let (mut found, mut before) = (Vec::new(), String::new());
    for _ in 0..pages {
        let path = format!("/session/{}/message?limit={size}{before}", escaped(id));
        let answer = client.ask(Method::GET, &path, None, ANSWER_WITHIN).await?;
        let page = answer.body.as_array().into_iter().flatten();
        // What is looked at, without the parts, which may be long.
        let infos = page.map(|message| json!({"info": message.get("info")}));
        found.splice(0..0, infos);
        match answer.next {
            Some(next) => before = format!("&before={}", escaped(&next)),
            None => break,
        }
    }
    Ok(found)
}

/// The sessions that one began, and those that they began, with their messages.
async fn relatives(client: &Client, id: &str) -> Result<Vec<(String, Vec<Value>)>, Problem> {
    let (mut found, mut open) = (Vec::new(), vec![id.to_owned()]);
    while let Some(parent) = open.pop() {
        let children = get(client, &format!("/session/{}/children", escaped(&parent))).await?;
        for child in children.as_array().into_iter().flatten().filter_map(|child| crate::wire::id(child, "/id")) {
            if found.len() < MOST_RELATIVES {
                let messages = messages(client, &child, Depth::Whole).await?;
                open.push(child.clone());
                found.push((child, messages));
            }
        }
    }
    Ok(found)
}
