//! The log: on stderr for whoever asks for it with `-v` or `AO_LOG`, in a file for a host without a terminal.

use std::fmt;
use std::sync::Mutex;

use ao_core::Error;
use ao_host::host::{Limits, RotatingLog};
use ao_host::world::{Clock, Places, SystemClock};
use camino::Utf8PathBuf;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::failure::Failure;

/// Starts logging to stderr, if it is asked for.
pub(crate) fn start(verbose: u8, directives: Option<&str>) -> Result<(), Failure> {
    let Some(filter) = filter(verbose, directives)? else { return Ok(()) };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    Ok(())
}

/// Starts logging to the host's file.
pub(crate) fn start_in_file(verbose: u8, directives: Option<&str>, places: &Places) -> Result<(), Failure> {
    let filter = filter(verbose, directives)?.unwrap_or_else(|| EnvFilter::new("info"));
    places.ensure().map_err(Error::from)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(RotatingLog::new(host_log(places), Limits::default())))
        .with_timer(WallClock)
        .init();
    Ok(())
}

/// The log of a host without a terminal.
pub(crate) fn host_log(places: &Places) -> Utf8PathBuf {
    places.logs().join("host.log")
}

fn filter(verbose: u8, directives: Option<&str>) -> Result<Option<EnvFilter>, Error> {
    Ok(match (directives, verbose) {
        (Some(directives), _) => {
            Some(EnvFilter::try_new(directives).map_err(|error| {
                Error::invalid_input(format!("`AO_LOG` cannot be read: {error}")).at_field("AO_LOG")
            })?)
        }
        (None, 0) => None,
        (None, 1) => Some(EnvFilter::new("info,ao_host=debug,ao=debug")),
        (None, _) => Some(EnvFilter::new("trace")),
    })
}

/// The time as events have it.
struct WallClock;

impl FormatTime for WallClock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", SystemClock.now())
    }
}
