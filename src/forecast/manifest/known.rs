//! The fields that Kubernetes 1.34 has where a forecast reads some: a misspelt probe is no probe, and should not pass
//! for one without a word. Newer versions know more, so what is unknown is noted and not refused.

use crate::forecast::yaml::{Document, Node, Value};

/// Notes of this kind at most for one object; each costs a search for its path.
const MOST: usize = 10;

/// Kinds of mappings, a line each, and their fields; behind `>` the kind of a field's own mapping, or of the items of its
/// list. A kind of objects has the fields of its `spec` here. What `!` stands behind would change what is played, and is not.
const FIELDS: &str = "\
object apiVersion kind metadata spec status
Deployment replicas selector template>template strategy>strategy minReadySeconds revisionHistoryLimit paused \
progressDeadlineSeconds
ReplicaSet replicas selector template>template minReadySeconds
StatefulSet replicas selector template>template volumeClaimTemplates serviceName podManagementPolicy \
updateStrategy>strategy revisionHistoryLimit minReadySeconds persistentVolumeClaimRetentionPolicy ordinals!
DaemonSet selector template>template updateStrategy>strategy minReadySeconds revisionHistoryLimit
strategy type rollingUpdate>rolling
rolling maxSurge maxUnavailable partition
template metadata spec>Pod
Pod volumes initContainers>container containers>regular ephemeralContainers restartPolicy \
terminationGracePeriodSeconds activeDeadlineSeconds! dnsPolicy nodeSelector serviceAccountName serviceAccount \
automountServiceAccountToken nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext \
imagePullSecrets hostname subdomain affinity schedulerName tolerations hostAliases priorityClassName priority \
dnsConfig readinessGates runtimeClassName enableServiceLinks preemptionPolicy overhead \
topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates! resourceClaims resources \
hostnameOverride
container name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules! \
volumeMounts volumeDevices livenessProbe>probe readinessProbe>probe startupProbe>probe lifecycle>lifecycle \
terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty
probe initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold \
terminationGracePeriodSeconds exec>exec httpGet>http tcpSocket>http grpc>grpc
lifecycle postStart>hook preStop>hook stopSignal!
hook exec>exec httpGet>http tcpSocket>http sleep>sleep
exec command
http path port host! scheme httpHeaders
grpc port service
sleep seconds";

/// Finds the fields of a mapping of a kind that nobody knows, and those that are known and not played.
pub(super) fn search(document: &Document, node: Node, kind: &str, found: &mut Vec<(Node, bool)>) {
    if matches!(document.value(node), Value::Sequence) {
        for item in document.children(node) {
            search(document, item, kind, found);
        }
    }
    // The API server drops its restartPolicy, and of init containers any but Always (pkg/api/pod/util.go:1732).
    let is_regular = kind == "regular";
    let kind = if is_regular { "container" } else { kind };
    let is_dropped = |node| {
        let is_always = matches!(document.value(node), Value::Text(value) if document.text(value) == "Always");
        kind == "container" && document.key(node) == "restartPolicy" && (is_regular || !is_always)
    };
    let Some(names) = FIELDS.split('\n').find_map(|line| line.strip_prefix(kind)?.strip_prefix(' ')) else { return };
    if !matches!(document.value(node), Value::Mapping) {
        return;
    }
    for child in document.children(node) {
        let key = document.key(child);
        let mut names = names.split(' ');
        let known = names.find_map(|name| {
            name.strip_prefix(key).filter(|rest| matches!(rest.as_bytes().first(), None | Some(b'>' | b'!')))
        });
        let known = if is_dropped(child) { Some("!") } else { known };
        match known {
            None | Some("!") if found.len() < MOST && !document.is_nothing(child) => {
                found.push((child, known.is_some()))
            }
            None | Some("" | "!") => {}
            Some(below) => search(document, child, &below[1..], found),
        }
    }
}
