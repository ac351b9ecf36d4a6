use super::*;
use crate::forecast::workload::{Controller, Handler, Share, Strategy};

const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop, tier: web}}
    spec:
      containers:
      - name: app
        image: shop:1
        ports: [{name: http, containerPort: 8080}]
        livenessProbe:
          httpGet: {path: /livez, port: http}
          periodSeconds: 5
";

/// What inputs hold.
fn all(inputs: &[(&str, &[u8])]) -> Result<Read, String> {
    let mut out = Read::default();
    read(inputs, &mut out).map(|()| out)
}

fn one(text: &str) -> Result<Workload, String> {
    all(&[("f.yaml", text.as_bytes())]).map(|read| read.workloads[0].clone())
}

#[test]
fn defaults_are_those_of_the_api_server() {
    let workload = one(SHOP).expect("it is right");
    let quarter = Share::Percent(25);
    let strategy = Strategy::RollingUpdate { max_unavailable: quarter, max_surge: quarter };
    assert_eq!(workload.controller, Controller::Deployment { strategy, progress_deadline: 600, is_paused: false });
    assert_eq!((workload.name.as_str(), workload.namespace.as_str(), workload.replicas), ("shop", "default", 1));
    let container = &workload.pod.containers[0];
    let probe = container.probes[1].as_ref().expect("it has one");
    let handler = Handler::Http { path: String::from("/livez"), port: Some(8080), is_https: false };
    assert_eq!(probe.handler, handler);
    assert_eq!((probe.period, probe.timeout, probe.failures, probe.successes), (5, 1, 3, 1));
    assert_eq!(workload.pod.grace, 30);
}

#[test]
fn faults_name_file_place_and_field() {
    let input = SHOP.replace("periodSeconds: 5", "successThreshold: 2");
    assert_eq!(
        one(&input).expect_err("a liveness probe has no such thing"),
        "f.yaml:15:29: spec.template.spec.containers[0].livenessProbe.successThreshold: got 2, expected 1: only a readiness probe may ask for more successes"
    );
    assert_eq!(
        one("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n").expect_err("no workload"),
        "f.yaml: got ConfigMap/c, expected a Deployment, StatefulSet, DaemonSet, ReplicaSet (apps/v1) or Pod (v1)"
    );
    assert_eq!(
        one("").expect_err("nothing"),
        "f.yaml: got no workload, expected a Deployment, StatefulSet, DaemonSet, ReplicaSet (apps/v1) or Pod (v1)"
    );
}

/// What is wrong with the shop when a piece of it is replaced.
fn fault(from: &str, to: &str) -> String {
    let input = SHOP.replacen(from, to, 1);
    assert_ne!(input, SHOP, "{from}");
    match one(&input) {
        Err(fault) => fault,
        Ok(workload) => panic!("{to}: {workload:?}"),
    }
}

