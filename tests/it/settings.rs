//! Settings: flags override the environment, which overrides the file, which overrides defaults.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use livetape::settings::{self, Form, KEYS, Key, Origin, Resolved, Settings, Sources};
use livetape_core::pace::Speed;
use livetape_engine::source::live;

fn key(path: &str) -> &'static Key {
    KEYS.iter().find(|key| key.path() == path).unwrap_or_else(|| panic!("no key {path}"))
}

fn resolve(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Resolved, Vec<String>> {
    let flags: Vec<_> = flags.iter().map(|(path, text)| (key(path), (*text).into())).collect();
    let sources = Sources {
        file: Some((Path::new("etc/livetape.toml"), file)),
        env: &|name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()),
        flags: &flags,
    };
    settings::resolve(&sources).map_err(|problems| {
        let line = |problem: &livetape_core::error::Problem| {
            format!("{} {problem} | {}", problem.code, problem.hint)
        };
        problems.iter().map(line).collect()
    })
}

#[test]
fn flags_override_environment_file_and_defaults_in_this_order() {
    let file = "[server]\nport = 1\nseed = 1\n[replay]\nspeed = 2\nstart = \"1m30s\"\n";
    let env = [
        ("LIVETAPE_PORT", "2"),
        ("LIVETAPE_SPEED", "max"),
        ("LIVETAPE_END", ""),
        ("LIVETAPE_MOCK_SEED", "4"),
    ];
    let resolved = resolve(file, &env, &[("server.port", "3")]).unwrap();
    let Settings { server, replay, .. } = &resolved.settings;
    assert_eq!((server.port, server.seed, server.quiet), (Some(3), Some(1), false));
    assert_eq!((replay.speed, replay.start, replay.end), (Speed::Max, Duration::from_secs(90), None));
    let origins = ["server.port", "server.seed", "replay.speed", "replay.end", "mock.seed"]
        .map(|path| resolved.origin(key(path)));
    assert_eq!(origins, [Origin::Flag, Origin::File, Origin::Env, Origin::Default, Origin::Env]);
    assert_eq!(server.address().to_string(), "127.0.0.1:3");
}

#[test]
fn the_mock_has_its_own_environment_variables() {
    let mock: Vec<_> = KEYS.iter().filter(|key| key.section == "mock").collect();
    assert!(mock.iter().all(|key| key.env.starts_with("LIVETAPE_MOCK_")), "{mock:?}");
    let env = [("LIVETAPE_PORT", "2"), ("LIVETAPE_SPEED", "max"), ("LIVETAPE_SEED", "3")];
    assert_eq!(resolve("", &env, &[]).unwrap().settings.mock, Settings::default().mock);
}

#[test]
fn paths_are_relative_to_the_folder_of_the_file_but_recordings_may_be_names() {
    let file = "[log]\nfile = \"x.log\"\n[mock]\nplay = \"raid\"\n[live]\nrecord = \"/tmp/x.bin\"\nsession_cookie = \"c.txt\"";
    let settings = resolve(file, &[("LIVETAPE_MOCK_SCENARIO", "s.toml")], &[]).unwrap().settings;
    assert_eq!(settings.log.file.as_deref(), Some(Path::new("etc/x.log")));
    assert_eq!(settings.mock.play.as_deref(), Some("raid"));
    assert_eq!(settings.mock.scenario.as_deref(), Some(Path::new("s.toml")));
    assert_eq!(settings.live.session_cookie.unwrap().path(), Some(Path::new("etc/c.txt")));
    let text = resolve("[live]\nsession_cookie = \"sessionid=a/b\"", &[], &[]).unwrap().settings;
    assert_eq!(text.live.session_cookie.unwrap().path(), None);
    let told =
        resolve("[live]\nsession_cookie = \"hunter2\"", &[("LIVETAPE_SESSION_COOKIE", "hunter2")], &[]);
    let told = told.unwrap_err();
    assert!(
        told.len() == 2 && told.iter().all(|line| line.contains("nor a file") && !line.contains("hunter2")),
        "{told:?}"
    );
    for value in ["hunter2.a", "/hunter2", "./hunter2"] {
        let resolved = resolve("", &[("LIVETAPE_SESSION_COOKIE", value)], &[]).unwrap();
        assert!(!format!("{resolved:?}{}", settings::show(&resolved)).contains("hunter2"), "{resolved:?}");
    }
    assert_eq!(settings.live.record.as_deref(), Some(Path::new("/tmp/x.bin")));
}

