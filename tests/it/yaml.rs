//! The reader of YAML: values in every style come back as they were, and PyYAML reads everything as it does.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fastrand::Rng;
use probeserver::forecast::yaml::{Document, Documents, Node, Value, prepare};
use probeserver::text;
use proptest::prelude::*;

use crate::mutate::{corpus, mutated};

/// A value as JSON; a number that is not whole, as it was written, in an object of its own.
fn json(out: &mut String, document: &Document, node: Node) {
    let string = |out: &mut String, value: &str| {
        out.push_str(&text::written(|bytes| text::json_string(bytes, value.as_bytes())));
    };
    let is_empty = document.children(node).next().is_none();
    match document.value(node) {
        Value::Null => out.push_str("null"),
        Value::Boolean(_) | Value::Integer(_) => out.push_str(&document.shown(node)),
        Value::Decimal(number) => {
            write!(out, r#"{{"a decimal":"{}"}}"#, document.text(number)).expect("a string takes it");
        }
        Value::Text(value) => string(out, document.text(value)),
        Value::Sequence => {
            for (at, item) in document.children(node).enumerate() {
                out.push(if at > 0 { ',' } else { '[' });
                json(out, document, item);
            }
            out.push_str(if is_empty { "[]" } else { "]" });
        }
        Value::Mapping => {
            for (at, item) in document.children(node).enumerate() {
                out.push(if at > 0 { ',' } else { '{' });
                string(out, document.key(item));
                out.push(':');
                json(out, document, item);
            }
            out.push_str(if is_empty { "{}" } else { "}" });
        }
    }
}

/// All documents of an input, as a list of JSON.
fn read(input: &[u8]) -> Result<String, String> {
    let prepared = prepare(input).map_err(|fault| format!("{fault:?}"))?;
    let mut documents = Documents::new(&prepared);
    let mut out = String::new();
    while let Some(document) = documents.next_document().map_err(|fault| format!("{fault:?}"))? {
        out.push(if out.is_empty() { '[' } else { ',' });
        json(&mut out, document, Node::ROOT);
    }
    Ok(if out.is_empty() { String::from("[]") } else { out + "]" })
}

/// What is written and read back.
#[derive(Clone, Debug)]
enum Tree {
    Null,
    Boolean(bool),
    Integer(i64),
    Text(String),
    Sequence(Vec<Tree>),
    Mapping(Vec<(String, Tree)>),
}

impl Tree {
    fn json(&self) -> String {
        match self {
            Self::Null => String::from("null"),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Text(value) => text::written(|out| text::json_string(out, value.as_bytes())),
            Self::Sequence(items) => format!("[{}]", items.iter().map(Self::json).collect::<Vec<_>>().join(",")),
            Self::Mapping(entries) => {
                let entry =
                    |(key, value): &(String, Self)| format!("{}:{}", Self::Text(key.clone()).json(), value.json());
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn piece(dice: &mut Rng) -> String {
    const PIECES: [&str; 40] = [
        "a",
        "b c",
        "yes",
        "null",
        "~",
        "",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        ": ",
        ":",
        " #",
        "#",
        "- ",
        "-",
        "? ",
        "|",
        ">",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&x",
        "*x",
        "!t",
        "%",
        "@",
        "`",
        "---",
        "...",
        "é",
        "\u{1f600}",
        "0x1f",
        "1e3",
    ];
    let count = [1, 1, 1, 2, 3, 6][dice.usize(..6)];
    (0..count).map(|_| PIECES[dice.usize(..PIECES.len())]).collect()
}

fn tree(dice: &mut Rng, depth: u32) -> Tree {
    match dice.u32(0..if depth == 0 { 8 } else { 13 }) {
        0 => Tree::Null,
        1 => Tree::Boolean(dice.bool()),
        2 => Tree::Integer(dice.i64(..) >> dice.u32(..64)),
        3..=7 => Tree::Text(piece(dice)),
        8..=9 => Tree::Sequence((0..dice.usize(..4)).map(|_| tree(dice, depth - 1)).collect()),
        _ => {
            let mut entries: Vec<(String, Tree)> = Vec::new();
            for _ in 0..dice.usize(..5) {
                let key = piece(dice);
                if entries.iter().all(|(known, _)| *known != key) {
                    entries.push((key, tree(dice, depth - 1)));
                }
            }
            Tree::Mapping(entries)
        }
    }
}

/// Whether text can stand without quotes: letters, digits and a few signs, and no word that means something else.
fn is_plain(value: &str) -> bool {
    let is_word =
        ["y", "yes", "n", "no", "on", "off", "true", "false", "null"].contains(&value.to_lowercase().as_str());
    value.starts_with(|c: char| c.is_alphabetic())
        && !value.ends_with([' ', ':'])
        && !is_word
        && value.chars().all(|c| c.is_alphanumeric() || " :-/._".contains(c))
        && !value.contains(": ")
        && !value.contains("  ")
}

/// A scalar that fits on any place of a line, in one of the styles that can hold it. `indent`: it may go on on further
/// lines, that far to the right.
fn write_scalar(out: &mut String, value: &str, indent: Option<usize>, dice: &mut Rng) {
    let broken = |value: &str, dice: &mut Rng| -> String {
        let Some(indent) = indent else { return String::from(value) };
        let mut out = String::new();
        let characters: Vec<char> = value.chars().collect();
        for (at, &c) in characters.iter().enumerate() {
            let is_inner = |near: Option<&char>| near.is_some_and(|near| near.is_alphanumeric());
            let is_between = at > 0 && is_inner(characters.get(at - 1)) && is_inner(characters.get(at + 1));
            if c == ' ' && is_between && dice.bool() {
                out.push_str(["", " ", "\t"][dice.usize(..3)]);
                out.push('\n');
                out.push_str(&" ".repeat(indent + dice.usize(..3)));
            } else {
                out.push(c);
            }
        }
        out
    };
    if is_plain(value) && dice.bool() {
        out.push_str(&broken(value, dice));
    } else if !value.contains(['\n', '\t']) && dice.bool() {
        write!(out, "'{}'", broken(&value.replace('\'', "''"), dice)).expect("a string takes it");
    } else if dice.bool() {
        out.push_str(&text::written(|bytes| text::json_string(bytes, value.as_bytes())));
    } else {
        out.push('"');
        let is_broken = !value.contains(['\n', '\t']);
        let shown = if is_broken { broken(value, dice) } else { String::from(value) };
        for c in shown.chars() {
            match c {
                '"' | '\\' => write!(out, "\\{c}"),
                '\n' | '\t' if is_broken => write!(out, "{c}"),
                '\n' => write!(out, "\\n"),
                c if c != ' ' && dice.u32(..10) == 0 => write!(out, "\\U{:08x}", c as u32),
                c => write!(out, "{c}"),
            }
            .expect("a string takes it");
        }
        out.push('"');
    }
}

/// A literal or folded scalar, if the text can be one. `parent`: the column of what it belongs to.
fn write_block_scalar(out: &mut String, value: &str, parent: usize, dice: &mut Rng) -> bool {
    let body = value.trim_end_matches('\n');
    if body.is_empty() || value.contains('\t') {
        return false;
    }
    let is_folded = dice.bool() && value.lines().all(|line| !line.starts_with(' ')) && !value.contains(" \n");
    let (by, has_indent) = (1 + dice.usize(..4), body.starts_with([' ', '\n']) || dice.u32(..5) == 0);
    out.push(if is_folded { '>' } else { '|' });
    if has_indent {
        write!(out, "{by}").expect("a string takes it");
    }
    out.push_str(match value.len() - body.len() {
        0 => "-",
        1 => "",
        _ => "+",
    });
    out.push_str(["\n", " \n", "  # comment\n"][dice.usize(..3)]);
    for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
        let indent = " ".repeat(parent + by);
        if line.is_empty() {
            out.push_str(if is_folded || dice.bool() { "" } else { " " });
        } else {
            write!(out, "{indent}{line}").expect("a string takes it");
        }
        out.push('\n');
        // A break between two lines with text is a space; as many blank lines more as there were breaks.
        if is_folded && !line.is_empty() {
            out.push('\n');
        }
    }
    if is_folded {
        // The breaks behind the last line are not folded.
        out.truncate(out.trim_end_matches('\n').len());
        out.push_str(&"\n".repeat(1 + (value.len() - body.len()).saturating_sub(1)));
    }
    true
}

fn blank(dice: &mut Rng) -> &'static str {
    ["", "", "", " ", "  ", "\t"][dice.usize(..6)]
}

fn write_flow(out: &mut String, tree: &Tree, dice: &mut Rng) {
    let gap = |dice: &mut Rng| ["", " ", "\n ", " # c, ]\n  ", "\t"][dice.usize(..5)];
    match tree {
        Tree::Null => out.push_str(["null", "~", "Null"][dice.usize(..3)]),
        Tree::Boolean(true) => out.push_str(["true", "yes", "ON"][dice.usize(..3)]),
        Tree::Boolean(false) => out.push_str(["false", "No", "n"][dice.usize(..3)]),
        Tree::Integer(number) => write!(out, "{number}").expect("a string takes it"),
        Tree::Text(value) => write_scalar(out, value, Some(1), dice),
        Tree::Sequence(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(gap(dice));
                write_flow(out, item, dice);
                out.push_str(gap(dice));
                out.push_str(if at + 1 < items.len() || dice.bool() { "," } else { "" });
            }
            out.push_str(gap(dice));
            out.push(']');
        }
        Tree::Mapping(entries) => {
            out.push('{');
            for (at, (key, item)) in entries.iter().enumerate() {
                out.push_str(gap(dice));
                write_scalar(out, key, None, dice);
                out.push_str(": ");
                write_flow(out, item, dice);
                out.push_str(gap(dice));
                out.push_str(if at + 1 < entries.len() || dice.bool() { "," } else { "" });
            }
            out.push('}');
        }
    }
}

/// Writes a value behind a key or a dash in column `parent`, and ends the line.
fn write_value(out: &mut String, tree: &Tree, parent: usize, is_item: bool, dice: &mut Rng) {
    if let Tree::Text(value) = tree
        && dice.u32(..3) == 0
    {
        let length = out.len();
        out.push(' ');
        if write_block_scalar(out, value, parent, dice) {
            return;
        }
        out.truncate(length);
    }
    match tree {
        Tree::Sequence(items) if !items.is_empty() && dice.u32(..4) > 0 => {
            let column = if is_item { parent + 1 + dice.usize(..3) } else { parent + dice.usize(..3) };
            if is_item && dice.bool() {
                let gap = 1 + dice.usize(..2);
                out.push_str(&" ".repeat(gap));
                return write_items(out, items, parent + 1 + gap, true, dice);
            }
            out.push_str("\n# c\n");
            write_items(out, items, column, false, dice);
        }
        Tree::Mapping(entries) if !entries.is_empty() && dice.u32(..4) > 0 => {
            if is_item && dice.bool() {
                let gap = 1 + dice.usize(..3);
                out.push_str(&" ".repeat(gap));
                return write_entries(out, entries, parent + 1 + gap, true, dice);
            }
            out.push_str(blank(dice));
            out.push('\n');
            write_entries(out, entries, parent + 1 + dice.usize(..3), false, dice);
        }
        Tree::Text(value) => {
            out.push(' ');
            write_scalar(out, value, Some(parent + 1), dice);
            out.push_str(["", " ", " # c"][dice.usize(..3)]);
            out.push('\n');
        }
        Tree::Null if dice.bool() => out.push('\n'),
        _ => {
            out.push(' ');
            write_flow(out, tree, dice);
            out.push('\n');
        }
    }
}

fn write_items(out: &mut String, items: &[Tree], column: usize, is_begun: bool, dice: &mut Rng) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 || !is_begun {
            out.push_str(["", "# c\n", "#\n\n"][dice.usize(..3)]);
            out.push_str(&" ".repeat(column));
        }
        out.push('-');
        write_value(out, item, column, true, dice);
    }
}

