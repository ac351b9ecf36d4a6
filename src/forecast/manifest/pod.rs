//! The pod and its containers.

use super::field::{
    PORT, as_text, as_whole, choice, fail, flag, get, list, need, need_text, quantity, text_or, texts, unexpected,
};
use super::name::{check_label, port_name};
use super::probe::{self, Ports};
use super::selector::labels;
use crate::forecast::workload::{Container, Pod, RestartPolicy};
use crate::forecast::yaml::{Fault, Node};

/// Reads a pod or a template of pods.
pub(super) fn pod(node: &Node<'_>) -> Result<Pod, Fault> {
    let spec = need(node, "spec")?;
    let restart_policy = match choice(spec, "restartPolicy", &["Always", "OnFailure", "Never"])? {
        0 => RestartPolicy::Always,
        1 => RestartPolicy::OnFailure,
        _ => RestartPolicy::Never,
    };
    // The API server takes a negative one, and means 1.
    let grace = match get(spec, "terminationGracePeriodSeconds")? {
        None => 30,
        Some(at) => match as_whole(at, i64::MIN..=i64::MAX)? {
            ..0 => 1,
            grace => grace.min(u32::MAX.into()) as u32,
        },
    };
    let mut pod = Pod {
        labels: labels(node)?,
        restart_policy,
        grace,
        readiness_gates: Vec::new(),
        init: Vec::new(),
        containers: Vec::new(),
    };
    for gate in list(spec, "readinessGates")? {
        pod.readiness_gates.push(String::from(need_text(gate, "conditionType")?));
    }
    // On the node's network a port is the node's port.
    let is_host = flag(spec, "hostNetwork")?;
    need(spec, "containers")?;
    for at in list(spec, "containers")? {
        let container = container(at, grace, is_host, false)?;
        check_unique(at, &pod, &container)?;
        pod.containers.push(container);
    }
    if pod.containers.is_empty() {
        return unexpected(need(spec, "containers")?, "at least one container");
    }
    for at in list(spec, "initContainers")? {
        let container = container(at, grace, is_host, true)?;
        check_unique(at, &pod, &container)?;
        pod.init.push(container);
    }
    Ok(pod)
}

fn check_unique(at: &Node<'_>, pod: &Pod, container: &Container) -> Result<(), Fault> {
    if pod.containers.iter().chain(&pod.init).any(|known| known.name == container.name) {
        return unexpected(need(at, "name")?, "a name that no other container of the pod has");
    }
    Ok(())
}

fn container(node: &Node<'_>, grace: u32, is_host: bool, is_init: bool) -> Result<Container, Fault> {
    need_text(node, "name")?;
    check_label(need(node, "name")?)?;
    let is_sidecar = match get(node, "restartPolicy")? {
        None => false,
        Some(at) if is_init => {
            choice(node, "restartPolicy", &["Always"])?;
            !as_text(at)?.is_empty()
        }
        Some(at) => return unexpected(at, "none here: Kubernetes 1.34 has it for init containers alone"),
    };
    let mut container = Container {
        name: String::from(need_text(node, "name")?),
        image: String::from(need_text(node, "image")?),
        command: texts(node, "command")?,
        environment: environment(node)?,
        has_environment_from: !list(node, "envFrom")?.is_empty(),
        ports: ports(node, is_host)?,
        is_sidecar,
        startup: None,
        liveness: None,
        readiness: None,
        post_start: None,
        pre_stop: None,
        stop_signal: None,
        memory_limit: memory_limit(node)?,
    };
    container.command.append(&mut texts(node, "args")?);
    if is_init && !is_sidecar {
        for name in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] {
            if let Some(at) = get(node, name)? {
                return fail(at, "got this in an init container, expected it only where restartPolicy is Always");
            }
        }
        return Ok(container);
    }
    let ports = &container.ports;
    container.startup = probe::probe(node, "startupProbe", ports)?;
    container.liveness = probe::probe(node, "livenessProbe", ports)?;
    container.readiness = probe::probe(node, "readinessProbe", ports)?;
    if let Some(lifecycle) = get(node, "lifecycle")? {
        container.post_start = probe::hook(lifecycle, "postStart", ports, grace)?;
        container.pre_stop = probe::hook(lifecycle, "preStop", ports, grace)?;
        let signal = text_or(lifecycle, "stopSignal", "")?;
        container.stop_signal = (!signal.is_empty()).then(|| String::from(signal));
    }
    Ok(container)
}

fn environment(node: &Node<'_>) -> Result<Vec<(String, Option<String>)>, Fault> {
    let mut environment = Vec::new();
    for variable in list(node, "env")? {
        let name = String::from(need_text(variable, "name")?);
        let value = text_or(variable, "value", "")?;
        let value = match get(variable, "valueFrom")? {
            None => Some(String::from(value)),
            Some(at) if !value.is_empty() => return fail(at, "got valueFrom beside a value, expected one of them"),
            Some(at) => {
                let sources = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
                let mut known = 0;
                for source in sources {
                    if let Some(source) = get(at, source)? {
                        get(source, "name")?;
                        known += 1;
                    }
                }
                if known != 1 {
                    return fail(
                        at,
                        "got none or several, expected one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef",
                    );
                }
                None
            }
        };
        environment.push((name, value));
    }
    Ok(environment)
}

fn ports(node: &Node<'_>, is_host: bool) -> Result<Ports, Fault> {
    let mut ports = Ports::new();
    for port in list(node, "ports")? {
        let number = need(port, "containerPort")?;
        let number = as_whole(number, PORT)? as u16;
        if let Some(at) = get(port, "hostPort")? {
            let host_port = as_whole(at, 0..=*PORT.end())?;
            if is_host && host_port != 0 && host_port != number.into() {
                return unexpected(at, "the containerPort, as hostNetwork is true");
            }
        }
        choice(port, "protocol", &["TCP", "UDP", "SCTP"])?;
        let name = match get(port, "name")?.filter(|_| text_or(port, "name", "") != Ok("")) {
            None => None,
            Some(at) => {
                let name = Some(port_name(at)?);
                if ports.iter().any(|(known, _)| *known == name) {
                    return unexpected(at, "a name that no other port of the container has");
                }
                name
            }
        };
        ports.push((name, number));
    }
    Ok(ports)
}

fn memory_limit(node: &Node<'_>) -> Result<Option<u64>, Fault> {
    let Some(resources) = get(node, "resources")? else { return Ok(None) };
    let memory = |name| -> Result<Option<&Node<'_>>, Fault> {
        match get(resources, name)? {
            Some(list) => get(list, "memory"),
            None => Ok(None),
        }
    };
    let limit = memory("limits")?.map(quantity).transpose()?;
    if let Some(at) = memory("requests")? {
        let request = quantity(at)?;
        if limit.is_some_and(|limit| request > limit) {
            return unexpected(at, "at most the memory limit");
        }
    }
    Ok(limit)
}