#[test]
fn tikfinity_is_a_switch_or_an_address() {
    for (value, shown) in [
        ("true", "\"127.0.0.1:21213\""),
        ("21214", "\"127.0.0.1:21214\""),
        ("\"0.0.0.0:21213\"", "\"0.0.0.0:21213\""),
        ("false", "false"),
    ] {
        let resolved = resolve(&format!("[server]\ntikfinity = {value}"), &[], &[]).unwrap();
        assert!(settings::show(&resolved).contains(&format!("\ntikfinity = {shown} ")), "{value}");
    }
    let told = resolve("", &[("LIVETAPE_TIKFINITY", "1")], &[("server.tikfinity", "nowhere")]).unwrap_err();
    assert!(told[0].contains("write true, false or 127.0.0.1:1"), "{told:?}");
    assert!(told[1].contains("--tikfinity: `nowhere` is not an address"), "{told:?}");
}

#[test]
fn tokens_are_tables() {
    let file = "[[tokens]]\ntoken = \"overlay-1\"\nname = \"overlay\"\nuser = \"ann\"\nrecording = \"demo\"\n\
                [[tokens]]\ntoken = \"bot\"\nname = \"bot\"\n";
    let tokens = resolve(file, &[], &[]).unwrap().settings.tokens;
    assert_eq!(tokens.len(), 2);
    assert_eq!((tokens[0].name.as_str(), tokens[0].user.as_deref()), ("overlay", Some("ann")));
    assert_eq!((tokens[0].recording.as_deref(), tokens[1].user.as_deref()), (Some("demo"), None));
    assert_eq!(tokens[1].token, "bot".to_owned().into());
}