#[test]
fn what_the_api_server_refuses_is_refused() {
    const PROBE: &str = "periodSeconds: 5";
    const IMAGE: &str = "image: shop:1";
    const SPEC: &str = "selector: {matchLabels: {app: shop}}";
    const POD: &str = "      containers:";
    const GET: &str = "httpGet: {path: /livez, port: http}";
    for (from, to, want) in [
        (
            POD,
            "      restartPolicy: Always OnFailure\n      containers:",
            "restartPolicy: got \"Always OnFailure\", expected Always or OnFailure or Never",
        ),
        (
            PROBE,
            "periodSeconds: -1",
            "livenessProbe.periodSeconds: got -1, expected a whole number from 0 to 2147483647",
        ),
        (PROBE, "periodSeconds: 1.5", "periodSeconds: got 1.5, expected a whole number"),
        (PROBE, "periodSeconds: \"5\"", "periodSeconds: got \"5\", expected a whole number"),
        (PROBE, "periodSeconds: 3000000000", "got 3000000000, expected a whole number from 0 to 2147483647"),
        (PROBE, "terminationGracePeriodSeconds: 0", "got 0, expected a whole number from 1 to"),
        (PROBE, "tcpSocket: {port: 80}", "livenessProbe: got httpGet and tcpSocket, expected one handler"),
        (GET, "failureThreshold: 1", "livenessProbe: got no handler, expected one of httpGet, tcpSocket, exec, grpc"),
        (GET, "sleep: {seconds: 1}", "livenessProbe: got no handler"),
        (GET, "httpGet: {path: /}", "livenessProbe.httpGet: got no port, expected one"),
        (GET, "httpGet: {port: 0}", "httpGet.port: got 0, expected a whole number from 1 to 65535"),
        (GET, "httpGet: {port: 70000}", "httpGet.port: got 70000, expected a whole number from 1 to 65535"),
        (GET, "httpGet: {port: \"80\"}", "httpGet.port: got \"80\", expected a port's number without quotes"),
        (
            GET,
            "httpGet: {port: HTTP}",
            "httpGet.port: got \"HTTP\", expected a port's number without quotes, or a name of at most 15",
        ),
        (GET, "httpGet: {port: 80, scheme: https}", "scheme: got \"https\", expected HTTP or HTTPS"),
        (GET, "httpGet: 80", "livenessProbe.httpGet: got 80, expected a mapping"),
        (GET, "exec: {command: []}", "exec: got no command, expected one"),
        (GET, "exec: {command: ls}", "exec.command: got \"ls\", expected a list"),
        (GET, "exec: {command: [sleep, 5]}", "exec.command[1]: got 5, expected text: put it in quotes"),
        (GET, "grpc: {port: http}", "grpc.port: got \"http\", expected a whole number"),
        (
            "livenessProbe:",
            "readinessProbe:\n          terminationGracePeriodSeconds: 5",
            "expected none: a readiness probe",
        ),
        (IMAGE, "image: \"\"", "containers[0].image: got \"\", expected a text that is not empty"),
        (IMAGE, "args: [a]", "containers[0]: got no image, expected one"),
        (IMAGE, "image: 1.5", "containers[0].image: got 1.5, expected text: put it in quotes"),
        (
            IMAGE,
            "image: a\n        env: [{name: A, value: 8080}]",
            "env[0].value: got 8080, expected text: put it in quotes",
        ),
        (
            IMAGE,
            "image: a\n        env: [{name: A, value: yes}]",
            "env[0].value: got true, expected text: put it in quotes",
        ),
        (IMAGE, "image: a\n        env: [{value: b}]", "env[0]: got no name, expected one"),
        (
            IMAGE,
            "image: a\n        env: [{name: A, value: b, valueFrom: {fieldRef: {}}}]",
            "got valueFrom beside a value",
        ),
        (IMAGE, "image: a\n        env: [{name: A, valueFrom: {}}]", "expected one of fieldRef"),
        (IMAGE, "image: a\n        resources: {limits: {memory: 64MB}}", "memory: got \"64MB\", expected a quantity"),
        (
            IMAGE,
            "image: a\n        resources: {limits: {memory: 1}, requests: {memory: 2}}",
            "at most the memory limit",
        ),
        (
            IMAGE,
            "image: a\n        lifecycle: {preStop: {sleep: {seconds: 31}}}",
            "got 31, expected 0 to terminationGrace",
        ),
        (IMAGE, "image: a\n        lifecycle: {preStop: {grpc: {port: 1}}}", "preStop: got no handler"),
        ("containerPort: 8080", "containerPort: 0", "ports[0].containerPort: got 0, expected a whole number from 1 to"),
        (
            "containerPort: 8080}",
            "containerPort: 1}, {name: http, containerPort: 2}",
            "ports[1].name: got \"http\", expected",
        ),
        ("containerPort: 8080", "containerPort: 8080, protocol: tcp", "got \"tcp\", expected TCP or UDP or SCTP"),
        ("name: app", "name: App", "containers[0].name: got \"App\", expected a name of at most 63"),
        ("name: app", "name: a-", "got \"a-\", expected a name of at most 63"),
        (POD, "      restartPolicy: Never\n      containers:", "spec.restartPolicy: got \"Never\", expected Always"),
        (
            POD,
            "      restartPolicy: Sometimes\n      containers:",
            "got \"Sometimes\", expected Always or OnFailure or Never",
        ),
        (POD, "      activeDeadlineSeconds: 5\n      containers:", "expected none in a pod with a controller"),
        (
            POD,
            "      initContainers: [{name: app, image: a}]\n      containers:",
            "initContainers[0].name: got \"app\"",
        ),
        (
            POD,
            "      initContainers: [{name: i, image: a, lifecycle: {}}]\n      containers:",
            "restartPolicy is Always",
        ),
        (POD, "      containers: []\n      x:", "spec.containers: got a list, expected at least one container"),
        (POD, "      x:", "spec.template.spec: got no containers, expected one"),
        (SPEC, "selector: {matchLabels: {app: shop2}}", "spec.selector: got a selector that does not match"),
        (SPEC, "selector: {matchExpressions: [{key: tier, operator: NotIn, values: [web]}]}", "does not match"),
        (SPEC, "selector: {matchExpressions: [{key: app, operator: In}]}", "expected some for In and NotIn alone"),
        (
            SPEC,
            "selector: {matchExpressions: [{key: app, operator: Is}]}",
            "expected In or NotIn or Exists or DoesNotExist",
        ),
        (SPEC, "selector: {}", "spec.selector: got a selector that does not match the template's labels or is empty"),
        (SPEC, "replicas: 3", "spec: got no selector, expected one"),
        (SPEC, "selector: {matchLabels: {app: shop}}\n  replicas: -1", "spec.replicas: got -1"),
        (
            SPEC,
            "selector: {matchLabels: {app: shop}}\n  minReadySeconds: 600",
            "spec.minReadySeconds: got 600, expected",
        ),
        (
            SPEC,
            "selector: {matchLabels: {app: shop}}\n  strategy: {type: Rolling}",
            "expected RollingUpdate or Recreate",
        ),
        (
            SPEC,
            "selector: {matchLabels: {app: shop}}\n  strategy: {type: Recreate, rollingUpdate: {}}",
            "beside another type",
        ),
        (
            SPEC,
            "selector: {matchLabels: {app: shop}}\n  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}",
            "spec.strategy.rollingUpdate: got 0 for both maxUnavailable and maxSurge",
        ),
        (
            SPEC,
            "selector: {matchLabels: {app: shop}}\n  strategy: {rollingUpdate: {maxUnavailable: 101%}}",
            "maxUnavailable: got \"101%\", expected at most 100%",
        ),
        (
            SPEC,
            "selector: {matchLabels: {app: shop}}\n  strategy: {rollingUpdate: {maxSurge: half}}",
            "maxSurge: got \"half\", expected a whole number or a percentage",
        ),
        (
            POD,
            "      hostNetwork: yes please\n      containers:",
            "hostNetwork: got \"yes please\", expected true or false",
        ),
        (
            "    spec:\n      containers:\n      - name: app\n        image: shop:1\n        ports: [{name: http, ",
            "    spec:\n      hostNetwork: true\n      containers:\n      - name: app\n        image: shop:1\n        ports: [{hostPort: 1, ",
            "ports[0].hostPort: got 1, expected the containerPort",
        ),
        (
            "metadata: {name: shop}",
            "metadata: {name: Shop}",
            "metadata.name: got \"Shop\", expected a name of at most 253",
        ),
        ("metadata: {name: shop}", "metadata: {name: s, namespace: a.b}", "metadata.namespace: got \"a.b\", expected"),
        ("tier: web", "tier: a b", "metadata.labels.tier: got \"a b\", expected at most 63 letters"),
        ("metadata: {name: shop}", "metadata: {}", "metadata: got no name, expected one"),
        (
            "metadata: {labels: {app: shop, tier: web}}",
            "metadata: {labels: {app: shop, tier: 1}}",
            "got 1, expected text",
        ),
        ("kind: Deployment", "kynd: Deployment", "f.yaml:1:1: got no kind, expected one"),
        ("    spec:\n", "    spec:\n\t", "f.yaml:9:1: got a tab, expected spaces"),
    ] {
        let got = fault(from, to);
        assert!(got.starts_with("f.yaml:") && got.contains(want), "{to}: {got}");
    }
}

