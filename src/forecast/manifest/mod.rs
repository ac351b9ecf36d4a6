//! Manifests as kubectl, kustomize and helm print them, made into workloads: what the API server would make of them,
//! its defaults included, or the fault that it would find. Fields that a forecast does not need are passed over.

mod controller;
mod field;
mod known;
mod name;
mod pod;
mod probe;
mod selector;

use super::workload::{Budget, Service, Workload};
use super::yaml::{self, Documents, Fault, Mark, Node};
use crate::text;
use field::Fields;
use selector::Selector;

/// The longest input: more than any manifest that the API server takes, and room for a List of many.
pub const MAX_INPUT: usize = 4 << 20;

/// What the manifests hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Read {
    /// Every workload, in order, with the Services and PodDisruptionBudgets that select its pods, from whatever input.
    pub workloads: Vec<Workload>,
    /// Objects that a forecast does not read, or whose owner is read, as `Kind/name`.
    pub passed_over: Vec<String>,
    /// What one should know about how something was read, a sentence each.
    pub notes: Vec<String>,
}

/// What is wrong with an input, on one line: `FILE:LINE:COLUMN: got this, expected that`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The input's name.
    pub name: String,
    /// Where in it, if at one place.
    pub mark: Option<Mark>,
    /// What, with the field's path.
    pub text: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = text::written(|out| {
            text::put(out, self.name.as_bytes());
            for number in self.mark.iter().flat_map(|mark| [mark.line, mark.column]) {
                out.push(b':');
                text::decimal(out, number.into());
            }
            text::put_all(out, &[": ", &self.text]);
        });
        formatter.write_str(&line)
    }
}

impl std::error::Error for Error {}

/// A workload with its kind, and the kind and name of its owner.
struct Found {
    workload: Workload,
    kind: &'static str,
    owner: (String, String),
}

/// What selects pods.
enum Beside {
    Service(Service),
    Budget(Budget),
}

/// What has been read of all inputs, before it is joined.
#[derive(Default)]
struct Objects {
    workloads: Vec<Found>,
    /// With the namespace of each.
    beside: Vec<(String, Selector, Beside)>,
    read: Read,
}

/// Reads inputs, each with a name for messages. There is at least one workload in what is read.
pub fn read(inputs: &[(&str, &[u8])]) -> Result<Read, Error> {
    let mut objects = Objects::default();
    for &(name, input) in inputs {
        let error = |mark, text| Error { name: String::from(name), mark, text };
        if input.len() > MAX_INPUT {
            return Err(error(None, String::from("got more than 4 MiB, expected less")));
        }
        add_input(&mut objects, input).map_err(|fault| error(Some(fault.mark), fault.text))?;
    }
    let read = objects.join();
    if read.workloads.is_empty() {
        let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
        let kinds = read.passed_over.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
        let got = if kinds.is_empty() { "nothing" } else { &kinds };
        let expected = ", expected a Deployment, StatefulSet, DaemonSet, ReplicaSet or Pod";
        return Err(Error { name: names.join(", "), mark: None, text: text::joined(&["got ", got, expected]) });
    }
    Ok(read)
}

fn add_input(objects: &mut Objects, input: &[u8]) -> Result<(), Fault> {
    let text = yaml::prepare(input)?;
    let mut documents = Documents::new(&text);
    while let Some(document) = documents.next_document()? {
        add_document(objects, &document, "", "", 0)?;
    }
    Ok(())
}

/// Adds an object, or all that a List holds. The items of a typed list have no kind of their own.
fn add_document(objects: &mut Objects, node: &Node<'_>, version: &str, kind: &str, depth: u32) -> Result<(), Fault> {
    let fields = Fields::default();
    let version = fields.text_or(node, "apiVersion", version);
    let kind = fields.text_or(node, "kind", kind);
    for (value, name) in [(version, "apiVersion"), (kind, "kind")] {
        if value.is_empty() {
            fields.need_text(node, name);
        }
    }
    if let Some(item_kind) = kind.strip_suffix("List")
        && !fields.get(node, "items").is_nothing()
        && depth < 3
    {
        let item_version = if item_kind.is_empty() { "" } else { version };
        for item in fields.list(node, "items") {
            add_document(objects, item, item_version, item_kind, depth + 1)?;
        }
    } else {
        add_object(objects, &fields, node, version, kind);
    }
    let Some(mut fault) = fields.fault.into_inner() else { return Ok(()) };
    let path = node.path_to(fault.mark);
    if !path.is_empty() {
        fault.text = text::joined(&[&path, ": ", &fault.text]);
    }
    Err(fault)
}

