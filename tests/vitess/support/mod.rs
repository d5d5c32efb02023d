//! What the tests on a real Vitess stand on: the cluster, what is moved, the application that writes meanwhile, and an
//! oracle (`vtctldclient`, MySQL itself) that shares no code with the program under test.
#![allow(dead_code, reason = "a toolbox: not every tool is in use in every state of the tests")]

pub mod account;
pub mod application;
pub mod dead_lock;
pub mod harness;
pub mod movement;
pub mod mysql;
pub mod program;
pub mod relay;
pub mod rig;
pub mod vtctl;
pub mod wait;

pub use application::Application;
pub(crate) use harness::cases;
pub use harness::{Case, OnDrop, World, put_back};
pub use movement::{Movement, Shape};
pub use program::Program;
pub use rig::Cluster;