#[test]
fn every_error_is_reported_with_its_line_and_the_nearest_key() {
    let file = r#"port = 3000
[serer]
port = 1
[server]
prot = 3000
port = "3000"
quiet = 1
listen = "nowhere"
hosts = "tape.example"
origins = ["a", 1]
token_file = ""
[limits]
backlog_events = -1
shutdown_time = "soon"
xyz = 1
[log]
level = "loud"
[live]
upstream = "http://ann:hunter2@["
ways = ["sing"]
[replay]
loop = 1.5
speed = 5000
[[tokens]]
token = "a/b"
name = "x"
[[tokens]]
tokn = "secret"
name = 1
[[tokens]]
token = "test"
name = "y"
[[tokens]]
token = "same"
name = "z"
[[tokens]]
token = "same"
name = "zz"
"#;
    let mut told =
        resolve(file, &[("LIVETAPE_PORT", "x"), ("LIVETAPE_PROXY", "hunter2")], &[("replay.speed", "y")])
            .unwrap_err();
    assert!(told.iter().all(|line| !line.contains("hunter2")), "{told:?}");
    told.push(resolve("[server]\nport = \n", &[], &[]).unwrap_err().remove(0));
    told.push(resolve("server = 1", &[], &[]).unwrap_err().remove(0));
    told.push(resolve("tokens = 1", &[], &[]).unwrap_err().remove(0));
    told.push(resolve("[server]\nport = 1\nport = 2", &[], &[]).unwrap_err().remove(0));
    told.push(resolve("[cluster]\nnats = nats://a:4222", &[], &[]).unwrap_err().remove(0));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_gone_names_what_replaces_it() {
    for (file, place, name) in [
        ("[limits]\nsubscribers = 5", 2, "limits.subscribers"),
        ("[live]\nsign_form = \"connect\"", 2, "live.sign_form"),
        ("[tikfinity]\nenabled = true", 2, "tikfinity.enabled"),
        ("[tikfinity]\nother = true", 1, "[tikfinity]"),
        ("[watch]\n\nurl = \"ws://h/\"", 3, "watch.url"),
    ] {
        let told = resolve(file, &[], &[]).unwrap_err();
        let instead = settings::instead_of(name).unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        let parts = [format!("etc/livetape.toml:{place}: "), format!(" is gone | {instead}")];
        assert!(parts.iter().all(|part| told[0].contains(part)), "{told:?}");
    }
}

#[test]
fn what_requests_contain_can_be_changed() {
    let file = "[live]\nstay = true\n[live.request]\nuser_agent = \"Mozilla/5.0 (Macintosh) Chrome/150\"\n\
                hosts.socket = \"webcast-ws.us.tiktok.com\"\n[live.request.socket]\nversion_code = 290000\n\
                ws_direct = \"\"\nmsToken = \"hunter2\"\n";
    let env = [("LIVETAPE_REQUEST_LOOKUP", "region=DE&tz=Europe%2FBerlin")];
    let resolved = resolve(file, &env, &[]).unwrap();
    let live::Pairs(socket) = &resolved.settings.request.socket;
    assert!(socket.contains(&("version_code".to_owned(), "290000".to_owned())), "{socket:?}");
    let live::Pairs(lookup) = &resolved.settings.request.lookup;
    assert_eq!(lookup[1], ("tz".to_owned(), "Europe/Berlin".to_owned()));
    assert_eq!(resolved.origin(key("live.request.hosts")), Origin::File);
    let shown = settings::show(&resolved);
    assert!(shown.contains("[live.request]\nuser_agent = \"Mozilla/5.0 (Macintosh)"), "{shown}");
    assert!(shown.contains("msToken = \"***\"") && !shown.contains("hunter2"), "{shown}");
    assert!(resolved.settings.request.requests().is_ok());
    let told = ["[live]\nrequest = 1", "[live.request]\nsocket = 1\nsokcet = 1", "[live.reqest]\nsocket = 1"];
    let told = told.map(|file| resolve(file, &[], &[]).unwrap_err().join("\n"));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn contradictory_settings_are_reported() {
    let told = [
        "[server]\ntls_cert = \"c.pem\"",
        "[server]\nlisten = \"0.0.0.0:3000\"",
        "[server]\nlisten = \"[::]:3000\"",
        "[server]\ntoken = \"short\"",
        "[server]\ntoken = \"0123456789 abcdef\"",
        "[server]\ntoken = \"0123456789abcdef, read:short\"",
        "[server]\nheartbeat = \"99ms\"\n[limits]\nshutdown_time = 0",
        "[limits]\nbacklog_events = 63",
        "[limits]\nbacklog_events = 4194305",
        "[replay]\nstart = 5\nend = 5\nidle_limit = 0",
        "[webhook]\nurl = \"ftp://127.0.0.1/\"\ntypes = [\"gift\", \"gfit\"]",
        "[live.request]\nuser_agent = \"curl\"\nhosts = { sokcet = \"a.example\", www = \"http://x\" }",
        "[live.request.socket]\nroom_id = \"\"\naid = \"\"\nbrowser_version = \"5.0 (X11)\"",
        "[live.request.headers]\nCookie = \"sessionid=hunter2\"",
    ];
    let told: Vec<_> = told.iter().flat_map(|file| resolve(file, &[], &[]).unwrap_err()).collect();
    insta::assert_snapshot!(told.join("\n"));
    for events in [64, 4_194_304] {
        resolve(&format!("[limits]\nbacklog_events = {events}"), &[], &[]).unwrap();
    }
    for allowed in ["token = \"0123456789abcdef, read:0123456789abcdef\"", "token_file = \"t\""] {
        resolve(&format!("[server]\nlisten = \"0.0.0.0:3000\"\n{allowed}"), &[], &[]).unwrap();
    }
}

#[test]
fn secrets_are_not_shown() {
    let env = [
        ("LIVETAPE_TOKEN", "hunter2hunter2hunter2,read:hunter2hunter2hunter3"),
        ("LIVETAPE_SIGN_KEY", "hunter2"),
        ("LIVETAPE_SESSION_COOKIE", "sessionid=hunter2"),
        ("LIVETAPE_PROXY", "socks5://ann:hunter2@127.0.0.1:1080"),
        ("LIVETAPE_SIGN_URL", "http://127.0.0.1/?key=hunter2"),
    ];
    let file = "[[tokens]]\ntoken = \"hunter2\"\nname = \"x\"\nuser = \"ann\"\n";
    let resolved = resolve(file, &env, &[("server.port", "80")]).unwrap();
    let shown = settings::show(&resolved);
    assert!(!format!("{resolved:?}{shown}").contains("hunter2"), "{resolved:?}{shown}");
    insta::assert_snapshot!(shown);
}

/// An address with a password or a token may be a value of any setting by mistake.
#[test]
fn errors_do_not_repeat_secrets() {
    let values = ["http://ann:planted@h/?token=planted", "a,http://h:1/?token=planted", "token=planted"];
    let alone = ["planted", "planted=", "planted==", "Authorization: Basic planted=="];
    for key in KEYS {
        // A browser is an address, which only may have a password by mistake.
        let is_secret = key.is_secret && key.path() != "live.cdp"
            || key.section == "live.request" && key.form == Form::Table;
        for value in values.iter().chain(&alone).filter(|value| is_secret || values.contains(value)) {
            let told = [(&[(key.env, *value)][..], &[][..]), (&[], &[(&*key.path(), *value)])]
                .map(|(env, flags)| resolve("", env, flags).err().unwrap_or_default());
            assert!(!format!("{told:?}").contains("planted"), "{} of {value}: {told:?}", key.path());
        }
    }
}

#[test]
fn shown_settings_can_be_parsed_again() {
    let file = "[log]\nlevel = \"debug\"\n[record]\nmax_size = 65537\n[limits]\nshutdown_time = \"1500ms\"\n[server]\nhosts = [\"a.example\"]\ntikfinity = 21214\n";
    let resolved = resolve(file, &[], &[]).unwrap();
    let again = resolve(&settings::show(&resolved), &[], &[]).unwrap();
    assert_eq!(again.settings, resolved.settings);
}

#[test]
fn names_are_unique() {
    let paths: BTreeSet<_> = KEYS.iter().map(Key::path).collect();
    assert_eq!(paths.len(), KEYS.len());
    let envs: BTreeSet<_> = KEYS.iter().map(|key| key.env).collect();
    assert_eq!(envs.len(), KEYS.len());
    assert!(envs.iter().all(|env| env.starts_with("LIVETAPE_")));
}

/// Compares a generated file with its source; writes it when snapshots are updated.
fn assert_is_made(path: &str, expected: &str) {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&full, expected).unwrap();
    }
    let found = fs::read_to_string(&full).unwrap();
    assert!(found == expected, "{path} is not what the settings are: run the tests with INSTA_UPDATE=always");
}

