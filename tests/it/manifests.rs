//! Manifests of every kind that people have: the project's own, those of tutorials, and public workloads of many styles
//! (tests/manifests, written after their projects' public descriptions and shortened), as kubectl, kustomize and helm
//! print them.

use std::path::{Path, PathBuf};
use std::process::Command;

use probeserver::forecast::manifest::{self, Read};
use probeserver::forecast::workload::{Controller, Handler, Share, Strategy, Workload};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What inputs hold.
fn all(inputs: &[(&str, &[u8])]) -> Result<Read, String> {
    let mut out = Read::default();
    manifest::read(inputs, &mut out).map(|()| out)
}

#[track_caller]
fn read(file: &str) -> Read {
    let text = std::fs::read(root().join("tests/manifests").join(file)).expect("a file can be read");
    all(&[(file, &text)]).unwrap_or_else(|error| panic!("{error}"))
}

/// What is most easily read wrongly, in few words.
fn summary(workload: &Workload) -> String {
    let pod = &workload.pod;
    let mut out = match &workload.controller {
        Controller::Pod => String::from("pod"),
        Controller::ReplicaSet => String::from("replicas"),
        Controller::Deployment { strategy: Strategy::Recreate, .. } => String::from("recreate"),
        Controller::Deployment { strategy: Strategy::RollingUpdate { max_unavailable, max_surge }, .. } => {
            format!("rolling {}/{}", share(*max_unavailable), share(*max_surge))
        }
        Controller::StatefulSet { is_parallel, is_on_delete, partition } => {
            let (parallel, on_delete) = (if *is_parallel { "parallel" } else { "ordered" }, is_on_delete);
            format!("stateful {parallel} {partition}{}", if *on_delete { " by hand" } else { "" })
        }
        Controller::DaemonSet { max_unavailable, max_surge, .. } => {
            format!("daemon {}/{}", share(*max_unavailable), share(*max_surge))
        }
    };
    out += &format!(" x{} {}/{} grace {}", workload.replicas, workload.namespace, workload.name, pod.grace);
    for (at, container) in pod.containers.iter().enumerate() {
        let mark = match container.is_sidecar {
            true => "sidecar ",
            false if at < pod.inits => "init ",
            false => "",
        };
        out += &format!("; {mark}{}", container.name);
        for (letter, probe) in ['S', 'L', 'R'].into_iter().zip(&container.probes) {
            if let Some(probe) = probe {
                let numbers = [probe.initial_delay, probe.period, probe.timeout, probe.failures, probe.successes];
                out += &format!(" {letter} {} {numbers:?}", handler(&probe.handler));
            }
        }
        for (name, hook) in [("start", &container.post_start), ("stop", &container.pre_stop)] {
            out += &hook.as_ref().map_or(String::new(), |hook| format!(" {name} {}", handler(hook)));
        }
    }
    for service in &workload.services {
        out += &format!("; service {}", service.name);
    }
    out
}

fn share(share: Share) -> String {
    match share {
        Share::Pods(pods) => pods.to_string(),
        Share::Percent(percent) => format!("{percent}%"),
    }
}

fn handler(handler: &Handler) -> String {
    let number = |port: &Option<u16>| port.map_or(String::from("?"), |port| port.to_string());
    match handler {
        Handler::Http { path, port, is_https } => {
            format!("http{}:{}{path}", if *is_https { "s" } else { "" }, number(port))
        }
        Handler::Tcp { port } => format!("tcp:{}", number(port)),
        Handler::Exec { command } => format!("exec {}", command[0]),
        Handler::Grpc { port, service } => format!("grpc:{port}/{service}"),
        Handler::Sleep { seconds } => format!("sleep {seconds}"),
    }
}

#[test]
fn public_workloads_mean_what_a_cluster_makes_of_them() {
    let table = include_str!("../manifests/expected");
    let mut got = String::new();
    let mut names: Vec<_> = std::fs::read_dir(root().join("tests/manifests"))
        .expect("a folder can be read")
        .map(|entry| entry.expect("an entry can be read").file_name().into_string().expect("a name is text"))
        .filter(|name| name != "expected")
        .collect();
    names.sort();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        let read = read(&name);
        got += &format!("{name}\n");
        for workload in &read.workloads {
            got += &format!("  {}\n", summary(workload));
        }
        for note in &read.notes {
            got += &format!("  note: {note}\n");
        }
        if !read.passed_over.is_empty() {
            got += &format!("  passed over: {}\n", read.passed_over.join(", "));
        }
    }
    if got != table {
        let path = root().join("target/manifests.expected");
        std::fs::write(&path, &got).expect("target can be written");
        let differ = got.lines().zip(table.lines()).find(|(got, want)| got != want);
        panic!("tests/manifests/expected says something else, see {}: {differ:?}", path.display());
    }
}

