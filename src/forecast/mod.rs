//! What Kubernetes will do with a workload, and when: manifest, behaviour, kubelet, controllers, play, tell. Pure: no
//! socket, no clock, no file; the same input and seed give the same forecast everywhere.

pub mod manifest;
pub mod workload;
pub mod yaml;
