//! The real agent programs, through the real `ao`, against a scripted model on loopback. Each has a home of its own and an
//! environment built from nothing.

mod acp;
mod claude;
mod codex;
mod opencode;
mod scene;
