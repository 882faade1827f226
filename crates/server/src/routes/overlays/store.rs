//! The file of saved overlays, beside the recordings: a JSON object of settings by `KIND/NAME`. The settings are those
//! of a link with settings, as its query.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    nearest,
    recording::is_plain_name,
};
use livetape_io::{
    clock,
    files::{self, Disk as _, Draft, READ_BYTES_MAX},
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::sleep_until,
};
use tracing::warn;
use unicode_normalization::UnicodeNormalization as _;

use crate::routes::{query, recordings::on_thread};

/// Name of the file.
pub(crate) const FILE: &str = "overlays.json";
/// How often another process that saves an overlay is waited for, and for how long each time.
const ATTEMPTS_MAX: u32 = 1000;
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(10);
/// The overlays that livetape has.
pub(crate) const KINDS: [&str; 6] = ["alerts", "battle", "chat", "goal", "leaderboard", "viewers"];
/// Maximum length of a name, in characters: with its kind, the name of a client has to hold it.
pub(crate) const NAME_CHARS_MAX: usize = 40;
/// Maximum length of the settings of an overlay, in bytes.
pub(crate) const SETTINGS_BYTES_MAX: usize = 4 * 1024;
/// Characters of a query, as browsers encode it.
pub(crate) const SETTINGS_PATTERN: &str = "^[0-9A-Za-z%&=+*._~:,;/()-]*$";
/// Maximum number of saved overlays.
const OVERLAYS_MAX: usize = 200;
/// Maximum number of damaged files that are kept.
const DAMAGED_MAX: usize = 9;
/// Options that belong to a link and not to an overlay: where the events come from.
const OF_LINKS: [&str; 3] = ["url", "token", "preview"];

/// Whether a character of a name shows nothing by itself: joiners, marks of emoji, soft hyphens.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Kind and name of an overlay, whether or not it is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OverlayId {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

impl OverlayId {
    /// # Errors
    /// `not_found` for an unknown kind, and `bad_request` for a name that an overlay cannot have.
    pub(crate) fn new(kind: &str, name: &str) -> Result<Self, Problem> {
        let Some(kind) = KINDS.iter().find(|known| **known == kind) else {
            let message = format!("there is no overlay `{}`", kind.escape_debug());
            return Err(Problem::new(Code::NotFound, message).hint(nearest::hint(kind, &KINDS)));
        };
        if !is_plain_name(name) || name.chars().count() > NAME_CHARS_MAX || name.chars().all(is_unseen) {
            let message = format!("`{}` is not a name for an overlay", name.escape_debug());
            let hint = format!(
                "use 1 to {NAME_CHARS_MAX} letters, digits, spaces and marks, but none of /\\:\"%<>|?*"
            );
            return Err(Problem::new(Code::BadRequest, message).hint(hint));
        }
        Ok(Self { kind, name: name.to_owned() })
    }

    /// Parses `KIND/NAME`.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        Self::new(kind, name)
    }

    /// Returns what the names of an overlay have in common, however they are written: people could not tell them apart.
    pub(crate) fn key(&self) -> String {
        let name: String = self.name.nfkc().filter(|c| !is_unseen(*c)).collect();
        let words: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let name: String = words.to_lowercase().nfkc().collect();
        format!("{}/{name}", self.kind)
    }
}

impl fmt::Display for OverlayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A saved overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) id: OverlayId,
    pub(crate) settings: String,
}

