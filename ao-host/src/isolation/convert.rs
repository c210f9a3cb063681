//! Between what the contract has and what the wire carries.

use ao_core::plugin::{Frame, Host, decode, encode};
use ao_core::{Code, Error, Result};

use super::outbox::SendError;
use super::wire::Answer;

/// A failure as an answer.
pub(super) fn failed(error: &Error) -> Answer {
    Answer::Failed(serde_json::to_vec(error).unwrap_or_default())
}

/// A frame's kind and bytes.
pub(super) fn frame_out(frame: Frame) -> Result<(u32, Vec<u8>)> {
    match frame {
        Frame::Data(bytes) => Ok((ao_abi::Frame::DATA, bytes)),
        Frame::Control(value) => Ok((ao_abi::Frame::CONTROL, encode("stream", &value)?)),
        _ => Err(Error::unsupported("a frame of a kind that libraries do not know")),
    }
}

/// The frame of this kind.
pub(super) fn frame_in(kind: u32, bytes: Vec<u8>) -> Result<Frame> {
    match kind {
        ao_abi::Frame::DATA => Ok(Frame::Data(bytes)),
        ao_abi::Frame::CONTROL => decode("stream", &bytes).map(Frame::Control),
        // Both ends are the same program, and the loader leaves out what it does not know.
        _ => Err(Error::new(Code::PROTOCOL, format!("a frame of the unknown kind {kind}"))),
    }
}

/// The least important level that a host keeps: 0 none, 1 error, 5 trace.
pub(super) fn kept_level(host: &dyn Host) -> u8 {
    (1..=5).rev().find(|level| host.log_enabled(*level, "")).unwrap_or(0)
}

/// Why a message was not sent, for the one who wanted to say it.
pub(super) fn unsent(error: &SendError) -> Error {
    match error {
        SendError::Wire(error) => Error::wrap(Code::INVALID_INPUT, "the message does not fit", error),
        SendError::Closed | SendError::Full => Error::unavailable("the other end is gone"),
    }
}
