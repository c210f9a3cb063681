//! The agent slot's contract as checks.

use super::check::checks;
use super::common::doctor_request;
use super::request::Request;
use super::sample::Samples;
use super::slot_kit;

slot_kit! {
    agent Agent AgentKit {}
}

checks! {}

pub(super) fn requests(_samples: &Samples) -> Vec<Request> {
    vec![doctor_request()]
}

pub(super) fn probe(_samples: &Samples) -> Request {
    doctor_request()
}
