//! What holds for every slot besides calls as such: the doctor.

use ao_core::model::{PluginName, SessionId};
use ao_core::slots::common::{Doctor, Finding, FindingLevel};
use ao_core::slots::runtime::RuntimeHandle;

use super::bench::Bench;
use super::check::{Verdict, checks, demand, failed, skipped};
use super::request::Request;

checks! {
    Every "doctor.findings_say_something": "`doctor` answers findings, each with a level, a subject and a message",
        "name in `subject` what was looked at, and say in `message` what was found; a failure names its `remedy`"
        => doctor;
}

/// A doctor's request, of an installation that need not exist.
pub(super) fn doctor_request() -> Request {
    let owner = ao_core::slots::common::Owner::new("00000000", "/nonexistent/run", "/nonexistent/state");
    Request::reads("doctor", &Doctor::new(owner))
}

async fn doctor(bench: Bench) -> Verdict {
    if !bench.subject.methods().iter().any(|name| name == "doctor") {
        return skipped("the plugin's library has no `doctor`; the host uses the contract's default");
    }
    let opened = bench.open()?;
    let request = serde_json::json!({ "owner": bench.owner()? });
    let came = match opened.call("doctor", &request).await {
        Ok(came) => came,
        Err(error) => return failed("findings, also where nothing works", super::check::describe(&error)),
    };
    let findings: Vec<Finding> = match serde_json::from_value(came.clone()) {
        Ok(findings) => findings,
        Err(error) => return failed("a list of findings", format!("{came}: {error}")),
    };
    for finding in &findings {
        demand(finding.level != FindingLevel::Unknown, "a level that the contract has", finding)?;
        let says = !finding.subject.trim().is_empty() && !finding.message.trim().is_empty();
        demand(says, "a subject and a message", finding)?;
    }
    Ok(())
}

/// A session's id. The kit's own are valid.
pub(super) fn session(id: &str) -> SessionId {
    id.parse().expect("an id of the kit's own")
}

/// A handle that no runtime has made.
pub(super) fn nobodys_handle(id: &str) -> RuntimeHandle {
    let plugin: PluginName = "ao-conformance".parse().expect("a name of the kit's own");
    RuntimeHandle::new(plugin, session(id), "ao-conformance", serde_json::json!({"of": "nobody"}))
}
