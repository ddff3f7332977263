use std::sync::Mutex;

use wharf_core::config::Secret;

use super::super::{Entry, hash_password, new_token};
use super::*;

#[derive(Debug, Default)]
struct Told(Mutex<Vec<(AuditEvent, Change)>>);

impl Auditor for Told {
    fn record(&self, _: AuditEvent) {}
    fn record_change(&self, event: AuditEvent, change: Change) {
        self.0.lock().unwrap().push((event, change));
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    keeper: Arc<Keeper>,
    told: Arc<Told>,
}

fn entry(name: &str, role: Role) -> Entry {
    let principal = Principal::new(name, role, vec!["*".to_owned()]);
    Entry { principal, token: None, password: None, certificate: true, created: String::new() }
}

impl Fixture {
    fn new(entries: &[Entry], certificates: Option<Role>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.toml");
        if !entries.is_empty() {
            write(&file, entries);
        }
        let keeper = Keeper::new(Door { file, certificates, may_be_open: true }).unwrap();
        Self { folder, keeper: Arc::new(keeper), told: Arc::default() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("access.toml")
    }

    async fn reload(&self) {
        self.keeper.reload(&*self.told).await;
    }

    fn token(&self, token: &str) -> Option<String> {
        let principal = self.keeper.recognise(&Credential::Token(Secret::new(token)));
        principal.map(|principal| principal.name().to_owned())
    }
}

fn write(path: &Path, entries: &[Entry]) {
    AccessFile::change(path, |file| {
        file.entries = entries.to_vec();
        Ok(())
    })
    .unwrap();
}

fn password(user: &str, password: &str) -> Credential {
    Credential::Password { user: user.to_owned(), password: Secret::new(password) }
}

#[tokio::test]
async fn tokens_come_and_go_with_the_file_and_the_door_stays_shut() {
    let fixture = Fixture::new(&[], None);
    assert!(fixture.keeper.is_open());
    let token = new_token().unwrap();
    write(&fixture.file(), &[Entry { token: Some(token_digest(&token)), ..entry("ci", Role::Read) }]);
    assert_eq!(fixture.token(&token), None, "not before it is read");
    fixture.reload().await;
    assert!(!fixture.keeper.is_open());
    assert_eq!(fixture.token(&token).as_deref(), Some("ci"));
    assert_eq!(fixture.token("wharf_x"), None);
    write(&fixture.file(), &[]);
    fixture.reload().await;
    assert_eq!((fixture.token(&token), fixture.keeper.is_open()), (None, false));
    let told = fixture.told.0.lock().unwrap();
    assert_eq!(told.len(), 2);
    let (event, change) = &told[0];
    assert_eq!(event.code, "change.access.reload");
    assert_eq!(change.after.as_ref().unwrap()["ci"]["role"], "read");
    assert!(!format!("{told:?}").contains(&token));
}

#[tokio::test]
async fn a_file_that_is_broken_or_gone_changes_nothing() {
    let token = new_token().unwrap();
    let fixture = Fixture::new(&[Entry { token: Some(token_digest(&token)), ..entry("ci", Role::Read) }], None);
    std::fs::write(fixture.file(), "[[entry]]\nname = ").unwrap();
    fixture.reload().await;
    assert_eq!(fixture.token(&token).as_deref(), Some("ci"));
    std::fs::remove_file(fixture.file()).unwrap();
    fixture.reload().await;
    assert_eq!(fixture.token(&token).as_deref(), Some("ci"));
    assert!(fixture.told.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_password_is_verified_once_and_then_recognised() {
    let fixture =
        Fixture::new(&[Entry { password: Some(hash_password("pw").unwrap()), ..entry("ann", Role::Admin) }], None);
    let keeper = &fixture.keeper;
    assert_eq!(keeper.recognise(&password("ann", "pw")), None);
    for wrong in [password("ann", "wp"), password("bob", "pw"), password("", "")] {
        assert_eq!(keeper.verify(&wrong).await, Verdict::Unknown);
    }
    assert!(matches!(keeper.verify(&password("ann", "pw")).await, Verdict::Known(ann) if ann.name() == "ann"));
    assert!(keeper.recognise(&password("ann", "pw")).is_some());
    // A password that was changed is forgotten.
    write(&fixture.file(), &[Entry { password: Some(hash_password("new").unwrap()), ..entry("ann", Role::Admin) }]);
    fixture.reload().await;
    assert_eq!(keeper.recognise(&password("ann", "pw")), None);
    assert_eq!(keeper.verify(&password("ann", "pw")).await, Verdict::Unknown);
}

#[tokio::test(start_paused = true)]
async fn more_passwords_than_can_be_verified_are_told_to_wait() {
    let fixture = Fixture::new(&[entry("ann", Role::Admin)], None);
    let _all = fixture.keeper.verifying.acquire_many(VERIFYING as u32).await.unwrap();
    assert_eq!(fixture.keeper.verify(&password("ann", "pw")).await, Verdict::Busy);
}

#[tokio::test]
async fn certificates_have_the_role_of_their_entry_or_that_of_all() {
    let no_certificate = Entry { certificate: false, token: Some([7; 32]), ..entry("ci", Role::Admin) };
    let entries = [entry("ann", Role::Operate), no_certificate];
    let role = |keeper: &Keeper, name: &str| keeper.certificate(name).map(|principal| principal.role());
    let strict = Fixture::new(&entries, None);
    assert_eq!(role(&strict.keeper, "ann"), Some(Role::Operate));
    assert_eq!((role(&strict.keeper, "ci"), role(&strict.keeper, "bob")), (None, None));
    let lenient = Fixture::new(&entries, Some(Role::Read));
    assert_eq!(role(&lenient.keeper, "ann"), Some(Role::Operate));
    assert_eq!(role(&lenient.keeper, "ci"), Some(Role::Read), "a token's role is not a certificate's");
}