/// Checks the settings of an overlay.
///
/// # Errors
/// `bad_request`, or `too_large`.
pub(crate) fn check(settings: &str) -> Result<(), Problem> {
    let bad = |message: String| {
        Problem::new(Code::BadRequest, message)
            .hint("send the query of a link with settings, such as colour=gold&size=30")
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%&=+*._~:,;/()-".contains(&byte);
    if !settings.bytes().all(is_plain) {
        return Err(bad("`settings` is not a query: a character is not percent-encoded".to_owned()));
    }
    if settings.len() > SETTINGS_BYTES_MAX {
        let message = format!("the settings are longer than {SETTINGS_BYTES_MAX} bytes");
        return Err(Problem::new(Code::TooLarge, message).hint("shorten the longest text"));
    }
    let uri = format!("/?{settings}").parse().map_err(|_| bad("`settings` is not a query".to_owned()))?;
    match query::pairs(&uri)?.into_iter().find(|(key, _)| OF_LINKS.contains(&key.as_str())) {
        Some((key, _)) => Err(bad(format!("`{key}` is not a setting of an overlay: it stays in the link"))),
        None => Ok(()),
    }
}

/// The saved overlays by key, or why the file cannot be read.
type Contents = Result<BTreeMap<String, Saved>, String>;

/// The overlays that are saved on this server.
#[derive(Debug)]
pub(crate) struct Overlays {
    path: PathBuf,
    turn: Arc<Mutex<()>>,
}

impl Overlays {
    /// Creates a store in this folder, which need not exist.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), turn: Arc::default() }
    }

    /// Waits until nobody else saves an overlay or is told about one, so that pages learn of changes in their order.
    pub(crate) async fn turn(&self) -> SaveGuard {
        SaveGuard { path: self.path.clone(), _turn: Arc::clone(&self.turn).lock_owned().await }
    }

    /// Returns the saved overlays by kind and name, or why the file cannot be read; and the names of damaged files that
    /// were kept.
    ///
    /// # Errors
    /// `io`.
    pub(crate) async fn list(&self) -> Result<(Result<Vec<Saved>, String>, Vec<String>), Problem> {
        let path = self.path.clone();
        on_thread(move || {
            let saved = load(&path)?.map(|all| all.into_values().collect());
            let kept = damaged_names(&path).filter(|kept| files::System.exists(kept));
            Ok((saved, kept.map(|kept| file_name(&kept)).collect()))
        })
        .await?
    }

    /// Returns a saved overlay.
    ///
    /// # Errors
    /// `overlays_damaged` or `io`.
    pub(crate) async fn find(&self, id: &OverlayId) -> Result<Option<Saved>, Problem> {
        find(self.path.clone(), id).await
    }
}

async fn find(path: PathBuf, id: &OverlayId) -> Result<Option<Saved>, Problem> {
    let key = id.key();
    on_thread(move || Ok(load(&path)?.map_err(|why| damaged(&why))?.remove(&key))).await?
}

/// The right to save overlays and to tell pages about them.
#[derive(Debug)]
pub(crate) struct SaveGuard {
    path: PathBuf,
    _turn: OwnedMutexGuard<()>,
}

impl SaveGuard {
    /// See [`Overlays::find`].
    pub(crate) async fn find(&self, id: &OverlayId) -> Result<Option<Saved>, Problem> {
        find(self.path.clone(), id).await
    }

    /// Saves an overlay in the place of the one with the settings `replaces`, or else under a new name. Returns it,
    /// and whether its name is new.
    ///
    /// # Errors
    /// `overlay_conflict` if something else is saved, `too_large`, or `io`.
    pub(crate) async fn save(
        &self,
        id: OverlayId,
        settings: String,
        replaces: Option<String>,
    ) -> Result<(Saved, bool), Problem> {
        let (path, draft) = (self.path.clone(), draft(&self.path).await?);
        on_thread(move || {
            let loaded = load(&path)?;
            let is_damaged = loaded.is_err();
            let mut all = loaded.unwrap_or_default();
            let known = all.get(&id.key());
            let is_new = known.is_none();
            check_unchanged(&id, known, &settings, replaces.as_deref())?;
            if is_new && all.len() >= OVERLAYS_MAX {
                let message = format!("the maximum number of overlays, {OVERLAYS_MAX}, is saved");
                return Err(Problem::new(Code::TooLarge, message).hint("delete one that you no longer use"));
            }
            // The name stays as it was first written.
            let saved = Saved { id: known.map_or(id, |known| known.id.clone()), settings };
            all.insert(saved.id.key(), saved.clone());
            if is_damaged {
                keep_damaged(&path)?;
            }
            write(draft, &all)?;
            Ok((saved, is_new))
        })
        .await?
    }