#[test]
fn the_example_has_every_key_and_can_be_read() {
    assert_is_made("livetape.example.toml", &settings::example());
    let example = settings::example();
    let is_setting = |line: &&str| line.starts_with("# ") && (line.contains(" = ") || line.contains("[["));
    let lines = example.lines().map(|line| if is_setting(&line) { &line[2..] } else { line });
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let resolved = resolve(&text, &[], &[]).unwrap_or_else(|told| panic!("{told:?}"));
    for key in KEYS {
        assert_eq!(resolved.origin(key), Origin::File, "{} is not in the example", key.path());
    }
    assert_eq!(resolved.settings.tokens.len(), 1);
    let untouched = resolve(&example, &[], &[]).unwrap();
    assert_eq!(untouched, Resolved::default());
}

#[test]
fn the_documentation_has_every_key() {
    let path = "docs/configuration.md";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (start, end) = ("<!-- made from the settings -->\n\n", "\n<!-- until here -->");
    let (before, rest) = text.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    assert_is_made(path, &format!("{before}{start}{}{end}{after}", settings::documentation()));
}

/// File names are bytes on Unix.
#[cfg(unix)]
#[test]
fn only_paths_need_not_be_unicode() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

    let odd = OsString::from_vec(b"caf\xe9.bin".to_vec());
    let (mut paths, mut others) = (0, 0);
    for key in KEYS {
        let taken = key.check(&odd).is_ok();
        assert_eq!(taken, key.form == Form::Path, "{}", key.path());
        *if taken { &mut paths } else { &mut others } += 1;
    }
    assert!(paths > 5 && others > 50, "{paths} {others}");
    let env = |name: &str| (name == "LIVETAPE_RECORDINGS").then(|| odd.clone());
    let flags = [(key("live.record"), odd.clone())];
    let settings = settings::resolve(&Sources { file: None, env: &env, flags: &flags }).unwrap().settings;
    assert_eq!(settings.server.recordings.as_deref(), Some(Path::new(&odd)));
    assert_eq!(settings.live.record.as_deref(), Some(Path::new(&odd)));
}

#[test]
fn sizes_have_binary_and_decimal_units() {
    for (text, bytes) in [
        ("100", 100),
        ("100KiB", 102_400),
        ("100KB", 100_000),
        ("2MiB", 2 << 20),
        ("2MB", 2_000_000),
        ("1GiB", 1 << 30),
        ("1GB", 1_000_000_000),
    ] {
        let settings = resolve("", &[], &[("record.max_size", text)]).unwrap().settings;
        assert_eq!(settings.record.max_size.map(|size| size.0), Some(bytes), "{text}");
    }
}
