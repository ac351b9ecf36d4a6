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
use field::{get, list, need_text, text_or};
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

/// One object, in a namespace.
struct Object<T> {
    namespace: String,
    value: T,
}

/// A workload with its kind, and the kind and name of its owner.
struct Found {
    workload: Workload,
    kind: &'static str,
    owner: Option<(String, String)>,
}

/// What has been read of all inputs, before it is joined.
#[derive(Default)]
struct Objects {
    workloads: Vec<Found>,
    services: Vec<Object<(Selector, Service)>>,
    budgets: Vec<Object<(Selector, Budget)>>,
    passed_over: Vec<String>,
    notes: Vec<String>,
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
    let version = match text_or(node, "apiVersion", version)? {
        "" => need_text(node, "apiVersion")?,
        version => version,
    };
    let kind = match text_or(node, "kind", kind)? {
        "" => need_text(node, "kind")?,
        kind => kind,
    };
    if let Some(item_kind) = kind.strip_suffix("List")
        && get(node, "items")?.is_some()
        && depth < 3
    {
        let item_version = if item_kind.is_empty() { "" } else { version };
        for item in list(node, "items")? {
            add_document(objects, item, item_version, item_kind, depth + 1)?;
        }
        return Ok(());
    }
    add_object(objects, node, version, kind).map_err(|fault| {
        let path = node.path_to(fault.mark);
        let text = if path.is_empty() { fault.text } else { text::joined(&[&path, ": ", &fault.text]) };
        Fault { text, ..fault }
    })
}

fn add_object(objects: &mut Objects, node: &Node<'_>, version: &str, kind: &str) -> Result<(), Fault> {
    const KINDS: [(&str, &str); 7] = [
        ("Deployment", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("Pod", "v1"),
        ("Service", "v1"),
        ("PodDisruptionBudget", "policy/v1"),
    ];
    // A kind of that name in another group is another kind: Knative has a Service.
    let is_ours = |own: &str| group(version) == group(own) || group(version) == "extensions";
    let Some(&(kind, own)) = KINDS.iter().find(|(name, own)| *name == kind && is_ours(own)) else {
        let name = match get(node, "metadata")? {
            Some(metadata) => text_or(metadata, "name", "")?,
            None => "",
        };
        objects.passed_over.push(text::joined(&[kind, if name.is_empty() { "" } else { "/" }, name]));
        return Ok(());
    };
    let metadata = field::need(node, "metadata")?;
    let namespace = String::from(text_or(metadata, "namespace", "default")?);
    selector::labels(node)?;
    for (field, check) in [("namespace", name::check_label as fn(&Node<'_>) -> _), ("name", name::check_subdomain)] {
        if !text_or(metadata, field, "")?.is_empty() {
            check(field::need(metadata, field)?)?;
        }
    }
    let name = String::from(match text_or(metadata, "name", "")? {
        "" => need_text(metadata, if get(metadata, "generateName")?.is_some() { "generateName" } else { "name" })?,
        name => name,
    });
    if version != own {
        // What tutorials of years ago have. The fields are the same; a cluster of today refuses the version.
        objects.notes.push(text::joined(&[kind, "/", &name, ": ", version, " is read as ", own]));
    }
    match kind {
        "Service" => {
            let value = selector::service(node, name)?;
            objects.services.extend(value.map(|value| Object { namespace, value }));
        }
        "PodDisruptionBudget" => {
            let value = selector::budget(node, name)?;
            objects.budgets.extend(value.map(|value| Object { namespace, value }));
        }
        _ => {
            for mark in known::unknown(node, kind) {
                let (line, path) = (text::to_decimal(mark.line.into()), node.path_to(mark));
                let note = [kind, "/", &name, ", line ", &line, ": Kubernetes has no field ", &path];
                objects.notes.push(text::joined(&note));
            }
            let workload = controller::workload(node, kind, name, namespace)?;
            objects.workloads.push(Found { workload, kind, owner: owner(metadata)? });
        }
    }
    Ok(())
}

fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Kind and name of the object that controls this one.
fn owner(metadata: &Node<'_>) -> Result<Option<(String, String)>, Fault> {
    for reference in list(metadata, "ownerReferences")? {
        if field::flag(reference, "controller")? {
            let (kind, name) = (need_text(reference, "kind")?, need_text(reference, "name")?);
            return Ok(Some((String::from(kind), String::from(name))));
        }
    }
    Ok(None)
}

impl Objects {
    /// Puts Services and budgets beside the workloads they select. What another workload has made is passed over.
    fn join(self) -> Read {
        let mut read = Read { workloads: Vec::new(), passed_over: self.passed_over, notes: self.notes };
        let names: Vec<(&str, String, String)> = self
            .workloads
            .iter()
            .map(|Found { workload, kind, .. }| (*kind, workload.name.clone(), workload.namespace.clone()))
            .collect();
        for Found { mut workload, kind, owner } in self.workloads {
            let is_owner = |(of, name, namespace): &(&str, String, String)| {
                *namespace == workload.namespace
                    && owner.as_ref().is_some_and(|owner| owner.0 == *of && owner.1 == *name)
            };
            if names.iter().any(is_owner) {
                read.passed_over.push(text::joined(&[kind, "/", &workload.name]));
                continue;
            }
            workload.services = selecting(&self.services, &workload);
            workload.budgets = selecting(&self.budgets, &workload);
            read.workloads.push(workload);
        }
        read
    }
}

/// Those objects of the workload's namespace that select its pods.
fn selecting<T: Clone>(objects: &[Object<(Selector, T)>], workload: &Workload) -> Vec<T> {
    let near = objects.iter().filter(|object| object.namespace == workload.namespace);
    near.filter(|object| object.value.0.matches(&workload.pod.labels)).map(|object| object.value.1.clone()).collect()
}

#[cfg(test)]
mod tests;
