//! Manifests as kubectl, kustomize and helm print them, made into workloads: what the API server would make of them,
//! its defaults included, or the fault that it would find. Fields that a forecast does not need are passed over.

mod controller;
mod field;
mod known;
mod name;
mod pod;
mod probe;
mod quantity;
mod selector;

use super::workload::{Service, Workload};
use super::yaml::{self, Documents, Fault, Node};
use crate::text;
use crate::text::Value::{self, Number, Text};
use field::Fields;
use selector::Labels;

/// The longest input: more than any manifest that the API server takes, and room for a List of many.
pub const MAX_INPUT: usize = 4 << 20;

/// What the manifests hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Read {
    /// Every workload, in order, with the Services that select its pods, from whatever input.
    pub workloads: Vec<Workload>,
    /// Objects that a forecast does not read, or whose owner is read, as `Kind/name`.
    pub passed_over: Vec<String>,
    /// What one should know about how something was read, a sentence each.
    pub notes: Vec<String>,
}

/// What has been read of all inputs, before it is joined.
struct Objects<'r> {
    /// The owner of each workload, as `Kind/name`; empty for none.
    owners: Vec<String>,
    /// Services that select pods, with the namespace and the selector of each.
    services: Vec<(String, Labels, Service)>,
    read: &'r mut Read,
}

/// Reads inputs, each with a name for messages. There is at least one workload in what is read. An error is one line:
/// `FILE:LINE:COLUMN: got this, expected that`.
pub fn read(inputs: &[(&str, &[u8])], out: &mut Read) -> Result<(), String> {
    let mut objects = Objects { owners: Vec::new(), services: Vec::new(), read: out };
    objects.add_inputs(inputs)?;
    objects.join();
    Ok(())
}

/// The kinds that are read, the version of each, and their places: workloads come first.
const KINDS: &str = "Deployment StatefulSet DaemonSet ReplicaSet Pod Service PodDisruptionBudget";
const VERSIONS: &str = "apps/v1 apps/v1 apps/v1 apps/v1 v1 v1 policy/v1";
const DEPLOYMENT: usize = 0;
const DAEMON_SET: usize = 2;
const REPLICA_SET: usize = 3;
const POD: usize = 4;
const SERVICE: usize = 5;