/// Every folder below `k8s` that has a kustomization.
fn kustomizations(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            kustomizations(&path, found);
        } else if path.ends_with("kustomization.yaml") {
            found.push(folder.to_owned());
        }
    }
}

#[test]
fn our_own_manifests_are_read() {
    for file in ["base/deployment.yaml", "original/deployment-crash.yaml", "original/deployment-flaky.yaml"] {
        let text = std::fs::read(root().join("k8s").join(file)).expect("a file can be read");
        let read = all(&[(file, &text)]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read.workloads.len(), 1, "{file}");
    }
    // A Service may stand in another file than what it selects.
    let files = ["base/service.yaml", "base/deployment.yaml", "base/pdb.yaml"];
    let texts = files.map(|file| std::fs::read(root().join("k8s").join(file)).expect("a file can be read"));
    let inputs: Vec<(&str, &[u8])> = files.iter().zip(&texts).map(|(name, text)| (*name, text.as_slice())).collect();
    let read = all(&inputs).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.workloads[0].services.len(), 1);

    let mut folders = Vec::new();
    kustomizations(&root().join("k8s"), &mut folders);
    assert!(folders.len() > 20, "{folders:?}");
    let mut workloads = 0;
    for folder in folders {
        // Without kubectl there is no kustomize; scripts/setup names it among what the manifests need.
        let Ok(output) = Command::new("kubectl").arg("kustomize").arg(&folder).output() else { return };
        assert!(output.status.success(), "{}: {output:?}", folder.display());
        let name = folder.to_string_lossy();
        match all(&[(&name, &output.stdout)]) {
            Ok(read) => workloads += read.workloads.len(),
            Err(error) => assert!(error.to_string().contains("expected a Deployment"), "{error}"),
        }
    }
    assert!(workloads > 20, "{workloads}");
}

/// Runs the plugin with a kubectl of our own, which writes down what it is asked and prints what stands in files.
fn plugin(folder: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = root().join("target/plugin").join(folder);
    std::fs::create_dir_all(&folder).expect("target can be written");
    let (shop, near) = (root().join("k8s/base/deployment.yaml"), root().join("k8s/base/service.yaml"));
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>{}/asked\ncase $* in *services,*) cat {}; echo ---;; *nobody*) echo 'no such' >&2; exit 1;; *) cat {}; echo ---;; esac\n",
        folder.display(),
        near.display(),
        shop.display()
    );
    let (kubectl, _) = (folder.join("kubectl"), std::fs::remove_file(folder.join("asked")));
    std::fs::write(&kubectl, script).expect("target can be written");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&kubectl, permissions).expect("it is ours");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("there is one"));
    let output = Command::new(root().join("scripts/kubectl-forecast"))
        .args(arguments)
        .env("PATH", path)
        .env("PROBESERVER", env!("CARGO_BIN_EXE_probeserver"))
        .output()
        .expect("bash is there");
    let asked = std::fs::read_to_string(folder.join("asked")).unwrap_or_default();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), asked)
}

#[test]
fn the_plugin_reads_the_cluster_and_passes_options_on() {
    let arguments =
        ["-n", "a", "--context=b", "deployment/probeserver", "start delay 9s", "--pods", "20", "--format", "json"];
    let (code, stdout, asked) = plugin("right", &arguments);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("\"pods\":20") && stdout.contains("in_service"), "{stdout}");
    let want = "-n a --context=b get deployment/probeserver --output json\n\
                -n a --context=b get services,poddisruptionbudgets --output json\n";
    assert_eq!(asked, want);
    // Who asks for nothing, or for what is not there, gets no forecast.
    assert_eq!(plugin("nothing", &[]).0, Some(2));
    assert_eq!(plugin("word", &["shop"]).0, Some(2));
    assert_eq!(plugin("nobody", &["deployment/nobody"]).0, Some(1));
}
