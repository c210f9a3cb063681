//! The parent's side: starts children until every check has a record, and says how one of them ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ao_core::plugin::Manifest;
use ao_core::{Code, Error};
use ao_host::loader::{Stored, Vault};
use ao_plugin_sdk::conformance::{Door, Kit, Record, Report, Subject};
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{Assignment, CERTIFY_COMMAND, Entry, Plan, Task};
use crate::edge::Edge;
use crate::process::{Ended, Program};

/// How long a library may take to say what is in it.
const MANIFEST_LIMIT: Duration = Duration::from_secs(10);

/// How long a whole run may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    began: Instant,
    whole: Duration,
}

/// A copy of a library, and a scratch home for the processes that run it.
pub(crate) struct Bench<'a> {
    edge: &'a Edge,
    pub(crate) stored: Stored,
    vault: Utf8PathBuf,
    scratch: TempDir,
}

/// How a child ended, with what it had written down.
struct Attempt {
    entries: Vec<Entry>,
    /// Why it did not do all of its task, in words; none where it did.
    broke: Option<String>,
}

impl Limits {
    /// From now on.
    #[expect(clippy::disallowed_methods, reason = "a limit on the monotonic clock")]
    pub(crate) fn new(whole: Duration) -> Self {
        Self { began: Instant::now(), whole }
    }

    fn left(self) -> Duration {
        self.whole.saturating_sub(self.began.elapsed())
    }
}

impl<'a> Bench<'a> {
    /// Copies the library. It is not trusted by that, and nothing of it is kept as trusted.
    pub(crate) fn new(edge: &'a Edge, library: &Utf8Path) -> Result<Self, Error> {
        let cannot = |error: &std::io::Error| Error::wrap(Code::UNAVAILABLE, "cannot make a scratch directory", error);
        let canonical = library.canonicalize_utf8().map_err(|error| {
            let code = if error.kind() == std::io::ErrorKind::NotFound { Code::NOT_FOUND } else { Code::OTHER };
            Error::wrap(code, format!("cannot read the plugin library `{library}`"), &error)
        })?;
        let scratch = tempfile::Builder::new().prefix("ao-certify-").tempdir().map_err(|error| cannot(&error))?;
        let vault = edge.places.plugins_by_hash();
        let stored = Vault::new(vault.clone()).store(&canonical)?;
        let bench = Self { edge, stored, vault, scratch };
        for directory in ["home", "tmp"] {
            fs_err::create_dir(bench.place(directory)?).map_err(|error| cannot(&error))?;
        }
        Ok(bench)
    }

    fn place(&self, name: &str) -> Result<Utf8PathBuf, Error> {
        let scratch = Utf8Path::from_path(self.scratch.path());
        Ok(scratch.ok_or_else(|| Error::other("the scratch directory's path is not UTF-8"))?.join(name))
    }

    /// What the library says is in it.
    pub(crate) fn manifest(&self) -> Result<Manifest, Error> {
        let attempt = self.attempt(Task::Manifest, MANIFEST_LIMIT)?;
        if let Some(Entry::Manifest(manifest)) = attempt.entries.into_iter().next() {
            return manifest;
        }
        let how = attempt.broke.unwrap_or_else(|| "it ended".to_owned());
        let copy = self.stored.path.file_name().unwrap_or_default();
        Err(Error::invalid_input(format!("cannot read the manifest of `{copy}`: {how}")))
    }

    /// Runs every check of a plan; a process that dies of one is followed by another for the rest.
    pub(crate) fn certify(&self, mut plan: Plan, limits: Limits) -> Result<Report, Error> {
        let nobody = Subject::transports(&plan.component, |_, _| Err(Error::unsupported("this is not the child")));
        let kit = plan.kit(nobody)?;
        let mut report = Report::new(plan.component.slot, plan.component.name.to_string());
        while report.checks.len() < kit.plan().len() {
            if limits.left().is_zero() {
                self.give_up(&kit, &mut report, limits);
                break;
            }
            plan.done = report.checks.iter().map(|record| (record.check.clone(), record.door)).collect();
            let attempt = self.attempt(Task::Check(Box::new(plan.clone())), limits.left())?;
            let more = read(attempt, &kit);
            let progressed = !more.is_empty();
            report.checks.extend(more);
            if !progressed {
                break;
            }
        }
        Ok(report)
    }