impl Objects<'_> {
    #[inline(never)]
    fn add_inputs(&mut self, inputs: &[(&str, &[u8])]) -> Result<(), String> {
        let mut names = Vec::new();
        for &(name, input) in inputs {
            names.push(String::from(name));
            if input.len() > MAX_INPUT {
                return Err(text::filled("~: got more than 4 MiB, expected less", &[Text(name)]));
            }
            if let Err(Fault { mark, text }) = self.add_input(input) {
                let (line, column) = (Number(mark.line.into()), Number(mark.column.into()));
                return Err(text::filled("~:~:~: ~", &[Text(name), line, column, Text(&text)]));
            }
        }
        if self.read.workloads.is_empty() {
            let passed_over = &self.read.passed_over;
            let kinds = text::list(&passed_over[..passed_over.len().min(5)], ", ");
            let got = if kinds.is_empty() { "no workload" } else { &kinds };
            let line = "~: got ~, expected a Deployment, StatefulSet, DaemonSet, ReplicaSet (apps/v1) or Pod (v1)";
            return Err(text::filled(line, &[Text(&text::list(&names, ", ")), Text(got)]));
        }
        Ok(())
    }

    fn add_input(&mut self, input: &[u8]) -> Result<(), Fault> {
        let text = yaml::prepare(input)?;
        let mut documents = Documents::new(&text);
        while let Some(document) = documents.next_document()? {
            let fields = Fields::of(document, &text);
            self.add(&fields, Node::ROOT, "", "", 0);
            if let Some(fault) = fields.fault.into_inner() {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Adds an object, or all that a List holds. The items of a typed list have no kind of their own.
    fn add(&mut self, fields: &Fields<'_>, node: Node, version: &str, kind: &str, depth: u32) {
        fields.object.set(node);
        let version = fields.text_or(node, "apiVersion", version);
        let kind = fields.text_or(node, "kind", kind);
        if version.is_empty() {
            fields.need_text(node, "apiVersion");
        }
        if kind.is_empty() {
            fields.need_text(node, "kind");
        }
        if let Some(item_kind) = kind.strip_suffix("List")
            && fields.has(node, "items")
            && depth < 3
        {
            let item_version = if item_kind.is_empty() { "" } else { version };
            for item in fields.list(node, "items") {
                self.add(fields, item, item_version, item_kind, depth + 1);
            }
        } else {
            self.add_object(fields, node, version, kind);
        }
    }

    fn add_object(&mut self, fields: &Fields<'_>, node: Node, version: &str, kind: &str) {
        let metadata = fields.get(node, "metadata");
        let mut name = fields.text(fields.get(metadata, "name"));
        let place = text::place(KINDS, kind.as_bytes()).unwrap_or(KINDS.len());
        let own = text::word(VERSIONS, place);
        // A kind of that name in another group is another kind: Knative has a Service.
        let group = group_of(version);
        if own.is_empty() || group != group_of(own) && group != "extensions" {
            return self.read.passed_over.push(full_name(kind, name));
        }
        fields.labels_of(fields.need(node, "metadata"));
        let namespace = fields.text_or(metadata, "namespace", "default");
        fields.check_name(metadata, "namespace", false);
        if name.is_empty() {
            let is_generated = fields.has(metadata, "generateName");
            name = fields.need_text(metadata, if is_generated { "generateName" } else { "name" });
        } else {
            fields.check_name(metadata, "name", true);
        }
        let object = full_name(kind, name);
        if version != own {
            // What tutorials of years ago have. The fields are the same; a cluster of today refuses the version.
            self.note("~: ~ is read as ~", &[Text(&object), Text(version), Text(own)]);
        }
        let mut unknown = Vec::new();
        if place <= POD {
            known::search(fields.document, node, "object", &mut unknown);
            known::search(fields.document, fields.get(node, "spec"), kind, &mut unknown);
        }
        for (at, is_known) in unknown {
            let line = Number(fields.mark(at).line.into());
            let path = fields.document.path(node, at);
            let what = if is_known { "not played:" } else { "Kubernetes has no field" };
            self.note("~, line ~: ~ ~", &[Text(&object), line, Text(what), Text(&path)]);
        }
        match place {
            SERVICE => selector::service(fields, node, namespace, name, &mut self.services),
            ..=POD => {
                self.owners.push(owner(fields, metadata));
                let mut workload = Workload::default();
                workload.name.push_str(name);
                workload.namespace.push_str(namespace);
                controller::read(fields, node, place, &mut workload);
                self.read.workloads.push(workload);
            }
            _ => selector::check_budget(fields, node),
        }
    }

    #[inline(never)]
    fn note(&mut self, note: &str, values: &[Value<'_>]) {
        self.read.notes.push(text::filled(note, values));
    }

    /// Puts Services beside the workloads they select. What another workload has made is passed over.
    #[inline(never)]
    fn join(&mut self) {
        let workloads = &mut self.read.workloads;
        let mut kept = 0;
        for (at, owner) in self.owners.iter().enumerate() {
            let made = &workloads[at];
            let is_maker = |maker: &Workload| maker.namespace == made.namespace && full_name_of(maker) == *owner;
            if !owner.is_empty() && workloads.iter().any(is_maker) {
                self.read.passed_over.push(full_name_of(made));
            } else {
                workloads.swap(kept, at);
                kept += 1;
            }
        }
        workloads.truncate(kept);
        for workload in workloads {
            for (namespace, selector, service) in &self.services {
                if *namespace == workload.namespace && selector::has_all(&workload.pod.labels, selector) {
                    workload.services.push(service.clone());
                }
            }
        }
    }
}

/// `Kind/name`, or the kind alone.
#[inline(never)]
fn full_name(kind: &str, name: &str) -> String {
    text::joined(&[kind, if name.is_empty() { "" } else { "/" }, name])
}

fn full_name_of(workload: &Workload) -> String {
    full_name(workload.controller.kind(), &workload.name)
}

#[inline(never)]
fn group_of(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// Kind and name of the object that controls this one; empty for none.
fn owner(fields: &Fields<'_>, metadata: Node) -> String {
    for reference in fields.list(metadata, "ownerReferences") {
        if fields.flag(reference, "controller") {
            return full_name(fields.need_text(reference, "kind"), fields.need_text(reference, "name"));
        }
    }
    String::new()
}

#[cfg(test)]
mod tests;
