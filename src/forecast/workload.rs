//! A workload as the API server stores it, defaults included, reduced to what the play needs. `manifest` makes it;
//! `behaviour`, `kubelet` and `controllers` read it.

use crate::text;

/// What is applied: one controller or bare pod, with what stands beside it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Workload {
    /// Who makes the pods.
    pub controller: Controller,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, `default` when not given.
    pub namespace: String,
    /// `spec.replicas`; 1 for a bare pod; for a DaemonSet the number of nodes, which nobody can know: 1.
    pub replicas: u32,
    /// `spec.minReadySeconds`.
    pub min_ready: u32,
    /// The pod it makes.
    pub pod: Pod,
    /// The Services whose selector matches the pod's labels, in the same namespace.
    pub services: Vec<Service>,
}

/// What owns the pods, with the fields that only this kind has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Controller {
    /// A bare pod.
    #[default]
    Pod,
    /// `apps/v1` ReplicaSet.
    ReplicaSet,
    /// `apps/v1` Deployment.
    Deployment {
        /// `spec.strategy`.
        strategy: Strategy,
        /// `spec.progressDeadlineSeconds`.
        progress_deadline: u32,
        /// `spec.paused`: nothing is rolled out.
        is_paused: bool,
    },
    /// `apps/v1` StatefulSet.
    StatefulSet {
        /// `spec.podManagementPolicy: Parallel`.
        is_parallel: bool,
        /// `spec.updateStrategy.type: OnDelete`.
        is_on_delete: bool,
        /// `spec.updateStrategy.rollingUpdate.partition`.
        partition: u32,
    },
    /// `apps/v1` DaemonSet.
    DaemonSet {
        /// `spec.updateStrategy.type: OnDelete`.
        is_on_delete: bool,
        /// `spec.updateStrategy.rollingUpdate.maxUnavailable`.
        max_unavailable: Share,
        /// `spec.updateStrategy.rollingUpdate.maxSurge`.
        max_surge: Share,
    },
}

impl Controller {
    /// `kind`.
    pub fn kind(&self) -> &'static str {
        let place = match self {
            Self::Pod => 0,
            Self::ReplicaSet => 1,
            Self::Deployment { .. } => 2,
            Self::StatefulSet { .. } => 3,
            Self::DaemonSet { .. } => 4,
        };
        text::word("Pod ReplicaSet Deployment StatefulSet DaemonSet", place)
    }
}

/// How a Deployment replaces its pods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// All old pods end before the first new one is made.
    Recreate,
    /// Step by step.
    RollingUpdate {
        /// Pods that may be missing.
        max_unavailable: Share,
        /// Pods that may be there beyond the replicas.
        max_surge: Share,
    },
}

/// A number of pods, or a share of the replicas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    /// So many.
    Pods(u32),
    /// So many in a hundred.
    Percent(u32),
}

/// `spec.template`, or a bare pod's `spec`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pod {
    /// `metadata.labels`.
    pub labels: Vec<(String, String)>,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace: u32,
    /// Whether there are `spec.readinessGates`: nobody sets them in a play, so they keep a pod unready.
    pub is_gated: bool,
    /// `spec.initContainers`, sidecars among them, and then `spec.containers`, of which there is at least one.
    pub containers: Vec<Container>,
    /// How many of them are init containers.
    pub inits: usize,
}

impl Pod {
    /// That which callers reach: the first that is this program, else the first that has ports.
    pub fn front(&self) -> usize {
        let mut front = None;
        for at in self.inits..self.containers.len() {
            if self.containers[at].is_own {
                return at;
            }
            if self.containers[at].has_ports {
                front = front.or(Some(at));
            }
        }
        front.unwrap_or(self.inits)
    }

    /// Whether one of them has that name.
    #[inline(never)]
    pub fn has(&self, name: &str) -> bool {
        self.containers.iter().any(|known| known.name == name)
    }
}

/// When a container that has ended is started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RestartPolicy {
    /// Whatever its status.
    #[default]
    Always,
    /// When its status is not 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// One container.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Container {
    /// `name`.
    pub name: String,
    /// Whether its program is this one, going by `image` and `command`.
    pub is_own: bool,
    /// `command` and `args` together; empty when the image has its own, which is known of ours alone.
    pub command: Vec<String>,
    /// `env` in order, a later one of the same name last. `None`: from `valueFrom`, which a manifest does not tell.
    pub environment: Vec<(String, Option<String>)>,
    /// Whether `envFrom` brings more that a manifest does not tell.
    pub has_environment_from: bool,
    /// `resources.limits.memory` in bytes.
    pub memory: Option<u64>,
    /// Whether there are any `ports`.
    pub has_ports: bool,
    /// An init container with `restartPolicy: Always`.
    pub is_sidecar: bool,
    /// `startupProbe`, `livenessProbe` and `readinessProbe`.
    pub probes: [Option<Probe>; 3],
    /// `lifecycle.postStart`.
    pub post_start: Option<Handler>,
    /// `lifecycle.preStop`.
    pub pre_stop: Option<Handler>,
}

/// One probe, with the API server's defaults filled in. Times are whole seconds, as everywhere in the API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// What it does.
    pub handler: Handler,
    /// `initialDelaySeconds`, 0.
    pub initial_delay: u32,
    /// `periodSeconds`, 10.
    pub period: u32,
    /// `timeoutSeconds`, 1.
    pub timeout: u32,
    /// `failureThreshold`, 3.
    pub failures: u32,
    /// `successThreshold`, 1.
    pub successes: u32,
    /// `terminationGracePeriodSeconds` of the probe.
    pub grace: Option<u32>,
}

/// What a probe or a hook does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handler {
    /// `httpGet`. Its port is a number here: names are looked up in the container's ports; `None` where no port has
    /// the name, which makes the probe an error each time and never a result.
    Http {
        /// `path`, `/` when not given.
        path: String,
        /// `port`.
        port: Option<u16>,
        /// `scheme: HTTPS`.
        is_https: bool,
    },
    /// `tcpSocket`.
    Tcp {
        /// `port`, as above.
        port: Option<u16>,
    },
    /// `exec`.
    Exec {
        /// `command`.
        command: Vec<String>,
    },
    /// `grpc`.
    Grpc {
        /// `port`.
        port: u16,
        /// `service`, empty when not given.
        service: String,
    },
    /// `sleep`, of hooks alone.
    Sleep {
        /// `seconds`.
        seconds: u32,
    },
}

/// A Service in front of the pods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// `metadata.name`.
    pub name: String,
    /// `spec.publishNotReadyAddresses`.
    pub publishes_not_ready: bool,
}
