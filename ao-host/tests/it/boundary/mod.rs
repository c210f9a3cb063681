//! The plugin boundary with real libraries: everything here can be pointed at libraries that were built elsewhere, by
//! another compiler or with an earlier SDK, by `AO_TEST_LIBRARIES=<directory>`.

mod faults;
mod guard;
mod loader;
pub(crate) mod plugin_home;
mod plugin_host;
mod reload;
mod streams;
