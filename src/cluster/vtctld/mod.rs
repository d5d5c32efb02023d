//! vtctld over gRPC (`vtctlservice.Vtctld`).

pub mod generated;