fn write_entries(out: &mut String, entries: &[(String, Tree)], column: usize, is_begun: bool, dice: &mut Rng) {
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 || !is_begun {
            out.push_str(["", "# c\n", "# c\n\n"][dice.usize(..3)]);
            out.push_str(&" ".repeat(column));
        }
        write_scalar(out, key, None, dice);
        out.push(':');
        write_value(out, value, column, false, dice);
    }
}

/// A document in a random style, and what it means.
fn document(dice: &mut Rng) -> (String, Tree) {
    let entries = match tree(dice, 4) {
        Tree::Mapping(entries) if !entries.is_empty() => entries,
        other => vec![(String::from("k"), other)],
    };
    let mut out = String::from(["", "---\n", "# c\n\n"][dice.usize(..3)]);
    write_entries(&mut out, &entries, 0, false, dice);
    (out, Tree::Mapping(entries))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn values_come_back_from_every_style(seed: u64) {
        let (text, tree) = document(&mut Rng::with_seed(seed));
        prop_assert_eq!(read(text.as_bytes()), Ok(format!("[{}]", tree.json())), "{}", text);
        let crlf = text.replace('\n', "\r\n");
        prop_assert_eq!(read(crlf.as_bytes()), read(text.as_bytes()), "with CRLF: {}", text);
    }
}

