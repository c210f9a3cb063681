//! The checks that the host runs itself: as they are written, and with every default filled in.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::{Duration, PostCreate, RelativeText, Size, command_schema};
use super::project::PostCreateCommand;
use super::scalars::{ByteSize, HumanDuration, RelativePath};
use crate::model::CheckName;

/// How long a command may take when nothing is said.
const TIMEOUT: HumanDuration = HumanDuration::minutes(20);
/// What is kept of a log when nothing is said: 10 MiB.
const MAX_LOG: u64 = 10 << 20;
/// What a checkout may take when nothing is said: 5 GiB.
const MAX_DISK: u64 = 5 << 30;

/// Checks of pull requests that `ao` runs itself, in a clean checkout of the commit at the head.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Checks")]
pub(crate) struct Written {
    /// The checks, by name. They run one after the other, in the order of their names.
    #[schemars(extend("propertyNames" = json!({ "format": "ao-check" }), "minProperties" = 1))]
    commands: BTreeMap<CheckName, Command>,
    /// What runs first, in the same checkout. Where one of it fails, every check has failed.
    #[serde(default)]
    setup: Vec<PostCreate>,
    /// What is kept between runs.
    cache: Option<WrittenCache>,
    /// Variables for all commands. `${NAME}` in a value is a variable of `ao`'s own environment, of which they see nothing
    /// else but `PATH` and the language.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How long each command may take. `20m` unless set.
    #[schemars(with = "Option<Duration>")]
    timeout: Option<HumanDuration>,
    /// The most that is kept of a command's output; of more, the middle is left out. `10MiB` unless set.
    #[schemars(with = "Option<Size>")]
    max_log: Option<ByteSize>,
    /// The most that a checkout may take, with its home and its temporary files. `5GiB` unless set.
    #[schemars(with = "Option<Size>")]
    max_disk: Option<ByteSize>,
}

/// What is kept between runs of checks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "CheckCache")]
struct WrittenCache {
    /// Files and directories of the checkout.
    #[schemars(with = "Vec<RelativeText>")]
    paths: Vec<RelativePath>,
    /// Files of the checkout: with other contents there is another cache.
    #[serde(default)]
    #[schemars(with = "Vec<RelativeText>")]
    key: Vec<RelativePath>,
}

/// A check: `[cargo, test]`, `{ run: [make, lint], timeout: 10m, required: false }` or `{ sh: "make docs" }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Command {
    /// Only the arguments.
    Bare(Vec<String>),
    /// A program with its arguments.
    Run {
        run: Vec<String>,
        #[serde(flatten)]
        rest: Rest,
    },
    /// A line for `sh -c`.
    Shell {
        sh: String,
        #[serde(flatten)]
        rest: Rest,
    },
}

#[derive(Debug, Default, Deserialize)]
struct Rest {
    timeout: Option<HumanDuration>,
    required: Option<bool>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

impl JsonSchema for Command {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CheckCommand".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let others = json!({
            "required": {
                "type": "boolean",
                "description": "Whether a merge needs it to pass. `true` unless set.",
            },
            "env": {
                "type": "object", "additionalProperties": { "type": "string" },
                "description": "Variables for this command, over those of `checks.env`.",
            },
        });
        command_schema(generator, "[cargo, test]", &others)
    }
}

/// The checks of a project, and how they are run. As JSON it is what they are told apart by, so the order of its fields
/// counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// The checks, by name.
    pub commands: BTreeMap<CheckName, CheckCommand>,
    /// What runs before them.
    pub setup: Vec<CheckStep>,
    /// What is kept between runs.
    pub cache: Option<CheckCache>,
    /// Variables for all of them, with references in the values.
    pub env: BTreeMap<String, String>,
    /// The most that is kept of a log, in bytes.
    #[serde(skip)]
    pub max_log: u64,
    /// The most that a checkout may take, in bytes.
    pub max_disk: u64,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckCommand {
    /// What to run.
    pub step: CheckStep,
    /// Whether a merge needs it to pass. What it finds is the same either way.
    #[serde(skip)]
    pub required: bool,
}

/// One thing to run in a checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckStep {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables for it alone.
    pub env: BTreeMap<String, String>,
    /// The longest that it may take.
    pub timeout: HumanDuration,
}

/// What is kept between runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckCache {
    /// Files and directories of the checkout.
    pub paths: Vec<Utf8PathBuf>,
    /// Files whose contents name the cache.
    pub key: Vec<Utf8PathBuf>,
}

impl Written {
    /// With every default filled in.
    pub(super) fn resolve(&self) -> Checks {
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        let step = |command: PostCreateCommand, own: Option<HumanDuration>, env: &BTreeMap<String, String>| {
            let argv = match command {
                PostCreateCommand::Run(argv) => argv,
                // The user spelled it out. tidy: shell because `{sh: …}` asks for one
                PostCreateCommand::Shell(line) => ["sh", "-c"].map(str::to_owned).into_iter().chain([line]).collect(),
            };
            CheckStep { argv, env: env.clone(), timeout: own.unwrap_or(timeout) }
        };
        let none = Rest::default();
        let commands = self.commands.iter().map(|(name, written)| {
            let (command, rest) = match written {
                Command::Bare(argv) => (PostCreateCommand::Run(argv.clone()), &none),
                Command::Run { run, rest } => (PostCreateCommand::Run(run.clone()), rest),
                Command::Shell { sh, rest } => (PostCreateCommand::Shell(sh.clone()), rest),
            };
            let step = step(command, rest.timeout, &rest.env);
            (name.clone(), CheckCommand { step, required: rest.required.unwrap_or(true) })
        });
        let setup = self.setup.iter().map(|written| match written {
            PostCreate::Bare(argv) => step(PostCreateCommand::Run(argv.clone()), None, &none.env),
            PostCreate::Run { run, timeout } => step(PostCreateCommand::Run(run.clone()), *timeout, &none.env),
            PostCreate::Shell { sh, timeout } => step(PostCreateCommand::Shell(sh.clone()), *timeout, &none.env),
        });
        let paths = |paths: &[RelativePath]| paths.iter().map(|path| path.as_path().to_owned()).collect();
        Checks {
            commands: commands.collect(),
            setup: setup.collect(),
            cache: self.cache.as_ref().map(|cache| CheckCache { paths: paths(&cache.paths), key: paths(&cache.key) }),
            env: self.env.clone(),
            max_log: self.max_log.map_or(MAX_LOG, ByteSize::get),
            max_disk: self.max_disk.map_or(MAX_DISK, ByteSize::get),
        }
    }
}

impl Checks {
    /// What the checks are told apart by, as text of which a digest is made: with anything else in it, earlier results do
    /// not count. Whether one is required, and how much of a log is kept, changes nothing that is found.
    #[must_use]
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("text keys and texts are always JSON")
    }
}

/// A value in which every `${NAME}` is replaced by what `variable` says of it; `$${` stands for `${`.
///
/// # Errors
///
/// The name of a variable that is not set, or what is wrong with the reference.
pub fn expand_variables(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        let inside = &reference[2..];
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = inside;
            continue;
        }
        out.push_str(before);
        let (name, after) = inside.split_once('}').ok_or_else(|| format!("`${{` is never closed in `{text}`"))?;
        let value =
            variable(name).ok_or_else(|| format!("the variable `{name}` is not set in the environment of `ao`"))?;
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