    /// Names the checks that there was no time for.
    fn give_up(&self, kit: &Kit, report: &mut Report, limits: Limits) {
        let done: Vec<_> = report.checks.iter().map(|record| (record.check.clone(), record.door)).collect();
        let left = kit.plan().into_iter().filter(|(check, door)| !done.contains(&((*check).to_owned(), *door)));
        let library = self.stored.path.file_name().unwrap_or_default();
        let why = format!("the whole run of `{library}` took more than {} s (`--timeout`)", limits.whole.as_secs());
        report.checks.extend(left.map(|(check, door)| kit.interrupted(check, door, why.clone())));
    }

    /// Starts a child and waits for its end.
    fn attempt(&self, task: Task, limit: Duration) -> Result<Attempt, Error> {
        let (assignment, diary) = (self.place("assignment.json")?, self.place("diary.jsonl")?);
        let failed = |what: &'static str| move |error: &dyn std::error::Error| Error::wrap(Code::OTHER, what, error);
        let ordered = Assignment {
            vault: self.vault.clone(),
            copy: self.stored.path.clone(),
            sha256: self.stored.sha256.clone(),
            diary: diary.clone(),
            task,
        };
        let json = serde_json::to_vec(&ordered).map_err(|error| failed("cannot write the assignment")(&error))?;
        ao_host::world::files::write_atomic(&assignment, &json, 0o600)
            .and_then(|()| ao_host::world::files::write_atomic(&diary, b"", 0o600))
            .map_err(|error| failed("cannot write the assignment")(&error))?;
        let program = Program {
            path: self.edge.environment.program.clone(),
            arguments: vec![CERTIFY_COMMAND.to_owned(), assignment.to_string()],
            environment: self.environment()?,
            limit,
        };
        let broke = match program.run(&self.place("home")?) {
            Ok(ended) => how(&ended),
            Err(error) if error.code == Code::TIMEOUT => {
                Some(format!("the process did not end within the {} s that were left for it", limit.as_secs()))
            }
            Err(error) => return Err(error),
        };
        let text = fs_err::read_to_string(&diary).map_err(|error| failed("cannot read the diary")(&error))?;
        // The last line may have been cut by the end of the process.
        let entries = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Attempt { entries, broke })
    }

    /// All that code that has not been tried sees of the environment: where programs are, and a home of its own.
    fn environment(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut variables = BTreeMap::from([("LANG".to_owned(), "C.UTF-8".to_owned())]);
        variables.insert("HOME".to_owned(), self.place("home")?.into_string());
        variables.insert("TMPDIR".to_owned(), self.place("tmp")?.into_string());
        variables.extend(self.edge.environment.variable("PATH").map(|path| ("PATH".to_owned(), path.to_owned())));
        Ok(variables)
    }
}

/// How much of what a process said is shown, in characters from its end.
const MOST: usize = 600;

/// How a process ended that did not do its task; none where it did.
fn how(ended: &Ended) -> Option<String> {
    if ended.status.success() {
        return None;
    }
    let how = match (ended.signal(), ended.status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    };
    let said = ended.stderr.trim();
    let skipped = said.chars().count().saturating_sub(MOST);
    let said: String = said.chars().skip(skipped).collect();
    let said = if said.is_empty() { said } else { format!("; it said: {said}") };
    Some(format!("the process {how}{said}"))
}

/// The records of an attempt. A check that was begun and not ended is what the process died of.
fn read(attempt: Attempt, kit: &Kit) -> Vec<Record> {
    let mut records = Vec::new();
    let mut begun: Option<(String, Door)> = None;
    let mut loaded = None;
    for entry in attempt.entries {
        match entry {
            Entry::Manifest(_) => {}
            Entry::Loaded(result) => loaded = Some(result),
            Entry::Begins { check, door } => begun = Some((check, door)),
            Entry::Ended(record) => {
                begun = None;
                records.push(record);
            }
        }
    }
    let how = attempt.broke.unwrap_or_else(|| "the process ended with exit code 0".to_owned());
    if let Some((check, door)) = begun {
        let came = format!("{how} (during `{check}`)");
        records.push(kit.interrupted(&check, door, came));
    } else if records.is_empty() {
        let came = match loaded {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) => format!("{how}, before the first check"),
            None => format!("{how}, while the library was loaded"),
        };
        // None of the checks can be run.
        let all = kit.plan().into_iter().map(|(check, door)| kit.interrupted(check, door, came.clone()));
        records.extend(all);
    }
    records
}