/// A Python that has PyYAML: that of scripts/setup, or the machine's.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("PROBESERVER_VENV").map_or_else(|| root.join("target/venv"), PathBuf::from);
    [venv.join("bin/python"), PathBuf::from("python3")].into_iter().find(|python| {
        let has = Command::new(python).args(["-c", "import yaml"]).stderr(Stdio::null()).status();
        has.is_ok_and(|status| status.success())
    })
}

/// Every YAML and JSON file under a folder of the repository.
fn files(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn pyyaml_reads_the_same() {
    let Some(python) = python() else {
        // The log of the tests shows it where they fail; scripts/setup installs PyYAML for scripts/test.
        #[allow(clippy::print_stdout, reason = "seen with --nocapture")]
        {
            println!("skipped: no Python with PyYAML (scripts/setup test)");
        }
        return;
    };
    let mut cases = String::new();
    let mut add = |name: &str, text: &[u8], is_strict: bool| {
        // JSON's text has to be text; a byte order mark is PyYAML's own affair.
        let Ok(shown) = std::str::from_utf8(text) else { return };
        let string = |value: &str| text::written(|out| text::json_string(out, value.as_bytes()));
        let (field, value) = match read(text) {
            Ok(documents) => ("documents", documents),
            Err(fault) => ("fault", string(&fault)),
        };
        let (name, shown) = (string(name), string(shown.trim_start_matches('\u{feff}')));
        writeln!(cases, r#"{{"name":{name},"strict":{is_strict},"text":{shown},"{field}":{value}}}"#)
            .expect("a string takes it");
    };
    let files: Vec<PathBuf> = ["k8s", "tests/manifests"].into_iter().flat_map(files).collect();
    assert!(files.len() > 100, "{} files", files.len());
    for path in &files {
        add(&path.to_string_lossy(), &std::fs::read(path).expect("a file can be read"), true);
    }
    let mut dice = Rng::with_seed(1);
    for at in 0..300 {
        let text = document(&mut dice).0;
        // PyYAML alone does not take a tab for a blank.
        add(&format!("document {at}"), text.as_bytes(), !text.contains('\t'));
    }
    // Of what is damaged, only that counts which both read.
    let pool: Vec<Vec<u8>> = corpus("manifest").into_iter().map(|(_, input)| input).collect();
    for at in 0..1000 {
        add(&format!("mutation {at}"), &mutated(&mut dice, &pool), false);
    }
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yaml-oracle");
    let mut child = Command::new(python)
        .arg(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python was there a moment ago");
    // It reads everything before it says anything of note.
    let sent = child.stdin.take().expect("it is piped").write_all(cases.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(sent.is_ok() && output.status.success(), "{sent:?} {}", &said[..said.len().min(5000)]);
}
