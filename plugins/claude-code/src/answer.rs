//! Answers to questions: the key of the answer, while the dialog that asks stands on the screen.

use ao_plugin_sdk::prelude::*;

use crate::cursor::Cursor;
use crate::observe::{ask, is_about};
use crate::screen::{Kind, Screen};

/// The key that gives an answer.
pub(crate) fn answer(request: &AnswerAsk) -> Result<DeliverPlan> {
    let id = &request.session;
    let gone = || {
        Error::conflict(format!(
            "the agent of `{id}` does not ask this any more; `ao session show {id}` shows what it asks now"
        ))
    };
    let dialog = request.screen.as_deref().map(Screen::read).and_then(|screen| screen.dialog).ok_or_else(gone)?;
    let cursor = Cursor::of(request.cursor.as_ref());
    let asked = cursor.hook.as_ref().and_then(|said| said.asked.as_ref()).filter(|asked| is_about(&dialog, asked));
    // A look that knows no hook of it has named it by what it shows.
    if ask(&dialog, asked).id != request.ask && dialog.id() != request.ask {
        return Err(gone());
    }
    if matches!(dialog.kind, Kind::StartUp | Kind::Other) {
        return Err(Error::unsupported(format!(
            "this question is for a human at the agent's terminal: `ao session attach {id}`"
        )));
    }
    let answers = dialog.answers();
    let Some((_, choice)) = answers.iter().find(|(kind, _)| *kind == request.answer) else {
        let kinds: Vec<&str> = answers.iter().map(|(kind, _)| kind.as_str()).collect();
        let message = format!("`{}` is no answer to this question: {}", request.answer, kinds.join(", "));
        return Err(Error::invalid_input(message).at_field("answer"));
    };
    Ok(DeliverPlan::Runtime { inputs: vec![Input::Keys { text: choice.number.to_string() }] })
}