fn add_object(objects: &mut Objects, fields: &Fields, node: &Node<'_>, version: &str, kind: &str) {
    const KINDS: [(&str, &str); 7] = [
        ("Deployment", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("Pod", "v1"),
        ("Service", "v1"),
        ("PodDisruptionBudget", "policy/v1"),
    ];
    let metadata = fields.get(node, "metadata");
    // A kind of that name in another group is another kind: Knative has a Service.
    let is_ours = |own: &str| group(version) == group(own) || group(version) == "extensions";
    let Some(&(kind, own)) = KINDS.iter().find(|(name, own)| *name == kind && is_ours(own)) else {
        let name = fields.text(fields.get(metadata, "name"));
        objects.read.passed_over.push(text::joined(&[kind, if name.is_empty() { "" } else { "/" }, name]));
        return;
    };
    fields.labels(fields.need(node, "metadata"), "labels");
    let (at_name, at_namespace) = (fields.get(metadata, "name"), fields.get(metadata, "namespace"));
    let namespace = String::from(fields.text_or(metadata, "namespace", "default"));
    if !at_namespace.is_nothing() && !fields.text(at_namespace).is_empty() {
        fields.check_label(at_namespace);
    }
    let mut name = fields.text(at_name);
    if name.is_empty() {
        let is_generated = !fields.get(metadata, "generateName").is_nothing();
        name = fields.need_text(metadata, if is_generated { "generateName" } else { "name" });
    } else {
        fields.check_subdomain(at_name);
    }
    let mut note = |parts: &[&str]| {
        objects.read.notes.push(text::joined(&[kind, "/", name, &text::joined(parts)]));
    };
    if version != own {
        // What tutorials of years ago have. The fields are the same; a cluster of today refuses the version.
        note(&[": ", version, " is read as ", own]);
    }
    for mark in known::unknown(node, kind) {
        let (line, path) = (text::to_decimal(mark.line.into()), node.path_to(mark));
        note(&[", line ", &line, ": Kubernetes has no field ", &path]);
    }
    let name = String::from(name);
    if kind == "Service" {
        if let Some((selector, service)) = selector::service(fields, node, name) {
            objects.beside.push((namespace, selector, Beside::Service(service)));
        }
    } else if kind == "PodDisruptionBudget" {
        if let Some((selector, budget)) = selector::budget(fields, node, name) {
            objects.beside.push((namespace, selector, Beside::Budget(budget)));
        }
    } else {
        let workload = controller::workload(fields, node, kind, name, namespace);
        objects.workloads.push(Found { workload, kind, owner: owner(fields, metadata) });
    }
}

fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Kind and name of the object that controls this one; empty for none.
fn owner(fields: &Fields, metadata: &Node<'_>) -> (String, String) {
    for reference in fields.list(metadata, "ownerReferences") {
        if fields.flag(reference, "controller") {
            let (kind, name) = (fields.need_text(reference, "kind"), fields.need_text(reference, "name"));
            return (String::from(kind), String::from(name));
        }
    }
    (String::new(), String::new())
}

impl Objects {
    /// Puts Services and budgets beside the workloads they select. What another workload has made is passed over.
    fn join(mut self) -> Read {
        let mut owned = Vec::new();
        for made in &self.workloads {
            owned.push(self.workloads.iter().any(|maker| {
                let is_near = maker.workload.namespace == made.workload.namespace;
                is_near && maker.kind == made.owner.0 && maker.workload.name == made.owner.1
            }));
        }
        for (Found { mut workload, kind, .. }, is_owned) in self.workloads.into_iter().zip(owned) {
            if is_owned {
                self.read.passed_over.push(text::joined(&[kind, "/", &workload.name]));
                continue;
            }
            for (namespace, selector, beside) in &self.beside {
                if *namespace == workload.namespace && selector.matches(&workload.pod.labels) {
                    match beside {
                        Beside::Service(service) => workload.services.push(service.clone()),
                        Beside::Budget(budget) => workload.budgets.push(budget.clone()),
                    }
                }
            }
            self.read.workloads.push(workload);
        }
        self.read
    }
}

#[cfg(test)]
mod tests;
