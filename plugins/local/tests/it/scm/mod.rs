//! The scm `local`.

mod conformance;
mod counted;
mod damaged;
mod forge;
mod interrupted;
mod matrix;
mod merging;
mod odd;
mod pause;
mod pulls;
mod races;
mod reviews;
mod to_its_end;
mod travel;
