//! The pod and its containers.

use super::field::Fields;
use super::probe::{self, Ports};
use crate::forecast::workload::{Container, Pod, RestartPolicy};
use crate::forecast::yaml::Node;
use crate::text;

/// Reads a pod or a template of pods.
#[inline(never)]
pub(super) fn read(fields: &Fields<'_>, node: Node, pod: &mut Pod) {
    let spec = fields.need(node, "spec");
    pod.restart_policy = match fields.choice(spec, "restartPolicy", "Always OnFailure Never") {
        0 => RestartPolicy::Always,
        1 => RestartPolicy::OnFailure,
        _ => RestartPolicy::Never,
    };
    // The API server takes a negative one, and means 1.
    pod.grace = match fields.whole(fields.get(spec, "terminationGracePeriodSeconds"), 30, i64::MIN, i64::MAX) {
        ..0 => 1,
        grace => grace.min(u32::MAX.into()) as u32,
    };
    pod.labels = fields.labels_of(fields.get(node, "metadata"));
    for gate in fields.list(spec, "readinessGates") {
        fields.need_text(gate, "conditionType");
        pod.is_gated = true;
    }
    // On the node's network a port is the node's port.
    let is_host = fields.flag(spec, "hostNetwork");
    for is_init in [false, true] {
        for at in fields.list(spec, if is_init { "initContainers" } else { "containers" }) {
            let name = fields.need_text(at, "name");
            fields.check_name(at, "name", false);
            if pod.has(name) {
                fields.unexpected(fields.get(at, "name"), "a name that no other container of the pod has");
            }
            let mut container = Container { name: String::from(name), ..Container::default() };
            read_container(fields, at, pod.grace, is_host, is_init, &mut container);
            // Init containers are read last and stand first.
            let place = if is_init { pod.inits } else { pod.containers.len() };
            pod.inits += usize::from(is_init);
            pod.containers.insert(place, container);
        }
    }
    let at = fields.need(spec, "containers");
    if pod.containers.len() == pod.inits {
        fields.unexpected(at, "at least one container");
    }
}

fn read_container(
    fields: &Fields<'_>,
    node: Node,
    grace: u32,
    is_host: bool,
    is_init: bool,
    container: &mut Container,
) {
    let image = fields.need_text(node, "image");
    let command = &mut container.command;
    fields.texts(node, "command", command);
    let is_own_image = is_own_image(image);
    // The entry point of Dockerfile.scratch.
    if is_own_image && command.is_empty() {
        command.push("/bin/probeserver".to_owned());
    }
    fields.texts(node, "args", command);
    container.is_own = is_own_image || command.first().is_some_and(|command| command.ends_with("/probeserver"));
    container.has_environment_from = fields.list(node, "envFrom").next().is_some();
    read_environment(fields, node, &mut container.environment);
    let mut ports = Ports::new();
    read_ports(fields, node, is_host, &mut ports);
    container.has_ports = !ports.is_empty();
    container.memory = memory_limit(fields, node);
    fields.choice(node, "imagePullPolicy", "IfNotPresent Always Never");
    container.is_sidecar = is_init && fields.text(fields.get(node, "restartPolicy")) == "Always";
    if is_init && !container.is_sidecar {
        for place in 0..4 {
            let at = fields.get(node, text::word(probe::FIELDS, place));
            if !fields.is_nothing(at) {
                fields.fail(at, "got this in an init container, expected it only where restartPolicy is Always");
            }
        }
    }
    for (kind, probe) in container.probes.iter_mut().enumerate() {
        probe::probe(fields, node, kind, &ports, probe);
    }
    let lifecycle = fields.get(node, "lifecycle");
    container.post_start = probe::hook(fields, lifecycle, "postStart", &ports, grace);
    container.pre_stop = probe::hook(fields, lifecycle, "preStop", &ports, grace);
}

/// Whether the image is this program's, going by its name.
fn is_own_image(image: &str) -> bool {
    let image = text::nth(image, b'@', 0);
    let name = text::nth(&image[image.bytes().rposition(|byte| byte == b'/').map_or(0, |slash| slash + 1)..], b':', 0);
    name == "probeserver"
}

#[inline(never)]
fn read_environment(fields: &Fields<'_>, node: Node, out: &mut Vec<(String, Option<String>)>) {
    const SOURCES: &str = "fieldRef resourceFieldRef configMapKeyRef secretKeyRef fileKeyRef";
    for variable in fields.list(node, "env") {
        let name = fields.need_text(variable, "name");
        let value = fields.text(fields.get(variable, "value"));
        let from = fields.get(variable, "valueFrom");
        let mut known = 0;
        for place in 0..5 {
            let source = fields.get(from, text::word(SOURCES, place));
            known += usize::from(!fields.is_nothing(source));
            // Whatever it is, it is a mapping.
            fields.get(source, "name");
        }
        let is_plain = fields.is_nothing(from);
        if !is_plain && !value.is_empty() {
            fields.fail(from, "got valueFrom beside a value, expected one of them");
        } else if !is_plain && known != 1 {
            let what = "got none or several, expected one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef";
            fields.fail(from, what);
        }
        // What a value refers to may come from anywhere.
        let is_known = is_plain && !value.as_bytes().windows(2).any(|pair| pair == b"$(");
        out.push((String::from(name), is_known.then(|| String::from(value))));
    }
}

fn read_ports<'d>(fields: &Fields<'d>, node: Node, is_host: bool, out: &mut Ports<'d>) {
    for port in fields.list(node, "ports") {
        let number = fields.port(port, "containerPort");
        let at = fields.get(port, "hostPort");
        let host_port = fields.whole(at, 0, 0, 65535);
        if is_host && host_port != 0 && host_port != number.into() {
            fields.unexpected(at, "the containerPort, as hostNetwork is true");
        }
        fields.choice(port, "protocol", "TCP UDP SCTP");
        let at = fields.get(port, "name");
        let name = fields.text(at);
        if !name.is_empty() {
            fields.port_name(at);
            if out.iter().any(|&(known, _)| known == name) {
                fields.unexpected(at, "a name that no other port of the container has");
            }
        }
        out.push((name, number));
    }
}

/// The memory limit. Memory that is no quantity, and a request above the limit, are faults.
fn memory_limit(fields: &Fields<'_>, node: Node) -> Option<u64> {
    let resources = fields.get(node, "resources");
    let memory = |name| fields.get(fields.get(resources, name), "memory");
    let (limit, request) = (fields.quantity(memory("limits")), fields.quantity(memory("requests")));
    if limit.is_some_and(|limit| request > Some(limit)) {
        fields.unexpected(memory("requests"), "at most the memory limit");
    }
    limit
}
