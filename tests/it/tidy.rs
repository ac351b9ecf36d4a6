//! The invariants of the source, and what the README and the reference say of it.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use probeserver::config::variables;
use probeserver::routes::Route;

use crate::harness::Server;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The layers, lowest first, as lib.rs lists them; those on one line do not import each other.
fn layers() -> Vec<Vec<String>> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let lines = lib.lines().filter(|line| line.starts_with("//! - ["));
    let names = |line: &str| line.split("[`").skip(1).map(|part| part.split('`').next().unwrap().to_owned()).collect();
    lines.map(names).collect()
}

fn rank(layers: &[Vec<String>], name: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.iter().any(|known| known == name))
}

/// Every source file with its code outside comments and tests.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.push((path.strip_prefix(root()).unwrap().to_owned(), code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
}

/// The first names behind every `crate::`, groups in braces included.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let end = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        match rest.strip_prefix('{') {
            None => found.push(rest[..end(rest)].to_owned()),
            Some(group) => {
                let (mut depth, mut at_name) = (0, true);
                for (at, character) in group.char_indices() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => at_name = true,
                        _ if at_name && !character.is_whitespace() => {
                            found.push(group[at..at + end(&group[at..])].to_owned());
                            at_name = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

#[test]
fn imports_are_found() {
    let code =
        "use crate::{sys, text};\nuse crate::http::{self, MAX};\nlet x = crate::a::b(); use crate::{a::{b, c}, d};";
    assert_eq!(imports(code), ["sys", "text", "http", "a", "a", "d"]);
}

#[test]
fn layers_do_not_import_upwards() {
    let layers = layers();
    assert!(layers.len() >= 9, "{layers:?}");
    for (path, code) in sources() {
        let own = path.components().nth(1).unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if own == "lib" || own == "main" {
            continue;
        }
        let here = rank(&layers, &own).unwrap_or_else(|| panic!("{own} is not in the map of lib.rs"));
        for import in imports(&code) {
            let there =
                rank(&layers, &import).unwrap_or_else(|| panic!("{}: {import} is not in the map", path.display()));
            let is_below = there < here || import == own;
            assert!(is_below || layers[here].contains(&import), "{}: {import} is above {own}", path.display());
        }
    }
}

#[test]
fn the_dangerous_stands_in_its_one_place() {
    for (path, code) in sources() {
        let path = path.to_str().unwrap();
        let is = |allowed: &[&str]| allowed.iter().any(|place| path.starts_with(place));
        for (word, allowed) in [
            ("unsafe", &["src/sys/"][..]),
            ("libc::", &["src/sys/"]),
            ("std::env", &["src/main.rs"]),
            ("exit_now(", &["src/sys/", "src/process/ending.rs", "src/main.rs"]),
            ("process::exit", &[]),
            ("thread::sleep", &["src/commands.rs", "src/sync.rs"]),
            (".unwrap()", &[]),
            ("todo!", &[]),
            ("unimplemented!", &[]),
            ("dbg!", &[]),
            ("println!", &[]),
        ] {
            assert!(!code.contains(word) || is(allowed), "{path}: {word}");
        }
    }
}

#[test]
fn files_and_functions_stay_small() {
    for (path, code) in sources() {
        assert!(code.lines().count() <= 400, "{}: {} lines", path.display(), code.lines().count());
        let mut start = None;
        for (number, line) in code.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_function =
                line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(super) ").starts_with("fn ");
            if is_function && start.is_none() {
                start = Some((number, indent));
            }
            if let Some((from, depth)) = start
                && line.trim_end() == format!("{}}}", " ".repeat(depth))
            {
                let name = code.lines().nth(from).unwrap();
                // The configuration is one literal of all its fields.
                assert!(number - from <= 90, "{}: {} lines: {name}", path.display(), number - from);
                start = None;
            }
        }
    }
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

fn reference() -> String {
    fs::read_to_string(root().join("docs/reference.md")).unwrap()
}

/// The rows of the reference's table below a heading, as cells.
fn table(heading: &str) -> Vec<Vec<String>> {
    let reference = reference();
    let below = reference.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = below.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn the_readme_is_short_and_whole() {
    assert!(readme().lines().count() <= 130, "{} lines", readme().lines().count());
    assert!(readme().contains("scripts/test"));
}

/// As GitHub makes them: lower case, blanks to dashes, and no other sign.
fn anchors(document: &str) -> Vec<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let anchor =
        |line: &str| line.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>();
    headings.map(|line| anchor(line).replace(' ', "-")).collect()
}

#[test]
fn links_of_documents_lead_somewhere() {
    let listed = std::process::Command::new("git").args(["ls-files", "*.md"]).current_dir(root()).output().unwrap();
    let mut links = 0;
    for name in String::from_utf8(listed.stdout).unwrap().lines() {
        let document = fs::read_to_string(root().join(name)).unwrap();
        for link in document.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { root().join(name) } else { root().join(name).with_file_name(path) };
            assert!(target.exists(), "{name}: {link} leads nowhere");
            if !anchor.is_empty() {
                let known = anchors(&fs::read_to_string(&target).unwrap());
                assert!(known.iter().any(|heading| heading == anchor), "{name}: {link}: no such heading of {known:?}");
            }
            links += 1;
        }
    }
    assert!(links > 20, "{links} links were looked at");
}

#[test]
fn the_reference_has_every_variable() {
    let rows: Vec<Vec<String>> = table("Variables");
    let want = variables().map(|variable| {
        let default = if variable.default.is_empty() { String::new() } else { format!("`{}`", variable.default) };
        vec![format!("`{}`", variable.name), default, variable.meaning.to_owned()]
    });
    let plain = |rows: Vec<Vec<String>>| {
        rows.into_iter()
            .map(|row| row.into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(plain(rows), plain(want.collect()));
}

#[test]
fn the_reference_names_every_route_and_no_other() {
    let cells = table("Routes").concat().join(" ");
    let named: BTreeSet<&str> = cells.split('`').filter(|part| part.starts_with('/')).collect();
    for path in &named {
        let path = path.split('?').next().unwrap();
        let is_called = Route::all().any(|route| route.name() == path); // Over gRPC.
        assert!(is_called || Route::find(path.as_bytes()) != Route::OTHER, "{path}");
    }
    // And all that are there: each row of the table in the code, by the name that metrics use.
    for route in Route::all().filter(|route| route.name().starts_with('/')) {
        assert!(named.contains(route.name()), "{} is not in docs/reference.md", route.name());
    }
}

/// The names in backquotes of a text.
fn named(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_reference_says_what_app_and_prefixes_leave_alone() {
    let rows = table("Faults");
    let row = rows.iter().find(|row| row[0] == "`app`").expect("a row for app");
    let spared = Route::all().map(Route::name).filter(|name| probeserver::faults::is_protected(name.as_bytes()));
    let others = spared.filter(|name| Route::find(name.as_bytes()).check().is_none() && !name.starts_with("/faults/"));
    assert_eq!(named(&row[1]), others.collect(), "{row:?}");
    assert!(row[1].contains("`/faults` and below") && row[1].contains("checks"), "{row:?}");
}

#[test]
fn the_docs_name_the_services_of_grpc_and_what_keeps_a_thread() {
    let reference = reference();
    let services = reference.split("Services are the checks:").nth(1).and_then(|rest| rest.split("any other").next());
    let services = named(services.expect("a list of services"));
    assert!(services.contains("grpc.health.v1.Health") && services.len() == 8, "{services:?}");
    for service in services {
        assert!(probeserver::grpc::check_of(service.trim_matches('"').as_bytes()).is_some(), "{service}");
    }
    let how = fs::read_to_string(root().join("docs/how-it-works.md")).unwrap();
    let slow = how.split("has not come yet. That, ").nth(1).and_then(|rest| rest.split(" need leave").next());
    assert_eq!(
        named(slow.expect("a list")),
        Route::all().filter(|route| route.row().is_slow).map(Route::name).collect()
    );
}

/// The plans that the README and the reference show are plans, and a server runs each of them.
#[test]
fn the_docs_show_plans_that_run() {
    let docs = readme() + &reference();
    let plans: Vec<&str> = docs.split("FAULTS=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(plans.len() >= 14, "{plans:?}");
    for plan in plans {
        let rules = probeserver::faults::plan::parse(plan.as_bytes()).unwrap_or_else(|error| panic!("{plan}: {error}"));
        // With this seed no chance of theirs hits at the start.
        let server = Server::start(&[("FAULTS", plan), ("SEED", "2")]);
        let list = server.get("/faults").text();
        assert_eq!(list.lines().count(), rules.len(), "{plan}: {list}");
        for rule in rules {
            assert!(list.contains(&rule.spelled()), "{plan}: {list}");
        }
    }
}
