//! The real agent programs, through the real `ao`, against a scripted model on loopback. Each has a home of its own and an
//! environment built from nothing.

mod absent;
mod acp;
mod cast;
mod claude;
mod codex;
mod demo;
mod hostile;
mod life;
mod limits;
mod model;
mod opencode;
mod places;
mod scene;
