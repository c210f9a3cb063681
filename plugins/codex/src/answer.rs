//! Answers to questions: the keys for the dialog that is on the screen now, and for no other.

use ao_plugin_sdk::prelude::*;

use crate::cursor::{Cursor, Heard, Said};
use crate::hooks;
use crate::screen::{Dialog, DialogKind, Screen, read};

pub(crate) fn answer(request: &AnswerAsk) -> Result<DeliverPlan> {
    let Some(screen) = &request.screen else {
        return Err(Error::unavailable("Codex's screen cannot be seen, and only there its question can be answered"));
    };
    let Screen::Dialog(dialog) = read(screen) else {
        return Err(Error::conflict("Codex's question is not on its screen any more; look again with `ao status`"));
    };
    if !is_asked(&dialog, request) {
        return Err(Error::conflict("Codex asks something else by now; look again with `ao status`"));
    }
    Ok(DeliverPlan::Runtime { inputs: vec![keys(&dialog, &request.answer)?] })
}

/// Whether this is the question that is answered: by its own name, or, of a permission, by the name that its hook gave it.
fn is_asked(dialog: &Dialog, request: &AnswerAsk) -> bool {
    let cursor = Cursor::read(request.cursor.as_ref());
    let by_hook = match cursor.heard {
        Some(Heard { at, said: Said::Asked { text } }) => hooks::ask(&text, at).id == request.ask,
        _ => false,
    };
    let id = dialog.id();
    let is_same = cursor.dialog.as_ref().is_none_or(|seen| seen.id == id);
    let told = cursor.dialog.and_then(|seen| seen.told).is_some_and(|(ask, _)| ask == request.ask);
    id == request.ask || ((by_hook || told) && is_same && dialog.kind == DialogKind::Permission)
}

fn keys(dialog: &Dialog, answer: &str) -> Result<Input> {
    let Some(choice) = dialog.chosen(answer) else {
        let known: Vec<_> = dialog.options().into_iter().map(|option| format!("`{}`", option.answer)).collect();
        let known = if known.is_empty() { "nothing by `ao`; attach to it".to_owned() } else { known.join(", ") };
        return Err(Error::invalid_input(format!("`{answer}` is no answer to it; it takes {known}")));
    };
    // Some of those dialogs take a number for a move only. There is no composer yet into which an Enter could go.
    if dialog.kind == DialogKind::Setup && choice.marked {
        return Ok(Input::Key { key: Key::Enter });
    }
    if choice.number > 9 {
        return Err(Error::unsupported("Codex takes one digit for an answer; attach to it and choose there"));
    }
    Ok(Input::Keys { text: choice.number.to_string() })
}
