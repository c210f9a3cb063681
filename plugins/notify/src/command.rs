//! The notifier `command`: a program of the user's, with the notification as JSON on its standard input.
//!
//! ```yaml
//! notifiers:
//!   say: { plugin: command, argv: [spd-say, --wait, ao needs you] }
//! ```
//!
//! What matters most is also in its environment: `AO_NOTIFICATION_ID`, `_PRIORITY`, `_TITLE`, `_BODY`. Texts of others are
//! only ever data: no argument is made of them, and no shell is started.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ao_notification_text as text;
use ao_plugin_sdk::core::text::one_line;
use ao_plugin_sdk::prelude::*;

/// How much of a body is in the environment, in characters: one variable holds at most 128 KiB.
const VARIABLE: usize = 16_000;

/// How much of what the program complains is told, in characters.
const COMPLAINT: usize = 300;

/// The exit status of a program that could not do it now (`EX_TEMPFAIL` of `sysexits.h`).
const TRY_AGAIN: i32 = 75;

/// What stands under a notifier with `plugin: command`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The program, by its name on the PATH or its whole path, and its arguments.
    #[schemars(length(min = 1))]
    argv: Vec<String>,
    /// More variables for the program, which also sees those of `ao`.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How long it may take, in seconds. It is then ended, with everything that it started.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 29))]
    timeout_seconds: u16,
}

fn twenty() -> u16 {
    20
}

/// A program of the user's.
pub struct CommandNotifier {
    program: String,
    arguments: Vec<String>,
    env: BTreeMap<String, String>,
    limit: Duration,
}

impl Plugin for CommandNotifier {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let wrong = |message: String, field: String| Err(Error::invalid_input(message).at_field(field));
        if let Some(index) = config.argv.iter().position(|argument| argument.contains('\0')) {
            return wrong("an argument holds a NUL character".to_owned(), format!("argv[{index}]"));
        }
        let mut argv = config.argv.into_iter();
        let Some(program) = argv.next().filter(|program| !program.trim().is_empty()) else {
            return wrong("`argv` names no program; its first element is one".to_owned(), "argv".to_owned());
        };
        if program.contains('/') && !program.starts_with('/') {
            let message = format!(
                "`{}` is relative, and it is not said to what; write the whole path, or a name on the PATH",
                program.escape_debug()
            );
            return wrong(message, "argv[0]".to_owned());
        }
        for (name, value) in &config.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                let message =
                    "the name is empty, or it or its value holds what no variable can: `=` in the name, or NUL";
                return wrong(message.to_owned(), format!("env.{}", name.escape_debug()));
            }
        }
        if !(1..=29).contains(&config.timeout_seconds) {
            let message = format!("{} s is no time for a program; write 1 to 29", config.timeout_seconds);
            return wrong(message, "timeoutSeconds".to_owned());
        }
        let limit = Duration::from_secs(config.timeout_seconds.into());
        Ok(Self { program, arguments: argv.collect(), env: config.env, limit })
    }
}

#[async_trait]
impl Notifier for CommandNotifier {
    async fn notify(&self, request: Notification) -> Result<Notified> {
        let mut input = serde_json::to_vec(&request)
            .map_err(|error| Error::wrap(Code::OTHER, "cannot write the notification as JSON", &error))?;
        input.push(b'\n');
        let variables = [
            ("AO_NOTIFICATION_ID", text::id(&request.id)),
            ("AO_NOTIFICATION_PRIORITY", text::priority(request.priority).to_lowercase()),
            ("AO_NOTIFICATION_TITLE", text::title(&request)),
            ("AO_NOTIFICATION_BODY", text::body(&request, VARIABLE)),
        ];
        // The directory of a worktree that the host was started in may be gone.
        let mut program = command(&self.program).args(&self.arguments).current_dir("/".into()).input(input);
        for (name, value) in &self.env {
            program = program.env(name, value);
        }
        for (name, value) in variables {
            program = program.env(name, value);
        }
        let output = program.timeout(self.limit).output().await?;
        if output.status.success() { Ok(Notified::new()) } else { Err(self.failed(&output)) }
    }

    async fn doctor(&self, _request: Doctor) -> Result<Vec<Finding>> {
        let program = self.program.clone();
        let found = blocking(move || Ok(find(&program))).await?;
        let program = self.program.as_str();
        if let Some(at) = found {
            return Ok(vec![Finding::new(FindingLevel::Ok, program, format!("`{}`", at.display()))]);
        }
        let why = "there is no such program, or it is not executable";
        let mut finding = Finding::new(FindingLevel::Fail, program, why);
        finding.remedy = Some("install it, or correct the first element of `argv`".to_owned());
        Ok(vec![finding])
    }
}

impl CommandNotifier {
    fn failed(&self, output: &CommandOutput) -> Error {
        let code = match output.status.code() {
            Some(TRY_AGAIN) => Code::UNAVAILABLE,
            _ => Code::OTHER,
        };
        let said = [&output.stderr, &output.stdout].map(|said| one_line(&String::from_utf8_lossy(said), COMPLAINT));
        let said = said.into_iter().find(|said| !said.is_empty()).unwrap_or_else(|| "it said nothing".to_owned());
        Error::new(code, format!("`{}` ended with {}: {said}", self.program, output.status))
    }
}

/// Where the program is, as execvp(3) finds it. Blocks its thread.
fn find(program: &str) -> Option<PathBuf> {
    const ANYBODY: u32 = 0o111;
    let usable = |at: &Path| {
        fs_err::metadata(at).is_ok_and(|found| found.is_file() && found.permissions().mode() & ANYBODY != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|at| usable(at));
    }
    #[expect(clippy::disallowed_methods, reason = "programs are found on the host's PATH")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|at| usable(at))
}