#[test]
fn what_the_api_server_takes_is_taken() {
    let with = |from: &str, to: &str| one(&SHOP.replacen(from, to, 1)).unwrap_or_else(|fault| panic!("{to}: {fault}"));
    let probe = |to: &str| with("periodSeconds: 5", to).pod.containers[0].probes[1].clone().expect("it has one");
    // 0 and null are as good as nothing; what is whole may be written as a decimal number.
    for to in ["periodSeconds: 0", "periodSeconds: null", "timeoutSeconds: 1.0", "successThreshold: 1e0"] {
        assert_eq!((probe(to).period, probe(to).timeout, probe(to).successes), (10, 1, 1), "{to}");
    }
    for (memory, bytes) in [
        ("64Mi", 64 << 20),
        ("0.5Gi", 512 << 20),
        ("1e3", 1000),
        ("\"1e3\"", 1000),
        ("1E", 1_000_000_000_000_000_000),
        ("128974848", 128_974_848),
        ("129e6", 129_000_000),
        ("1500m", 2),
        ("123Ki", 125_952),
        ("1.1Ki", 1127),
        (".5k", 500),
        ("+1k", 1000),
        ("100Ei", i64::MAX as u64),
    ] {
        // So much may be asked for below it, and no more.
        let resources = |request: u64| {
            format!("image: a\n        resources: {{limits: {{memory: {memory}}}, requests: {{memory: {request}}}}}")
        };
        with("image: shop:1", &resources(bytes));
        if bytes < i64::MAX as u64 {
            let fault = fault("image: shop:1", &resources(bytes + 1));
            assert!(fault.contains("expected at most the memory limit"), "{memory}: {fault}");
        }
    }
    let grace =
        |to: &str| with("      containers:", &format!("      terminationGracePeriodSeconds: {to}\n      containers:"));
    for (to, want) in [("0", 0), ("-5", 1), ("604800", 604_800), ("null", 30)] {
        assert_eq!(grace(to).pod.grace, want, "{to}");
    }
    // A port's name that no port has makes a probe an error each time, which the API server does not see.
    let handler = with("port: http}", "port: web}").pod.containers[0].probes[1].clone().expect("it has one").handler;
    assert_eq!(handler, Handler::Http { path: String::from("/livez"), port: None, is_https: false });
    let selector =
        "selector: {matchExpressions: [{key: app, operator: Exists}, {key: x, operator: NotIn, values: [z]}]}";
    assert_eq!(with("selector: {matchLabels: {app: shop}}", selector).name, "shop");
    let sidecar = "      initContainers: [{name: i, image: a, restartPolicy: Always, startupProbe: {exec: {command: [a]}}}]\n      containers:";
    assert!(with("      containers:", sidecar).pod.containers[0].is_sidecar);
}

