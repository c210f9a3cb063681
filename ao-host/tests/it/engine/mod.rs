//! The engine over puppets: what a host tells of sessions whose plugins answer, contradict each other, hang or fail.

mod lanes;
mod news;
mod puppets;
mod theatre;
mod truth;
