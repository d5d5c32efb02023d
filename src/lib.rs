//! `cutover`: a declarative runner for Vitess data movements. This page is the map of the house.
//!
//! ```text
//!             ┌───────────── pure: values in, values out; no clock, no files, no network ─────────────┐
//!             │   model   ←   spec   ←   family   ←   plan   ←   run                                  │
//!             └───────────────────────────────────────────────────────────────────────────────────────┘
//!                  ↑                        ↑                       ↑
//!   cluster (port, mutations, vtctld)     record (entries, file, lease)      report (plan, events → text, JSON)
//!                  ↖                        ↑                       ↗
//!                              driver (the only loop; the only place that awaits)
//!                                           ↑
//!                              cli (arguments, environment, files → exit code)
//! ```
//!
//! # What is where
//!
//! | module | one reason to change |
//! |---|---|
//! | [`model`] | Vitess's words as plain data: names, routing rules, shards, VSchemas, streams, VDiffs |
//! | [`spec`] | the plan file: text → [`spec::Spec`], every problem at once with its place |
//! | [`operator`] | the operator's `config.toml`, its guards, and who says where a cluster is |
//! | [`cluster::port`] | what can be asked of a cluster (`Reader`) and done to it (`Writer`) |
//! | [`cluster::mutation`] | every write as a value, one file a verb: its words, its request, the same by hand |
//! | [`cluster::vtctld`] | the adapter: protocol, calls, conversion, bounded SELECTs |
//! | [`cluster::topo`] | the topology server itself, for one thing: the named lock that a dead vtctld left |
//! | [`family`] | a workflow family: its phases, what facts mean, forecasts, the next step. [`family::move_tables`] is the first; [`family::mending`] mends what any has left |
//! | [`leftovers`] | what stands in a cluster that no whole movement leaves: found, with its evidence, whoever made it |
//! | [`plan`] | the checks, one small file each; the plan as a document, and those of a folder; saved plans and snapshots as files |
//! | [`run`] | the machine: [`run::machine::next`] decides, [`run::gates`] judge, [`run::reconcile`] looks what a write did |
//! | [`record`] | what was wanted, tried, seen and allowed; where it is kept; the lease |
//! | [`driver`] | the loop |
//! | [`sandbox`] | a cluster to try things in: what it begins as (`sandbox.toml`), and a model of vtctld behind the same protocol |
//! | [`words`] | how counts, lengths of time and moments are said |
//! | [`report`] | from data to text |
//! | [`cli`] | commands, one file each |
//!
//! # How a movement runs
//!
//! `plan`: plan file → [`spec::Spec`] → [`family::Family`]; the cluster is looked at ([`cluster::port::Facts`]); the checks find, each
//! phase forecasts, [`plan::document::plan`] puts it together. It is given a reader alone, so it can't write.
//!
//! `apply` and every other command that acts append a goal to the record and run the one loop: *observe → decide → append the
//! intent → act → observe → append the outcome*. The machine is level-triggered: it never remembers where it was, it looks where the
//! cluster is, and the record only says what we tried. So a run that was killed anywhere goes on by running again.
//!
//! # What holds everywhere
//!
//! - The answer of a call is a hint. A write has happened when its postcondition is observed.
//! - No write leaves the process before its intent is durable, nor without the lease, nor on a look older than two seconds.
//! - What could not be read is never an empty answer: a condition passes only on what was seen.
//! - After each write the forecast is compared with what is there: ours must be as forecast, everybody else's as before.
//! - A write without outcome is judged only by who has the lease: it may be another process's, still alive.
//! - A run knows one meaning of the plan file; an edit that somebody else took up ends it.
//! - A write that the cluster refuses is tried three times and then said; a primary switch once a release.
//! - No gate, check or difference bars the way back.
//! - A switch that broke off goes back before its journal and forward after it, decided from what is there alone; what needs a lock waits
//!   for a dead owner's lease, and what needs none waits for nobody.
//! - A lock is taken for a dead one's only on proof, and taken away only where the operator gave the way to the topology server.
//! - Absence is not success: "no workflow" means completed only if the record proves that we completed it and its leftovers fit.
//!
//! # Where to begin reading
//!
//! [`model`] → [`family`] → [`run::machine`] → [`driver`] → one phase in `family/move_tables/phases`. A new pre-check is one file in
//! `plan/checks` and a line in its list; a new family is a folder in `family`; a new write is a file in `cluster/mutation`.

pub mod cli;
pub mod clock;
pub mod cluster;
pub mod driver;
pub mod family;
pub mod finding;
pub mod leftovers;
pub mod model;
pub mod operator;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod spec;
pub mod words;