    /// Deletes a saved overlay, and returns it if it was saved.
    ///
    /// # Errors
    /// `overlays_damaged` or `io`.
    pub(crate) async fn delete(&self, id: &OverlayId) -> Result<Option<Saved>, Problem> {
        if self.find(id).await?.is_none() {
            return Ok(None);
        }
        let (path, key, draft) = (self.path.clone(), id.key(), draft(&self.path).await?);
        on_thread(move || {
            let mut all = load(&path)?.map_err(|why| damaged(&why))?;
            let deleted = all.remove(&key);
            if deleted.is_some() {
                write(draft, &all)?;
            }
            Ok(deleted)
        })
        .await?
    }
}

/// Rejects settings that would replace others than the writer knows.
fn check_unchanged(
    id: &OverlayId,
    known: Option<&Saved>,
    settings: &str,
    replaces: Option<&str>,
) -> Result<(), Problem> {
    let conflict = |message: String, hint: &str| Err(Problem::new(Code::OverlayConflict, message).hint(hint));
    match (known, replaces) {
        // Also that of a client that sends its request again.
        (Some(known), _) if known.settings == settings => Ok(()),
        (None, None) => Ok(()),
        (Some(known), Some(replaces)) if known.settings == replaces => Ok(()),
        (Some(known), None) => {
            conflict(format!("the overlay `{}` is already saved", known.id), Code::OverlayConflict.hint())
        }
        (Some(known), Some(_)) => conflict(
            format!("somebody else changed the overlay `{}`", known.id),
            "read its settings again, and send them as `replaces` to replace them",
        ),
        (None, Some(_)) => conflict(
            format!("the overlay `{id}` is no longer saved"),
            "send it without `replaces` to save it again",
        ),
    }
}

/// Begins to change the file. Another server in the same folder waits until the draft is kept or dropped.
async fn draft(path: &Path) -> Result<Draft, Problem> {
    for _ in 0..ATTEMPTS_MAX {
        let path = path.to_owned();
        let begin = move || {
            let folder = path.parent().unwrap_or(&path);
            fs::create_dir_all(folder).map_err(|error| unusable("write", &error))?;
            match Draft::of_changed(&path) {
                Err(files::Error::Busy { .. }) => Ok(None),
                draft => draft.map(Some).map_err(unwritable),
            }
        };
        match on_thread(begin).await?? {
            Some(draft) => return Ok(draft),
            None => sleep_until(clock::now() + ATTEMPT_INTERVAL).await,
        }
    }
    let within = (ATTEMPT_INTERVAL * ATTEMPTS_MAX).as_secs();
    Err(Problem::new(Code::Io, format!("another process has been writing {FILE} for {within} s"))
        .hint("end the other server in this folder, and try again"))
}

fn unwritable(error: files::Error) -> Problem {
    match error {
        files::Error::Other { source, .. } => unusable("write", &source),
        _ => Problem::new(Code::Io, format!("cannot write {FILE}: no permission, or not a file")),
    }
}

/// Reads the file. A missing one has no overlays.
fn load(path: &Path) -> Result<Contents, Problem> {
    match files::read_small(path) {
        Ok(bytes) => Ok(parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ok(BTreeMap::new())),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(Err(error.to_string())),
        Err(error) => Err(unusable("read", &error)),
    }
}

fn parse(bytes: &[u8]) -> Contents {
    let rows: BTreeMap<String, String> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut all = BTreeMap::new();
    for (id, settings) in rows {
        let id = OverlayId::parse(&id).map_err(|problem| problem.message)?;
        check(&settings).map_err(|problem| format!("{id}: {}", problem.message))?;
        let saved = Saved { id, settings };
        if let Some(Saved { id, .. }) = all.insert(saved.id.key(), saved) {
            return Err(format!("{id} is in it twice"));
        }
    }
    Ok(all)
}

fn write(mut draft: Draft, all: &BTreeMap<String, Saved>) -> Result<(), Problem> {
    let rows: BTreeMap<String, &str> =
        all.values().map(|saved| (saved.id.to_string(), saved.settings.as_str())).collect();
    let mut json = serde_json::to_vec_pretty(&rows).unwrap_or_default();
    json.push(b'\n');
    if json.len() as u64 > READ_BYTES_MAX {
        let message = "the settings of all overlays together are too long";
        return Err(Problem::new(Code::TooLarge, message).hint("delete one that you no longer use"));
    }
    draft.write_all(&json).map_err(|error| unusable("write", &error))?;
    draft.keep().map_err(unwritable)
}

