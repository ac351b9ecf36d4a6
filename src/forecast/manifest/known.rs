//! The fields that Kubernetes 1.34 has where a forecast reads some: a misspelt probe is no probe, and should not pass
//! for one without a word. Newer versions know more, so what is unknown is noted and not refused.

use crate::forecast::yaml::{Mark, Node, Value};

/// Notes of this kind at most for one object; each costs a search for its path.
const MOST: usize = 10;

/// Kinds of mappings and their fields; behind `>` the kind of a field's own mapping, or of the items of its list.
const FIELDS: [(&str, &str); 21] = [
    ("Pod", "apiVersion kind metadata spec>pod status"),
    ("Deployment", "apiVersion kind metadata spec>deployment status"),
    ("ReplicaSet", "apiVersion kind metadata spec>replicas status"),
    ("StatefulSet", "apiVersion kind metadata spec>stateful status"),
    ("DaemonSet", "apiVersion kind metadata spec>daemon status"),
    (
        "deployment",
        "replicas selector template>template strategy>strategy minReadySeconds revisionHistoryLimit paused \
         progressDeadlineSeconds",
    ),
    ("replicas", "replicas selector template>template minReadySeconds"),
    (
        "stateful",
        "replicas selector template>template volumeClaimTemplates serviceName podManagementPolicy \
         updateStrategy>strategy revisionHistoryLimit minReadySeconds persistentVolumeClaimRetentionPolicy ordinals",
    ),
    ("daemon", "selector template>template updateStrategy>strategy minReadySeconds revisionHistoryLimit"),
    ("strategy", "type rollingUpdate>rolling"),
    ("rolling", "maxSurge maxUnavailable partition"),
    ("template", "metadata spec>pod"),
    (
        "pod",
        "volumes initContainers>container containers>container ephemeralContainers restartPolicy \
         terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName serviceAccount \
         automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext \
         imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority \
         dnsConfig readinessGates runtimeClassName enableServiceLinks preemptionPolicy overhead \
         topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims resources \
         hostnameOverride",
    ),
    (
        "container",
        "name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules \
         volumeMounts volumeDevices livenessProbe>probe readinessProbe>probe startupProbe>probe lifecycle>lifecycle \
         terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty",
    ),
    (
        "probe",
        "initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold \
         terminationGracePeriodSeconds exec>exec httpGet>http tcpSocket>http grpc>grpc",
    ),
    ("lifecycle", "postStart>hook preStop>hook stopSignal"),
    ("hook", "exec>exec httpGet>http tcpSocket>http sleep>sleep"),
    ("exec", "command"),
    ("http", "path port host scheme httpHeaders"),
    ("grpc", "port service"),
    ("sleep", "seconds"),
];

/// Where an object of a kind has fields that nobody knows.
pub(super) fn unknown(object: &Node<'_>, kind: &str) -> Vec<Mark> {
    let mut found = Vec::new();
    search(object, kind, &mut found);
    found
}

fn search(node: &Node<'_>, kind: &str, found: &mut Vec<Mark>) {
    let Value::Mapping(entries) = &node.value else { return };
    let Some((_, names)) = FIELDS.iter().find(|(name, _)| *name == kind) else { return };
    for (key, value) in entries {
        let below = names.split(' ').find_map(|name| {
            let (name, below) = name.split_once('>').unwrap_or((name, ""));
            (name == key).then_some(below)
        });
        match (below, &value.value) {
            (None, _) if found.len() < MOST => found.push(value.mark),
            (None | Some(""), _) => {}
            (Some(below), Value::Sequence(items)) => items.iter().for_each(|item| search(item, below, found)),
            (Some(below), _) => search(value, below, found),
        }
    }
}
