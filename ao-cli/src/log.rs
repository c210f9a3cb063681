//! The log on stderr, for whoever asks for it with `-v` or `AO_LOG`.

use ao_core::Error;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Starts logging, if it is asked for.
pub(crate) fn start(verbose: u8, directives: Option<&str>) -> Result<(), Failure> {
    let filter = match (directives, verbose) {
        (Some(directives), _) => EnvFilter::try_new(directives)
            .map_err(|error| Error::invalid_input(format!("`AO_LOG` cannot be read: {error}")).at_field("AO_LOG"))?,
        (None, 0) => return Ok(()),
        (None, 1) => EnvFilter::new("info,ao_host=debug,ao=debug"),
        (None, _) => EnvFilter::new("trace"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    Ok(())
}
