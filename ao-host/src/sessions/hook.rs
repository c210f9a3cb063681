//! What an agent's hook has to say, left in the spool of its session for the host and the agent's plugin.

use std::io::{self, Read};

use ao_core::model::spool::{MAX_SPOOL_FILE, REPORT_HOOK, SpoolName};
use ao_core::{Code, Error, Result};
use camino::Utf8Path;
use serde_json::Value;

use crate::world::World;
use crate::world::files::{self, PRIVATE_FILE};

/// The most that is read of a payload, in bytes. Agents put whole files into them.
const MOST_READ: u64 = 64 * 1024 * 1024;
/// What is left of a text where the whole payload is too long, in bytes: enough to tell which one it was.
const SHORT: usize = 4096;

/// Files in a spool that nobody takes away, beyond which only the beginnings of texts are left…
const MANY: usize = 500;
/// …and beyond which nothing more is: what an agent does is seen without hooks, too, once somebody looks.
const MOST: usize = 5000;

/// Leaves what a hook of this name says, and returns by which id it is taken once. What is too long is cut to the beginnings
/// of its texts. Not durable: after a power failure there is no agent either.
pub fn leave_hook(spool: &Utf8Path, hook: &str, payload: &mut dyn Read, world: &World) -> Result<String> {
    let id = world.ulid().to_string();
    let name: SpoolName = format!("{id}.{hook}.json")
        .parse()
        .map_err(|error: ao_core::model::spool::InvalidSpoolName| Error::invalid_input(error.to_string()))?;
    if name.hook() == REPORT_HOOK {
        return Err(Error::invalid_input("reports are handed in by `ao report`"));
    }
    let failed = |error: io::Error| Error::wrap(Code::UNAVAILABLE, format!("cannot leave `{name}`"), &error);
    let mut bytes = Vec::new();
    payload.take(MOST_READ).read_to_end(&mut bytes).map_err(failed)?;
    let waiting = spool.read_dir_utf8().map_err(failed)?.take(MOST).count();
    if waiting >= MOST {
        return Err(Error::unavailable(format!("{MOST} hooks wait in `{spool}`, and no host takes them")));
    }
    if bytes.len() > MAX_SPOOL_FILE || waiting >= MANY && bytes.len() > SHORT {
        let mut value = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
        shorten(&mut value);
        bytes = serde_json::to_vec(&value).map_err(|error| failed(error.into()))?;
    }
    if bytes.len() > MAX_SPOOL_FILE {
        return Err(Error::invalid_input(format!("`{name}` has too much to say, even with its texts cut")));
    }
    files::write_whole(&spool.join(name.to_string()), &bytes, PRIVATE_FILE).map_err(failed)?;
    Ok(id)
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(SHORT)),
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    #[test]
    fn a_payload_is_left_whole_or_with_the_beginnings_of_its_texts() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        let leave = |hook: &str, payload: &str| leave_hook(&spool, hook, &mut payload.as_bytes(), &World::system());
        let read = |id: &str, hook: &str| -> Value {
            serde_json::from_slice(&fs_err::read(spool.join(format!("{id}.{hook}.json"))).unwrap()).unwrap()
        };
        let id = leave("Stop", r#"{"a": 1}"#).unwrap();
        assert_eq!(read(&id, "Stop"), serde_json::json!({"a": 1}));

        let long = serde_json::json!({"session": "s", "tool": {"output": ["é".repeat(MAX_SPOOL_FILE)]}});
        let id = leave("PostToolUse", &long.to_string()).unwrap();
        let cut = read(&id, "PostToolUse");
        assert_eq!(
            (cut["session"].as_str(), cut["tool"]["output"][0].as_str().map(str::len)),
            (Some("s"), Some(SHORT))
        );

        leave("Stop", &serde_json::json!(vec!["x"; MAX_SPOOL_FILE / 2]).to_string()).unwrap_err();
        for hook in ["report", "", "../x", "a b"] {
            leave(hook, "{}").unwrap_err();
        }
        leave("Stop", &"x".repeat(MAX_SPOOL_FILE + 1)).unwrap_err();
        assert_eq!(fs_err::read_dir(&spool).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn a_spool_that_nobody_empties_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        let payload = serde_json::json!({"text": "x".repeat(SHORT * 2)}).to_string();
        let leave = || leave_hook(&spool, "Stop", &mut payload.as_bytes(), &World::system());
        let length = |id: &str| usize::try_from(fs_err::metadata(spool.join(format!("{id}.Stop.json"))).unwrap().len());
        assert_eq!(length(&leave().unwrap()), Ok(payload.len()));
        let fill = |numbers: std::ops::Range<usize>| {
            let file = |number| spool.join(format!("{number}.Stop.json"));
            numbers.for_each(|number| drop(fs_err::File::create_new(file(number)).unwrap()));
        };
        fill(1..MANY);
        assert!(length(&leave().unwrap()).unwrap() < SHORT * 2);
        fill(MANY..MOST);
        assert_eq!(leave().unwrap_err().code, Code::UNAVAILABLE);
    }
}
