//! The tools that an agent offers, and how one is found that does what a script wants.

use serde_json::{Map, Value, json};

/// A tool that an agent offers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) form: Form,
}

/// How a tool is called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// With JSON, by this schema.
    Function(Value),
    /// With a text: OpenAI's `custom`.
    Text,
    /// OpenAI's `local_shell`.
    LocalShell,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) form: Form,
    pub(crate) input: Value,
}

/// Whether a command asks to be run outside of the agent's sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Usual,
    Escalated,
}

/// What agents call their shells, in lower case and without a prefix such as `mcp__acp__`.
const SHELLS: &[&str] = &[
    "bash",
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "run_shell_command",
    "run_command",
    "execute_command",
];

/// What agents call the tool by which they ask their user.
const QUESTIONS: &[&str] = &["askuserquestion", "question", "request_user_input", "ask_user"];

/// Calls the agent's own shell.
pub(crate) fn shell(tools: &[Tool], command: &str, reach: Reach) -> Option<Call> {
    let tool = named(tools, SHELLS)?;
    let input = match &tool.form {
        Form::Text => json!(command),
        Form::LocalShell => json!({ "type": "exec", "command": vector(command), "env": {} }),
        Form::Function(schema) => arguments(schema, command, reach),
    };
    Some(Call { name: tool.name.clone(), form: tool.form.clone(), input })
}

/// Asks the user by the agent's own tool.
pub(crate) fn question(tools: &[Tool], question: &str, options: &[String]) -> Option<Call> {
    let tool = named(tools, QUESTIONS)?;
    let options: Vec<Value> =
        options.iter().map(|label| json!({ "label": label, "description": format!("To take {label}.") })).collect();
    let mut asked = json!({ "question": question, "header": "Choice", "options": options });
    if let Form::Function(schema) = &tool.form {
        let known = &schema["properties"]["questions"]["items"]["properties"];
        for (key, value) in [("id", json!("choice")), ("multiSelect", json!(false))] {
            if known.get(key).is_some() {
                asked[key] = value;
            }
        }
    }
    Some(Call { name: tool.name.clone(), form: tool.form.clone(), input: json!({ "questions": [asked] }) })
}

/// Calls a tool by its name, whether it is offered or not.
pub(crate) fn any(tools: &[Tool], name: &str, input: &Value) -> Call {
    let form = tools.iter().find(|tool| tool.name == name).map(|tool| tool.form.clone());
    Call { name: name.to_owned(), form: form.unwrap_or(Form::Function(Value::Null)), input: input.clone() }
}

/// The first tool of one of these names, by the order of the names.
fn named<'a>(tools: &'a [Tool], names: &[&str]) -> Option<&'a Tool> {
    let short = |tool: &Tool| tool.name.rsplit("__").next().unwrap_or_default().to_ascii_lowercase();
    names.iter().find_map(|name| tools.iter().find(|tool| short(tool) == *name))
}

/// What a shell is called with, by its own schema.
fn arguments(schema: &Value, command: &str, reach: Reach) -> Value {
    let known = |key: &str| schema["properties"].get(key);
    let mut input = Map::new();
    let key = if known("cmd").is_some() { "cmd" } else { "command" };
    let is_vector = known(key).is_some_and(|schema| schema["type"] == "array");
    input.insert(key.to_owned(), if is_vector { vector(command) } else { json!(command) });
    let required = schema["required"].as_array().into_iter().flatten();
    if required.into_iter().any(|key| key == "description") {
        input.insert("description".to_owned(), json!("Runs a command"));
    }
    if reach == Reach::Escalated {
        for (key, value) in
            [("sandbox_permissions", json!("require_escalated")), ("with_escalated_permissions", json!(true))]
        {
            if known(key).is_some() {
                input.insert(key.to_owned(), value);
                input.insert("justification".to_owned(), json!("May this be run outside of the sandbox?"));
            }
        }
    }
    Value::Object(input)
}

fn vector(command: &str) -> Value {
    // tidy: shell because it is what the agent's own tool is called with
    json!(["bash", "-lc", command])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, properties: &Value, required: &[&str]) -> Tool {
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        Tool { name: name.into(), form: Form::Function(schema) }
    }

    #[test]
    fn each_agents_shell_is_called_as_it_wants() {
        let text = json!({ "type": "string" });
        let list = json!({ "type": "array" });
        let claude = function("Bash", &json!({ "command": text, "description": text }), &["command"]);
        let opencode = function("bash", &json!({ "command": text, "description": text }), &["command", "description"]);
        let codex = function("exec_command", &json!({ "cmd": text, "sandbox_permissions": text }), &["cmd"]);
        let old = function("shell", &json!({ "command": list, "with_escalated_permissions": {} }), &["command"]);
        let adapter = function("mcp__acp__Bash", &json!({ "command": text }), &["command"]);
        let other = function("Read", &json!({ "file": text }), &["file"]);
        for (tool, usual, escalated) in [
            (claude, json!({ "command": "ls" }), json!({ "command": "ls" })),
            (adapter, json!({ "command": "ls" }), json!({ "command": "ls" })),
            (
                opencode,
                json!({ "command": "ls", "description": "Runs a command" }),
                json!({ "command": "ls", "description": "Runs a command" }),
            ),
            (
                codex,
                json!({ "cmd": "ls" }),
                json!({ "cmd": "ls", "sandbox_permissions": "require_escalated",
                        "justification": "May this be run outside of the sandbox?" }),
            ),
            (
                old,
                json!({ "command": vector("ls") }),
                json!({ "command": vector("ls"), "with_escalated_permissions": true,
                        "justification": "May this be run outside of the sandbox?" }),
            ),
        ] {
            let tools = [other.clone(), tool];
            assert_eq!(shell(&tools, "ls", Reach::Usual).unwrap().input, usual);
            assert_eq!(shell(&tools, "ls", Reach::Escalated).unwrap().input, escalated);
        }
        assert_eq!(shell(&[other], "ls", Reach::Usual), None);
    }

    #[test]
    fn a_question_has_what_the_tool_knows() {
        let item = json!({ "properties": { "id": {}, "question": {} } });
        let tool = function("request_user_input", &json!({ "questions": { "items": item } }), &["questions"]);
        let call = question(&[tool], "Which?", &["a".into(), "b".into()]).unwrap();
        assert_eq!(call.input["questions"][0]["id"], "choice");
        assert_eq!(call.input["questions"][0].get("multiSelect"), None);
        assert_eq!(call.input["questions"][0]["options"][1]["label"], "b");
    }
}
