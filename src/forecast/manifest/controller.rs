//! The controllers' own fields: how many pods, and how they are replaced.

use super::field::{NATURAL, choice, fail, flag, get, need, share, unexpected, whole};
use super::pod;
use super::selector::Selector;
use crate::forecast::workload::{Controller, RestartPolicy, Share, Strategy, Workload};
use crate::forecast::yaml::{Fault, Mark, Node, Value};

/// Reads a workload of a kind.
pub(super) fn workload(node: &Node<'_>, kind: &str, name: String, namespace: String) -> Result<Workload, Fault> {
    let spec = need(node, "spec")?;
    let mut workload = Workload {
        controller: Controller::Pod,
        name,
        namespace,
        replicas: 1,
        min_ready: 0,
        pod: pod::pod(if kind == "Pod" { node } else { need(spec, "template")? })?,
        services: Vec::new(),
        budgets: Vec::new(),
    };
    if kind == "Pod" {
        return Ok(workload);
    }
    check_template(spec, &workload)?;
    if kind != "DaemonSet" {
        workload.replicas = whole(spec, "replicas", NATURAL)?.unwrap_or(1);
    }
    workload.min_ready = whole(spec, "minReadySeconds", NATURAL)?.unwrap_or(0);
    workload.controller = match kind {
        "Deployment" => deployment(spec, workload.min_ready)?,
        "StatefulSet" => stateful_set(spec)?,
        "DaemonSet" => daemon_set(spec)?,
        _ => Controller::ReplicaSet,
    };
    Ok(workload)
}

/// Refuses a template that the controller would not recognise as its own, or may not have.
fn check_template(spec: &Node<'_>, workload: &Workload) -> Result<(), Fault> {
    let at = need(spec, "selector")?;
    let selector = Selector::read(at)?;
    if selector.is_empty() {
        return fail(at, "got an empty selector, expected labels of the template");
    }
    if !selector.matches(&workload.pod.labels) {
        return fail(at, "got a selector that does not match spec.template.metadata.labels, expected one that does");
    }
    let template = need(need(spec, "template")?, "spec")?;
    if workload.pod.restart_policy != RestartPolicy::Always {
        let at = get(template, "restartPolicy")?.unwrap_or(template);
        return unexpected(at, "Always, as in every pod with a controller");
    }
    match get(template, "activeDeadlineSeconds")? {
        Some(at) => unexpected(at, "none in a pod with a controller"),
        None => Ok(()),
    }
}

/// A strategy's `rollingUpdate`; refused where the type is another one and that is not allowed.
fn rolling<'a, 't>(strategy: &'a Node<'t>, is_rolling: bool) -> Result<Option<&'a Node<'t>>, Fault> {
    match get(strategy, "rollingUpdate")? {
        Some(at) if !is_rolling => fail(at, "got rollingUpdate beside another type, expected type: RollingUpdate"),
        rolling => Ok(rolling),
    }
}

fn deployment(spec: &Node<'_>, min_ready: u32) -> Result<Controller, Fault> {
    let nothing = empty(spec.mark);
    let at = get(spec, "strategy")?.unwrap_or(&nothing);
    let strategy = if choice(at, "type", &["RollingUpdate", "Recreate"])? == 1 {
        rolling(at, false)?;
        Strategy::Recreate
    } else {
        let at = rolling(at, true)?.unwrap_or(&nothing);
        let quarter = Share::Percent(25);
        let max_unavailable = share(at, "maxUnavailable", 100)?.unwrap_or(quarter);
        let max_surge = share(at, "maxSurge", u32::MAX)?.unwrap_or(quarter);
        if is_zero(max_unavailable) && is_zero(max_surge) {
            return fail(at, "got 0 for both maxUnavailable and maxSurge, expected more for one of them");
        }
        Strategy::RollingUpdate { max_unavailable, max_surge }
    };
    let progress_deadline = whole(spec, "progressDeadlineSeconds", NATURAL)?.unwrap_or(600);
    if progress_deadline <= min_ready {
        let at = get(spec, "progressDeadlineSeconds")?.or(get(spec, "minReadySeconds")?).unwrap_or(spec);
        return unexpected(at, "progressDeadlineSeconds (600 when not set) above minReadySeconds");
    }
    Ok(Controller::Deployment { strategy, progress_deadline, is_paused: flag(spec, "paused")? })
}

fn stateful_set(spec: &Node<'_>) -> Result<Controller, Fault> {
    let nothing = empty(spec.mark);
    let at = get(spec, "updateStrategy")?.unwrap_or(&nothing);
    let is_on_delete = choice(at, "type", &["RollingUpdate", "OnDelete"])? == 1;
    let rolling = rolling(at, !is_on_delete)?.unwrap_or(&nothing);
    Ok(Controller::StatefulSet {
        is_parallel: choice(spec, "podManagementPolicy", &["OrderedReady", "Parallel"])? == 1,
        is_on_delete,
        partition: whole(rolling, "partition", NATURAL)?.unwrap_or(0),
    })
}

fn daemon_set(spec: &Node<'_>) -> Result<Controller, Fault> {
    let nothing = empty(spec.mark);
    let at = get(spec, "updateStrategy")?.unwrap_or(&nothing);
    let is_on_delete = choice(at, "type", &["RollingUpdate", "OnDelete"])? == 1;
    let at = get(at, "rollingUpdate")?.filter(|_| !is_on_delete).unwrap_or(&nothing);
    let max_unavailable = share(at, "maxUnavailable", 100)?.unwrap_or(Share::Pods(1));
    let max_surge = share(at, "maxSurge", 100)?.unwrap_or(Share::Pods(0));
    if is_zero(max_unavailable) == is_zero(max_surge) {
        return fail(
            at,
            "got maxUnavailable (1 when not set) and maxSurge both 0 or both more, expected one of them to be 0",
        );
    }
    Ok(Controller::DaemonSet { is_on_delete, max_unavailable, max_surge })
}

fn is_zero(share: Share) -> bool {
    matches!(share, Share::Pods(0) | Share::Percent(0))
}

/// Stands for a mapping that is not there.
fn empty(mark: Mark) -> Node<'static> {
    Node { mark, value: Value::Mapping(Vec::new()) }
}
