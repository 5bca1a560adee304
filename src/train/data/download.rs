//! Downloads the files of a published data set and keeps them only if their digests are those of the originals.
//!
//! MNIST and Fashion-MNIST are four `.gz` files, which stay compressed. CIFAR-10 and CIFAR-100 are each one `.tar.gz`,
//! from which the files that this crate reads are unpacked and kept.

pub mod tar;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::Uri;
use ureq::{Agent, Proxy};

use super::files;
use crate::error::{Error, Result};
use crate::files::dir::{Dir, is_there};
#[cfg(unix)]
use crate::files::lock::lock;
use crate::files::write::part;
use tar::Entry;

/// A published data set.
pub struct Collection {
    /// Its name.
    pub name: &'static str,
    /// The part of the files' URLs before their names.
    pub base_url: &'static str,
    /// Its files.
    pub files: &'static [Published],
    /// The archive that contains the files; none if each file has a URL.
    pub archive: Option<Archive>,
}

/// A `.tar.gz` with the files of a data set, in any folder.
pub struct Archive {
    /// Its name.
    pub name: &'static str,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// A published file, recognized by its uncompressed contents, since servers compress the same contents differently.
pub struct Published {
    /// Its name; a file whose name ends in `.gz` is kept compressed.
    pub name: &'static str,
    /// The length of its contents, uncompressed, in bytes.
    pub bytes: u64,
    /// SHA-256 of its contents, uncompressed, in lower-case hexadecimal.
    pub sha256: &'static str,
}

/// The MNIST database. The digests are those of the four standard files, uncompressed.
pub const MNIST: Collection = Collection {
    name: "MNIST",
    base_url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
    files: &four(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    archive: None,
};

/// Fashion-MNIST. The digests are those of its publishers' four files, uncompressed.
pub const FASHION_MNIST: Collection = Collection {
    name: "Fashion-MNIST",
    base_url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    files: &four(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    archive: None,
};

/// CIFAR-10. The digests are those of the files in the archive of its publisher.
pub const CIFAR10: Collection = Collection {
    name: "CIFAR-10",
    base_url: "https://www.cs.toronto.edu/~kriz/",
    files: &[
        records("data_batch_1.bin", 30_730_000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
        records("data_batch_2.bin", 30_730_000, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
        records("data_batch_3.bin", 30_730_000, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
        records("data_batch_4.bin", 30_730_000, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
        records("data_batch_5.bin", 30_730_000, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
        records("test_batch.bin", 30_730_000, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
    ],
    archive: Some(Archive { name: "cifar-10-binary.tar.gz", bytes: 170_052_171 }),
};

/// CIFAR-100. The digests are those of the files in the archive of its publisher.
pub const CIFAR100: Collection = Collection {
    name: "CIFAR-100",
    base_url: "https://www.cs.toronto.edu/~kriz/",
    files: &[
        records("train.bin", 153_700_000, "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"),
        records("test.bin", 30_740_000, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"),
    ],
    archive: Some(Archive { name: "cifar-100-binary.tar.gz", bytes: 168_513_733 }),
};

const fn records(name: &'static str, bytes: u64, sha256: &'static str) -> Published {
    Published { name, bytes, sha256 }
}

/// The four files with MNIST's names and lengths (60,000 and 10,000 images of 28 x 28), and these digests.
const fn four(
    train_images: &'static str,
    train_labels: &'static str,
    test_images: &'static str,
    test_labels: &'static str,
) -> [Published; 4] {
    [
        Published { name: "train-images-idx3-ubyte.gz", bytes: 47_040_016, sha256: train_images },
        Published { name: "train-labels-idx1-ubyte.gz", bytes: 60_008, sha256: train_labels },
        Published { name: "t10k-images-idx3-ubyte.gz", bytes: 7_840_016, sha256: test_images },
        Published { name: "t10k-labels-idx1-ubyte.gz", bytes: 10_008, sha256: test_labels },
    ]
}

/// Downloads the files of `collection` that are not in `into`, each from `base_url`/name or, if there is an archive,
/// from the archive at `base_url`/name of the archive. Creates the directory `into` if it does not exist.
///
/// A file gets its name only once it is complete and its digest is right. One process at a time downloads into a
/// directory; others wait up to an hour, and then find the files there. The proxy is read from the environment
/// (`HTTPS_PROXY` and similar variables), except for URLs of this machine.
///
/// # Errors
/// - [`Error::Option`]: `base_url` is not an `http` or `https` URL.
/// - [`Error::File`] naming a URL: the server answers with a status other than 200, ends the transfer early, or sends
///   contents other than the published ones.
/// - [`Error::File`] naming a path: `into` is a file, or a file already in it has other contents; that file is not
///   changed.
/// - [`Error::Io`]: the server cannot be reached (naming the URL), or the file cannot be written (naming the path).
pub fn download(collection: &Collection, base_url: &str, into: &Path) -> Result<()> {
    let agent = agent(base_url)?;
    if into.is_file() {
        return Err(Error::file(into, "a directory", "a file"));
    }
    fs::create_dir_all(into).map_err(|e| Error::io(into, e))?;
    let _lock = locked(into)?;
    let mut missing = Vec::new();
    for file in collection.files {
        let path = into.join(file.name);
        if !is_there(&path).map_err(|e| Error::io(&path, e))? {
            missing.push(Missing { file, part: PartialFile::of(&path), path });
        } else if let Some(seen) = flaw(&path, file)? {
            let expected = format!("{}'s file, {}, or none", collection.name, expected(file));
            return Err(Error::file(&path, expected, seen));
        }
    }
    let url = |name| format!("{}/{name}", base_url.trim_end_matches('/'));
    if missing.is_empty() {
        return Ok(());
    }
    match &collection.archive {
        Some(archive) => {
            let part = PartialFile::of(&into.join(archive.name));
            let url = url(archive.name);
            fetch(&agent, &url, &part.0, archive.bytes)?;
            unpack(&part.0, &url, &missing, collection)?;
            missing.iter().try_for_each(Missing::keep)
        }
        None => missing.iter().try_for_each(|missing| {
            let url = url(missing.file.name);
            fetch(&agent, &url, &missing.part.0, missing.file.bytes)?;
            missing.check(&url, "")?;
            missing.keep()
        }),
    }?;
    Dir::open(into).and_then(|dir| dir.sync()).map_err(|e| Error::io(into, e))
}

/// Locks the directory against other processes that download into it, until the result is dropped.
#[cfg(unix)]
fn locked(dir: &Path) -> Result<File> {
    let file = File::open(dir).map_err(|e| Error::io(dir, e))?;
    lock(&file, dir, LONGEST)?;
    Ok(file)
}

/// Other systems cannot lock a directory.
#[cfg(not(unix))]
fn locked(_: &Path) -> Result<()> {
    Ok(())
}

/// The longest time that a download may take.
const LONGEST: Duration = Duration::from_secs(3600);

/// A file to be downloaded.
struct Missing<'a> {
    file: &'a Published,
    /// The file that it is written to.
    part: PartialFile,
    /// The name that it gets once it is complete.
    path: PathBuf,
}

impl Missing<'_> {
    /// Checks the downloaded file. Errors name `url` and begin with `place`, the file's place in the archive or
    /// nothing.
    fn check(&self, url: &str, place: &str) -> Result<()> {
        flaw(&self.part.0, self.file)?
            .map_or(Ok(()), |seen| Err(Error::file(Path::new(url), format!("{place}{}", expected(self.file)), seen)))
    }

    /// Renames the downloaded file to `path`.
    fn keep(&self) -> Result<()> {
        fs::rename(&self.part.0, &self.path).map_err(|e| Error::io(&self.path, e))
    }
}

fn agent(base_url: &str) -> Result<Agent> {
    let uri = base_url.parse::<Uri>().ok();
    let Some((Some("http" | "https"), Some(host))) = uri.as_ref().map(|uri| (uri.scheme_str(), uri.host())) else {
        return Err(Error::option("base URL", "a URL with http:// or https://", base_url));
    };
    let host = host.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let silence = Some(Duration::from_secs(30));
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(if here { None } else { Proxy::try_from_env() })
        .timeout_resolve(silence)
        .timeout_connect(silence)
        .timeout_per_read(silence)
        .timeout_global(Some(LONGEST));
    Ok(config.build().new_agent())
}

/// A file in which a download is stored until it is complete; removed when dropped, unless it was renamed before.
struct PartialFile(PathBuf);

impl PartialFile {
    fn of(path: &Path) -> Self {
        Self(part(path.as_os_str()).into())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // After a rename there is nothing to remove; after an error, that error is the one to report.
        let _ = fs::remove_file(&self.0);
    }
}

/// Downloads `url` to the file `part` and syncs it to disk. `bytes` is the length of the archive, or of the file's
/// uncompressed contents; the download may be longer by at most what deflate can add.
fn fetch(agent: &Agent, url: &str, part: &Path, bytes: u64) -> Result<()> {
    let remote = Path::new(url);
    let response = agent.get(url).call().map_err(|e| Error::io(remote, e.into_io()))?;
    if response.status() != 200 {
        return Err(Error::file(remote, "HTTP status 200", response.status()));
    }
    // Deflate adds at most a few bytes to each block of 64 KiB.
    let limit = bytes + bytes / 1024 + 4096;
    let mut body = response.into_body().into_reader().take(limit + 1);
    let broken = |total, e| Error::file(remote, "the whole file", format!("{total} bytes, then: {e}"));
    if copy(&mut body, part, broken)? > limit {
        return Err(Error::file(remote, format!("at most {limit} bytes"), "more"));
    }
    Ok(())
}

/// Writes all of `input` to `part`, syncs it to disk and returns its length. If reading fails after n bytes, the error
/// is `broken(n, …)`.
fn copy(input: &mut impl Read, part: &Path, broken: impl Fn(u64, io::Error) -> Error) -> Result<u64> {
    let local = |e| Error::io(part, e);
    let mut out = create(part).map_err(local)?;
    let (mut buffer, mut total) = (vec![0; 1 << 16], 0);
    loop {
        // Errors of reading and of writing are reported differently; io::copy would not distinguish them.
        match input.read(&mut buffer) {
            Ok(0) => return out.sync_all().map_err(local).map(|()| total),
            Ok(n) => {
                out.write_all(&buffer[..n]).map_err(local)?;
                total += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(broken(total, e)),
        }
    }
}

/// Creates the file or, if it exists, empties it; a link is not followed.
fn create(part: &Path) -> io::Result<File> {
    let dir = Dir::open(part.parent().unwrap_or(Path::new("")))?;
    let file = dir.open_part(part.file_name().unwrap_or_default())?;
    file.set_len(0).map(|()| file)
}

/// Unpacks the missing files from the file `archive`, each to its `part`, and checks them; errors name the archive's
/// `url`.
fn unpack(archive: &Path, url: &str, missing: &[Missing<'_>], collection: &Collection) -> Result<()> {
    let remote = Path::new(url);
    let broken = |e: io::Error| Error::file(remote, "a .tar.gz archive", e);
    // The files, and 1 MiB for headers, padding and other entries; nothing is unpacked beyond this.
    let limit = collection.files.iter().map(|file| file.bytes).sum::<u64>() + (1 << 20);
    let mut input = files::open_as(archive, true)?.take(limit);
    while let Some(entry) = Entry::next(&mut input).map_err(broken)? {
        let wanted = missing.iter().find(|missing| entry.file.as_deref() == Some(missing.file.name));
        let mut contents = input.by_ref().take(entry.bytes);
        if let Some(wanted) = wanted {
            copy(&mut contents, &wanted.part.0, |_, e| broken(e))?;
        }
        // Skips the rest of the contents, and the padding.
        let rest = contents.limit() + entry.padding();
        io::copy(&mut input.by_ref().take(rest), &mut io::sink()).map_err(broken)?;
    }
    for missing in missing {
        let place = format!("{} in it", missing.file.name);
        if !is_there(&missing.part.0).map_err(|e| Error::io(&missing.part.0, e))? {
            return Err(Error::file(remote, place, "none"));
        }
        missing.check(url, &format!("{place}, "))?;
    }
    Ok(())
}

fn expected(file: &Published) -> String {
    let unpacked = if files::is_gz(Path::new(file.name)) { " when unpacked" } else { "" };
    format!("{} bytes{unpacked}, SHA-256 {}", file.bytes, file.sha256)
}

/// How the contents of the file at `path` differ from those of `file`; `None` if they are the same.
fn flaw(path: &Path, file: &Published) -> Result<Option<String>> {
    let mut input = files::open_as(path, files::is_gz(Path::new(file.name)))?.take(file.bytes + 1);
    let (mut hasher, mut buffer, mut total) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&buffer[..n]);
                total += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.raw_os_error().is_some() => return Err(Error::io(path, e)),
            Err(e) => return Ok(Some(format!("{total} bytes, then: {e}"))),
        }
    }
    if total > file.bytes {
        return Ok(Some(format!("over {} bytes", file.bytes)));
    }
    let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((digest != file.sha256).then(|| format!("{total} bytes, SHA-256 {digest}")))
}
