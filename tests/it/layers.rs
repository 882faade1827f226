//! Checks what manifests cannot say about imports between modules: no cycles between sibling modules below `ROOTS`, and
//! the order of the modules of the server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The modules of the server. Each may import those after it, and the first also what the crate exports.
const SERVER: &[&str] =
    &["staged", "router", "routes", "peers", "transport", "handlers", "ws", "access", "state", "lobby"];

/// Folders in which sibling modules must not import each other in a cycle.
const ROOTS: &[&str] = &[
    "src",
    "benches/fanout",
    "crates/cases/src",
    "crates/cluster/src",
    "crates/core/src",
    "crates/engine/src",
    "crates/feed/src",
    "crates/io/src",
    "crates/mock/src",
    "crates/server/src",
    "crates/testing/src",
    "crates/tools/src",
    "packages/node/src",
    "xtask/src",
];

/// Path of a module from the root of its crate.
type Module = Vec<String>;

/// Returns every module below a folder with its imports, whether by `use` or by path.
fn imports(folder: &str) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut texts = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut Vec::new(), &mut texts);
    let modules: BTreeSet<Module> = texts.keys().cloned().collect();
    let of = |(module, text): (&Module, &String)| {
        let named = paths(text).into_iter().filter_map(|path| resolve(module, &path, &modules));
        (module.clone(), named.filter(|named| named != module).collect())
    };
    texts.iter().map(of).collect()
}

fn read(folder: &Path, module: &mut Module, texts: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        module.push(name.clone());
        if path.is_dir() && name != "tests" {
            read(&path, module, texts);
        } else if path.extension().is_some_and(|ending| ending == "rs") && name != "tests" && name != "lib" {
            let of = if name == "mod" { &module[..module.len() - 1] } else { &module[..] };
            texts.insert(of.to_vec(), code(&fs::read_to_string(&path).unwrap()));
        }
        module.pop();
    }
}

/// Removes comments, tests and generated code.
fn code(text: &str) -> String {
    if text.starts_with("// @generated") {
        return String::new();
    }
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the paths in a text: those in `use` declarations, and others that start with `crate` or `super`.
fn paths(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = text.split(move |c| !is_word(c)).filter(|word| !word.ends_with(':'));
    let inline = words.filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    let mut paths: Vec<String> = inline.map(str::to_owned).collect();
    for (at, found) in text.match_indices("use ") {
        let before = text[..at].rsplit('\n').next().unwrap().trim();
        if before.is_empty() || before.starts_with("pub") {
            flatten("", text[at + found.len()..].split(';').next().unwrap(), &mut paths);
        }
    }
    paths
}

/// Expands `a::{b, c::{d, e}}` to single paths.
fn flatten(before: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split_whitespace().next().unwrap_or_default();
        paths.push(format!("{before}{path}"));
        return;
    };
    let (before, mut depth, mut start) = (format!("{before}{}", head.trim()), 0, 0);
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    flatten(&before, &inner[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Resolves a path to a module, from the perspective of another module.
fn resolve(from: &Module, path: &str, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut names = path.split("::").peekable();
    let mut module = match *names.peek()? {
        "crate" => Vec::new(),
        "self" | "super" => from.clone(),
        // A child module, or else another crate.
        child => {
            let child = [&from[..], &[child.to_owned()]].concat();
            return modules.contains(&child).then_some(child);
        }
    };
    for name in names {
        match name {
            "crate" | "self" | "*" => {}
            "super" => _ = module.pop(),
            name => {
                module.push(name.to_owned());
                // A name in `lib.rs` counts as a module, because it may be re-exported from one.
                if module.len() > 1 && !modules.contains(&module) {
                    module.pop();
                    break;
                }
            }
        }
    }
    (!module.is_empty()).then_some(module)
}

#[test]
fn the_modules_of_the_server_have_an_order() {
    let place = |name: &str| SERVER.iter().position(|module| *module == name);
    for (module, imported) in imports("crates/server/src") {
        let from = place(&module[0]).unwrap_or_else(|| panic!("{} has no place in the order", module[0]));
        for other in &imported {
            let is_below = place(&other[0]).map_or(from == 0, |to| to >= from);
            assert!(is_below, "{} may not import {}", module.join("::"), other.join("::"));
        }
    }
}

#[test]
fn sibling_modules_form_no_import_cycles() {
    let mut found = Vec::new();
    for root in ROOTS {
        let imports = imports(root);
        let folders: BTreeSet<&[String]> =
            imports.keys().filter_map(|module| module.split_last()).map(|it| it.1).collect();
        for folder in folders {
            found.extend(
                cycles(folder, &imports)
                    .iter()
                    .map(|cycle| format!("{root}/{}: {}", folder.join("/"), cycle.join(", "))),
            );
        }
    }
    assert!(found.is_empty(), "import each other, over each other's neighbours too:\n{}", found.join("\n"));
}

/// Returns the children of a folder that import themselves indirectly.
fn cycles<'a>(folder: &[String], imports: &'a BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Vec<&'a str>> {
    let depth = folder.len();
    let child = |module: &'a Module| {
        (module.len() > depth && module.starts_with(folder)).then(|| module[depth].as_str())
    };
    let mut edges = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (module, imported) in imports {
        let Some(from) = child(module) else { continue };
        edges.entry(from).or_default().extend(imported.iter().filter_map(child).filter(|to| *to != from));
    }
    let all: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|name| (*name, reached(name, &edges))).collect();
    let cycle = |(name, reached): (&&'a str, &BTreeSet<&'a str>)| {
        reached.contains(name).then(|| {
            let back = reached.iter().filter(|other| all.get(*other).is_some_and(|it| it.contains(name)));
            back.copied().collect::<Vec<_>>()
        })
    };
    all.iter().filter_map(cycle).collect()
}

/// Returns everything reachable from a name.
fn reached<'a>(from: &str, edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(name) = next.pop() {
        if seen.insert(name) {
            next.extend(edges.get(name).into_iter().flatten().copied());
        }
    }
    seen
}

#[test]
fn imports_are_found_in_lists_and_in_code() {
    let text = "use crate::{a::{b, c as d}, e};\npub use f::g;\nlet x = super::h::i(crate::j);";
    let mut found = paths(text);
    found.sort();
    assert_eq!(found, ["crate::a::b", "crate::a::c", "crate::e", "crate::j", "f::g", "super::h::i"]);
}