#[test]
fn what_stands_beside_a_workload_is_found_in_any_input() {
    let service = |namespace: &str, spec: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {spec}\n")
    };
    let count = |service: &str| {
        let inputs = [("a.yaml", service.as_bytes()), ("b.yaml", SHOP.as_bytes())];
        all(&inputs).unwrap_or_else(|error| panic!("{error}")).workloads[0].services.len()
    };
    assert_eq!(count(&service("default", "{selector: {app: shop}}")), 1);
    assert_eq!(count(&service("default", "{selector: {app: shop, tier: db}}")), 0);
    assert_eq!(count(&service("other", "{selector: {app: shop}}")), 0);
    assert_eq!(count(&service("default", "{selector: {}}")), 0);
    assert_eq!(count(&service("default", "{}")), 0);
    assert_eq!(count(&service("default", "{selector: {app: shop}, type: ExternalName}")), 0);
    let budget = |spec: &str| {
        format!("{SHOP}---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: b}}\nspec: {spec}\n")
    };
    for spec in ["{selector: {}, minAvailable: 1}", "{minAvailable: 1}", "{selector: {matchLabels: {app: x}}}"] {
        assert!(one(&budget(spec)).is_ok(), "{spec}");
    }
    assert!(
        one(&budget("{selector: {}, minAvailable: 1, maxUnavailable: 1}"))
            .expect_err("both")
            .contains("expected one of them")
    );
}

#[test]
fn what_is_passed_over_or_odd_is_said() {
    let odd = SHOP.replace("livenessProbe", "livenesProbe").replace("kind: Deployment", "kind: Deployment\nx: 1");
    let read = all(&[("f.yaml", odd.as_bytes())]).expect("it is read");
    assert_eq!(
        read.notes,
        [
            "Deployment/shop, line 3: Kubernetes has no field x",
            "Deployment/shop, line 15: Kubernetes has no field spec.template.spec.containers[0].livenesProbe"
        ]
    );
    // What a cluster of 1.34 drops without a word.
    let own = "image: a\n        restartPolicy: Always\n        lifecycle: {stopSignal: SIGUSR1}";
    let inits = "      initContainers: [{name: i, image: a, restartPolicy: Never}, {name: j, image: a, restartPolicy: Always}]\n      containers:";
    let dropped = SHOP.replace("image: shop:1", own).replace("      containers:", inits);
    let read = all(&[("f.yaml", dropped.as_bytes())]).expect("it is read");
    for path in ["containers[0].restartPolicy", "containers[0].lifecycle.stopSignal", "initContainers[0].restartPolicy"]
    {
        assert!(
            read.notes.iter().any(|note| note.ends_with(&format!("not played: spec.template.spec.{path}"))),
            "{path}"
        );
    }
    assert_eq!(read.notes.len(), 3, "{:?}", read.notes);
    let old = SHOP.replace("apps/v1", "extensions/v1beta1");
    let read = all(&[("f.yaml", old.as_bytes())]).expect("it is read");
    assert_eq!(read.notes, ["Deployment/shop: extensions/v1beta1 is read as apps/v1"]);
    // Another group's kind of that name is something else.
    let other =
        format!("{SHOP}---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: k}}\nspec: 1\n");
    assert_eq!(all(&[("f.yaml", other.as_bytes())]).expect("it is read").passed_over, ["Service/k"]);
}
