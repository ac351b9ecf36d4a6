//! The controllers' own fields: how many pods, and how they are replaced.

use super::field::Fields;
use super::pod;
use super::selector;
use super::{DAEMON_SET, DEPLOYMENT, POD, REPLICA_SET};
use crate::forecast::workload::{Controller, RestartPolicy, Share, Strategy, Workload};
use crate::forecast::yaml::Node;

/// Reads what a workload of a kind, by its place, has beside its name.
#[inline(never)]
pub(super) fn read(fields: &Fields<'_>, node: Node, kind: usize, workload: &mut Workload) {
    let spec = fields.need(node, "spec");
    workload.replicas = 1;
    if kind == POD {
        return pod::read(fields, node, &mut workload.pod);
    }
    pod::read(fields, fields.need(spec, "template"), &mut workload.pod);
    check_template(fields, spec, workload);
    if kind != DAEMON_SET {
        workload.replicas = fields.natural(spec, "replicas", 1);
    }
    workload.min_ready = fields.natural(spec, "minReadySeconds", 0);
    workload.controller = match kind {
        DEPLOYMENT => deployment(fields, spec, workload.min_ready),
        REPLICA_SET => Controller::ReplicaSet,
        _ => updated_in_place(fields, spec, kind == DAEMON_SET),
    };
}

/// Refuses a template that the controller would not recognise as its own, or may not have.
fn check_template(fields: &Fields<'_>, spec: Node, workload: &Workload) {
    let at = fields.need(spec, "selector");
    if !selector::selects(fields, at, &workload.pod.labels) {
        let what = "got a selector that does not match the template's labels or is empty, expected one that does";
        fields.fail(at, what);
    }
    let template = fields.get(fields.get(spec, "template"), "spec");
    if workload.pod.restart_policy != RestartPolicy::Always {
        fields.unexpected(fields.get(template, "restartPolicy"), "Always, as in every pod with a controller");
    }
    let deadline = fields.get(template, "activeDeadlineSeconds");
    if !fields.is_nothing(deadline) {
        fields.unexpected(deadline, "none in a pod with a controller");
    }
}

fn deployment(fields: &Fields<'_>, spec: Node, min_ready: u32) -> Controller {
    let at = fields.get(spec, "strategy");
    let is_recreate = fields.choice(at, "type", "RollingUpdate Recreate") == 1;
    let at = rolling(fields, at, is_recreate);
    let quarter = Share::Percent(25);
    let max_unavailable = fields.share_or(at, "maxUnavailable", 100, quarter);
    let max_surge = fields.share_or(at, "maxSurge", u32::MAX, quarter);
    if is_zero(max_unavailable) && is_zero(max_surge) {
        fields.fail(at, "got 0 for both maxUnavailable and maxSurge, expected more for one of them");
    }
    let strategy =
        if is_recreate { Strategy::Recreate } else { Strategy::RollingUpdate { max_unavailable, max_surge } };
    let progress_deadline = fields.natural(spec, "progressDeadlineSeconds", 600);
    if progress_deadline <= min_ready {
        let deadline = fields.get(spec, "progressDeadlineSeconds");
        let at = if fields.is_nothing(deadline) { fields.get(spec, "minReadySeconds") } else { deadline };
        fields.unexpected(at, "progressDeadlineSeconds (600 when not set) above minReadySeconds");
    }
    Controller::Deployment { strategy, progress_deadline, is_paused: fields.flag(spec, "paused") }
}

/// A StatefulSet or DaemonSet, whose pods are deleted before new ones take their place.
fn updated_in_place(fields: &Fields<'_>, spec: Node, is_daemon: bool) -> Controller {
    let at = fields.get(spec, "updateStrategy");
    let is_on_delete = fields.choice(at, "type", "RollingUpdate OnDelete") == 1;
    if !is_daemon {
        return Controller::StatefulSet {
            is_parallel: fields.choice(spec, "podManagementPolicy", "OrderedReady Parallel") == 1,
            is_on_delete,
            partition: fields.natural(rolling(fields, at, is_on_delete), "partition", 0),
        };
    }
    let at = fields.get(at, "rollingUpdate");
    let max_unavailable = fields.share_or(at, "maxUnavailable", 100, Share::Pods(1));
    let max_surge = fields.share_or(at, "maxSurge", 100, Share::Pods(0));
    if is_zero(max_unavailable) == is_zero(max_surge) && !is_on_delete {
        let what = "got maxUnavailable (1 when not set) and maxSurge both 0 or both more, expected one of them to be 0";
        fields.fail(at, what);
    }
    Controller::DaemonSet { is_on_delete, max_unavailable, max_surge }
}

/// A strategy's `rollingUpdate`, which the other type must not have.
fn rolling(fields: &Fields<'_>, strategy: Node, is_other: bool) -> Node {
    let at = fields.get(strategy, "rollingUpdate");
    if is_other && !fields.is_nothing(at) {
        fields.fail(at, "got rollingUpdate beside another type, expected type: RollingUpdate");
    }
    at
}

fn is_zero(share: Share) -> bool {
    matches!(share, Share::Pods(0) | Share::Percent(0))
}