/// Names for damaged files: `overlays.damaged.json`, `overlays.damaged-2.json` and so on.
fn damaged_names(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=DAMAGED_MAX).map(|n| match n {
        1 => path.with_extension("damaged.json"),
        n => path.with_extension(format!("damaged-{n}.json")),
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Gives a damaged file another name, so that no overlay in it is lost.
fn keep_damaged(path: &Path) -> Result<(), Problem> {
    let Some(kept) = damaged_names(path).find(|name| !files::System.exists(name)) else {
        let message = format!("{FILE} is damaged, and so are {DAMAGED_MAX} others that were kept beside it");
        return Err(
            Problem::new(Code::Io, message).hint("repair or delete them, in the folder of recordings")
        );
    };
    files::System.rename(path, &kept, false).map_err(|error| unusable("rename", &error))?;
    warn!(kept = file_name(&kept), "❌ {FILE} is damaged, and is kept under another name");
    Ok(())
}

fn damaged(why: &str) -> Problem {
    Problem::new(Code::OverlaysDamaged, format!("{FILE} is damaged: {why}"))
}

/// Describes an error of the disk without a path.
fn unusable(what: &str, error: &io::Error) -> Problem {
    Problem::new(Code::Io, format!("cannot {what} {FILE}: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> OverlayId {
        OverlayId::parse(text).unwrap()
    }

    fn store() -> (tempfile::TempDir, Overlays) {
        let folder = tempfile::tempdir().unwrap();
        let overlays = Overlays::new(&folder.path().join("shelf"));
        (folder, overlays)
    }

    impl Overlays {
        async fn save(&self, name: &str, settings: &str, replaces: Option<&str>) -> Result<bool, Problem> {
            let turn = self.turn().await;
            let saved = turn.save(id(name), settings.to_owned(), replaces.map(str::to_owned)).await?;
            Ok(saved.1)
        }

        async fn settings(&self, name: &str) -> Option<String> {
            self.find(&id(name)).await.unwrap().map(|saved| saved.settings)
        }

        fn put(&self, contents: &str) {
            fs::create_dir_all(self.path.parent().unwrap()).unwrap();
            fs::write(&self.path, contents).unwrap();
        }

        fn files(&self) -> Vec<String> {
            let files = fs::read_dir(self.path.parent().unwrap()).unwrap();
            let mut names: Vec<String> = files.map(|file| file_name(&file.unwrap().path())).collect();
            names.sort();
            names
        }
    }

    /// Two servers in one folder.
    #[tokio::test]
    async fn what_one_server_saves_is_not_lost_by_another() {
        let (folder, one) = store();
        let two = Overlays::new(&folder.path().join("shelf"));
        let save = async |overlays: &Overlays, server: &str| {
            for number in 0..20 {
                assert!(overlays.save(&format!("goal/{server}{number}"), "size=30", None).await.unwrap());
            }
        };
        tokio::join!(save(&one, "a"), save(&two, "b"));
        assert_eq!(one.list().await.unwrap().0.unwrap().len(), 40);
        assert_eq!(one.files(), [FILE]);
    }

    #[tokio::test]
    async fn an_overlay_that_is_not_saved_is_deleted_without_writing() {
        let (folder, overlays) = store();
        assert!(overlays.turn().await.delete(&id("goal/main")).await.unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn every_kind_has_a_page() {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/overlays");
        let pages = fs::read_dir(pages).unwrap().map(|page| page.unwrap().path());
        let mut kinds: Vec<String> = pages
            .filter(|page| page.extension().is_some_and(|ending| ending == "html"))
            .map(|page| page.file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "index")
            .collect();
        kinds.sort();
        assert_eq!(kinds, KINDS);
    }

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        for (a, b) in [
            ("alerts/Main", "alerts/mAIN"),
            // One character, and a letter with a mark.
            ("goal/Caf\u{e9}", "goal/CAFE\u{301}"),
            // Letters of full width, and a ligature.
            ("chat/Ｆｉｌｅ", "chat/\u{fb01}le"),
            // What nobody sees.
            ("viewers/two words ❤\u{fe0f}", "viewers/two\u{a0} wo\u{ad}rds ❤"),
        ] {
            assert_eq!(id(a).key(), id(b).key(), "{a}");
        }
        assert_ne!(id("alerts/Main").key(), id("goal/Main").key());
    }

    #[test]
    fn hostile_names_are_rejected() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        for name in ["", " ", "a/b", "..", "a\nb", "a\u{202e}b", "<img>", "a%2e", "\u{200b}", &long] {
            let problem = OverlayId::new("goal", name).unwrap_err();
            assert_eq!(problem.code, Code::BadRequest, "{name:?}");
            assert!(!problem.message.contains(char::is_control), "{problem}");
        }
        for name in ["Rent & food", "Ré 💎", "a'b#c+d", &"日".repeat(NAME_CHARS_MAX)] {
            assert!(OverlayId::new("goal", name).is_ok(), "{name}");
        }
        let problem = OverlayId::new("gaol", "a").unwrap_err();
        assert_eq!((problem.code, &*problem.hint), (Code::NotFound, "did you mean `goal`?"));
    }

    #[test]
    fn settings_are_a_query_without_what_belongs_to_a_link() {
        for good in ["", "colour=%23ff0000&title=a+b", "title=%22%F0%9F%92%8E%22"] {
            check(good).unwrap();
        }
        for bad in [
            "a b",
            "a=\"b",
            "é",
            "a=1&a=2",
            "token=secret",
            "url=ws%3A%2F%2Fx",
            "%74oken=secret",
            "preview=1",
        ] {
            assert_eq!(check(bad).unwrap_err().code, Code::BadRequest, "{bad}");
        }
        assert!(!check("token=secret").unwrap_err().message.contains("secret"));
        assert_eq!(check(&"a".repeat(SETTINGS_BYTES_MAX + 1)).unwrap_err().code, Code::TooLarge);
    }

    #[tokio::test]
    async fn settings_stay_until_they_are_replaced_or_deleted() {
        let (_folder, overlays) = store();
        assert_eq!(overlays.settings("goal/Rent").await, None);
        assert!(overlays.save("goal/Rent", "goal=5", None).await.unwrap());
        assert!(overlays.save("alerts/Rent", "", None).await.unwrap(), "another kind is another overlay");
        assert!(!overlays.save("goal/RENT", "goal=7", Some("goal=5")).await.unwrap());
        assert_eq!(overlays.settings("goal/rent").await.as_deref(), Some("goal=7"));
        let file = "{\n  \"alerts/Rent\": \"\",\n  \"goal/Rent\": \"goal=7\"\n}\n";
        assert_eq!(fs::read_to_string(&overlays.path).unwrap(), file, "the first name stays");
        let deleted = overlays.turn().await.delete(&id("goal/rent")).await.unwrap();
        assert_eq!(deleted.map(|saved| saved.id.to_string()).as_deref(), Some("goal/Rent"));
        assert_eq!(overlays.turn().await.delete(&id("goal/rent")).await.unwrap(), None);
        assert_eq!(overlays.files(), [FILE], "no draft is left");
    }

    #[tokio::test]
    async fn of_two_writers_the_second_is_told() {
        let (_folder, overlays) = store();
        let both = tokio::join!(
            overlays.save("goal/Rent", "goal=5", None),
            overlays.save("goal/rent", "goal=6", None)
        );
        let refused = both.1.unwrap_err();
        assert!(both.0.unwrap());
        assert_eq!(
            (refused.code, &*refused.message),
            (Code::OverlayConflict, "the overlay `goal/Rent` is already saved")
        );
        let both = tokio::join!(
            overlays.save("goal/Rent", "goal=7", Some("goal=5")),
            overlays.save("goal/Rent", "goal=8", Some("goal=5"))
        );
        assert_eq!(both.0, Ok(false));
        assert_eq!(both.1.unwrap_err().message, "somebody else changed the overlay `goal/Rent`");
        assert_eq!(overlays.settings("goal/Rent").await.as_deref(), Some("goal=7"));
        assert_eq!(overlays.save("goal/Rent", "goal=7", None).await, Ok(false), "the same request again");
        let gone = overlays.save("goal/Food", "goal=8", Some("goal=1")).await.unwrap_err();
        assert_eq!(gone.message, "the overlay `goal/Food` is no longer saved");
    }

    #[tokio::test]
    async fn a_damaged_file_is_told_and_kept() {
        let (_folder, overlays) = store();
        for (number, (contents, why)) in [
            ("{\"goal/Rent\":\"goal=5\"", "EOF while parsing an object at line 1 column 21"),
            ("[]", "invalid type: sequence, expected a map at line 1 column 0"),
            ("{\"gaol/Rent\":\"\"}", "there is no overlay `gaol`"),
            ("{\"goal/a\":\"\",\"goal/A\":\"\"}", "goal/A is in it twice"),
            (
                "{\"goal/a\":\"token=x\"}",
                "goal/a: `token` is not a setting of an overlay: it stays in the link",
            ),
            ("\u{0}", "expected value at line 1 column 1"),
        ]
        .into_iter()
        .enumerate()
        {
            overlays.put(contents);
            let (saved, kept) = overlays.list().await.unwrap();
            assert_eq!((saved, kept.len()), (Err(why.to_owned()), number));
            let problem = overlays.find(&id("goal/Rent")).await.unwrap_err();
            assert_eq!(problem.code, Code::OverlaysDamaged);
            assert!(overlays.turn().await.delete(&id("goal/Rent")).await.is_err());
            assert_eq!(fs::read_to_string(&overlays.path).unwrap(), contents, "reading changes nothing");
            assert!(overlays.save("chat/New", "max=3", None).await.unwrap());
            let (saved, kept) = overlays.list().await.unwrap();
            assert_eq!((saved.unwrap().len(), kept.len()), (1, number + 1));
            let kept = overlays.path.with_file_name(kept.last().unwrap());
            assert_eq!(fs::read_to_string(kept).unwrap(), contents);
        }
        overlays.put(&" ".repeat(2 << 20));
        assert_eq!(overlays.list().await.unwrap().0, Err("the file is larger than 1 MiB".to_owned()));
        for _ in 0..DAMAGED_MAX {
            overlays.put("damaged");
            let is_full = overlays.files().len() > DAMAGED_MAX;
            let saved = overlays.save("chat/New", "max=3", None).await;
            if is_full {
                assert_eq!(saved.unwrap_err().code, Code::Io);
                assert_eq!(fs::read_to_string(&overlays.path).unwrap(), "damaged", "none is overwritten");
                return;
            }
        }
        panic!("damaged files have no bound");
    }

    #[tokio::test]
    async fn the_number_of_overlays_has_a_bound_below_that_of_the_file() {
        let (_folder, overlays) = store();
        let longest = "a".repeat(SETTINGS_BYTES_MAX);
        let rows: BTreeMap<String, &str> = (1..OVERLAYS_MAX)
            .map(|number| (format!("leaderboard/{number:💎>NAME_CHARS_MAX$}"), longest.as_str()))
            .collect();
        overlays.put(&serde_json::to_string(&rows).unwrap());
        assert!(overlays.save("goal/Last", &longest, None).await.unwrap());
        let full = overlays.save("goal/More", "", None).await.unwrap_err();
        assert_eq!((full.code, &*full.hint), (Code::TooLarge, "delete one that you no longer use"));
        assert!(
            !overlays.save("goal/last", "goal=5", Some(&longest)).await.unwrap(),
            "others can be changed"
        );
    }

    #[tokio::test]
    async fn errors_of_the_disk_reveal_no_path() {
        let (folder, overlays) = store();
        fs::write(folder.path().join("shelf"), "a file").unwrap();
        let problem = overlays.save("goal/Rent", "", None).await.unwrap_err();
        assert_eq!(problem.code, Code::Io);
        assert!(!problem.message.contains(folder.path().to_str().unwrap()), "{problem}");
    }
}
